"""The state of the process: readiness, health, and the caches that serve while a service is down."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import timedelta
from math import inf
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from contracts.errors import NotFound, Unavailable
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.accounts.sessions import DeniedSessions
from contracts.rpc.call import Principal
from contracts.rpc.issuance import StatusDelta, StatusList
from services.chassis.runtime.clock import now
from services.gateway import state as state_module
from services.gateway.rpc.ops_client import OpsClient
from services.gateway.state import age_of
from tests.support.factories.gateway import browser, browsing, claims, proven, running, signed, stubbed, until


async def test_the_gateway_is_ready_once_it_can_check_sessions() -> None:
    app, _ = stubbed(accounts__session_keys=Unavailable())
    async with running(app) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["session_keys"]) == (503, False)
    app, _ = stubbed()
    async with running(app) as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        await until("readiness", ready)


async def test_a_process_whose_background_work_ended_is_not_alive_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    app, client = stubbed()

    async def broken() -> None:
        raise ValueError

    client.background.run = broken  # type: ignore[method-assign,assignment]  # what must never happen
    async with running(app) as http:

        async def dead() -> bool:
            return (await http.get("/healthz")).status_code == 500

        await until("the end", dead)
    assert signals == [(os.getpid(), signal.SIGTERM)]


async def test_the_connection_to_the_exporter_ends_with_the_gateway() -> None:
    closed = asyncio.Event()

    async def exporter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        assert await reader.read() == b""
        closed.set()
        writer.close()

    app, _ = stubbed()
    server = await asyncio.start_server(exporter, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(app):
        ops = app.state.gateway.ops = OpsClient(f"http://127.0.0.1:{port}", SecretStr("token"))
        with pytest.raises(NotFound):
            await ops.letters("verify.PassIssued", Principal(id="OPS-0001"))
        assert not closed.is_set()
    server.close()
    await asyncio.wait_for(closed.wait(), 5)


async def test_the_last_status_list_and_keys_are_served_while_issuance_is_down() -> None:
    app, client = stubbed(given={"status_list_seconds": 0.05})
    async with running(app) as http:
        assert (await http.get("/.well-known/pass-status")).text == "e30.e30.e30"
        assert (await http.get("/.well-known/jwks.json")).json()["keys"][0]["kid"] == "p1"
        client.answers["issuance.status_list"] = client.answers["issuance.jwks"] = Unavailable()
        answer = await http.get("/.well-known/pass-status")
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (
            200,
            "application/jose",
            "e30.e30.e30",
        )
        assert (await http.get("/.well-known/jwks.json")).status_code == 200


def test_the_age_of_a_list_is_infinite_without_one_and_for_one_from_the_future() -> None:
    def age(**before: float) -> float:
        signed_at = int((now() - timedelta(**before)).timestamp())
        jws = jwt.encode({"iat": signed_at}, "a secret of thirty-two characters")
        return age_of(StatusList(jws=jws, seq=1, digest=""), now())

    assert 90 <= age(seconds=90) < 120
    assert age(seconds=-30) == 0
    assert (
        age(hours=-6)
        == age_of(None, now())
        == age_of(StatusList(jws="no list", seq=1, digest=""), now())
        == inf
    )


@pytest.mark.parametrize("iat", ["soon", None, 10**30, 10**15, [1]])
def test_the_age_of_a_list_is_infinite_where_it_says_no_instant(iat: object) -> None:
    jws = jwt.encode({"iat": iat}, "a secret of thirty-two characters")
    assert age_of(StatusList(jws=jws, seq=1, digest=""), now()) == inf


async def test_a_new_status_list_is_fetched_in_the_background() -> None:
    app, client = stubbed(given={"status_list_seconds": 0.05})
    async with running(app) as http:
        await http.get("/.well-known/pass-status")
        client.answers["issuance.status_list"] = client.answers["issuance.status_list"].model_copy(
            update={"jws": "new"}
        )  # type: ignore[union-attr]

        async def new() -> bool:
            return (await http.get("/.well-known/pass-status")).text == "new"

        await until("the new list", new)


async def test_whoever_holds_a_status_list_gets_what_has_changed_since() -> None:
    deltas = (StatusDelta(since=6, base="b", jws="small"), StatusDelta(since=2, base="a", jws="larger"))
    status_list = StatusList(jws="whole", seq=7, digest="c", deltas=deltas)
    expected = {
        "7.c": (204, ""), "6.b": (200, "small"), "4.x": (200, "larger"), "6.x": (200, "whole"),
        "1.x": (200, "whole"), "8.c": (204, ""), "14.c": (200, "whole"), "x": (200, "whole"),
        "": (200, "whole"),
    }  # fmt: skip
    async with browsing(issuance__status_list=status_list) as (http, _):
        for held, (status, text) in expected.items():
            answer = await http.get("/.well-known/pass-status", params={"held": held})
            assert (answer.status_code, answer.text) == (status, text), held
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers.get("content-type") == ("application/jose" if text else None)
        assert (await http.get("/.well-known/pass-status", params={"held": "x" * 61})).status_code == 422


async def test_without_a_copy_the_status_list_is_unavailable() -> None:
    async with browsing(issuance__status_list=Unavailable()) as (http, _):
        assert (await http.get("/.well-known/pass-status")).status_code == 503


async def test_accounts_is_told_which_sessions_people_use_and_again_if_it_did_not_hear() -> None:
    app, client = stubbed(accounts__list_logins=LoginList(items=()), accounts__denied_sessions=Unavailable())
    state, sid = app.state.gateway, uuid4()
    token = signed(claims("staff", sub="ADO-0001", role="ado", department=None, sid=str(sid)))
    async with browser(app, Authorization=f"Bearer {token}") as http:
        assert (await http.get("/api/v1/logins", headers={"Sec-Fetch-Dest": "empty"})).status_code == 200
        assert not state.active_sessions, "what a page fetches by itself is no activity"
        opened = {"Sec-Fetch-Dest": "empty", "Epass-Asked-By-Person": "1"}
        assert (await http.get("/api/v1/logins", headers=opened)).status_code == 200
        assert state.active_sessions == {sid}, "what a person opens beside the list is"
        state.active_sessions.clear()
        assert (await http.get("/api/v1/logins")).status_code == 200
    with pytest.raises(Unavailable):
        await state.denied.refresh()
    client.answers["accounts.denied_sessions"] = DeniedSessions()
    for expected in ((sid,), ()):
        await state.denied.refresh()
        assert client.last("accounts.denied_sessions")[1].active == expected


async def test_services_hear_which_calls_an_open_page_makes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, client = stubbed(accounts__list_logins=LoginList(items=()), approval__list_reviews=Unavailable())
    told, call = [], client.call

    async def listen(method: Any, request: Any, **more: Any) -> Any:
        told.append((method.name, more.get("by_itself")))
        return await call(method, request, **more)

    monkeypatch.setattr(client, "call", listen)
    token = signed(claims("staff", sub="ADO-0001", role="ado", department=None))
    async with browser(app, Authorization=f"Bearer {token}") as http:
        for headers in ({"Sec-Fetch-Dest": "empty"}, {"Epass-Asked-By-Person": "1"}, {}):
            await http.get("/api/v1/logins", headers=headers)
    stream = app.state.gateway.queue_changes.of(proven(session=claims()), 0.01)
    assert [one async for one in stream] == []
    looks = [one for one in told if one[0] in ("list_logins", "list_reviews")]
    assert looks == [
        ("list_logins", True),
        ("list_logins", False),
        ("list_logins", False),
        ("list_reviews", True),
    ]


async def test_what_a_gateway_must_know_is_asked_ahead_of_visitors() -> None:
    app, client = stubbed(accounts__session_keys=Unavailable(), issuance__status_list=Unavailable())
    state = app.state.gateway
    for cache in (state.keys, state.denied, state.status_list):
        with suppress(Unavailable):
            await cache.refresh()
    assert client.ahead == {"accounts.session_keys", "accounts.denied_sessions", "issuance.status_list"}


async def test_more_used_sessions_than_one_report_holds_are_told_in_several(monkeypatch) -> None:
    monkeypatch.setattr(state_module, "REPORT_AT_MOST", 2)
    app, client = stubbed(accounts__denied_sessions=DeniedSessions())
    state, used = app.state.gateway, {uuid4() for _ in range(3)}
    state.active_sessions |= used
    told = []
    for _ in range(2):
        await state.denied.refresh()
        told.append(client.last("accounts.denied_sessions")[1].active)
    assert [len(some) for some in told] == [2, 1]
    assert {*told[0], *told[1]} == used


async def test_an_operator_who_applies_for_a_visitor_uses_both_sessions() -> None:
    app, _ = stubbed(application__list_applications=Unavailable())
    visitor, operator = uuid4(), uuid4()
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant", sid=visitor)))
        http.cookies.set(
            "operator", signed(claims(sub="SEW-0001", role="assisted", department=None, sid=operator))
        )
        await http.get("/api/v1/applications")
    assert app.state.gateway.active_sessions == {visitor, operator}
