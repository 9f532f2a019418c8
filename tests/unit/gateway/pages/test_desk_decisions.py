"""Decisions at the desk: their forms, what is refused beside its field, and the message shown before."""

import re
from datetime import date, time
from typing import get_args

import pytest

from contracts.errors import (
    Conflict,
    ContractError,
    FieldError,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    Unavailable,
)
from contracts.model import RejectionReason, Slot
from contracts.rpc.approval.reviews import FirstApproval
from contracts.rpc.notify import MessagePreview
from services.chassis.runtime.clock import now
from tests.support.factories.pages import DECIDED, FIRST, SECOND, review
from tests.support.system.page_reader import SAME_SITE
from tests.unit.gateway.pages.clerk import REVIEW, Clerk


async def test_a_preferred_slot_is_approved_with_one_choice(clerk: Clerk) -> None:
    page = await clerk.http.get(f"{REVIEW}/approve")
    for value in ("2026-12-01 10:00 12:00", "2026-12-02 10:00 12:00", "own"):
        assert f'name="slot" type="radio" value="{value}"' in page.text
    done = await clerk.decide("approve", slot="2026-12-02 10:00 12:00")
    assert done.headers["location"] == f"{REVIEW}?notice=done"
    sent = clerk.sent("approve")
    assert (sent.slot, sent.entries, sent.gate, sent.revision) == (SECOND, 1, None, 3)
    assert not sent.vehicle_allowed
    assert clerk.client.last("approval.approve")[3] == "k-1"


async def test_another_time_is_approved_with_gate_entries_and_vehicle(clerk: Clerk) -> None:
    own = {"slot": "own", "date": "2026-12-03", "from": "14:00", "to": "15:30"}
    await clerk.decide("approve", **own, gate="PCS1-G1", entries="4", vehicle_allowed="yes")
    sent = clerk.sent("approve")
    assert sent.slot == Slot(day=date(2026, 12, 3), start=time(14), end=time(15, 30))
    assert (sent.gate, sent.entries, sent.vehicle_allowed) == ("PCS1-G1", 4, True)


SEVERAL = {"slot": "2026-12-01 10:00 12:00", "last_day": "2026-12-04", "days_reason": "Three hearings"}
DAYS = (date(2026, 12, 2), date(2026, 12, 4))


async def test_several_days_are_approved_with_a_last_day_and_a_reason(clerk: Clerk) -> None:
    await clerk.decide("approve", **SEVERAL)
    sent = clerk.sent("approve")
    assert (sent.slot, sent.last_day, sent.days_reason) == (FIRST, date(2026, 12, 4), "Three hearings")


async def test_an_approval_for_several_days_says_which_and_what_was_left_out(clerk: Clerk) -> None:
    decision = DECIDED.model_copy(update={"further_days": DAYS, "days_reason": "Three hearings"})
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=decision)
    text = " ".join((await clerk.http.get(REVIEW)).text.split())
    assert "1–2 December and 4 December 2026, each day 10:00 am – 12:00 pm" in text
    assert "2 entries each day" in text
    assert "Not on Thursday, 3 December 2026" in text
    assert "Three hearings" in text


async def test_an_approval_for_one_day_says_nothing_of_several(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=DECIDED)
    text = (await clerk.http.get(REVIEW)).text
    assert "each day" not in text
    assert "Not on" not in text


async def test_after_an_approval_the_days_that_were_left_out_are_named(clerk: Clerk) -> None:
    """Also those after the last day on which the visit takes place, which the decision does not name."""
    decision = DECIDED.model_copy(update={"further_days": DAYS, "days_reason": "Three hearings"})
    approved = review(status="approved", decision=decision)
    clerk.client.answers |= {"approval.approve": approved, "approval.view_review": approved}
    done = await clerk.decide("approve", **SEVERAL | {"last_day": "2026-12-06"}, onward="yes")
    assert done.headers["location"] == f"{REVIEW}?notice=done"
    text = " ".join((await clerk.http.get(done.headers["location"])).text.split())
    assert "Not on 3 December and 5–6 December 2026" in text
    done = await clerk.decide("approve", slot="2026-12-01 10:00 12:00", onward="yes")
    assert "notice=approved" in done.headers["location"]


async def test_a_day_without_places_is_named(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = Conflict("full", code="window_full", date="2026-12-02")
    shown = await clerk.decide("approve", **SEVERAL)
    assert shown.status_code == 409
    assert 'id="last_day-error"' in shown.text
    assert "On Wednesday, 2 December 2026 there are not enough free places." in shown.text
    assert "Three hearings" in shown.text


async def test_the_second_officer_is_offered_what_the_first_one_chose(clerk: Clerk) -> None:
    first = FirstApproval(
        approved_by="HOM-0002", approved_at=now(), slot=SECOND, gate="PCS1-G1", entries=3,
        further_days=(date(2026, 12, 4),), days_reason="Three hearings",
    )  # fmt: skip
    clerk.client.answers["approval.view_review"] = review(second_officer=True, first_approval=first)
    text = " ".join((await clerk.http.get(REVIEW)).text.split())
    assert "2 December and 4 December 2026, each day 10:00 am – 12:00 pm" in text
    for chosen in ('value="2026-12-02 10:00 12:00" checked', '<option value="PCS1-G1" selected',
                   'value="2026-12-04"', 'value="3"', ">Three hearings</textarea>"):  # fmt: skip
        assert chosen in text, chosen


OWN = {"slot": "own", "date": "2026-12-03", "from": "14:00", "to": "15:30"}
BAD_FORMS: list[tuple[str, dict[str, str], str, str]] = [
    ("approve", {}, "slot", "Choose one of these"),
    ("approve", {"slot": "own"}, "date", "Choose a day"),
    ("approve", {**OWN, "date": "tomorrow"}, "date", "Choose a day"),
    ("approve", {**OWN, "from": "25:99"}, "from", "Choose a start time"),
    ("approve", {**OWN, "to": ""}, "to", "Choose an end time"),
    ("approve", {"slot": "one two three"}, "slot", "Choose"),
    ("approve", {**OWN, "entries": "often"}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "entries": "0"}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "entries": "9" * 5000}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "gate": "<gate>"}, "gate", "Choose one of these"),
    ("approve", {**OWN, "last_day": "some day"}, "last_day", "Choose a day"),
    ("approve", {**OWN, "days_reason": "x" * 501}, "days_reason", "too long"),
    ("reject", {}, "reason", "Choose one of these"),
    ("reject", {"reason": "I do not like him"}, "reason", "Choose one of these"),
    ("reject", {"reason": "other", "note": "x" * 501}, "note", "too long"),
    ("return", {"note": " "}, "note", "Enter a note"),
    ("forward", {"department": "no such/thing"}, "department", "Choose one of these"),
    ("withdraw", {}, "reason", "Choose one of these"),
]


@pytest.mark.parametrize(
    ("verb", "form", "field", "sentence"),
    BAD_FORMS,
    ids=[f"{verb} {field}" for verb, _, field, _ in BAD_FORMS],
)
async def test_an_unreadable_value_is_reported_beside_its_field(
    clerk: Clerk, verb: str, form: dict[str, str], field: str, sentence: str
) -> None:
    shown = await clerk.decide(verb, **form)
    assert shown.status_code == 422
    assert f'href="#{field}"' in shown.text
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert "<title>Error:" in shown.text
    assert not any(asked[0] in {"approval.approve", "approval.reject"} for asked in clerk.client.asked)


# One code of each field: `tests/unit/contracts/test_visiting_rules.py` looks at the sentences.
FINDINGS = [
    ("approve", "slot.date", "closed_day", "date", "closed on this day"),
    ("approve", "slot.from", "outside_hours", "from", "not open at this time"),
    ("approve", "slot.to", "window_over", "to", "has passed today"),
    ("approve", "gate", "unknown_gate", "gate", "has no such gate"),
    ("approve", "last_day", "ends_before_it_begins", "last_day", "before the first"),
    ("approve", "days_reason", "days_reason_missing", "days_reason", "why one day is not enough"),
    ("approve", "vehicle_allowed", "no_vehicle", "vehicle_allowed", "names no vehicle"),
    ("reject", "note", "required", "note", "Enter a note"),
    ("return_to_applicant", "note", "required", "note", "Enter a note"),
    ("forward", "department", "exactly_one", "department", "Choose either"),
    ("forward", "officer", "unknown_officer", "officer", "no longer in this department"),
]


@pytest.mark.parametrize(("method", "path", "code", "field", "sentence"), FINDINGS)
async def test_a_refusal_is_shown_beside_its_field_and_nothing_typed_is_lost(
    clerk: Clerk, method: str, path: str, code: str, field: str, sentence: str
) -> None:
    clerk.client.answers[f"approval.{method}"] = InvalidInput(fields=(FieldError(field=path, code=code),))
    forms = {"approve": {**OWN, "vehicle_allowed": "yes"}, "reject": {"reason": "other", "note": "As told"},
             "return_to_applicant": {"note": "As told"}, "forward": {"officer": "baldev"}}  # fmt: skip
    shown = await clerk.decide("return" if method == "return_to_applicant" else method, **forms[method])
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    remaining = {"approve": 'value="2026-12-03"', "forward": 'value="baldev" selected'}.get(method, "As told")
    assert remaining in shown.text


async def test_a_problem_of_a_preferred_slot_is_shown_at_the_choice(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = InvalidInput(
        fields=(FieldError(field="slot.date", code="closed_day"),)
    )
    shown = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert 'id="slot-error"' in shown.text
    assert 'id="date-error"' not in shown.text


async def test_an_officer_who_is_too_late_sees_who_decided_and_when(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = Conflict(
        code="already_decided", decided_by="HOM-0002", decided_at=now().isoformat()
    )
    late = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert late.headers["location"] == f"{REVIEW}?notice=already_decided"
    clerk.client.answers["approval.view_review"] = review(
        status="rejected", decision=DECIDED.model_copy(update={"status": "rejected"})
    )
    shown = await clerk.http.get(late.headers["location"])
    assert "Someone else acted first: HOM-0002 decided this on" in shown.text
    assert "was not recorded" in shown.text


async def test_who_presses_two_reasons_in_a_row_reads_what_the_first_one_did(clerk: Clerk) -> None:
    clerk.client.answers["approval.reject"] = IdempotencyKeyReused()
    own = DECIDED.model_copy(update={"status": "rejected", "decided_by": "HOM-0001"})
    clerk.client.answers["approval.view_review"] = review(status="rejected", decision=own)
    second = await clerk.decide("reject", reason="other", note="As told")
    assert second.headers["location"] == f"{REVIEW}?notice=already_decided"
    shown = (await clerk.http.get(second.headers["location"])).text
    assert "You decided this on" in shown
    assert "Someone else" not in shown
    clerk.client.answers["approval.view_review"] = review()
    undone = await clerk.decide("reject", reason="other", note="As told")
    assert (undone.status_code, "As told" in undone.text) == (409, True)
    assert 'value="k-1"' not in undone.text, "another decision needs another key"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("application_closed", "has ended in the meantime"),
        ("not_approved", "no longer an approval"),
        ("something_new", "Someone else acted first"),
    ],
)
async def test_other_conflicts_show_a_notice(clerk: Clerk, code: str, sentence: str) -> None:
    clerk.client.answers["approval.withdraw"] = Conflict(code=code)
    late = await clerk.decide("withdraw", reason="security")
    assert sentence in (await clerk.http.get(late.headers["location"])).text


async def test_an_application_that_was_changed_is_read_again_and_the_note_is_not_lost(clerk: Clerk) -> None:
    clerk.client.answers["approval.reject"] = Conflict(code="application_changed", revision=4)
    clerk.client.answers["approval.view_review"] = review(revision=4, purpose="Arms licence, file 114")
    changed = await clerk.decide("reject", reason="other", note="As told")
    assert changed.status_code == 409
    for shown in ("has changed the application", "file 114", "As told", 'name="revision" value="4"'):
        assert shown in changed.text, shown
    assert 'value="k-1"' not in changed.text, "another decision needs another key"


async def test_forwarding_to_another_department_leads_back_to_the_queue(clerk: Clerk) -> None:
    page = (await clerk.http.get(f"{REVIEW}/forward")).text
    assert 'value="police"' in page
    assert 'value="home"' not in page
    gone = await clerk.decide("forward", department="police")
    assert gone.headers["location"] == "/en/desk?notice=forwarded"
    assert "with the other department now" in (await clerk.http.get(gone.headers["location"])).text
    remaining = await clerk.decide("forward", officer="baldev")
    assert remaining.headers["location"] == f"{REVIEW}?notice=done"
    assert (clerk.sent("forward").department, clerk.sent("forward").officer) == (None, "baldev")


async def test_rejecting_returning_and_withdrawing_send_reason_and_note(clerk: Clerk) -> None:
    await clerk.decide("reject", reason="no_appointment", note="Come on Monday")
    assert (clerk.sent("reject").reason, clerk.sent("reject").note) == ("no_appointment", "Come on Monday")
    await clerk.decide("return", note="Which file?")
    assert clerk.sent("return_to_applicant").note == "Which file?"
    await clerk.decide("withdraw", reason="security")
    assert clerk.sent("withdraw").reason == "security"


@pytest.mark.parametrize("verb", ["delete", "approve%20", "__class__"])
async def test_an_unknown_verb_is_not_found(clerk: Clerk, verb: str) -> None:
    assert (await clerk.http.get(f"{REVIEW}/{verb}")).status_code == 404
    assert (await clerk.decide(verb)).status_code == 404


@pytest.mark.parametrize(
    "form",
    [{}, {"revision": "x"}, {"revision": "9" * 5000}, {"key": "k" * 300}, {"key": "\x00"}, {"slot": "\x00"}],
)
async def test_a_forged_form_never_causes_an_internal_error(clerk: Clerk, form: dict[str, str]) -> None:
    for verb in ("approve", "reject", "return", "forward", "withdraw"):
        answer = await clerk.http.post(f"{REVIEW}/{verb}", data=form, headers=SAME_SITE)
        assert answer.status_code in {303, 422}, (verb, form)


async def test_a_review_of_another_department_or_an_unknown_one_is_not_found(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = NotFound()
    assert (await clerk.http.get(REVIEW)).status_code == 404
    assert (await clerk.http.get("/en/desk/reviews/not-an-id")).status_code == 404


async def test_during_an_outage_the_same_form_can_be_sent_again(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = Unavailable()
    outage = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert (outage.status_code, "It is not known whether this was saved" in outage.text) == (503, True)
    assert 'name="key" value="k-1"' in outage.text
    clerk.client.answers["approval.approve"] = review()
    await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    keys = [key for name, _, _, key in clerk.client.asked if name == "approval.approve"]
    assert keys == ["k-1", "k-1"]


@pytest.mark.parametrize("address", ["/en/desk?open=first&asks=reject", f"{REVIEW}/reject"])
async def test_a_rejection_is_written_seen_and_sent_in_one_form(clerk: Clerk, address: str) -> None:
    clerk.client.answers["notify.preview_rejection"] = MessagePreview(text="ਅਰਜ਼ੀ ਮਨਜ਼ੂਰ ਨਹੀਂ ਕੀਤੀ ਗਈ: …")
    shown = (await clerk.http.get(address)).text
    assert '<blockquote class="govuk-inset-text" lang="pa">ਅਰਜ਼ੀ ਮਨਜ਼ੂਰ ਨਹੀਂ ਕੀਤੀ ਗਈ: …' in shown
    asked = clerk.client.last("notify.preview_rejection")[1]
    assert (asked.language, asked.reason, asked.note) == ("pa", None, "")
    assert set(re.findall(r'value="(\w+)" name="reason"', shown)) == set(get_args(RejectionReason))
    assert ('id="approve"' in shown, "data-asks" in shown) == (False, False), "one decision at a time"
    onward = "desk?" in address
    assert ('name="onward" value="yes"' in shown, 'name="next" value="first"' in shown) == (onward, onward)


async def test_beside_the_list_nobody_is_asked_what_they_may_not_or_need_not_decide(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=DECIDED)
    assert 'name="reason"' not in (await clerk.http.get("/en/desk?open=first&asks=reject")).text
    clerk.client.answers["approval.view_review"] = review(may_decide=False)
    assert 'name="reason"' not in (await clerk.http.get("/en/desk?open=first&asks=reject")).text
    assert 'value="police"' in (await clerk.http.get("/en/desk?open=first&asks=forward")).text
    assert "What is missing?" in (await clerk.http.get("/en/desk?open=first&asks=return")).text


async def test_a_withdrawal_shows_its_message_before_it_is_sent_and_leads_on(clerk: Clerk) -> None:
    clerk.client.answers["notify.preview_withdrawal"] = MessagePreview(text="e-Pass ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ")
    form = {"reason": "officer_unavailable", "note": "Come next week"}
    sent = await clerk.decide("withdraw", preview="yes", **form)
    shown = await clerk.http.get(sent.headers["location"])
    assert "e-Pass ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ" in shown.text
    assert f'href="{REVIEW}/withdraw">Change it' in shown.text
    asked = clerk.client.last("notify.preview_withdrawal")[1]
    assert (asked.language, asked.reason, asked.note) == ("pa", "officer_unavailable", "Come next week")
    assert not clerk.client.was_asked("approval.withdraw")
    done = await clerk.decide("withdraw", **form)
    assert (clerk.sent("withdraw").reason, clerk.sent("withdraw").note) == tuple(form.values())
    after = await clerk.http.get(done.headers["location"])
    assert "The approval is withdrawn, the pass is cancelled, and the visitor is told." in after.text
    assert 'href="/en/desk">Go to the queue' in after.text


async def test_a_message_that_nobody_wrote_leads_to_the_form(clerk: Clerk) -> None:
    shown = await clerk.http.get(f"{REVIEW}/withdraw?step=message")
    assert shown.headers["location"] == f"{REVIEW}/withdraw"


@pytest.mark.parametrize("refusal", [Unavailable(), InvalidInput.of("reason", "required")])
async def test_a_rejection_can_be_sent_while_its_message_cannot_be_shown(
    clerk: Clerk, refusal: ContractError
) -> None:
    clerk.client.answers["notify.preview_rejection"] = refusal
    shown = (await clerk.http.get(f"{REVIEW}/reject")).text
    assert "cannot be shown just now" in shown
    assert 'value="duplicate" name="reason"' in shown


@pytest.mark.parametrize("verb", ["approve", "reject", "return"])
async def test_who_comes_too_late_hears_so_before_anything_is_typed(clerk: Clerk, verb: str) -> None:
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=DECIDED)
    opened = await clerk.http.get(f"{REVIEW}/{verb}")
    assert opened.headers["location"] == f"{REVIEW}?notice=already_decided"
    assert "Someone else acted first: HOM-0002" in (await clerk.http.get(opened.headers["location"])).text
    own = DECIDED.model_copy(update={"decided_by": "HOM-0001"})
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=own)
    assert (await clerk.http.get(f"{REVIEW}/{verb}")).headers["location"] == REVIEW, "they know it"
