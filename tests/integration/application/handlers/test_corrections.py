"""A correction of an application that was sent: at once, or once the department has confirmed it."""

from typing import Any

import pytest
from sqlalchemy import func, select

from contracts.errors import ContractError
from contracts.events import (
    ApplicationCorrected,
    CorrectionPersonal,
    CorrectionSettled,
    DirectoryChanged,
    People,
    VisitorPhotographed,
)
from contracts.model import Companion
from contracts.rpc.call import Call
from contracts.rpc.corrections import CorrectApplication, Corrected
from services.application.handlers import corrections
from services.application.handlers.scheduled_jobs import erase_personal_data
from services.application.models import ApplicationRow, PhotographRow
from tests.support.factories.application import (
    MOBILE,
    NOW,
    OTHER_MOBILE,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    form,
    photograph,
    reception_call,
    site,
)
from tests.support.factories.envelopes import example
from tests.support.stack.concurrency import run_concurrently

RIGHT = "Gurpreet Kaur Gill"


def correct(
    desk: Desk, reference: str, call: Call | None = None, *, limited: bool = True, **changes: Any
) -> Corrected:
    request = CorrectApplication.model_validate({"reference": reference, **changes})
    with desk.database.transaction() as session:
        return corrections.correct(
            request, call or applicant_call(), session, desk.moment(), rate_limits=limited
        )


def code_of(desk: Desk, reference: str, call: Call | None = None, **changes: Any) -> str:
    """Return the code with which a correction is refused, and check that nothing was changed."""
    before, events = vars(desk.row(reference)), desk.counts()
    before.pop("_sa_instance_state")
    with pytest.raises(ContractError) as refusal:
        correct(desk, reference, call, **changes)
    after = vars(desk.row(reference))
    after.pop("_sa_instance_state")
    assert (after, desk.counts()) == (before, events)
    body = refusal.value.body
    return body.fields[0].code if body.fields else body.code


def number_of(reference: str) -> str:
    """Return the number of the pass of an application."""
    return reference[4:].replace("-", "")


def approved(desk: Desk, **changes: Any) -> tuple[str, Elsewhere]:
    """Return an application with a pass, and the other services' events about it."""
    reference = desk.submit(form(**changes)).reference
    elsewhere = Elsewhere.of(desk.row(reference))
    desk.receive(elsewhere.approved())
    desk.receive(elsewhere.issued(number_of(reference)))
    return reference, elsewhere


def settled(desk: Desk, reference: str, outcome: str, name: str, wanted: str = "", **changes: Any) -> Any:
    """Return what approval says about the newest correction; the people are known by their name."""
    row = desk.row(reference)
    person = desk.view(reference).applicant.model_copy(update={"name": name, "name_latin": name})
    other = person.model_copy(update={"name": wanted, "name_latin": wanted})
    personal = CorrectionPersonal(
        applicant=person, wanted=People(applicant=other) if wanted else None, note=changes.pop("note", "")
    )
    facts = {"number": row.corrections, "outcome": outcome, "corrected": ("name",), "party": 1}
    about = {"application_id": row.id, "reference": reference, "personal": personal}
    return example(CorrectionSettled, **{**about, **facts, **changes})


def test_before_a_decision_it_takes_effect_at_once_and_the_desk_hears_what(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()])).reference
    done = correct(
        desk, reference, name=RIGHT, id_type="passport", id_last4="9Z01", email="g@example.org",
        companions=[companion(name="Harjeet Singh", id_last4="0918"), {"name": "Noor", "child": True}],
    )  # fmt: skip
    row, event = desk.row(reference), desk.published()[-1]
    assert (done.waits, row.revision, row.correction) == (False, 2, None)
    assert (row.name, row.name_latin, row.id_type, row.id_last4) == (RIGHT, RIGHT, "passport", "9Z01")
    assert [one["name"] for one in row.companions] == ["Harjeet Singh", "Noor"]
    assert isinstance(event, ApplicationCorrected)
    assert (event.corrected, event.party, event.revision, event.waits, event.number) == (
        ("name", "id", "companions", "email"), 3, 2, False, 1,
    )  # fmt: skip
    assert event.personal.applicant.name == RIGHT
    entry = desk.view(reference).timeline[-1]
    assert (entry.what, entry.facts) == ("corrected", {"fields": "name,id,companions,email", "waits": 0})


@pytest.mark.parametrize("changes", [{"name": RIGHT}, {"id_last4": "9999"}, {"email": "g@example.org"}])
@pytest.mark.parametrize("waits", [False, True])
def test_nobody_else_keeps_the_photograph_of_whoever_was_named_before(
    desk: Desk, changes: dict[str, str], waits: bool
) -> None:
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    reference = desk.submit_at_counter(counter_form(photograph=photograph(), mobile=MOBILE[3:])).reference
    if waits:
        desk.receive(Elsewhere.of(desk.row(reference)).approved())

    def kept() -> tuple[int, list[str]]:
        with desk.database.transaction() as session:
            there = session.scalar(select(func.count()).select_from(PhotographRow)) or 0
        return there, [one.what for one in desk.view(reference, reception_call()).timeline]

    with desk.database.transaction() as session:
        request = CorrectApplication.model_validate({"reference": reference, **changes})
        row = session.scalars(select(ApplicationRow)).one()
        corrections.make(session, row, request, desk.moment(), "privacy", rate_limits=False)
    if waits:
        assert kept()[0] == 1, "it is still that of whom the department has approved"
        (wanted,) = [one.personal for one in desk.published() if isinstance(one, ApplicationCorrected)]
        row = desk.row(reference)
        facts = {"number": 1, "outcome": "applied", "corrected": ("name",), "party": 1}
        personal = CorrectionPersonal(applicant=wanted.applicant)
        desk.receive(
            example(
                CorrectionSettled, application_id=row.id, reference=reference, department="home",
                personal=personal, approved_revision=1, **facts,
            )
        )  # fmt: skip
    told = [event.erased for event in desk.published() if isinstance(event, VisitorPhotographed)]
    stays = "email" in changes
    there, timeline = kept()
    assert (there, told) == ((1, [False]) if stays else (0, [False, True]))
    assert ("photograph_outdated" in timeline) is not stays


def test_what_is_left_out_stays_and_so_does_the_card_of_a_companion(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()])).reference
    correct(desk, reference, companions=[companion(id_last4=None), companion(name="Baljit Kaur")])
    row = desk.row(reference)
    assert (row.name, row.id_last4, row.companions[0]["id_last4"]) == ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "4821", "0917")
    correct(desk, reference, name="ਗੁਰਪ੍ਰੀਤ ਗਿੱਲ")
    assert desk.row(reference).name_latin != "Gurpreet Kaur", "the spelling of another name does not stay"


def test_an_application_that_was_sent_back_stays_so(desk: Desk) -> None:
    """A correction does not answer what the department has asked."""
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).returned())
    correct(desk, reference, name=RIGHT)
    row = desk.row(reference)
    assert (row.status, row.revision, row.name) == ("returned", 1, RIGHT)


def test_after_an_approval_everything_stays_until_the_department_confirms_it(desk: Desk) -> None:
    reference, _ = approved(desk)
    done = correct(desk, reference, name=RIGHT)
    row, shown = desk.row(reference), desk.view(reference)
    assert (done.waits, row.name_latin, row.revision, row.status) == (True, "Gurpreet Kaur", 1, "issued")
    assert shown.correction is not None
    assert (shown.correction.state, shown.correction.applicant.name) == ("waits", RIGHT)
    assert shown.correction.applicant.id_last4 is None, "it opens the application"
    assert desk.published()[-1].waits is True

    desk.receive(settled(desk, reference, "applied", RIGHT))
    row = desk.row(reference)
    assert (row.name, row.correction, row.mobile) == (RIGHT, None, MOBILE)
    assert desk.view(reference).timeline[-1].what == "correction_applied"


def test_a_refusal_leaves_everything_and_says_the_departments_word(desk: Desk) -> None:
    reference, _ = approved(desk)
    correct(desk, reference, name=RIGHT)
    word = "Bring the card"
    desk.receive(settled(desk, reference, "refused", "Gurpreet Kaur", RIGHT, note=word))
    shown = desk.view(reference)
    assert shown.correction is not None
    assert (shown.applicant.name, shown.correction.state, shown.correction.note) == (
        "Gurpreet Kaur", "refused", word,
    )  # fmt: skip


def test_a_second_correction_keeps_what_the_first_wants(desk: Desk) -> None:
    reference, _ = approved(desk)
    correct(desk, reference, name=RIGHT)
    correct(desk, reference, id_last4="9999")
    event = desk.published()[-1]
    assert (event.number, event.corrected) == (2, ("name", "id"))
    assert (event.personal.applicant.name, event.personal.applicant.id_last4) == (RIGHT, "9999")


def test_one_that_brings_everything_back_takes_back_the_one_that_waits(desk: Desk) -> None:
    reference, _ = approved(desk, applicant={"name": "Gurpreet Kaur", "name_latin": "Gurpreet Kaur"})
    correct(desk, reference, name=RIGHT)
    assert code_of(desk, reference, name=RIGHT) == "nothing_changed"
    assert not correct(desk, reference, name="Gurpreet Kaur").waits
    assert (desk.row(reference).correction, desk.published()[-1].corrected) == (None, ())


def test_a_decision_that_crossed_it_is_told_by_approval_in_any_order(desk: Desk) -> None:
    """Corrected as undecided, approved as it was: the row goes back, and the correction waits."""
    for first in ("approval", "settled"):
        reference = desk.submit().reference
        elsewhere = Elsewhere.of(desk.row(reference))
        correct(desk, reference, name=RIGHT)
        told = settled(desk, reference, "waits", "Gurpreet Kaur", RIGHT)
        for event in [elsewhere.approved(), told][:: 1 if first == "approval" else -1]:
            desk.receive(event)
        row = desk.row(reference)
        assert (row.status, row.name, desk.view(reference).correction.state) == (
            "approved", "Gurpreet Kaur", "waits",
        ), first  # fmt: skip


def test_what_is_said_of_an_earlier_correction_changes_nothing(desk: Desk) -> None:
    reference, _ = approved(desk)
    correct(desk, reference, name="Gurpreet")
    late = settled(desk, reference, "refused", "Gurpreet Kaur", "Gurpreet")
    correct(desk, reference, name=RIGHT)
    desk.receive(late)
    correction = desk.row(reference).correction
    assert correction is not None
    assert (correction["state"], correction["applicant"]["name"]) == ("waits", RIGHT)


def test_what_waits_takes_effect_when_the_day_is_closed_and_is_gone_after_a_withdrawal(desk: Desk) -> None:
    for end, name in (("day_closed", RIGHT), ("withdrawn", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ")):
        reference, elsewhere = approved(desk)
        correct(desk, reference, name=RIGHT)
        desk.receive(getattr(elsewhere, end)())
        row = desk.row(reference)
        assert (row.name, row.correction) == (name, None), end


def test_what_was_said_before_the_day_was_closed_and_comes_late_changes_nothing(desk: Desk) -> None:
    reference, elsewhere = approved(desk)
    correct(desk, reference, name=RIGHT)
    late = settled(desk, reference, "waits", "Gurpreet Kaur", RIGHT)
    first, second = desk.envelope(late), desk.envelope(elsewhere.day_closed())
    for envelope in (second, first):
        desk.deliver(envelope)
    row = desk.row(reference)
    assert (row.name, row.correction) == (RIGHT, None)


def test_once_the_visit_has_begun_or_does_not_take_place_it_says_so(desk: Desk) -> None:
    for status in ("entered", "left", "cancelled", "rejected", "revoked"):
        reference, elsewhere = approved(desk)
        if status == "cancelled":
            desk.cancel(reference)
        elif status == "rejected":
            reference = desk.submit().reference
            desk.receive(Elsewhere.of(desk.row(reference)).rejected())
        elif status == "revoked":
            desk.receive(elsewhere.withdrawn())
        else:
            desk.receive(elsewhere.scanned(number_of(reference)))
        if status == "left":
            desk.receive(elsewhere.scanned(number_of(reference), "exit", 0))
        assert desk.row(reference).status == status
        assert code_of(desk, reference, name=RIGHT) == "cannot_correct", status


def test_a_decision_or_a_change_since_it_was_read_is_a_conflict(desk: Desk) -> None:
    reference = desk.submit().reference
    read = {"revision": 1, "waits": False}
    correct(desk, reference, name=RIGHT, **read)
    assert code_of(desk, reference, name="Another", **read) == "application_changed"
    reference, _ = approved(desk)
    assert code_of(desk, reference, name=RIGHT, **read) == "application_changed"
    assert correct(desk, reference, name=RIGHT, revision=1, waits=True).waits


def test_nobody_else_corrects_it(desk: Desk) -> None:
    reference = desk.submit().reference
    assert code_of(desk, reference, applicant_call(OTHER_MOBILE), name=RIGHT) == "not_found"
    assert code_of(desk, reference, applicant_call(session=2), name=RIGHT) == "not_opened"


def test_what_is_wrong_gets_its_code(desk: Desk) -> None:
    reference = desk.submit(form(applicant={"deliver_by": "email", "email": "g@example.org"})).reference
    for given, code in (
        ({}, "nothing_changed"),
        ({"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"}, "nothing_changed"),
        ({"name": " "}, "name_missing"),
        ({"id_last4": "123456789012"}, "full_number"),
        ({"email": "nobody"}, "email_invalid"),
        ({"email": ""}, "email_missing"),
        ({"companions": [{"name": "Noor"}]}, "companion_id_missing"),
        ({"companions": [companion()] * 6}, "too_many_companions"),
    ):
        assert code_of(desk, reference, **given) == code, given


def test_a_day_has_five_corrections(desk: Desk) -> None:
    reference = desk.submit().reference
    for number in range(corrections.CORRECTIONS):
        correct(desk, reference, name=f"Gurpreet {number}")
    assert code_of(desk, reference, name=RIGHT) == "too_many_attempts"
    assert correct(desk, reference, name=RIGHT, limited=False)


def test_a_repeat_has_one_effect_also_at_the_same_time(desk: Desk) -> None:
    reference = desk.submit().reference

    def once() -> Corrected:
        return correct(desk, reference, applicant_call(key="one"), name=RIGHT)

    answers = run_concurrently(once, once)
    assert answers[0] == answers[1]
    assert (desk.row(reference).corrections, desk.counts()[1]) == (1, 2)


def test_an_erasure_leaves_nothing_of_it_and_a_late_answer_brings_nothing_back(desk: Desk) -> None:
    reference, _ = approved(desk, companions=[companion()])
    correct(desk, reference, name=RIGHT)
    late = settled(desk, reference, "applied", RIGHT)
    late = late.model_copy(
        update={"personal": late.personal.model_copy(update={"companions": (Companion(name=RIGHT),)})}
    )
    with desk.database.transaction() as session:
        erase_personal_data(desk.row(reference).id, session, NOW)
    desk.receive(late)
    row = desk.row(reference)
    assert (row.name, row.companions, row.correction) == ("", [], None)
    assert code_of(desk, reference, name=RIGHT) == "not_found"
