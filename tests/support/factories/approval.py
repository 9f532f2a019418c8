"""Factories of valid objects for the tests of approval; each test names only what it cares about.

It is Monday, 2 March 2026, 11:00 in Chandigarh. Site T1 is open on weekdays from 09:00 to 17:00, but not on
Wednesday the 4th.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text

from contracts.capacity import Capacity, VisitingDay
from contracts.crockford import new_reference
from contracts.envelope import Received
from contracts.events import (
    ApplicationAmended,
    ApplicationCancelled,
    ApplicationExpired,
    ApplicationPersonal,
    ApplicationSubmitted,
    ClosedDay,
    DepartmentRecord,
    Event,
    GateAdvised,
    MobileChanged,
    MobileNumbers,
    OfficerRecord,
    OpeningHours,
    PassScanned,
    PersonalDataErased,
    SiteRecord,
)
from contracts.model import IST, Person, Slot, Verdict
from contracts.rpc.approval.decisions import Approve
from contracts.rpc.approval.watchlist import EntryId, ProposeEntry
from contracts.rpc.call import Call, Principal
from services.approval.domain.reviews import Review
from services.approval.handlers import event_handlers, watchlist_entries
from services.approval.handlers.directory import put_department, put_site
from services.approval.models.reviews import ReviewRow
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from tests.support.factories import envelopes
from tests.support.factories.envelopes import example
from tests.support.stack.databases import owner_of, tables_of

MONDAY, TUESDAY, HOLI, SATURDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 7)
NOW = datetime.combine(MONDAY, time(11, 0), IST).astimezone(UTC)
HANDLERS = {
    ApplicationSubmitted: partial(event_handlers.handle_application_submitted, now=NOW, furthest_days=30),
    ApplicationAmended: event_handlers.handle_application_submitted_or_amended,
    ApplicationCancelled: event_handlers.handle_application_cancelled,
    ApplicationExpired: event_handlers.handle_application_expired,
    MobileChanged: event_handlers.handle_mobile_changed,
    PassScanned: lambda received, session: event_handlers.handle_passes_scanned([received], session, NOW),
    PersonalDataErased: event_handlers.handle_personal_data_erased,
}


def ist(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), IST)


def site(code: str = "T1", **changes: Any) -> SiteRecord:
    weekdays = tuple(
        OpeningHours(weekday=day, opens=time(9), closes=time(17), valid_from=date(2026, 1, 1))
        for day in range(5)
    )
    facts = {
        "code": code,
        "name": {"en": f"Test site {code}", "pa": "ਟੈਸਟ", "hi": "टेस्ट"},
        "address": {"en": "Sector 1", "pa": "ਸੈਕਟਰ 1", "hi": "सेक्टर 1"},
        "gates": (f"{code}-G1", f"{code}-G2"),
        "hours": weekdays,
        "closed_days": (ClosedDay(day=HOLI, reason="Holi"),),
    }
    return SiteRecord.model_validate({**facts, **changes})


def officer(code: str = "home-secretary", **changes: Any) -> OfficerRecord:
    facts = {
        "code": code,
        "name": {"en": "Harjinder Kaur", "pa": "ਹਰਜਿੰਦਰ ਕੌਰ", "hi": "हरजिंदर कौर"},
        "designation": {"en": "Secretary", "pa": "ਸਕੱਤਰ", "hi": "सचिव"},
        "room": "4-18",
    }
    return OfficerRecord.model_validate({**facts, **changes})


def department(code: str = "home", **changes: Any) -> DepartmentRecord:
    officers = (officer(f"{code}-secretary"), officer(f"{code}-under-secretary"))
    facts = {"code": code, "name": {"en": code.title()}, "sites": ("T1",), "officers": officers}
    return DepartmentRecord.model_validate({**facts, **changes})


def capacity(places: int = 20, **changes: Any) -> Capacity:
    """Return what a department takes: on weekdays from 10:00 to 13:00, by the hour."""
    days = tuple(VisitingDay(weekday=day, opens=time(10), closes=time(13), places=places) for day in range(5))
    return Capacity.model_validate({"days": days, **changes})


def slot(day: date = TUESDAY, start: str = "10:00", end: str = "12:00") -> Slot:
    return Slot.model_validate({"date": day, "from": start, "to": end})


def person(**changes: Any) -> Person:
    return ApplicationSubmitted.sample().personal.applicant.model_copy(
        update={"email": "g@example.org", **changes}
    )


def personal(**changes: Any) -> ApplicationPersonal:
    facts = {"applicant": person(), "purpose": "Arms licence renewal, file 114/2026", **changes}
    return ApplicationSubmitted.sample().personal.model_copy(update=facts)


def submitted(**changes: Any) -> ApplicationSubmitted:
    facts = {
        "application_id": uuid4(),
        "reference": new_reference(),
        "site": "T1",
        "preferred": (slot(),),
        "personal": personal(),
    }
    return example(ApplicationSubmitted, **facts | changes)


def invited(**changes: Any) -> ApplicationSubmitted:
    """Return the application of a visitor whom an officer of the department home invited."""
    facts = {"channel": "invitation", "mobile_proved": False, "submitted_by": "HOM-0002"}
    return submitted(**facts | changes)


def amended(first: ApplicationSubmitted, **changes: Any) -> ApplicationAmended:
    return ApplicationAmended(**{**dict(first), "revision": first.revision + 1, **changes})


def cancelled(first: ApplicationSubmitted) -> ApplicationCancelled:
    return example(ApplicationCancelled, first)


def expired(first: ApplicationSubmitted) -> ApplicationExpired:
    return example(ApplicationExpired, first)


def mobile_changed(first: ApplicationSubmitted, to: str) -> MobileChanged:
    numbers = MobileNumbers(mobile=to, before=first.personal.applicant.mobile)
    return example(MobileChanged, first, changed_by="applicant", personal=numbers)


def erased(first: ApplicationSubmitted) -> PersonalDataErased:
    return example(PersonalDataErased, first)


def scanned(first: ApplicationSubmitted, at: datetime, verdict: Verdict = "admit") -> PassScanned:
    """Return the scan of a pass of an application, by which two people went in."""
    return example(
        PassScanned, first, scan_id=uuid4(), gate="T1-G1", verdict=verdict, scanned_at=at, marks=()
    )


def received(event: Event, seq: int = 1, at: datetime | None = None) -> Received[Any]:
    """Return the event as a consumer gets it, published two hours before now plus ``seq`` minutes."""
    return envelopes.received(event, seq, at or NOW - timedelta(hours=2) + timedelta(minutes=seq))


def deliver(database: Database, event: Event, seq: int = 1, at: datetime | None = None) -> None:
    """Handle an event that the inbox lets through, as the consumer does, in its own transaction."""
    with database.transaction() as session:
        HANDLERS[type(event)](received(event, seq, at), session)


def fill_directory(database: Database) -> None:
    """Store sites T1 and T2, departments home and finance; leave the outbox empty."""
    with database.transaction() as session:
        put_site(session, site(), NOW)
        put_site(session, site("T2"), NOW)
        put_department(session, department(), NOW)
        put_department(session, department("finance"), NOW)
    with owner_of(database).transaction() as owner:
        owner.execute(outbox.delete())


def pending(database: Database, **changes: Any) -> UUID:
    """Make a review that waits for a decision; return its id."""
    event = submitted(**changes)
    deliver(database, event)
    return review_id_of(database, event.application_id)


def review_id_of(database: Database, application_id: UUID) -> UUID:
    with database.transaction() as session:
        return session.scalars(select(ReviewRow.id).where(ReviewRow.application_id == application_id)).one()


def review(**changes: Any) -> Review:
    """Return a pending review for the pure domain."""
    facts = {
        "id": uuid4(),
        "application": submitted(),
        "department": "home",
        "officer": None,
        "status": "pending",
    }
    return Review(**{**facts, **changes})


def approval(review_id: UUID, **changes: Any) -> Approve:
    return Approve(**{"review_id": review_id, "slot": slot(), **changes})


def desk(department: str = "home", login: str = "HOM-0001", site: str | None = None) -> Principal:
    facts = {"department": department, "site": site}
    return Principal(kind="staff", id=login, login_id=login, role="department", **facts)


def assistant(of: str = "home-secretary", login: str = "HOM-0009") -> Principal:
    """Return the login of an assistant of the department home."""
    return desk("home", login).model_copy(update={"assistant_of": of})


ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
AUDITOR = Principal(kind="staff", id="AUD-0001", login_id="AUD-0001", role="auditor")


def by(principal: Principal, key: str | None = None) -> Call:
    return Call(principal=principal, deadline=NOW + timedelta(days=3650), idempotency_key=key)


def published(database: Database, kind: type[Event] | None = None) -> list[Event]:
    """Return the events in the outbox, oldest first, opened; the advice to the gate only by its kind."""
    events = [one.event for one in envelopes.published(database, kind)]
    return [event for event in events if kind or not isinstance(event, GateAdvised)]


def everything(database: Database) -> dict[str, list[Any]]:
    """Return all rows of all tables, to show that nothing changed."""
    with database.transaction() as session:
        return {
            table: session.execute(text(f"select to_jsonb(t) from {table} t order by t::text"))
            .scalars()
            .all()
            for table in tables_of(session)
        }


def watcher(login: str = "ADO-0001", role: str = "ado") -> Principal:
    return Principal(kind="staff", id=login, login_id=login, role=role)


GUARD = watcher("SEC-0001", "security")


def propose(database, principal=None, key=None, **changes):
    facts = {
        "name": "Gurprit Kaur",
        "id_last4": "4821",
        "reason": "Threatened an officer",
        "valid_until": TUESDAY,
    }
    with database.transaction() as session:
        return watchlist_entries.propose_entry(
            ProposeEntry(**facts | changes), by(principal or watcher(), key), session, NOW
        )


def confirm(database, entry_id, principal=GUARD, at=NOW):
    with database.transaction() as session:
        return watchlist_entries.confirm_entry(EntryId(entry_id=entry_id), by(principal), session, at)


def active(database, **changes):
    return confirm(database, propose(database, **changes).id)
