"""Revoked sessions over a real broker: events and accounts' list reach the gateway."""

from uuid import uuid4

import aio_pika
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from contracts.envelope import PersonalKeyRing
from contracts.events import Event, LoginDisabled, PasswordReset, SessionEnded, SessionKeyWithdrawn
from contracts.subscriptions import exchange_of
from services.chassis.runtime.clock import now
from tests.integration.gateway.accounts_stub import AccountsStub
from tests.support.factories.envelopes import wrap
from tests.support.factories.gateway import (
    KID,
    bearer,
    claims,
    serving,
    signed,
    until,
)
from tests.support.stack.backends import TestStack


async def publish(stack: TestStack, event: Event, sender: str = "relay") -> None:
    """Publish an event as accounts' relay does; the administrator may name another sender."""
    keys = PersonalKeyRing([Fernet.generate_key().decode()])
    envelope = wrap(event, event_id=uuid4(), seq=1, occurred_at=now(), keys=keys)
    async with await aio_pika.connect(stack.broker_url("administrator")) as connection:
        exchange = await (await connection.channel()).get_exchange(exchange_of("accounts"))
        await exchange.publish(aio_pika.Message(envelope.to_bytes(), user_id=sender), type(event).__name__)


async def test_an_ended_session_is_refused_within_two_seconds(stack: TestStack, app: FastAPI) -> None:
    ended, other = claims(role="ado", sub="ADO-0001"), claims(role="ado", sub="ADO-0001")
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 200
        await publish(stack, SessionEnded(sid=ended.sid, token_expires_at="2100-01-01T00:00:00Z"))

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 401

        await until("the refusal", refused, 2)
        assert (await http.get("/api/v1/logins", headers=bearer(signed(other)))).status_code == 200


async def test_an_event_that_is_not_from_the_relay_ends_no_session(stack: TestStack, app: FastAPI) -> None:
    spared, ended = claims(role="ado", sub="ADO-0001"), claims(role="ado", sub="ADO-0001")
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 200
        for session, sender in ((spared, "verify"), (ended, "relay")):
            event = SessionEnded(sid=session.sid, token_expires_at="2100-01-01T00:00:00Z")
            await publish(stack, event, sender)

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 401

        await until("the later one has come", refused, 20)
        assert (await http.get("/api/v1/logins", headers=bearer(signed(spared)))).status_code == 200


async def test_sessions_of_a_withdrawn_key_are_refused_within_two_seconds(
    stack: TestStack, app: FastAPI
) -> None:
    """Accounts still answers with the key, as before the withdrawal: the event alone is enough."""
    session = claims(role="ado", sub="ADO-0001")
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 200
        await publish(stack, SessionKeyWithdrawn(kid=KID))

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 401

        await until("the refusal", refused, 2)


@pytest.mark.parametrize(
    "event",
    [
        LoginDisabled(login_id="ADO-0009", disabled_by="ADO-0001", sessions_until="2100-01-01T00:00:00Z"),
        PasswordReset(login_id="ADO-0009", reset_by="ADO-0001", sessions_until="2100-01-01T00:00:00Z"),
    ],
    ids=["disabled", "reset"],
)
async def test_a_login_that_was_disabled_or_reset_is_refused_within_two_seconds_but_not_its_later_sessions(
    stack: TestStack, app: FastAPI, event: Event
) -> None:
    session = claims(role="ado", sub="ADO-0009")
    later = claims(role="ado", sub="ADO-0009", iat=int(now().timestamp()) + 30)
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 200
        await publish(stack, event)

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 401

        await until("the refusal", refused, 2)
        assert app.state.gateway.revoked_sessions.covers(session)
        assert not app.state.gateway.revoked_sessions.covers(later)


async def test_a_session_that_ended_while_no_gateway_ran_is_refused(
    app: FastAPI, accounts: AccountsStub
) -> None:
    token = signed(claims(role="ado", sid=accounts.ended_sid))
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(token))).status_code == 401
