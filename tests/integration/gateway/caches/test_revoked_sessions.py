"""Revoked sessions over a real broker: events and accounts' list reach the gateway."""

from uuid import uuid4

import aio_pika
import httpx
from cryptography.fernet import Fernet
from fastapi import FastAPI

from contracts.envelope import PersonalKeyRing
from contracts.events import Event, LoginDisabled, PasswordReset, SessionEnded, SessionKeyWithdrawn
from contracts.subscriptions import exchange_of
from contracts.tokens import SessionClaims
from services.chassis.runtime.clock import now
from tests.integration.gateway.accounts_stub import AccountsStub
from tests.support.factories.envelopes import wrap
from tests.support.factories.gateway import KID, bearer, claims, serving, signed, until
from tests.support.stack.backends import TestStack


async def publish(stack: TestStack, event: Event, sender: str = "relay") -> None:
    """Publish an event as accounts' relay does; the administrator may name another sender."""
    keys = PersonalKeyRing([Fernet.generate_key().decode()])
    envelope = wrap(event, event_id=uuid4(), seq=1, occurred_at=now(), keys=keys)
    async with await aio_pika.connect(stack.broker_url("administrator")) as connection:
        exchange = await (await connection.channel()).get_exchange(exchange_of("accounts"))
        await exchange.publish(aio_pika.Message(envelope.to_bytes(), user_id=sender), type(event).__name__)


LATER = "2100-01-01T00:00:00Z"


async def asks(http: httpx.AsyncClient, session: SessionClaims) -> int:
    """Ask with a session, and return the status."""
    return (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code


async def is_refused_soon(http: httpx.AsyncClient, session: SessionClaims, seconds: int = 2) -> None:
    async def refused() -> bool:
        return await asks(http, session) == 401

    await until("the refusal", refused, seconds)


async def test_sessions_that_end_are_refused_within_two_seconds_and_no_others(
    stack: TestStack, app: FastAPI
) -> None:
    ended, other = claims(role="ado", sub="ADO-0001"), claims(role="ado", sub="ADO-0001")
    events = (
        LoginDisabled(login_id="ADO-0008", disabled_by="ADO-0001", sessions_until=LATER),
        PasswordReset(login_id="ADO-0009", reset_by="ADO-0001", sessions_until=LATER),
    )
    async with serving(app) as http:
        assert await asks(http, ended) == 200
        await publish(stack, SessionEnded(sid=ended.sid, token_expires_at=LATER))
        await is_refused_soon(http, ended)
        for event in events:
            session = claims(role="ado", sub=event.login_id)
            later = claims(role="ado", sub=event.login_id, iat=int(now().timestamp()) + 30)
            assert await asks(http, session) == 200
            await publish(stack, event)
            await is_refused_soon(http, session)
            assert app.state.gateway.revoked_sessions.covers(session)
            assert not app.state.gateway.revoked_sessions.covers(later)
        assert await asks(http, other) == 200
        # Accounts still answers with the key, as before the withdrawal: the event alone is enough.
        await publish(stack, SessionKeyWithdrawn(kid=KID))
        await is_refused_soon(http, other)


async def test_an_event_that_is_not_from_the_relay_ends_no_session(stack: TestStack, app: FastAPI) -> None:
    spared, ended = claims(role="ado", sub="ADO-0001"), claims(role="ado", sub="ADO-0001")
    async with serving(app) as http:
        assert await asks(http, ended) == 200
        for session, sender in ((spared, "verify"), (ended, "relay")):
            await publish(stack, SessionEnded(sid=session.sid, token_expires_at=LATER), sender)
        await is_refused_soon(http, ended, 20)
        assert await asks(http, spared) == 200


async def test_a_session_that_ended_while_no_gateway_ran_is_refused(
    app: FastAPI, accounts: AccountsStub
) -> None:
    async with serving(app) as http:
        assert await asks(http, claims(role="ado", sid=accounts.ended_sid)) == 401
