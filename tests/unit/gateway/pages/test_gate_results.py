"""Verdicts on the plain page of the gate: their reasons, colours and addresses."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.errors import FieldError, InvalidInput
from contracts.rpc.approval.directory import SiteList
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, claims, signed
from tests.support.system.page_reader import SITE
from tests.unit.gateway.pages.guard import CHECKED, TOKEN, Guard, result

AMBER = [
    (result(verdict="not_yet_valid"), "It is valid from"),
    (result(verdict="day_closed", days=(date(2026, 12, 2),)), "The department has closed this day."),
    (result(verdict="day_closed", days=(date(2026, 12, 2),)), "It is valid on Wednesday, 2 December 2026."),
    (result(verdict="wrong_site", site="PCS1", gate="PCS1-G1"), "It is for Secretariat-1."),
    (result(verdict="wrong_gate", gate="PCS1-G2"), "It is for this gate: Gate 2."),
]


REFUSALS = [
    (result(verdict="expired"), "It was valid until"),
    (result(verdict="already_inside"), "Everyone on this pass is inside."),
    (result(verdict="already_used"), "may come in again"),
    (result(verdict="revoked"), "The pass was cancelled"),
    (ScanResult(verdict="unknown_pass", preview=True), "no pass with this number"),
    (ScanResult(verdict="bad_signature", preview=True), "This QR code is not valid"),
]


async def test_a_scanned_pass_that_nobody_issued_is_not_taken_for_a_number_that_was_misread(
    guard: Guard,
) -> None:
    guard.answer(ScanResult(verdict="unknown_pass", preview=True))
    text = (await guard.scan("eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl")).text
    assert "Nobody has issued this pass." in text
    assert "Read it out again" not in text


@pytest.mark.parametrize(("refused", "sentence"), REFUSALS, ids=[one.verdict for one, _ in REFUSALS])
async def test_a_refusal_fills_the_screen_and_shows_its_reason(
    guard: Guard, refused: ScanResult, sentence: str
) -> None:
    guard.answer(refused)
    text = (await guard.scan(NUMBER)).text
    assert "epass-verdict--bad" in text
    assert "✕" in text
    assert sentence in text
    assert 'action="/en/gate/enter"' not in text, "nobody is let in from here"
    assert 'data-scan=""' in text, "the next scan is taken here"


@pytest.mark.parametrize(("refused", "sentence"), AMBER, ids=[one.verdict for one, _ in AMBER])
async def test_what_can_be_put_right_is_amber_and_not_a_refusal(
    guard: Guard, refused: ScanResult, sentence: str
) -> None:
    guard.answer(refused)
    text = (await guard.scan(NUMBER)).text
    assert "epass-verdict--amber" in text
    assert ">!</p>" in text, "a sign of its own, never colour alone"
    assert sentence in text


@pytest.mark.parametrize(
    "refused",
    [AMBER[0][0], REFUSALS[0][0], result(verdict="id_mismatch", preview=False)],
    ids=lambda one: one.verdict,
)
async def test_a_refusal_of_a_visitor_on_the_watchlist_says_its_reason_and_that_nobody_went_in(
    guard: Guard, refused: ScanResult
) -> None:
    guard.answer(refused.model_copy(update={"call_supervisor": True}))
    text = (await guard.scan(NUMBER)).text
    assert "The entry is recorded" not in text
    heading = re.findall(r'<h1 class="epass-verdict__word">(.+?)</h1>', text)
    assert heading != ["Call the supervisor"]
    assert '<p class="epass-verdict__mark"><strong>Call the supervisor' in text


async def test_a_torn_scan_is_to_be_scanned_again(guard: Guard) -> None:
    torn = FieldError(field="token", code="unreadable_token")
    guard.answer(InvalidInput(code="unreadable_token", fields=(torn,)))
    text = (await guard.scan(TOKEN)).text
    assert "epass-verdict--amber" in text
    assert "Scan again" in text
    assert "not read whole" in text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("7K3M9QW4", "a letter or a digit of it is wrong"),
        ("7k3m-9qw4", "a letter or a digit of it is wrong"),
        ("7K3M", "not a whole pass number"),
        ("7K3M9QW44", "not a whole pass number"),
    ],
)
async def test_a_number_that_was_not_typed_right_is_no_guess(guard: Guard, typed: str, words: str) -> None:
    text = (await guard.scan(typed)).text
    assert "epass-verdict--amber" in text
    assert words in text
    assert not guard.client.was_asked("verify.scan")


@pytest.mark.parametrize("typed", [TOKEN.replace(".", "", 1), TOKEN[:60], f"7K3{TOKEN}"])
async def test_a_scan_without_its_stops_or_after_a_typed_letter_is_no_guess_of_a_number(
    guard: Guard, typed: str
) -> None:
    await guard.scan(typed)
    assert guard.asked.pass_number is None


async def test_already_inside_says_since_when_and_by_which_gate(guard: Guard) -> None:
    since = datetime(2026, 12, 1, 5, 12, tzinfo=UTC)
    guard.answer(result(verdict="already_inside", inside=3, inside_since=since, inside_gate="PCS1-G2"))
    assert "Since 1 December 2026, 10:42 am, by this gate: Gate 2." in (await guard.scan(NUMBER)).text


async def test_gates_are_called_by_their_names_in_the_directory(guard: Guard) -> None:
    named = SITE.model_copy(update={"gate_names": {"PCS1-G1": {"en": "Main gate", "pa": "ਮੁੱਖ ਗੇਟ"}}})
    guard.client.answers["approval.sites"] = SiteList(items=(named,))
    assert "Main gate" in (await guard.http.get("/en/gate")).text
    assert "ਮੁੱਖ ਗੇਟ" in (await guard.http.get("/pa/gate")).text
    assert "गेट 1" in (await guard.http.get("/hi/gate")).text


async def test_a_result_has_an_address_that_opens_again_in_every_language(guard: Guard) -> None:
    guard.answer(result(verdict="revoked"))
    first = await guard.scan(NUMBER)
    assert str(first.url).endswith("/en/gate/result")
    asked = len(guard.client.asked)
    for path, phrase in (
        ("/en/gate/result", "cancelled"),
        ("/pa/gate/result", "ਪਾਸ"),
        ("/hi/gate/result", "पास"),
    ):
        again = await guard.http.get(path)
        assert again.status_code == 200
        assert phrase in again.text
        assert "Gurpreet Kaur" in again.text
    assert all(name != "verify.scan" for name, *_ in guard.client.asked[asked:]), "no second scan"


async def test_nothing_of_a_result_can_be_read_in_its_cookie_or_its_address(guard: Guard) -> None:
    shown = await guard.scan(NUMBER)
    kept = "".join(value for name, value in guard.http.cookies.items() if name.startswith("result"))
    assert kept
    assert all(secret not in kept + str(shown.url) for secret in ("Gurpreet", NUMBER, "4821"))


async def test_a_result_is_shown_to_nobody_else_and_not_for_long(guard: Guard) -> None:
    await guard.scan(NUMBER)
    guard.http.cookies.set(
        "session", signed(claims("staff", sub="SEC-0002", role="security", department=None, site="PCS1"))
    )
    other = await guard.http.get("/en/gate/result")
    assert (other.status_code, other.headers["location"]) == (303, "/en/gate")
    guard.stands_at("PCS1-G1")
    guard.http.cookies.delete("result0")
    late = await guard.http.get("/en/gate/result")
    assert (late.status_code, late.headers["location"]) == (303, "/en/gate")


async def test_the_address_of_a_form_with_a_mistake_leads_back_to_the_result(guard: Guard) -> None:
    await guard.scan(NUMBER)
    assert (await guard.send("/enter", **{**CHECKED, "count": "x"})).status_code == 422
    again = await guard.http.get("/pa/gate/enter", follow_redirects=True)
    assert (again.status_code, 'name="id_last4"' in again.text) == (200, True)


@pytest.mark.parametrize("typed", [TOKEN, f"48{TOKEN}"])
async def test_the_next_pass_may_be_scanned_while_a_card_is_asked_for(guard: Guard, typed: str) -> None:
    await guard.send("/enter", **{**CHECKED, "id_last4": typed})
    assert (guard.asked.token, guard.asked.id_check) == (TOKEN, None)


async def test_a_card_that_does_not_match_can_be_checked_again(guard: Guard) -> None:
    guard.answer(result(verdict="id_mismatch", preview=False))
    text = (await guard.send("/enter", **CHECKED)).text
    assert "epass-verdict--amber" in text
    assert "Check the card again" in text
    assert 'name="id_last4"' in text, "at once, without another page"
    assert f'name="pass" value="{NUMBER}"' in text


ADMITTED = result(preview=False)


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        (ADMITTED, 6),
        (result(verdict="exit", preview=False), 6),
        (result(verdict="exit", preview=False, marks=("no_entry",)), 30),
        (result(preview=False, call_supervisor=True), 30),
        (REFUSALS[0][0], 30),
    ],
    ids=["entry", "exit", "stray exit", "supervisor", "refusal"],
)
async def test_a_verdict_leaves_by_itself_and_the_page_then_says_only_when_and_what_it_was(
    guard: Guard, shown: ScanResult, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.answer(shown)
    text = (await guard.scan(NUMBER)).text
    assert f"epass-verdict--stands-{seconds}" in text
    assert re.search(rf'<p class="epass-last epass-last--after-{seconds}">\d.* · \S', text)
    assert "Gurpreet Kaur" in text
    later = now() + timedelta(seconds=seconds)
    monkeypatch.setattr("services.gateway.pages.gate.now", lambda: later)
    text = (await guard.http.get("/en/gate/result")).text
    assert "Gurpreet Kaur" not in text
    assert "epass-verdict" not in text
    assert re.search(r'<p class="epass-last">\d.* · \S', text)
    assert 'data-scan=""' in text, "the next scan is taken here"


@pytest.mark.parametrize(
    "shown", [result(preview=True), result(verdict="id_mismatch", preview=False)], ids=["card", "mismatch"]
)
async def test_what_asks_the_guard_for_something_stays(guard: Guard, shown: ScanResult) -> None:
    guard.answer(shown)
    text = (await guard.scan(NUMBER)).text
    assert "epass-verdict--stands" not in text
    assert "epass-last" not in text
