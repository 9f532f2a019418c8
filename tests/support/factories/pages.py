"""Replies of the services that the pages show, for tests of pages."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from contracts import rpc
from contracts.model import IST, Companion, Person, Slot
from contracts.rpc.accounts.logins import LoginView
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.application import ApplicationView, TimelineEntry
from contracts.rpc.approval.closures import Affected, AffectedReview, ClosureView
from contracts.rpc.approval.decisions import DelegationView, RecordedDecision, RecordedDecisions
from contracts.rpc.approval.directory import DepartmentView
from contracts.rpc.approval.numbers import (
    AgeCount,
    DayNumbers,
    DeskNumbers,
    MonthNumbers,
    Numbers,
    Transparency,
)
from contracts.rpc.approval.reviews import DecisionView, ReviewView
from contracts.rpc.approval.watchlist import EntryView, MatchView
from contracts.rpc.audit import AuditEntries, AuditEntry, Looker, Lookers
from contracts.rpc.notify import PhoneMessages, SentMessage
from contracts.rpc.verify.scans import RecordedScan, ScanHistory, ScanResult
from contracts.subscriptions import SERVICES
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, REFERENCE, claims, signed

UNDER_A_LANGUAGE = "/{language:lang}"
"""How the path of nearly every page begins."""
REVIEW_ID = UUID("0195f3a2-0000-4000-8000-000000000001")
FIRST, SECOND = (Slot(day=date(2026, 12, day), start=time(10), end=time(12)) for day in (1, 2))
POLICE = DepartmentView(code="police", name={"en": "Police", "pa": "ਪੁਲਿਸ", "hi": "पुलिस"}, sites=("PCS1",))


def review(**given: Any) -> ReviewView:
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "reference": REFERENCE, "revision": 3, "status": "pending", "department": "home",
        "site": "PCS1", "channel": "portal",
        "kind": "citizen", "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "id_type": "voter_id",
        "id_last4": "4821", "party": 2,
        "companions": (Companion(name="Harjit Singh", name_latin="Harjit Singh"),), "purpose_kind": "meeting",
        "purpose": "Arms licence",
        "preferred": (FIRST, SECOND), "vehicle": "PB65AB1234", "mobile_proved": True, "submitted_at": now(),
        "waiting_since": now(), "visit": FIRST, "language": "pa", "deliver_by": "sms",
    }  # fmt: skip
    return ReviewView(**{**facts, **given})


DECIDED = DecisionView(
    status="approved",
    decided_by="HOM-0002",
    decided_at=now(),
    slot=FIRST,
    gate="PCS1-G1",
    entries=2,
    vehicle_allowed=True,
)


AUDITED = "PCS-7K3M-9QW3"
"""A reference whose check character is right, as an address of the auditor's pages needs it."""
DECISIONS = RecordedDecisions(
    items=(
        RecordedDecision(
            reference=AUDITED, department="home", site="PCS1", status="approved", decided_by="HOM-0009",
            on_behalf_of="baldev", decided_at=now(), slot=FIRST, days_reason="Hearing of two days",
        ),
        RecordedDecision(
            reference=AUDITED, department="police", site="PCS1", status="rejected", decided_by="POL-0001",
            decided_at=now(), reason="not_this_department",
        ),
    ),
    next="on",
)  # fmt: skip
SCANS = ScanHistory(
    pass_number=NUMBER,
    reference=AUDITED,
    items=(
        RecordedScan(
            scanned_at=now(), recorded_at=now(), gate="PCS1-G1", direction="exit", verdict="exit", count=2,
            inside=0, marks=("late",), scanned_by="SEC-0001",
        ),
        RecordedScan(
            scanned_at=now(), recorded_at=now(), gate="PCS1-G1", direction="entry", verdict="wrong_gate",
            count=0, inside=0, scanned_by="SEC-0001",
        ),
    ),
)  # fmt: skip
ENTRIES = AuditEntries(
    items=(
        AuditEntry(
            id=UUID(int=3), service="approval", at=now(), actor="HOM-0001", role="department",
            action="approve", objects=(AUDITED,), result="done", address="0a1b2c3d4e5f",
        ),
        AuditEntry(
            id=UUID(int=2), service="approval", at=now(), actor="HOM-0001", role="department",
            action="list_reviews", objects=(AUDITED, *(f"PCS-7K3M-{number}" for number in range(1000, 1014))),
            result="done", address="0a1b2c3d4e5f",
        ),
        AuditEntry(
            id=UUID(int=1), service="accounts", at=now() - timedelta(days=1), actor="anonymous",
            role="anonymous", action="log_in", objects=("HOM-0001",), result="wrong_login",
            address="ffeeddcc0011",
        ),
    ),
    next="on",
)  # fmt: skip
NO_ENTRIES = AuditEntries(items=())
LOOKERS = Lookers(items=(Looker(actor="HOM-0001", role="department", looks=60, people=1200),))
AUDIT_LOG = {f"{service}.audit_entries": NO_ENTRIES for service in SERVICES} | {
    "approval.audit_entries": lambda asked: NO_ENTRIES if asked.after else ENTRIES,
    **{f"{one}.most_looks": LOOKERS for one in SERVICES},
}
"""What the services answer to an auditor, by method."""
ADMIT = ScanResult(
    verdict="admit", preview=True, pass_=NUMBER, reference=REFERENCE, party=3, inside=0, valid_from=now(),
    valid_to=now(), site="PCS1",
    applicant=Person(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", id_type="voter_id"),
    vehicle="PB65AB1234",
    companions=(Companion(name="Harjit Singh", name_latin="Harjit Singh"),
    Companion(name="Simran", name_latin="Simran", child=True)),
    assistance="wheelchair",
)  # fmt: skip


def login(login_id: str, **given: Any) -> LoginView:
    facts: dict[str, Any] = {
        "role": "department",
        "name": "Harjit Singh",
        "department": "home",
        "issued_at": now(),
    }
    return LoginView(login_id=login_id, **{**facts, **given})


def entry(**given: Any) -> EntryView:
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "state": "active", "name": "ਬਲਵਿੰਦਰ ਸਿੰਘ", "id_last4": "4821",
        "mobile": "+919876543210", "reason": "Threatened an officer on 3 November",
        "valid_until": date(2027, 3, 31), "proposed_by": "ADO-0001", "proposed_at": now(),
        "confirmed_by": "SEC-0001", "confirmed_at": now(),
    }  # fmt: skip
    return EntryView(**{**facts, **given})


def closure(**given: Any) -> ClosureView:
    """Return a day to come that the department home has closed."""
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "department": "home", "day": now().astimezone(IST).date() + timedelta(days=3),
        "reason": "urgent_meeting", "note": "The Secretary is called to the Assembly",
        "closed_by": "HOM-0001", "closed_at": now(), "told": 40,
    }  # fmt: skip
    return ClosureView(**{**facts, **given})


def affected(**given: Any) -> Affected:
    """Return whom the closing of a day affects: an approved visit of two, and one that is to be decided."""
    names = {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "slot": FIRST}
    facts: dict[str, Any] = {
        "day": now().astimezone(IST).date() + timedelta(days=3), "department": "home", "approved": 14,
        "approved_people": 19, "only_that_day": 3, "with_other_days": 5, "next": "on",
        "items": (
            AffectedReview(id=REVIEW_ID, reference=REFERENCE, status="approved", party=2, **names),
            AffectedReview(id=REVIEW_ID, reference=REFERENCE, status="pending", party=1, **names),
        ),
    }  # fmt: skip
    return Affected(**{**facts, **given})


PROPOSED = {"state": "proposed", "confirmed_by": None, "confirmed_at": None}
"""An entry that waits for a second officer."""


def match(**given: Any) -> MatchView:
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "kind": "firm", "found_at": now(), "entry": entry(), "reference": REFERENCE,
        "department": "home", "site": "PCS1", "status": "pending", "visit": FIRST, "name": "बलविंदर सिंह",
        "name_latin": "Balwinder Singh", "id_last4": "4821", "mobile": "+919876543210",
    }  # fmt: skip
    return MatchView(**{**facts, **given})


def session(**given: Any) -> StaffSession:
    facts: dict[str, Any] = {
        "access_token": signed(claims("staff")),
        "role": "department",
        "login_id": "HOM-0001",
        "expires_at": now(),
    }
    return StaffSession(**{**facts, **given})


APPLICATION = rpc.application.ApplicationView(
    reference=REFERENCE, status="submitted", site="PCS1", department="home", submitted_at=now(),
    channel="portal", revision=1,
    applicant=Person(name="Gurpreet Kaur", name_latin="Gurpreet Kaur", id_type="voter_id", id_last4="4821"),
    purpose_kind="meeting",
    purpose="Arms licence", preferred=(FIRST,), language="en", deliver_by="sms",
    timeline=(rpc.application.TimelineEntry(at=now(), what="submitted"),),
)  # fmt: skip


def phone_messages(*texts: str) -> PhoneMessages:
    return PhoneMessages(
        items=tuple(
            SentMessage(
                at=now() - timedelta(minutes=5),
                to="+919876543210",
                channel="sms",
                purpose="pass",
                language="en",
                text=text,
            )
            for text in texts
        )
    )


def counter_application(**given: Any) -> ApplicationView:
    facts: dict[str, Any] = {
        "reference": REFERENCE, "status": "submitted", "site": "PCS1", "department": "home",
        "submitted_at": now(), "channel": "counter",
        "revision": 1, "applicant": Person(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur",
        id_type="voter_id", id_last4="4821"),
        "purpose_kind": "meeting", "purpose": "Licence", "language": "pa", "deliver_by": "printed",
        "timeline": (),
        "preferred": (Slot.model_validate({"date": "2026-12-01", "from": "10:00", "to": "12:00"}),),
    }  # fmt: skip
    return ApplicationView(**{**facts, **given})


def month(department: str | None, **given: Any) -> MonthNumbers:
    facts: dict[str, Any] = {
        "department": department, "month": date(2026, 11, 1), "applications": 120, "decisions": 100,
        "median_seconds": 7_200, "p95_seconds": 200_000, "percent_before_visit": 94,
        "visits": 80, "percent_met": 85, "median_call_seconds": 660, "p95_call_seconds": 2_400,
    }  # fmt: skip
    return MonthNumbers(**{**facts, **given})


TRANSPARENCY = Transparency(
    items=(
        month(None),
        month("home", median_seconds=2_700),
        month("police", decisions=None, median_seconds=None, p95_seconds=None, percent_before_visit=None,
              percent_met=70, median_call_seconds=1_320, p95_call_seconds=None),
        month(None, month=date(2026, 10, 1), decisions=None, visits=None, percent_met=None,
              median_call_seconds=None, p95_call_seconds=None),
    ),
    counted_at=now(),
)  # fmt: skip


def desk_numbers(own: int = 3, whole: int = 8) -> DeskNumbers:
    """Return the numbers of two weeks, with so many decisions on each of the last three days."""
    today = now().astimezone(IST).date()

    def numbers(count: int) -> Numbers:
        days = tuple(
            DayNumbers(
                day=today - timedelta(days=ago),
                decisions=count + ago if ago < 3 else 0,
                median_seconds=5_400 * (ago + 1) if ago < 3 else None,
            )
            for ago in reversed(range(14))
        )
        return Numbers(decided_today=count, median_seconds=5_400 if count else None, days=days)

    ages = ((0, 1, 4), (1, 4, 11), (4, 24, 3), (24, 72, 0), (72, None, 1))
    waiting = tuple(AgeCount(from_hours=low, to_hours=high, reviews=count) for low, high, count in ages)
    return DeskNumbers(own=numbers(own), department=numbers(whole), waiting=waiting)


def delegation(**given: Any) -> DelegationView:
    """Return a delegation that is in force."""
    facts = {
        "id": "0195f3a2-0000-4000-8000-00000000de1e",
        "officer": "baldev",
        "login": "HOM-0002",
        "starts": now() - timedelta(days=1),
        "ends": now() + timedelta(days=4),
        "made_by": "HOM-0001",
        "made_at": now() - timedelta(days=1),
    }
    return DelegationView.model_validate({**facts, **given})


AT = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)


def happened(what: str, minutes: int = 0, **facts: str | int) -> TimelineEntry:
    return TimelineEntry(at=AT + timedelta(minutes=minutes), what=what, facts=facts)


def application(**given: Any) -> ApplicationView:
    facts: dict[str, Any] = {
        "reference": REFERENCE, "status": "submitted", "site": "PCS1", "department": "home",
        "submitted_at": AT, "date": "2026-12-03",
        "channel": "portal", "revision": 1, "purpose_kind": "meeting", "purpose": "Arms licence renewal",
        "language": "en", "deliver_by": "sms",
        "applicant": Person(name="Gurpreet Kaur", name_latin="Gurpreet Kaur", mobile="+919876543210",
        id_type="voter_id", id_last4="4821"),
        "preferred": (Slot(day=date(2026, 12, 3), start=time(10), end=time(12)),),
        "timeline": (happened("submitted"),),
    }  # fmt: skip
    return ApplicationView(**{**facts, **given})
