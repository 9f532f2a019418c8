"""Scheduled jobs: undecided applications expire, and personal data is erased."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.errors import NotFound
from contracts.events import ApplicationExpired, PersonalDataErased
from services.application.handlers import scheduled_jobs
from services.application.models import PERSONAL, ApplicationRow
from tests.support.factories.application import (
    MOBILE,
    NOW,
    TUESDAY,
    WEDNESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    form,
    slot,
)

WINDOW_ENDS = NOW + timedelta(days=1, hours=1)
"""Tuesday at 12:00."""
LONG_AFTER = NOW + timedelta(days=200)
OFFICE = {"organisation": "PSPCL", "designation": "XEN", "employee_no": "E-77"}


def expire(desk: Desk, at: datetime) -> int:
    with desk.database.transaction() as session:
        return scheduled_jobs.expire_undecided(session, at)


def erase(desk: Desk, at: datetime) -> int:
    with desk.database.transaction() as session:
        return scheduled_jobs.erase_ended(session, at, 180)


# ---------------------------------------------------------------------- expiry


def test_an_undecided_application_expires_when_its_last_window_has_passed(desk: Desk) -> None:
    thursday = WEDNESDAY + timedelta(days=1)
    early = desk.submit().reference
    late = desk.submit(form(preferred=[slot(thursday), slot(TUESDAY)])).reference
    assert expire(desk, WINDOW_ENDS - timedelta(seconds=1)) == 0
    assert expire(desk, WINDOW_ENDS) == 1
    assert expire(desk, WINDOW_ENDS) == 0
    assert (desk.view(early).status, desk.view(late).status) == ("expired", "submitted")
    published = desk.published()[-1]
    assert isinstance(published, ApplicationExpired)
    assert (published.reference, published.personal.mobile) == (early, MOBILE)
    assert [entry.what for entry in desk.view(early).timeline] == ["submitted", "expired"]


def test_a_returned_application_that_is_not_amended_expires_too(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).returned())
    assert expire(desk, WINDOW_ENDS) == 1
    assert desk.view(reference).status == "expired"


def test_a_decided_application_does_not_expire(desk: Desk) -> None:
    for decision in ("approved", "rejected", "issued", "withdrawn"):
        desk.receive(getattr(Elsewhere.of(desk.row(desk.submit().reference)), decision)())
    desk.cancel(desk.submit().reference)
    assert expire(desk, LONG_AFTER) == 0


def test_an_approval_that_arrives_after_an_amendment_stands(desk: Desk) -> None:
    reference = desk.submit().reference
    expire(desk, WINDOW_ENDS)
    desk.receive(Elsewhere.of(desk.row(reference)).approved())
    assert desk.view(reference).status == "approved"


def test_replicas_that_run_at_once_expire_each_application_once(desk: Desk) -> None:
    for _ in range(30):
        desk.submit()
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: expire(desk, WINDOW_ENDS), range(4))) == 30
    assert len([event for event in desk.published() if isinstance(event, ApplicationExpired)]) == 30


# --------------------------------------------------------------------- erasing


def test_the_people_of_an_application_that_ended_long_ago_are_erased_here_and_everywhere(desk: Desk) -> None:
    companions = [companion(name="Zorawar", id_last4="Z917")]
    person = {"kind": "official", "official": OFFICE, "email": "zed@example.org", "id_last4": "Z821"}
    reference = desk.submit(
        form(companions=companions, applicant=person, vehicle="ZZ01AB1234", purpose="Zebra")
    ).reference
    desk.receive(Elsewhere.of(desk.row(reference)).rejected(note="Zero chance"))
    assert erase(desk, LONG_AFTER) == 1
    assert erase(desk, LONG_AFTER) == 0
    assert isinstance(desk.published()[-1], PersonalDataErased)
    with desk.database.transaction() as session:
        stored = str(session.execute(select(ApplicationRow.__table__)).mappings().one())
    words = (
        "Zorawar",
        "Z917",
        "ਗੁਰਪ੍ਰੀਤ",
        "Gurpreet",
        "98765",
        "voter",
        "Z821",
        "E-77",
        "zed@",
        "ZZ01",
        "Zebra",
        "Zero",
    )
    assert not [word for word in words if word in stored]
    assert desk.references() == []
    with pytest.raises(NotFound):
        desk.view(reference)


def test_every_column_that_may_hold_something_personal_is_blanked() -> None:
    not_personal = {
        "id", "reference", "revision", "status", "submitted_at", "channel", "mobile_proved",
        "submitted_by", "kind", "language",
        "deliver_by", "assistance", "site", "department", "officer", "purpose_kind", "preferred",
        "preferred_until", "cancelled_at",
        "expired_at", "erased_at", "decision_seq", "decision_kind", "decision_revision", "decision_reason",
        "decided_day", "further_days", "answered_at", "scan_seq",
        "inside", "last_matters_at", "reception_asked_at", "closed_day", "closure_reason",
        "scanned_pass", "asks_for_card", "notice", "consented_at", "consent_withdrawn_at",
        "corrections", "correction_seq", "ask_met_at", "asked_met_at", "weekly_until",
        "locked_at", "locked_until",
    }  # fmt: skip
    assert set(PERSONAL) == set(ApplicationRow.__table__.columns.keys()) - not_personal


def test_a_note_that_arrives_after_the_erasure_is_not_stored(desk: Desk) -> None:
    reference = desk.submit().reference
    there = Elsewhere.of(desk.row(reference))
    desk.cancel(reference)
    erase(desk, LONG_AFTER)
    desk.receive(there.rejected(note="Zero chance"))
    assert desk.row(reference).note == ""


def test_nothing_is_erased_before_the_retention_time(desk: Desk) -> None:
    undecided = desk.submit().reference
    visited = desk.submit().reference
    there = Elsewhere.of(desk.row(visited))
    later = TUESDAY + timedelta(days=24)
    for event in (
        there.approved(day=later),
        there.issued("12345678", day=later),
        there.scanned("12345678", scanned_at=NOW),
    ):
        desk.receive(event)
    recent = NOW + timedelta(days=190)
    assert erase(desk, recent) == 0
    assert desk.row(undecided).name != ""
    assert desk.row(visited).name != ""
    assert erase(desk, NOW + timedelta(days=206)) == 1
    assert desk.row(visited).name == ""


def test_an_erased_application_repeats_its_first_answer(desk: Desk) -> None:
    first = desk.submit(form(), applicant_call(key="k"))
    desk.cancel(first.reference)
    erase(desk, LONG_AFTER)
    assert desk.submit(form(), applicant_call(key="k")) == first


def test_a_late_event_about_an_application_prolongs_its_retention(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.receive(
        Elsewhere.of(desk.row(reference)).scanned(
            "12345678", "exit", inside=0, scanned_at=NOW + timedelta(days=100)
        )
    )
    assert erase(desk, LONG_AFTER) == 0
    assert erase(desk, NOW + timedelta(days=281)) == 1
