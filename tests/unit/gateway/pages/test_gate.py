"""The pages of the gate: a pass typed or scanned, the ID check, the verdict, who is inside."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.errors import FieldError, Forbidden, InvalidInput, TooManyAttempts, Unavailable
from contracts.rpc.verify.incidents import HelpCalls
from contracts.rpc.verify.manifests import PlateHit, PlateHits
from contracts.rpc.verify.scans import ScanResult
from tests.support.factories.gateway import NUMBER
from tests.support.factories.pages import ADMIT
from tests.unit.gateway.pages.guard import CHECKED, TOKEN, Guard, result


@pytest.mark.parametrize("typed", [NUMBER, "7k3m 9qw3", " 7K3M-9QW3 ", "7 K 3 M 9 Q W 3", "7K3M.9QW3"])
async def test_a_pass_number_is_accepted_in_any_spelling(guard: Guard, typed: str) -> None:
    shown = await guard.scan(typed)
    assert (shown.status_code, guard.asked.pass_number.upper(), guard.asked.token) == (200, NUMBER, None)


async def test_a_token_typed_by_a_scanner_is_accepted(guard: Guard) -> None:
    await guard.scan(f"{TOKEN}\n")
    assert (guard.asked.token, guard.asked.pass_number, guard.asked.gate) == (TOKEN, None, "PCS1-G1")


async def test_a_pass_for_several_days_says_which(guard: Guard) -> None:
    days = (date(2026, 12, 1), date(2026, 12, 2))
    guard.answer(ADMIT.model_copy(update={"days": days}))
    assert "It is a pass for several days: 1–2 December 2026." in (await guard.scan(NUMBER)).text
    used = ADMIT.model_copy(update={"days": days, "verdict": "already_used", "preview": False})
    guard.answer(used)
    text = (await guard.scan(NUMBER)).text
    assert "Nobody on this pass may come in again on this day." in text
    assert "1–2 December 2026" in text


async def test_a_preview_shows_whom_to_compare_with_the_card_and_records_nothing(guard: Guard) -> None:
    text = (await guard.scan(NUMBER)).text
    for shown in ("Gurpreet Kaur", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Harjit Singh", "Simran", "(Child)",
                  "A wheelchair", "may not come in", "Voter ID card"):  # fmt: skip
        assert shown in text, shown
    assert (guard.asked.direction, guard.asked.id_check) == ("entry", None)


async def test_an_empty_field_asks_for_the_pass_again(guard: Guard) -> None:
    shown = await guard.scan("  ", direction="exit")
    assert shown.status_code == 422
    assert 'id="pass-error"' in shown.text
    assert 'value="exit" checked' in shown.text
    assert not guard.client.was_asked("verify.scan")


@pytest.mark.parametrize("typed", ["--- ---", f"{TOKEN}{'z' * 4000}", "\x00", "ਪਾਸ"])
async def test_no_input_of_a_scanner_causes_an_internal_error(guard: Guard, typed: str) -> None:
    guard.answer(lambda asked: ScanResult(verdict="unknown_pass", preview=True))
    assert (await guard.scan(typed)).status_code in {200, 422}


def _hit(number: str, name: str) -> PlateHit:
    return PlateHit(pass_=number, reference="PCS-AB3D-5FGM", name_latin=name, party=2, vehicle="CH01AB1234")


async def test_a_plate_finds_the_pass_that_names_the_vehicle(guard: Guard) -> None:
    guard.client.answers["verify.find_by_plate"] = PlateHits(items=(_hit(NUMBER, "Gurpreet Kaur"),))
    text = (await guard.scan("ch-1-ab-1234", gate="PCS1-G1")).text
    question = guard.client.last("verify.find_by_plate")[1]
    assert (question.gate, question.plate) == ("PCS1-G1", "ch-1-ab-1234")
    assert guard.asked.pass_number == NUMBER
    assert f'name="pass" value="{NUMBER}"' in text, "the entry is recorded by the number of the pass"


async def test_where_several_passes_name_the_vehicle_the_guard_chooses_one(guard: Guard) -> None:
    hits = (_hit(NUMBER, "Gurpreet Kaur"), _hit("AB3D5FGM", "Baldev Singh"))
    guard.client.answers["verify.find_by_plate"] = PlateHits(items=hits)
    text = (await guard.scan("1234", direction="exit", gate="PCS1-G1")).text
    assert f'value="{NUMBER}">Gurpreet Kaur' in text
    assert 'value="AB3D5FGM">Baldev Singh' in text
    assert 'name="direction" value="exit"' in text
    assert not guard.client.was_asked("verify.scan")


async def test_of_a_pass_that_is_not_open_now_the_guard_reads_where_it_goes_and_when(guard: Guard) -> None:
    day = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    closed = PlateHit(party=2, department="home", valid_from=day, valid_to=day + timedelta(hours=1))
    guard.client.answers["verify.find_by_plate"] = PlateHits(items=(closed,))
    text = (await guard.scan("ch-1-ab-1234", gate="PCS1-G1")).text
    assert "No pass with this vehicle is open for entry now" in text
    assert "1 December 2026, 3:00 pm – 1 December 2026, 4:00 pm" in text
    assert "CH01AB1234" not in text.partition("<h1")[2], "nothing is shown but what the guard has typed"
    assert not guard.client.was_asked("verify.scan")


async def test_where_more_passes_name_the_vehicle_than_are_shown_the_guard_types_all_of_its_number(
    guard: Guard,
) -> None:
    hits = (_hit(NUMBER, "Gurpreet Kaur"), _hit("AB3D5FGM", "Baldev Singh"))
    words = {"en": "Type the whole number of the vehicle", "pa": "ਗੱਡੀ ਦਾ ਪੂਰਾ ਨੰਬਰ", "hi": "गाड़ी का पूरा नंबर"}
    for is_cut in (False, True):
        guard.client.answers["verify.find_by_plate"] = PlateHits(items=hits, is_cut=is_cut)
        await guard.scan("1234", gate="PCS1-G1")
        for language, text in words.items():
            assert (text in (await guard.http.get(f"/{language}/gate/result")).text) == is_cut


async def test_nobody_is_recorded_as_gone_by_a_plate_alone(guard: Guard) -> None:
    guard.client.answers["verify.find_by_plate"] = PlateHits(items=(_hit(NUMBER, "Gurpreet Kaur"),))
    text = (await guard.scan("CH01AB1234", direction="exit", gate="PCS1-G1")).text
    assert f'value="{NUMBER}">Gurpreet Kaur' in text
    assert not guard.client.was_asked("verify.scan")


async def test_a_plate_that_no_pass_names_is_said_to_be_one(guard: Guard) -> None:
    guard.client.answers["verify.find_by_plate"] = PlateHits()
    assert "No pass of today at this gate names this vehicle." in (await guard.scan("CH01AB12")).text
    assert not guard.client.was_asked("verify.scan"), "nobody guesses a pass"


AGREED = {"supervisor": "SEC-0009", "supervisor_pin": "੪੮੧੫੧੬", "supervisor_reason": "known to me"}


async def test_where_the_supervisor_is_called_the_page_asks_for_their_pin_and_sends_it(guard: Guard) -> None:
    guard.answer(result(call_supervisor=True, supervisors=("SEC-0009",)))
    text = (await guard.scan(NUMBER)).text
    assert text.count('name="supervisor_pin"') == 2, "with either card"
    assert text.count('id="supervisor_pin"') == 1
    guard.answer(result(preview=False, inside=1))
    await guard.send("/enter", **CHECKED, **AGREED)
    agreed = guard.asked.supervisor
    assert (agreed.login_id, agreed.pin, agreed.reason) == ("SEC-0009", "481516", "known to me")
    assert "481516" not in repr(agreed)


async def test_a_pass_that_no_message_has_brought_says_so_and_is_let_in_as_ever(guard: Guard) -> None:
    sentence = "The message with this pass reached nobody."
    guard.answer(result(undelivered=True))
    asked = await guard.scan(NUMBER)
    assert sentence in asked.text
    assert 'name="id_last4"' in asked.text, "the guard goes on with the card"
    guard.answer(result(undelivered=True, preview=False, inside=1))
    entered = await guard.send("/enter", **CHECKED)
    assert sentence in entered.text
    assert "epass-verdict--good" in entered.text, "it informs, and changes no verdict"
    guard.answer(result())
    assert sentence not in (await guard.scan(NUMBER)).text


async def test_without_a_supervisor_who_has_a_pin_the_page_asks_for_none(guard: Guard) -> None:
    guard.answer(result(call_supervisor=True))
    assert "supervisor_pin" not in (await guard.scan(NUMBER)).text
    await guard.send("/enter", **CHECKED)
    assert guard.asked.supervisor is None


async def test_where_each_pin_is_void_the_page_lets_nobody_in_and_says_what_to_do(guard: Guard) -> None:
    guard.answer(result(call_supervisor=True, supervisors_void=True))
    text = (await guard.scan(NUMBER)).text
    assert "No supervisor can agree now" in text
    assert 'href="tel:0172-5550101"' in text
    assert "/gate/enter" not in text


async def test_where_each_pin_is_void_a_card_that_is_compared_still_opens_the_gate(guard: Guard) -> None:
    guard.answer(result(verdict="id_mismatch", preview=False, supervisors_void=True))
    text = (await guard.send("/enter", **CHECKED)).text
    assert "No supervisor can agree now" in text
    assert 'name="id_last4"' in text
    assert 'value="other_id"' not in text


async def test_a_scan_is_shown_while_nobody_knows_the_rules_of_the_site(guard: Guard) -> None:
    guard.client.answers["verify.help_calls"] = Unavailable("verify")
    assert (await guard.scan(NUMBER)).status_code == 200


async def test_after_a_card_that_did_not_match_only_another_card_asks_for_the_pin(guard: Guard) -> None:
    guard.answer(result(verdict="id_mismatch", preview=False, supervisors=("SEC-0009",)))
    text = (await guard.send("/enter", **CHECKED)).text
    assert text.count('name="supervisor_pin"') == 1
    assert 'id="other_supervisor_pin"' in text


@pytest.mark.parametrize(
    ("code", "field", "sentence", "kind"),
    [
        ("supervisor_missing", "supervisor_pin", "nobody goes in without them now", "matched"),
        ("wrong_pin", "supervisor_pin", "This is not the supervisor&#39;s PIN", "other_id"),
        ("pin_locked", "supervisor_pin", "has to wait a quarter of an hour", "matched"),
        ("no_supervisor", "supervisor", "not a supervisor of this secretariat", "other_id"),
        ("own_scan", "supervisor", "Another supervisor types their PIN", "matched"),
    ],
)
async def test_what_the_supervisor_typed_is_refused_beside_its_field(
    guard: Guard, code: str, field: str, sentence: str, kind: str
) -> None:
    def answer(asked: Any) -> ScanResult:
        if asked.id_check is not None:
            raise Forbidden("refused", code=code)
        return result(call_supervisor=True, supervisors=("SEC-0009",))

    guard.answer(answer)
    prefix = "other_" if kind == "other_id" else ""
    card = {"kind": kind, "other_type": "passport", "reason": "the same face"}
    shown = await guard.send("/enter", **CHECKED | card | AGREED)
    assert shown.status_code == 422
    assert f'href="#{prefix}{field}"' in shown.text
    assert f'id="{prefix}{field}-error"' in shown.text
    assert sentence in shown.text
    assert "481516" not in shown.text
    assert "known to me" in shown.text


async def test_a_pin_that_is_none_is_asked_again(guard: Guard) -> None:
    guard.answer(result(call_supervisor=True, supervisors=("SEC-0009",)))
    typed = {"supervisor": "", "supervisor_pin": "12", "supervisor_reason": ""}
    shown = await guard.send("/enter", **CHECKED | typed)
    for one in ("supervisor", "supervisor_pin", "supervisor_reason"):
        assert f'id="{one}-error"' in shown.text


async def test_the_nonce_of_a_scan_says_nothing_about_the_pin(guard: Guard) -> None:
    guard.answer(result(preview=False, inside=1))
    nonces = set()
    for pin in ("481516", "000000"):
        await guard.send("/enter", **CHECKED | AGREED | {"supervisor_pin": pin})
        nonces.add(guard.asked.nonce)
    assert len(nonces) == 1


async def test_a_matching_card_admits_the_counted_people(guard: Guard) -> None:
    guard.answer(result(preview=False, inside=2))
    shown = await guard.send("/enter", **{**CHECKED, "count": "2"})
    card = guard.asked.id_check
    assert (card.kind, card.id_type, card.id_last4) == ("matched", "voter_id", "4821")
    assert guard.asked.count == 2
    assert "epass-verdict--good" in shown.text
    assert "Let in" in shown.text
    assert "2 people inside now" in shown.text
    assert "✓" in shown.text


async def test_the_field_offers_as_many_as_may_still_come_in(guard: Guard) -> None:
    guard.answer(result(inside=0, may_enter=1))
    field = re.search(r'<input[^>]*id="count"[^>]*>', (await guard.scan(NUMBER)).text)
    assert field is not None
    assert 'value="1"' in field[0]


async def test_a_pass_that_names_no_card_asks_for_any_and_takes_the_next_scan_too(guard: Guard) -> None:
    nobody = ADMIT.applicant.model_copy(update={"id_type": None})  # type: ignore[union-attr]  # it has one
    guard.answer(result(applicant=nobody))
    shown = await guard.scan(NUMBER)
    assert 'name="id_last4"' not in shown.text, "nothing could match"
    assert 'value="The invitation names no ID card"' in shown.text
    assert 'name="count"' in shown.text
    form = {"pass": NUMBER, "nonce": "n", "kind": "other_id", "other_type": "pan", "reason": "Invited"}
    await guard.send("/enter", **form)
    assert guard.asked.id_check.kind == "other_id"
    await guard.send("/enter", **form | {"reason": f"The invitation names no ID card{TOKEN}"})
    assert (guard.asked.token, guard.asked.id_check) == (TOKEN, None)


async def test_another_card_is_recorded_with_its_reason(guard: Guard) -> None:
    guard.answer(result(preview=False, inside=3, marks=("other_id",)))
    form = {"pass": NUMBER, "nonce": "n", "kind": "other_id", "other_type": "passport"}
    shown = await guard.send("/enter", **form, reason="Left at home")
    card = guard.asked.id_check
    assert (card.kind, card.id_type, card.reason) == ("other_id", "passport", "Left at home")
    assert "Let in with another ID card" in shown.text


BAD_FORMS = [
    ({**CHECKED, "count": "all"}, "count", "as a number"),
    ({**CHECKED, "count": "0"}, "count", "as a number"),
    ({**CHECKED, "count": "9" * 5000}, "count", "as a number"),
    ({**CHECKED, "id_type": "library card"}, "other_type", "Choose one of these"),
    ({**CHECKED, "id_last4": "4" * 41}, "id_last4", "four"),
    ({"pass": NUMBER, "kind": "other_id", "reason": "Known"}, "other_type", "Choose one of these"),
    ({"pass": NUMBER, "kind": "other_id", "other_type": "pan"}, "reason", "why the card is accepted"),
    ({"pass": NUMBER, "kind": "other_id", "other_type": "pan", "reason": "x" * 201}, "reason", "too long"),
]


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    BAD_FORMS,
    ids=[f"{number} {field}" for number, (_, field, _) in enumerate(BAD_FORMS)],
)
async def test_an_unreadable_value_admits_nobody_and_is_reported_beside_its_field(
    guard: Guard, form: dict[str, str], field: str, sentence: str
) -> None:
    shown = await guard.send("/enter", **form)
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert "Gurpreet Kaur" in shown.text
    assert all(request.id_check is None for name, request, *_ in guard.client.asked if name == "verify.scan")


@pytest.mark.parametrize(
    ("path", "code", "field", "sentence"),
    [
        ("id_check.id_last4", "full_number", "id_last4", "never the whole number"),
        ("count", "count_over_party", "count", "for fewer people"),
        ("count", "count_over_remaining", "count", "may still come in"),
    ],
)
async def test_a_refusal_of_the_service_is_shown_beside_its_field(
    guard: Guard, path: str, code: str, field: str, sentence: str
) -> None:
    def answer(asked: Any) -> ScanResult:
        if asked.id_check is not None:
            raise InvalidInput(fields=(FieldError(field=path, code=code),))
        return ADMIT

    guard.answer(answer)
    shown = await guard.send("/enter", **CHECKED)
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text


@pytest.mark.parametrize(
    "form", [{}, {"kind": "__class__"}, {"pass": NUMBER, "nonce": "\x00"}, {"pass": NUMBER, "gate": "<b>"}]
)
async def test_a_forged_form_never_causes_an_internal_error(guard: Guard, form: dict[str, str]) -> None:
    for path in ("", "/enter"):
        assert (await guard.send(path, **form)).status_code < 500, (path, form)


async def test_an_exit_is_recorded_at_once_with_its_marks(guard: Guard) -> None:
    marks = ("late", "revoked", "other_site", "other_gate", "no_entry")
    guard.answer(result(verdict="exit", preview=False, inside=1, marks=marks))
    text = (await guard.scan(NUMBER, direction="exit")).text
    assert guard.asked.direction == "exit"
    assert "epass-verdict--amber" in text, "nobody was inside: perhaps they are coming in"
    assert "1 person inside now" in text
    for phrase in ("after the pass had expired", "was cancelled", "the other secretariat", "Not the gate",
                   "More people left"):  # fmt: skip
        assert phrase in text, phrase
    assert 'value="exit" checked' in text, "the next one goes out too"


async def test_of_several_inside_the_page_asks_how_many_leave(guard: Guard) -> None:
    guard.answer(result(verdict="exit", preview=True, inside=3))
    text = (await guard.scan(NUMBER, direction="exit")).text
    assert (guard.asked.ask_count, guard.asked.count) == (True, None)
    assert "How many leave now?" in text
    assert re.findall(r'name="leaving" value="(\w+)"', text) == ["all", "1", "2"]
    guard.answer(result(verdict="exit", preview=False, inside=2))
    left = (await guard.scan(NUMBER, direction="exit", leaving="1")).text
    assert (guard.asked.ask_count, guard.asked.count) == (False, 1)
    assert "2 people inside now" in left
    await guard.scan(NUMBER, direction="exit", leaving="all")
    assert (guard.asked.ask_count, guard.asked.count) == (False, None)


@pytest.mark.parametrize(
    ("age", "green_s", "is_old"),
    [(901, 900, True), (900, 900, False), (901, 3600, False), (None, 900, False)],
)
async def test_an_entry_by_an_old_list_is_amber_by_the_rules_of_the_site(
    guard: Guard, age: int | None, green_s: int, is_old: bool
) -> None:
    guard.client.answers["verify.help_calls"] = HelpCalls(green_s=green_s)
    guard.answer(result(list_age_s=age))
    asked = (await guard.scan(NUMBER)).text
    assert ("Old list: check the ID card" in asked) is is_old
    guard.answer(result(list_age_s=age, preview=False, inside=3))
    recorded = (await guard.send("/enter", **CHECKED)).text
    for words in ("epass-verdict--amber", "Let in by an old list", "withdrawn since is not refused yet"):
        assert (words in recorded) is is_old, words
    assert ("epass-verdict--good" in recorded) is not is_old
    guard.answer(result(verdict="exit", list_age_s=age, preview=False, inside=0))
    assert "epass-verdict--good" in (await guard.scan(NUMBER, direction="exit")).text


async def test_a_refusal_that_a_supervisor_may_set_aside_stands_on_the_plain_page(guard: Guard) -> None:
    may = {"overridable": ("wrong_gate", "already_used"), "supervisors": ("SEC-0009",)}
    guard.answer(result(verdict="wrong_gate", gate="PCS1-G2", **may))
    text = (await guard.scan(NUMBER)).text
    assert "Already used" in text, "all that stands against the entry is shown"
    assert "/gate/enter" not in text
    await guard.send("/enter", **CHECKED, **AGREED, overrides="wrong_gate already_used")
    assert guard.asked.supervisor.overrides == ()


async def test_at_another_secretariat_the_officer_learns_that_nobody_was_counted_out(guard: Guard) -> None:
    guard.answer(ScanResult(verdict="wrong_site", preview=False, site="PCS1"))
    text = (await guard.scan(NUMBER, direction="exit")).text
    assert "epass-verdict--amber" in text
    assert "Nobody was counted out" in text
    assert "Let them leave." in text
    guard.answer(result(verdict="wrong_site", site="PCS1"))
    assert "counted out" not in (await guard.scan(NUMBER)).text


async def test_the_same_form_sent_twice_is_one_scan_and_another_content_is_another(guard: Guard) -> None:
    guard.answer(result(preview=False))
    for form in (CHECKED, CHECKED, {**CHECKED, "id_last4": "4822"}, {**CHECKED, "nonce": "n-2"}):
        await guard.send("/enter", **form)
    nonces = [request.nonce for name, request, *_ in guard.client.asked if name == "verify.scan"]
    assert nonces[0] == nonces[1]
    assert len(set(nonces)) == 3


async def test_a_form_without_a_nonce_is_a_scan_of_its_own(guard: Guard) -> None:
    guard.answer(result(preview=False))
    form = {name: value for name, value in CHECKED.items() if name != "nonce"}
    await guard.send("/enter", **form)
    first = guard.asked.nonce
    await guard.send("/enter", **form)
    assert guard.asked.nonce != first


async def test_too_many_unknown_numbers_show_when_to_try_again(guard: Guard) -> None:
    guard.answer(TooManyAttempts(retry_after=61))
    shown = await guard.scan(NUMBER)
    assert (shown.status_code, shown.headers["retry-after"]) == (429, "61")
    assert "Try again in 2 minutes." in shown.text


async def test_a_login_without_a_gate_chooses_one(guard: Guard) -> None:
    guard.stands_at(None)
    asked = await guard.scan(NUMBER)
    assert asked.status_code == 422
    assert 'id="gate-error"' in asked.text
    assert '<option value="PCS1-G1"' in asked.text
    checking = await guard.scan(NUMBER, gate="PCS1-G1")
    assert guard.asked.gate == "PCS1-G1"
    assert 'name="gate" value="PCS1-G1"' in checking.text
    guard.answer(result(preview=False))
    done = await guard.send("/enter", **CHECKED, gate="PCS1-G1")
    assert 'name="gate" value="PCS1-G1"' in done.text
    assert re.search(
        r'value="PCS1-G1" selected', (await guard.http.get("/en/gate?direction=entry&gate=PCS1-G1")).text
    )


async def test_a_login_with_a_gate_scans_at_no_other(guard: Guard) -> None:
    await guard.scan(NUMBER, gate="PCS2-G1")
    assert guard.asked.gate == "PCS1-G1"


@pytest.mark.parametrize("path", ["", "/enter"])
@pytest.mark.parametrize("at", [None, "PCS1-G1"])
async def test_a_gate_that_does_not_exist_is_named_as_the_problem(
    guard: Guard, path: str, at: str | None
) -> None:
    guard.stands_at(at)
    problem = FieldError(field="gate", code="unknown_gate")
    guard.answer(InvalidInput("there is no such gate", code="unknown_gate", fields=(problem,)))
    form = {**CHECKED, "gate": "PCS1-G999"}
    shown = await guard.send(path, **form)
    assert shown.status_code == 422
    assert "This secretariat has no such gate" in shown.text
    assert ('<option value="PCS1-G1"' in shown.text) == (at is None), "who may choose chooses again"


async def test_the_list_of_people_inside_shows_their_number(guard: Guard) -> None:
    text = (await guard.http.get("/en/gate/inside")).text
    assert "41 people inside" in text
    assert "2 / 3" in text
    assert "Gurpreet Kaur" in text
    assert "/en/gate/inside?after=on" in text
    assert guard.client.last("verify.inside")[1].site == "PCS1"


async def test_a_login_without_a_site_sees_nobody_inside(guard: Guard) -> None:
    guard.stands_at("PCS1-G1", site=None)
    assert (await guard.http.get("/en/gate/inside")).status_code == 403
    assert not guard.client.was_asked("verify.inside")
