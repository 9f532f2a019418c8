"""Webhooks of vendors: the gateway hands them to notify as they came, and decides nothing."""

import pytest
from fastapi import FastAPI

from contracts.errors import NotAuthenticated
from contracts.rpc.call import Nothing
from contracts.rpc.notify import LARGEST_WEBHOOK, ChallengeAnswer
from services.gateway.api import hooks
from services.gateway.edge.rate_limits import MINUTE_LIMITS
from tests.support.factories.gateway import browser, browsing, stubbed

JSON = {"content-type": "application/json"}
SIGNED = {**JSON, "x-hub-signature-256": "sha256=ab"}


async def test_a_webhook_reaches_notify_byte_by_byte_with_the_headers_that_prove_it() -> None:
    raw = '{"entry": [ "\u0a2a" ]}\n'.encode()
    async with browsing(notify__receive_webhook=Nothing()) as (http, client):
        sent = {**JSON, "X-Hub-Signature-256": "sha256=ab", "Cookie": "a=b", "X-Other": "c"}
        answer = await http.post("/hooks/whatsapp", content=raw, headers=sent)
    assert (answer.status_code, answer.content) == (200, b"")
    request = client.last("notify.receive_webhook")[1]
    assert (request.vendor, request.body) == ("whatsapp", raw)
    assert request.headers == {"x-hub-signature-256": "sha256=ab", "content-type": "application/json"}


async def test_a_vendor_may_send_a_form() -> None:
    async with browsing(notify__receive_webhook=Nothing()) as (http, client):
        answer = await http.post("/hooks/sms", data={"data": "[]"}, headers={"x-webhook-secret": "a"})
    assert (answer.status_code, client.last("notify.receive_webhook")[1].body) == (200, b"data=%5B%5D")


async def test_what_a_vendor_did_not_sign_is_answered_with_401() -> None:
    async with browsing(notify__receive_webhook=NotAuthenticated("not signed")) as (http, _):
        answer = await http.post("/hooks/whatsapp", content=b"{}", headers=SIGNED)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("vendor", "headers", "status"),
    [("whatsapp", JSON, 401), ("sms", JSON, 401), ("other", SIGNED, 404), ("What", SIGNED, 422)],
)
async def test_notify_is_not_asked_about_what_no_vendor_can_have_sent(
    vendor: str, headers: dict[str, str], status: int
) -> None:
    async with browsing(notify__receive_webhook=Nothing()) as (http, client):
        answer = await http.post(f"/hooks/{vendor}", content=b"{}", headers=headers)
    assert answer.status_code == status
    assert not client.asked


async def send(app: FastAPI, *addresses: str) -> list[int]:
    """Return the statuses with which webhooks from some addresses are answered."""
    statuses = []
    for address in addresses:
        async with browser(app, address) as http:
            answer = await http.post("/hooks/whatsapp", content=b"{}", headers=SIGNED)
        statuses.append(answer.status_code)
    return statuses


async def test_webhooks_of_a_vendor_are_limited_for_all_addresses_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "hook_anywhere", 2)
    app, client = stubbed(notify__receive_webhook=Nothing())
    addresses = ("203.0.113.7", "203.0.113.8", "203.0.113.9")
    assert await send(app, *addresses) == [200] * 3, "each of them signs for the first time"
    assert await send(app, *addresses) == [200, 200, 429]
    assert len(client.asked) == 5


async def test_strangers_who_speak_as_a_vendor_do_not_drown_its_reports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "hook_anywhere", 8)
    monkeypatch.setitem(MINUTE_LIMITS, "hook_strangers", 2)
    app, client = stubbed(notify__receive_webhook=Nothing())
    assert await send(app, "203.0.113.7") == [200]
    client.answers["notify.receive_webhook"] = NotAuthenticated("not signed")
    assert await send(app, *["198.51.100.1"] * 4) == [401, 401, 429, 429], "an address has few of its own"
    server = [f"2001:db8:0:{number}::1" for number in range(4)]
    assert await send(app, *server) == [401, 401, 429, 429], "so has a rented server with all its networks"
    monkeypatch.setattr(hooks, "SHARE", 0)
    others = [f"198.51.100.{number}" for number in range(2, 20)]
    assert await send(app, *others) == [401] * 2 + [429] * 16, "and those of a share have few together"
    client.answers["notify.receive_webhook"] = Nothing()
    assert await send(app, *["203.0.113.7"] * 8) == [200] * 8, "the vendor has all of its own"


async def test_strangers_with_a_hundred_addresses_do_not_keep_all_new_addresses_of_a_vendor_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "hook_strangers", 1)
    app, client = stubbed(notify__receive_webhook=NotAuthenticated("not signed"))
    await send(app, *(f"198.51.100.{number}" for number in range(100)))
    client.answers["notify.receive_webhook"] = Nothing()
    new = [f"203.0.113.{number}" for number in range(100)]
    assert (await send(app, *new)).count(200) > 40


@pytest.mark.parametrize(("size", "status"), [(LARGEST_WEBHOOK, 200), (LARGEST_WEBHOOK + 1, 413)])
async def test_the_body_of_a_webhook_is_limited(size: int, status: int) -> None:
    async with browsing(notify__receive_webhook=Nothing()) as (http, client):
        answer = await http.post("/hooks/whatsapp", content=b"1" * size, headers=SIGNED)
    assert answer.status_code == status
    assert len(client.asked) == (status == 200)


async def test_the_question_of_a_vendor_is_answered_with_its_own_text() -> None:
    async with browsing(notify__webhook_challenge=ChallengeAnswer(text="1158201444")) as (http, client):
        answer = await http.get("/hooks/whatsapp?hub.mode=subscribe&hub.challenge=1158201444")
    assert (answer.text, answer.headers["content-type"]) == ("1158201444", "text/plain; charset=utf-8")
    assert client.last("notify.webhook_challenge")[1].query["hub.mode"] == "subscribe"


@pytest.mark.parametrize(
    ("path", "status"), [("other?hub.mode=subscribe", 404), (f"whatsapp?hub.challenge={'1' * 501}", 422)]
)
async def test_notify_is_not_asked_what_no_vendor_asks(path: str, status: int) -> None:
    async with browsing(notify__webhook_challenge=ChallengeAnswer(text="1")) as (http, client):
        answer = await http.get(f"/hooks/{path}")
    assert (answer.status_code, client.asked) == (status, [])


async def test_a_question_hands_on_what_meta_asks_with_alone_and_strangers_have_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "hook_strangers", 2)
    async with browsing(notify__webhook_challenge=ChallengeAnswer(text="1")) as (http, client):
        more = "&".join(f"more{number}=1" for number in range(30))
        found = [(await http.get(f"/hooks/whatsapp?hub.mode=subscribe&{more}")).status_code for _ in range(3)]
    assert found == [200, 200, 429]
    assert client.last("notify.webhook_challenge")[1].query == {"hub.mode": "subscribe"}
