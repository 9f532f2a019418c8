"""An application opens for the session that sent it, and for one that gives its ID card's last four."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, text, update

from contracts.errors import ContractError, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.rpc.application import OPEN_APPLICATION, HistoryLine, Lookup, LookupHits, OpenApplication
from contracts.rpc.call import Call, Page
from services.application.handlers import queries, unlocked_sessions
from services.application.models import ApplicationRow, UnlockedSessionRow
from services.chassis.audit import record
from tests.support.factories.application import (
    NOW,
    OTHER_MOBILE,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    form,
    invitation,
    reception_call,
    slot,
)

LATER = applicant_call(session=2)
"""Somebody with the same phone, or the applicant on another day."""


def refused(desk: Desk, reference: str, call: Call = LATER) -> set[str]:
    """Return the codes with which a session that has not opened an application is refused."""
    codes = set()
    for ask in (
        lambda: desk.view(reference, call),
        lambda: desk.amend(reference, call, preferred=[slot()]),
        lambda: desk.cancel(reference, call),
    ):
        with pytest.raises(Forbidden) as error:
            ask()
        codes.add(error.value.body.code)
    return codes


def lines(desk: Desk, call: Call) -> tuple[HistoryLine, ...]:
    with desk.database.transaction() as session:
        return queries.list_applications(Page(), call, session, NOW).items


def tried(desk: Desk, reference: str, times: int, **changes: object) -> list[str]:
    """Try wrong last fours; return the codes of the refusals."""
    codes = []
    for number in range(times):
        with pytest.raises(ContractError) as error:
            desk.open(reference, f"{number:04}", **changes)  # type: ignore[arg-type]
        fields = error.value.body.fields
        codes.append(fields[0].code if fields else error.value.body.code)
    return codes


def test_who_has_just_applied_sees_it_and_another_session_of_the_mobile_does_not(desk: Desk) -> None:
    reference = desk.submit().reference
    assert desk.view(reference).reference == reference
    assert refused(desk, reference) == {"not_opened"}
    assert desk.counts() == (1, 1), "nothing has happened"


def test_the_last_four_open_it_for_one_session(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()])).reference
    opened = desk.open(reference, " 48-21", LATER)
    assert opened == desk.view(reference, LATER)
    assert refused(desk, reference, applicant_call(session=3)) == {"not_opened"}
    assert desk.cancel(reference, LATER).status == "cancelled"


def test_the_audit_log_names_each_application_that_the_last_four_open(desk: Desk) -> None:
    typed, other = desk.submit().reference, desk.submit().reference
    of_sibling = desk.submit(form(applicant={"id_last4": "1111"})).reference
    request, service = OpenApplication(reference=typed, id_last4="4821"), SimpleNamespace(db=desk.database)
    with record.recording(OPEN_APPLICATION, request, LATER, service) as entry:
        assert entry is not None
        record.finish(entry, desk.open(typed, call=LATER), desk.database)
    with desk.database.transaction() as session:
        query = text("select objects from audit_log where action = 'open'")
        (objects,) = session.execute(query).scalars()
    assert {typed, other} <= set(objects)
    assert of_sibling not in objects


def test_no_answer_to_an_applicant_has_the_last_four(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()])).reference
    for shown in (desk.view(reference), desk.open(reference)):
        assert (shown.applicant.id_type, shown.applicant.id_last4) == ("voter_id", None)
        assert (shown.companions[0].id_type, shown.companions[0].id_last4) == ("driving_licence", None)
        assert "4821" not in shown.model_dump_json()
    assert desk.view(reference, reception_call()).applicant.id_last4 == "4821", "the counter compares them"


def test_a_mobile_alone_sees_lines_without_names_and_numbers(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).issued("00000000"))
    (line,) = lines(desk, LATER)
    assert (line.reference, line.opened, line.name) == (reference, False, "")
    assert line.pass_ is not None
    assert line.pass_.number == ""
    desk.open(reference, call=LATER)
    (line,) = lines(desk, LATER)
    assert line.pass_ is not None
    assert (line.opened, line.name, line.pass_.number) == (True, "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "00000000")


def test_an_invitation_without_an_id_card_is_open(desk: Desk) -> None:
    reference = desk.invite(invitation()).references[0]
    assert desk.view(reference, LATER).reference == reference
    assert desk.open(reference, "0000", LATER).reference == reference


def test_nobody_opens_what_is_of_another_mobile(desk: Desk) -> None:
    reference = desk.submit().reference
    without_mobile = desk.submit_at_counter(counter_form()).reference
    errors = []
    for asked in (reference, without_mobile, "PCS-0000-0000", "nonsense"):
        with pytest.raises(NotFound) as error:
            desk.open(asked, call=applicant_call(OTHER_MOBILE))
        errors.append(error.value.body.model_dump_json())
    assert len(set(errors)) == 1
    with pytest.raises(Forbidden):
        desk.open(reference, call=reception_call())


def test_ten_wrong_tries_within_an_hour_close_all_applications_of_the_mobile_in_every_session(
    desk: Desk,
) -> None:
    first, second = desk.submit().reference, desk.submit().reference
    assert tried(desk, first, 5, call=LATER) + tried(desk, second, 5) == ["other_last4"] * 10
    for call in (LATER, applicant_call(session=3)):
        with pytest.raises(TooManyAttempts) as late:
            desk.open(first, "4821", call, NOW + timedelta(minutes=10))
        assert late.value.body.facts == {"retry_after": 3_000}
    assert refused(desk, first) == {"not_opened"}
    yours = desk.submit(form(), applicant_call(OTHER_MOBILE)).reference
    assert desk.open(yours, call=applicant_call(OTHER_MOBILE, session=2)), "another mobile is not held up"
    assert desk.open(first, "4821", LATER, NOW + timedelta(hours=1))


def test_right_answers_and_slips_that_are_no_last_four_are_not_counted(desk: Desk) -> None:
    reference = desk.submit().reference
    for _ in range(12):
        desk.open(reference, call=LATER)
        for typed, code in (("", "not_four"), ("499118665246", "full_number")):
            with pytest.raises(InvalidInput) as slip:
                desk.open(reference, typed, LATER)
            assert slip.value.body.fields[0].code == code
    assert tried(desk, reference, 10, call=LATER) == ["other_last4"] * 10


def test_tries_at_the_same_moment_are_counted_too(desk: Desk) -> None:
    reference = desk.submit().reference

    def guess(number: int) -> str:
        try:
            desk.open(reference, f"{number:04}", LATER)
        except ContractError as error:
            return error.body.fields[0].code if error.body.fields else error.body.code
        return "opened"

    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(guess, range(20)))
    assert sorted(codes) == ["other_last4"] * 10 + ["too_many_attempts"] * 10


def test_a_companion_keeps_the_id_card_that_nobody_was_told(desk: Desk) -> None:
    two = [companion(), companion(name="Asha Rani", id_type="pan", id_last4="1111")]
    reference = desk.submit(form(companions=two)).reference
    desk.receive(Elsewhere.of(desk.row(reference)).returned())
    shown = desk.view(reference).companions
    again = [one.model_dump(include={"name", "id_type"}) for one in shown]
    desk.amend(reference, companions=again)
    stored = desk.row(reference).companions
    assert [one["id_last4"] for one in stored] == ["0917", "1111"]
    desk.receive(Elsewhere.of(desk.row(reference)).returned(2))
    with pytest.raises(InvalidInput) as refusal:
        desk.amend(reference, companions=[{"name": "Asha Rani", "id_type": "passport"}])
    assert refusal.value.body.fields[0].code == "companion_id_missing", "another card has another number"


def test_who_applies_again_leaves_the_numbers_of_id_cards_to_the_service(desk: Desk) -> None:
    first = desk.submit(form(companions=[companion()])).reference
    card = {"name": "Harjit Singh", "id_type": "driving_licence"}
    again = form(like=first, applicant={"id_last4": ""}, companions=[card])
    row = desk.row(desk.submit(again).reference)
    assert (row.id_last4, row.companions[0]["id_last4"]) == ("4821", "0917")
    for call in (LATER, applicant_call(OTHER_MOBILE)):
        with pytest.raises(InvalidInput) as refusal:
            desk.submit(again, call)
        fields = {one.field for one in refusal.value.body.fields}
        assert fields == {"applicant.id_last4", "companions.0.id_last4"}, "it is not open there"
    with pytest.raises(InvalidInput):
        desk.submit(form(like=first, applicant={"id_type": "pan", "id_last4": ""}))


def test_what_the_version_before_stored_is_open_while_the_session_that_sent_it_may_last(desk: Desk) -> None:
    reference = desk.submit(at=NOW).reference
    row = desk.row(reference)
    with desk.database.transaction() as session:
        session.execute(update(ApplicationRow).values(asks_for_card=False))
        session.execute(delete(UnlockedSessionRow))
    for minutes, is_open in ((119, True), (120, False)):
        with desk.database.transaction() as session:
            row = session.get_one(ApplicationRow, row.id)
            at = NOW + timedelta(minutes=minutes)
            assert (
                bool(unlocked_sessions.opened_of(session, [row], applicant_call().principal, at)) == is_open
            )


def test_old_openings_and_tries_are_deleted(desk: Desk) -> None:
    reference = desk.submit().reference
    tried(desk, reference, 1)
    for hours, deleted in ((0, 0), (23, 0), (25, 1), (169, 1), (169, 0)):
        with desk.database.transaction() as session:
            assert unlocked_sessions.delete_old(session, NOW + timedelta(hours=hours)) == deleted


# ------------------------------------------------------------- another site's counter


def lookup(desk: Desk, q: str, call: Call) -> LookupHits:
    with desk.database.transaction() as session:
        return queries.lookup(Lookup(q=q), call, session, NOW)


def test_a_counter_finds_another_sites_visits_by_the_exact_reference_or_number_only(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).issued("00000000"))
    other, all_sites = reception_call("S2"), reception_call(None)
    for q in ("98765 43210", "gurpreet", "ਗੁਰਪ੍ਰੀਤ"):
        assert lookup(desk, q, other).items == ()
        assert [hit.reference for hit in lookup(desk, q, all_sites).items] == [reference]
    for q in (reference, "0000 0000"):
        (hit,) = lookup(desk, q, other).items
        assert (hit.reference, hit.site, hit.name, hit.name_latin) == (reference, "S1", "", "")
        assert lookup(desk, q, all_sites).items[0].name_latin == "Gurpreet Kaur"


def test_a_counter_sees_a_visit_of_another_site_shortened(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()], vehicle="CH01AB1234")).reference
    there = Elsewhere.of(desk.row(reference))
    for event in (there.approved(), there.issued("12345678"), there.scanned("12345678")):
        desk.receive(event)
    shown = desk.view(reference, reception_call("S2"))
    assert (shown.reference, shown.site, shown.department, shown.status) == (
        reference,
        "S1",
        "home",
        "issued",
    )
    words = ("ਗੁਰਪ੍ਰੀਤ", "Gurpreet", "98765", "4821", "Arms", "Harjit", "CH01", "S1-G1", "entered")
    assert not [word for word in words if word in shown.model_dump_json()]
    assert desk.view(reference, reception_call(None)).applicant.name_latin == "Gurpreet Kaur"
