"""A department's decisions on real rows: what each publishes and stores; a refusal changes nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import ApprovalWithdrawn, PassApproved, PassRejected, PassReturned
from contracts.rpc.approval.decisions import Reject
from contracts.rpc.approval.reviews import ReviewQuestion
from contracts.rpc.call import Principal
from services.approval.handlers import decisions, queries
from services.approval.handlers.directory import put_site
from services.approval.models.reviews import BookingRow
from services.chassis.db.tables import outbox
from services.chassis.runtime import logs, tracing
from tests.integration.approval.handlers.decide import (
    COMMANDS,
    approve,
    forward,
    refused,
    reject,
    send_back,
    withdraw,
)
from tests.support.factories.approval import (
    AUDITOR,
    HOLI,
    NOW,
    TUESDAY,
    amended,
    by,
    cancelled,
    deliver,
    desk,
    erased,
    everything,
    pending,
    personal,
    published,
    review_id_of,
    site,
    slot,
    submitted,
)
from tests.support.stack.collector import Collector

FINANCE = desk("finance", "FIN-0001")


DECIDING = {name: command for name, command in COMMANDS.items() if name != "withdraw"}


# ------------------------------------------------------- what they do


def test_an_approval_is_published_with_all_that_issuing_needs_and_its_people_sealed(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    view = approve(
        approval_db,
        review_id_of(approval_db, first.application_id),
        gate="T1-G2",
        entries=2,
        vehicle_allowed=True,
        revision=1,
    )
    assert (view.status, view.decision.status, view.decision.decided_by, view.decision.decided_at) == (
        "approved",
        "approved",
        "HOM-0001",
        NOW,
    )
    assert (view.decision.slot, view.decision.gate, view.decision.entries, view.decision.vehicle_allowed) == (
        slot(),
        "T1-G2",
        2,
        True,
    )
    (event,) = published(approval_db)
    assert isinstance(event, PassApproved)
    assert (event.application_id, event.personal, event.slot) == (
        first.application_id,
        first.personal,
        slot(),
    )
    with approval_db.transaction() as session:
        clear = str([row.data for row in session.execute(outbox.select()).all()])
    assert "Gurpreet" not in clear
    assert "9876543210" not in clear


THURSDAY, FRIDAY = TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3)
SEVERAL = {"last_day": FRIDAY, "days_reason": "Hearing on three days"}


def test_an_approval_for_several_days_is_published_with_them_and_its_reason_stays(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    decision = approve(approval_db, review_id, **SEVERAL).decision
    assert (decision.slot, decision.further_days) == (slot(), (THURSDAY, FRIDAY))  # Wednesday is Holi
    assert decision.days_reason == "Hearing on three days"
    (event,) = published(approval_db)
    assert (event.slot, event.further_days) == (slot(), (THURSDAY, FRIDAY))
    with approval_db.transaction() as session:
        booked = session.scalars(select(BookingRow.day).order_by(BookingRow.day)).all()
    assert booked == [TUESDAY, THURSDAY, FRIDAY]
    withdraw(approval_db, review_id)
    with approval_db.transaction() as session:
        assert session.scalars(select(BookingRow)).all() == []


def test_an_aadhaar_number_in_a_note_or_a_reason_is_stored_nowhere(approval_db) -> None:
    approve(approval_db, pending(approval_db), **SEVERAL | {"days_reason": "for 2341 2341 2346"})
    view = send_back(approval_db, pending(approval_db), note="Not 2341 2341 2346 please")
    assert view.decision.note == "Not XXXX XXXX 2346 please"
    assert "2341 2341" not in str(everything(approval_db))


def test_an_erasure_takes_the_reason_for_several_days(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    approve(approval_db, review_id_of(approval_db, first.application_id), **SEVERAL)
    deliver(approval_db, erased(first), seq=2)
    assert "Hearing" not in str(everything(approval_db))


def test_a_rejection_is_published_with_reason_note_and_contact(approval_db) -> None:
    view = reject(approval_db, pending(approval_db), note="Seen on 1 March")
    assert (view.status, view.decision.reason, view.decision.note) == (
        "rejected",
        "duplicate",
        "Seen on 1 March",
    )
    (event,) = published(approval_db)
    assert isinstance(event, PassRejected)
    assert (event.reason, event.personal.note, event.personal.contact.mobile) == (
        "duplicate",
        "Seen on 1 March",
        "+919876543210",
    )


def test_a_return_is_published_with_its_note(approval_db) -> None:
    view = send_back(approval_db, pending(approval_db))
    assert (view.status, view.decision.note) == ("returned", "Which file?")
    (event,) = published(approval_db)
    assert isinstance(event, PassReturned)
    assert event.personal.note == "Which file?"


def test_a_withdrawal_is_published_with_its_reason(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    view = withdraw(approval_db, review_id, by(desk(login="HOM-0002")), note=" Come next week ")
    assert (view.status, view.decision.status, view.decision.decided_by, view.decision.note) == (
        "withdrawn",
        "withdrawn",
        "HOM-0002",
        "Come next week",
    )
    event = published(approval_db)[-1]
    assert isinstance(event, ApprovalWithdrawn)
    assert (event.review_id, event.reason, event.decided_by) == (review_id, "officer_unavailable", "HOM-0002")
    assert event.personal.note == "Come next week"
    assert [row["status"] for row in everything(approval_db)["decisions"]] == ["approved", "withdrawn"]


def test_the_words_of_a_withdrawal_have_no_links(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    body = refused(approval_db, InvalidInput, withdraw, review_id, note="See https://example.org")
    assert body.fields[0].field == "note"


def test_a_forwarded_review_moves_from_one_departments_queue_to_the_others(approval_db) -> None:
    review_id = pending(approval_db, officer="home-secretary")
    view = forward(approval_db, review_id)
    assert (view.department, view.officer, view.forwarded_from, view.status) == (
        "finance",
        None,
        "home",
        "pending",
    )
    with approval_db.transaction() as session:
        assert queries.list_reviews(ReviewQuestion(), by(desk()), session, NOW).items == ()
        assert [
            one.id for one in queries.list_reviews(ReviewQuestion(), by(FINANCE), session, NOW).items
        ] == [review_id]
    refused(approval_db, NotFound, approve, review_id)
    assert approve(approval_db, review_id, by(FINANCE)).decision.decided_by == "FIN-0001"
    assert published(approval_db)[-1].department == "finance"
    (row,) = everything(approval_db)["forwardings"]
    assert (row["from_department"], row["to_department"], row["forwarded_by"]) == (
        "home",
        "finance",
        "HOM-0001",
    )


def test_a_review_forwarded_to_an_officer_stays_and_its_pass_is_for_that_officer(approval_db) -> None:
    review_id = pending(approval_db, officer="home-secretary")
    view = forward(approval_db, review_id, officer="home-under-secretary")
    assert (view.department, view.officer, view.forwarded_from) == ("home", "home-under-secretary", None)
    approve(approval_db, review_id)
    assert published(approval_db)[-1].officer == "home-under-secretary"


def test_a_review_forwarded_there_and_back_retains_its_whole_history(approval_db) -> None:
    review_id = pending(approval_db)
    forward(approval_db, review_id)
    view = forward(approval_db, review_id, by(FINANCE), department="home")
    assert (view.department, view.forwarded_from) == ("home", "finance")
    assert [row["to_department"] for row in everything(approval_db)["forwardings"]] == ["finance", "home"]


# ----------------------------------------------------- what they refuse


def test_a_second_decision_is_refused_with_who_decided_what_and_when(approval_db) -> None:
    for first in ("approve", "reject", "return"):
        review_id = pending(approval_db)
        status = COMMANDS[first](approval_db, review_id).status
        for second in DECIDING.values():
            body = refused(approval_db, Conflict, second, review_id, by(desk(login="HOM-0002")))
            assert body.code == "already_decided"
            assert body.facts == {"status": status, "decided_by": "HOM-0001", "decided_at": NOW.isoformat()}
        if first != "approve":
            assert refused(approval_db, Conflict, withdraw, review_id).code == "not_approved"
    assert refused(approval_db, Conflict, withdraw, pending(approval_db)).code == "not_approved"


def test_nothing_is_decided_about_a_cancelled_application(approval_db) -> None:
    for name, command in COMMANDS.items():
        first = submitted()
        deliver(approval_db, first)
        review_id = review_id_of(approval_db, first.application_id)
        if name == "withdraw":
            approve(approval_db, review_id)
        deliver(approval_db, cancelled(first), 2)
        assert refused(approval_db, Conflict, command, review_id).code == "application_closed", name


def test_the_review_of_another_department_or_site_and_one_that_does_not_exist_are_not_found(
    approval_db,
) -> None:
    for name, command in COMMANDS.items():
        theirs, ours = pending(approval_db, department="finance"), pending(approval_db)
        if name == "withdraw":
            approve(approval_db, theirs, by(FINANCE))
            approve(approval_db, ours)
        refused(approval_db, NotFound, command, theirs, by(desk()))
        refused(approval_db, NotFound, command, uuid4())
        refused(approval_db, NotFound, command, ours, by(desk(site="T2")))
        command(approval_db, ours, by(desk(site="T1")))


def test_a_principal_that_is_no_login_of_a_department_decides_nothing(approval_db) -> None:
    review_id = pending(approval_db)
    for principal in (
        AUDITOR,
        Principal(),
        Principal(kind="staff", id="A", login_id="A", role="ado", department="home"),
        Principal(kind="staff", id="A", login_id="A", role="department"),
        Principal(kind="staff", id="A", role="department", department="home"),
    ):
        for command in COMMANDS.values():
            refused(approval_db, Forbidden, command, review_id, by(principal))


@pytest.mark.parametrize("decide", ["approve", "reject", "return"])
def test_a_page_read_before_an_amendment_decides_nothing(approval_db, decide) -> None:
    first = submitted()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    send_back(approval_db, review_id)
    deliver(approval_db, amended(first), 2)
    body = refused(approval_db, Conflict, COMMANDS[decide], review_id, revision=1)
    assert (body.code, body.facts) == ("application_changed", {"revision": 2})
    assert COMMANDS[decide](approval_db, review_id, revision=2).decision is not None


def test_a_visit_that_cannot_take_place_is_not_approved(approval_db) -> None:
    review_id = pending(approval_db, personal=personal(vehicle=None))
    for terms, field, code in (
        ({"slot": slot(HOLI)}, "slot.date", "closed_day"),
        ({"slot": slot(start="08:00")}, "slot.from", "outside_hours"),
        ({"slot": slot(NOW.date(), "09:00", "10:59")}, "slot.to", "window_over"),
        ({"slot": slot(NOW.date() + timedelta(days=31))}, "slot.date", "date_too_far"),
        ({"gate": "T2-G1"}, "gate", "unknown_gate"),
        ({"vehicle_allowed": True}, "vehicle_allowed", "no_vehicle"),
        ({"last_day": FRIDAY}, "days_reason", "days_reason_missing"),
        ({"last_day": HOLI, "days_reason": "x"}, "last_day", "no_further_day"),
    ):
        body = refused(approval_db, InvalidInput, approve, review_id, **terms)
        assert [(one.field, one.code) for one in body.fields] == [(field, code)]
    assert approve(approval_db, review_id).status == "approved"


def test_hours_are_those_of_the_applications_site_as_they_are_now(approval_db) -> None:
    review_id = pending(approval_db, site="T2")
    refused(approval_db, InvalidInput, approve, review_id, gate="T1-G1")
    with approval_db.transaction() as session:
        put_site(session, site("T2", hours=()), NOW)
    assert refused(approval_db, InvalidInput, approve, review_id).fields[0].code == "closed_day"


# ------------------------------------------------------ once, and at once


def test_a_decision_is_measured_once_by_its_department_and_only_if_it_is_committed(approval_db) -> None:
    def measured(decision: str) -> tuple[float, float]:
        labels, name = {"department": "home", "decision": decision}, "epass_decision_seconds"
        count = REGISTRY.get_sample_value(f"{name}_count", labels)
        return count or 0.0, REGISTRY.get_sample_value(f"{name}_sum", labels) or 0.0

    first, key = submitted(), by(desk(), "measured")
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    (count, seconds), rejected = measured("approved"), measured("rejected")
    with approval_db.transaction() as session:
        decisions.reject(Reject(review_id=review_id, reason="duplicate"), by(desk()), session, NOW)
        session.rollback()
    for _ in range(2):
        approve(approval_db, review_id, key)
    assert measured("approved") == (count + 1, seconds + 119 * 60)
    assert measured("rejected") == rejected


APPLIED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AMENDED = "00-5bf92f3577b34da6a3ce929d0e0e4737-01f067aa0ba902b8-01"
OFFICER = "00-6bf92f3577b34da6a3ce929d0e0e4738-02f067aa0ba902b9-01"


def contexts(database) -> set[str | None]:
    with database.transaction() as session:
        return {*session.execute(select(outbox.c.traceparent)).scalars()}


@pytest.mark.parametrize("is_amended", [False, True])
def test_a_decision_continues_the_trace_of_the_application_linked_to_the_officers_request(
    approval_db, collector: Collector, is_amended: bool
) -> None:
    first = submitted()
    with logs.context(traceparent=APPLIED):
        deliver(approval_db, first)
    if is_amended:
        with logs.context(traceparent=AMENDED):
            deliver(approval_db, amended(first), 2)
    review_id = review_id_of(approval_db, first.application_id)
    with tracing.exporting("approval", collector.url), logs.context(traceparent=OFFICER):
        approve(approval_db, review_id, revision=2 if is_amended else 1)
    (span,) = collector.spans
    cause = AMENDED if is_amended else APPLIED
    assert (span.name, span.kind, span.trace_id, span.parent_id) == (
        "decide approve", "INTERNAL", *cause.split("-")[1:3],
    )  # fmt: skip
    assert span.links == (tuple(OFFICER.split("-")[1:3]),)
    assert contexts(approval_db) == {span.traceparent}


def test_what_came_without_a_context_is_decided_in_the_trace_of_the_officer(approval_db) -> None:
    review_id = pending(approval_db)
    with logs.context(traceparent=OFFICER):
        approve(approval_db, review_id)
    assert contexts(approval_db) == {OFFICER}
