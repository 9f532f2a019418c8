"""Events arrive in any order and number, and lead to the same state as each one once and in order.

Each history is delivered through the inbox to the service's consumers, to a real database: in order to one
application, shuffled and repeated to its twin.
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from contracts.crockford import new_pass_number
from contracts.events import (
    DirectoryChanged,
    Event,
    NotificationDelivered,
    NotificationFailed,
    OfficersNote,
    VisitMoved,
)
from services.application.domain import status
from services.application.handlers import scheduled_jobs
from services.application.handlers.directory import place_of
from services.application.handlers.event_handlers import UnknownApplication
from services.chassis.db.tables import inbox
from tests.integration.application.handlers.histories import (
    FRIDAY,
    LATER,
    THURSDAY,
    apply,
    one_of_three_days_closed,
    refusal,
)
from tests.support.factories.application import TUESDAY, Desk, Elsewhere, department, site, slot
from tests.support.factories.envelopes import example
from tests.support.stack.extent import fewer

MOST_DELIVERIES = 5
History = Callable[[Elsewhere, str, str], list[Event]]
by_examples = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def visit(there: Elsewhere, number: str, _: str) -> list[Event]:
    return [
        there.escalated(), there.approved(), there.issued(number), there.delivered(),
        there.scanned(number, inside=2),
        there.scanned(number, "already_inside", inside=2), there.scanned(number, "exit", inside=1),
        there.scanned(number, "exit", inside=0),
    ]  # fmt: skip


def still_inside(there: Elsewhere, number: str, _: str) -> list[Event]:
    return [
        there.approved(), there.issued(number), there.scanned(number, inside=1),
        there.scanned(number, "exit", inside=0),
        there.scanned(number, inside=1), there.scanned(number, "wrong_gate", inside=0),
    ]  # fmt: skip


def withdrawal(there: Elsewhere, number: str, _: str) -> list[Event]:
    return [
        there.approved(),
        there.issued(number),
        there.delivered(),
        there.withdrawn(),
        there.revoked(number),
    ]


def withdrawal_before_the_pass(there: Elsewhere, _number: str, _: str) -> list[Event]:
    return [there.approved(), there.withdrawn()]


def reissue(there: Elsewhere, number: str, other: str) -> list[Event]:
    return [
        there.approved(), there.issued(number), there.revoked(number, "reissued", replaced=True),
        there.issued(other, replaces=number),
        there.delivered(),
    ]  # fmt: skip


def reissue_and_withdrawal(there: Elsewhere, number: str, other: str) -> list[Event]:
    return [*reissue(there, number, other), there.withdrawn(), there.revoked(other)]


def security_revokes(there: Elsewhere, number: str, _: str) -> list[Event]:
    return [there.approved(), there.issued(number), there.revoked(number, "security")]


def day_closed(there: Elsewhere, number: str, _: str) -> list[Event]:
    return [
        there.approved(), there.issued(number), there.delivered(),
        there.day_closed(), there.revoked(number, "day_closed"),
    ]  # fmt: skip


def approved_anew_after_the_first_day(there: Elsewhere, number: str, other: str) -> list[Event]:
    return [
        there.approved(further_days=(THURSDAY,)), there.issued(number, further_days=(THURSDAY,)),
        there.scanned(number, inside=1), there.day_closed(), there.scanned(number, "exit", inside=0),
        there.revoked(number, "day_closed"), there.approved(), there.issued(other),
    ]  # fmt: skip


def moved_to_another_day(there: Elsewhere, number: str, other: str) -> list[Event]:
    moved = example(VisitMoved, there.approved(), slot=slot(THURSDAY))
    return [
        there.approved(), there.issued(number), there.scanned(number, inside=1),
        moved, there.revoked(number, "day_closed"),
        there.issued(other, day=THURSDAY), there.scanned(number, "exit", inside=0),
    ]  # fmt: skip


def moved_and_left_with_the_new_pass(there: Elsewhere, number: str, other: str) -> list[Event]:
    *before, _ = moved_to_another_day(there, number, other)
    return [*before, there.scanned(other, "exit", inside=0, marks=("no_entry",))]


HISTORIES: list[tuple[History, str]] = [
    (visit, "left"),
    (still_inside, "entered"),
    (refusal, "rejected"),
    (withdrawal, "revoked"),
    (withdrawal_before_the_pass, "revoked"),
    (reissue, "issued"),
    (reissue_and_withdrawal, "revoked"),
    (security_revokes, "revoked"),
    (day_closed, "returned"),
    (one_of_three_days_closed, "issued"),
    (approved_anew_after_the_first_day, "issued"),
    (moved_to_another_day, "issued"),
    (moved_and_left_with_the_new_pass, "issued"),
]


def shuffled(data: st.DataObject, things: list[Any]) -> list[Any]:
    """Return each once to five times, in an order that hypothesis chooses."""
    repeated = [thing for thing in things for _ in range(data.draw(st.integers(1, MOST_DELIVERIES)))]
    return list(data.draw(st.permutations(repeated)))


def end(desk: Desk, reference: str, *, with_timeline: bool = True) -> dict[str, Any]:
    """Return all that an applicant sees, except what differs: reference, pass number and instants."""
    view = desk.view(reference).model_dump(exclude={"reference", "submitted_at", "timeline", "pass_"})
    found = desk.view(reference).pass_
    validity = (found.valid_from, found.valid_to, found.revoked) if found else None
    timeline = [(entry.what, entry.facts) for entry in desk.view(reference).timeline] if with_timeline else []
    return {**view, "pass": validity, "timeline": timeline}


def test_who_leaves_with_the_pass_of_another_day_still_has_that_visit(desk: Desk) -> None:
    there = apply(desk)
    for event in moved_and_left_with_the_new_pass(there, new_pass_number(), new_pass_number()):
        desk.receive(event)
    assert desk.view(there.reference).status == "issued"


@settings(by_examples, max_examples=fewer(40))
@given(history=st.sampled_from(HISTORIES), data=st.data())
def test_events_in_any_order_and_number_end_as_in_the_right_order(
    desk: Desk, history: tuple[History, str], data: st.DataObject
) -> None:
    events, status = history
    ordered, twin = apply(desk), apply(desk)
    for event in events(ordered, new_pass_number(), new_pass_number()):
        desk.receive(event)
    published = [desk.envelope(event) for event in events(twin, new_pass_number(), new_pass_number())]

    for _, batch in groupby(shuffled(data, published), lambda envelope: envelope.type):
        desk.deliver(*batch)

    assert end(desk, twin.reference) == end(desk, ordered.reference)
    assert desk.view(twin.reference).status == status


@by_examples
@given(data=st.data())
def test_a_cancellation_among_the_events_is_final(desk: Desk, data: st.DataObject) -> None:
    there, number = apply(desk), new_pass_number()
    events = [there.escalated(), there.approved(), there.issued(number), there.delivered()]
    steps = shuffled(data, [desk.envelope(event) for event in events])
    steps.insert(data.draw(st.integers(0, len(steps))), None)
    for envelope in steps:
        if envelope is None:
            desk.cancel(there.reference)
        else:
            desk.deliver(envelope)
    assert desk.view(there.reference).status == "cancelled"
    desk.receive(there.revoked(number, "cancelled"))
    assert desk.view(there.reference).status == "cancelled"
    assert [entry.what for entry in desk.view(there.reference).timeline].count("cancelled") == 1


@by_examples
@given(data=st.data())
def test_decisions_about_both_revisions_of_an_amended_application(desk: Desk, data: st.DataObject) -> None:
    there = apply(desk)
    returned = desk.receive(there.returned())
    desk.amend(there.reference, purpose="File 115")
    events = [
        there.escalated(),
        there.approved(revision=2),
        there.issued(new_pass_number()),
        there.delivered(),
    ]
    for envelope in shuffled(data, [returned, *(desk.envelope(event) for event in events)]):
        desk.deliver(envelope)
    view = desk.view(there.reference)
    assert (view.status, view.note, view.revision) == ("issued", None, 2)
    words = ["submitted", "returned", "amended", "escalated", "approved", "pass_issued", "message_delivered"]
    assert [entry.what for entry in view.timeline] == words


@by_examples
@given(data=st.data(), decision=st.sampled_from(["approved", "rejected", "returned"]))
def test_expiry_among_the_events_yields_to_a_decision(desk: Desk, data: st.DataObject, decision: str) -> None:
    there = apply(desk)
    steps = shuffled(data, [desk.envelope(there.escalated()), desk.envelope(getattr(there, decision)())])
    steps.insert(data.draw(st.integers(0, len(steps))), None)
    for envelope in steps:
        if envelope is None:
            with desk.database.transaction() as session:
                scheduled_jobs.expire_undecided(session, LATER)
        else:
            desk.deliver(envelope)
    assert desk.view(there.reference).status == ("expired" if decision == "returned" else decision)


def test_a_decision_about_an_older_revision_is_in_the_timeline_but_changes_no_status(desk: Desk) -> None:
    there = apply(desk)
    desk.receive(there.returned())
    desk.amend(there.reference, purpose="File 115")
    desk.receive(there.rejected(revision=1, note="Too late"))
    view = desk.view(there.reference)
    assert (view.status, view.note, view.reason) == ("submitted", None, None)
    assert view.timeline[-1].what == "rejected"
    assert view.timeline[-1].facts == {"department": "home", "revision": 1, "reason": "no_appointment"}


@by_examples
@given(data=st.data())
def test_an_approval_that_arrives_after_other_dates_stands(desk: Desk, data: st.DataObject) -> None:
    there, number = apply(desk), new_pass_number()
    desk.amend(there.reference, preferred=[slot(TUESDAY, "14:00", "15:00")])
    events = [there.approved(revision=1), there.issued(number), there.delivered()]
    for envelope in shuffled(data, [desk.envelope(event) for event in events]):
        desk.deliver(envelope)
        assert desk.view(there.reference).status in ("submitted", "approved", "issued")
    assert desk.view(there.reference).status == "issued"
    desk.receive(there.withdrawn(revision=1))
    assert desk.view(there.reference).status == "revoked"


def test_without_the_rule_an_application_approved_meanwhile_would_wait_for_a_decision_that_nobody_takes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the department has decided, but the application learns of it only with the pass."""
    monkeypatch.setattr(status, "WITH_PASS", frozenset())
    there = apply(desk)
    desk.amend(there.reference, preferred=[slot(TUESDAY, "14:00", "15:00")])
    desk.receive(there.approved(revision=1))
    assert desk.view(there.reference).status == "submitted"


@pytest.mark.parametrize("decision", ["rejected", "returned"])
def test_a_refusal_that_arrives_after_other_dates_waits_for_another_decision(
    desk: Desk, decision: str
) -> None:
    there = apply(desk)
    desk.amend(there.reference, preferred=[slot(TUESDAY, "14:00", "15:00")])
    desk.receive(getattr(there, decision)(revision=1))
    assert desk.view(there.reference).status == "submitted"


@by_examples
@given(data=st.data())
def test_a_visit_on_several_days_shows_them_and_is_kept_from_the_last_one_on(
    desk: Desk, data: st.DataObject
) -> None:
    further = (TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=6))
    there, number = apply(desk), new_pass_number()
    events = [there.approved(further_days=further), there.issued(number, further_days=further)]
    for envelope in shuffled(data, [desk.envelope(event) for event in events]):
        desk.deliver(envelope)
    view = desk.view(there.reference)
    assert (view.date, view.further_days) == (TUESDAY, further)
    assert view.pass_ is not None
    assert view.pass_.further_days == further
    assert desk.row(there.reference).last_matters_at == view.pass_.valid_to + timedelta(days=6)


def test_refused_scans_are_not_in_the_timeline(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    desk.receive(there.issued(number))
    for verdict in (
        "already_inside",
        "already_used",
        "not_yet_valid",
        "day_closed",
        "expired",
        "wrong_site",
        "wrong_gate",
        "revoked",
        "id_mismatch",
    ):
        desk.receive(there.scanned(number, verdict, inside=0))
    assert desk.view(there.reference).status == "issued"
    assert [entry.what for entry in desk.view(there.reference).timeline] == ["submitted", "pass_issued"]


def test_an_applicant_reads_why_the_department_withdrew_its_approval(desk: Desk) -> None:
    there = apply(desk)
    desk.receive(there.approved())
    desk.receive(there.withdrawn().model_copy(update={"personal": OfficersNote(note="Come next week")}))
    view = desk.view(there.reference)
    assert (view.status, view.reason, view.note) == ("revoked", "officer_unavailable", "Come next week")


def test_the_first_exit_counts_and_a_repeat_is_not_in_the_timeline(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    desk.receive(there.issued(number, further_days=(THURSDAY,)))
    desk.receive(there.scanned(number, inside=2))
    for inside in (1, 0, 0, 0):
        desk.receive(there.scanned(number, "exit", inside=inside))
    desk.receive(there.scanned(number, inside=1))
    desk.receive(there.scanned(number, "exit", inside=0))
    passages = [entry for entry in desk.view(there.reference).timeline if entry.what in ("entered", "left")]
    assert [(entry.what, entry.facts["inside"]) for entry in passages] == [
        ("entered", 2), ("left", 1), ("left", 0), ("entered", 1), ("left", 0),
    ]  # fmt: skip


def test_entries_and_exits_are_in_the_timeline_with_their_marks(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    desk.receive(there.issued(number))
    desk.receive(there.scanned(number, inside=3, count=3, marks=("other_id",)))
    desk.receive(there.scanned(number, "exit", inside=1, count=2, marks=("late", "other_gate")))
    view = desk.view(there.reference)
    assert view.status == "entered"
    assert [(entry.what, entry.facts) for entry in view.timeline[-2:]] == [
        ("entered", {"gate": "S1-G1", "count": 3, "inside": 3, "marks": "other_id"}),
        ("left", {"gate": "S1-G1", "count": 2, "inside": 1, "marks": "late,other_gate"}),
    ]


@pytest.mark.parametrize(
    ("event", "statements"),
    [
        (lambda there, _: there.approved(), 4),
        (lambda there, number: there.issued(number), 4),
        (lambda there, number: there.revoked(number), 4),
        (lambda there, number: there.scanned(number), 4),
        (lambda there, _: there.delivered(), 3),
    ],
    ids=["approved", "issued", "revoked", "scanned", "delivered"],
)
def test_events_that_wait_cost_as_many_statements_as_one(
    desk: Desk, event: Callable[[Elsewhere, str], Event], statements: int
) -> None:
    """Mark, lock, read the passes if the status may change, write."""
    sent: list[str] = []
    several = [(apply(desk), new_pass_number()) for _ in range(6)]
    envelopes = [desk.envelope(event(*one)) for one in several]
    listener = lambda *arguments: sent.append(arguments[2])  # noqa: E731  it is removed again
    sqlalchemy.event.listen(desk.database.engine, "before_cursor_execute", listener)
    try:
        desk.deliver(envelopes[0])
        assert len(sent) == statements
        desk.deliver(*envelopes[1:])
        assert len(sent) == 2 * statements
    finally:
        sqlalchemy.event.remove(desk.database.engine, "before_cursor_execute", listener)
    assert len({len(desk.view(there.reference).timeline) for there, _ in several}) == 1


def test_a_pass_that_is_issued_and_updated_in_one_batch_is_stored_as_updated(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    desk.receive(there.approved(further_days=(THURSDAY, FRIDAY)))
    desk.deliver(
        desk.envelope(there.issued(number, further_days=(THURSDAY, FRIDAY))),
        desk.envelope(there.issued(number, further_days=(FRIDAY,), closed_days=(THURSDAY,), is_update=True)),
    )
    shown = desk.view(there.reference).pass_
    assert shown is not None
    assert (shown.number, shown.further_days) == (number, (FRIDAY,))


def test_an_event_that_arrives_before_its_application_is_retried(desk: Desk) -> None:
    there = apply(desk)
    stranger = Elsewhere(uuid4(), there.reference)
    envelopes = [
        desk.envelope(event)
        for event in (
            stranger.approved(),
            stranger.issued(),
            stranger.revoked("12345678"),
            stranger.delivered(),
        )
    ]
    for envelope in envelopes:
        with pytest.raises(UnknownApplication):
            desk.deliver(envelope)
    with desk.database.transaction() as session:
        marked = session.scalar(
            select(func.count()).select_from(inbox).where(inbox.c.event_id.in_([one.id for one in envelopes]))
        )
    assert marked == 0


def test_the_timeline_says_of_a_message_that_it_may_have_come_twice(desk: Desk) -> None:
    there = apply(desk)
    desk.receive(there.delivered().model_copy(update={"possible_duplicate": True}))
    assert desk.view(there.reference).timeline[-1].facts["possible_duplicate"] == 1


def test_messages_about_something_else_are_ignored(desk: Desk) -> None:
    there = apply(desk)
    about_nothing: dict[str, Any] = {
        "message_id": there.application_id,
        "application_id": None,
        "purpose": "otp",
        "channel": "sms",
    }
    desk.receive(NotificationDelivered(**about_nothing))
    desk.receive(NotificationFailed(**about_nothing, reason="late"))
    assert [entry.what for entry in desk.view(there.reference).timeline] == ["submitted"]


@by_examples
@given(data=st.data())
def test_the_newest_record_of_the_directory_stays(desk: Desk, data: st.DataObject) -> None:
    versions: list[Event] = [DirectoryChanged(site=site(gates=[f"S1-G{number}"])) for number in range(4)]
    versions += [DirectoryChanged(department=department(sites=[f"S{number}"])) for number in range(4)]
    for envelope in shuffled(data, [desk.envelope(event) for event in versions]):
        desk.deliver(envelope)
    with desk.database.transaction() as session:
        place = place_of(session, "S1", "home")
    assert place.site is not None
    assert place.department is not None
    assert (place.site.gates, place.department.sites) == (("S1-G3",), ("S3",))
