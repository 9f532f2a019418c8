"""Factories of valid objects for the tests of application; each test names only what it cares about.

It is Monday, 2 March 2026, 11:00 in Chandigarh. Site S1 is open on weekdays from 09:00 to 17:00, but closed
on Wednesday.
"""

import base64
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

from PIL import Image
from sqlalchemy import func, select

from contracts.crockford import new_pass_number
from contracts.envelope import Envelope
from contracts.events import (
    ApprovalWithdrawn,
    ClosedDay,
    DepartmentRecord,
    DirectoryChanged,
    Event,
    NotificationDelivered,
    NotificationFailed,
    OfficerRecord,
    OpeningHours,
    PassApproved,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
    PassScanned,
    ReviewEscalated,
    SiteRecord,
    VisitDayClosed,
    VisitDayReopened,
)
from contracts.model import IST, EscalationStep
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    ApplicationView,
    Invite,
    Invited,
    OpenApplication,
    ReferenceOnly,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.call import Call, Page, Principal
from contracts.visiting_rules import Calendar
from services.application.consumers import Consumers
from services.application.domain.applications import Intake
from services.application.domain.visits import Place
from services.application.handlers import applications, queries, unlocked_sessions
from services.application.models import ApplicationRow
from services.application.settings import ApplicationSettings
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from tests.support.factories import envelopes
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import deliver, entrypoint_of, example, key_ring, wrap
from tests.support.stack.settings import make_settings

E = TypeVar("E", bound=Event)

MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
WEDNESDAY = date(2026, 3, 4)
NOW = datetime.combine(MONDAY, time(11, 0), IST).astimezone(UTC)
MOBILE = "+919876543210"
OTHER_MOBILE = "+919812345678"
AADHAAR = "2345 6789 0124"
"""Twelve digits with a right check digit, of nobody."""
PORTAL = Intake("portal", mobile_proved=True)
COUNTER = Intake("counter", submitted_by="RCP-0001")
SETTINGS = make_settings(ApplicationSettings)
CALENDAR = Calendar(NOW, furthest_days=30)

Json = dict[str, Any]


# ------------------------------------------------------------- the directory


def site(code: str = "S1", **changes: Any) -> SiteRecord:
    hours = tuple(
        OpeningHours(weekday=day, opens=time(9), closes=time(17), valid_from=date(2026, 1, 1))
        for day in range(5)
    )
    facts = {
        "code": code, "name": {"en": f"Site {code}"}, "address": {"en": "Sector 1"},
        "gates": (f"{code}-G1",), "hours": hours,
        "closed_days": (ClosedDay(day=WEDNESDAY, reason="Holi"),),
    }  # fmt: skip
    return SiteRecord.model_validate({**facts, **changes})


def department(code: str = "home", **changes: Any) -> DepartmentRecord:
    officers = (
        OfficerRecord(
            code=f"{code}-secretary", name={"en": "Harjinder Kaur"}, designation={"en": "Secretary"}
        ),
    )
    return DepartmentRecord.model_validate(
        {"code": code, "name": {"en": code}, "sites": ("S1",), "officers": officers, **changes}
    )


PLACE = Place(site(), department())


# ----------------------------------------------------------------- the forms


def slot(day: date = TUESDAY, start: str = "10:00", end: str = "12:00") -> Json:
    return {"date": day.isoformat(), "from": start, "to": end}


def companion(**changes: Any) -> Json:
    return {"name": "Harjit Singh", "id_type": "driving_licence", "id_last4": "0917", **changes}


def body(**changes: Any) -> Json:
    """Return the body of POST /applications; ``applicant`` changes within the applicant."""
    applicant = {
        "kind": "citizen", "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "language": "pa",
        "id_type": "voter_id", "id_last4": "4821",
        "deliver_by": "whatsapp",
    }  # fmt: skip
    return {
        "applicant": {**applicant, **changes.pop("applicant", {})},
        "site": "S1",
        "department": "home",
        "purpose_kind": "meeting",
        "purpose": "Arms licence renewal, file 114/2026",
        "preferred": [slot()],
        **changes,
    }


def form(**changes: Any) -> SubmitApplication:
    return SubmitApplication.model_validate(body(**changes))


def counter_form(**changes: Any) -> SubmitAtCounter:
    return SubmitAtCounter.model_validate(body(**changes))


def invitation(*visitors: Json, **changes: Any) -> Invite:
    """Return an invitation of two visitors, or of these."""
    two = ({"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "mobile": "98765 43210"}, {"name": "Ravi Kumar"})
    facts = {"site": "S1", "purpose_kind": "meeting", "purpose": "Budget talks", "slot": slot()}
    return Invite.model_validate({**facts, "visitors": visitors or two, **changes})


# ------------------------------------------------------------------ the calls


def applicant_call(mobile: str = MOBILE, key: str | None = None, session: int = 1) -> Call:
    """Return the call of an applicant; another session has another number."""
    facts = {"kind": "applicant", "id": f"applicant:{mobile}", "mobile": mobile, "sid": UUID(int=session)}
    return make_call(Principal.model_validate(facts), key)


def reception_call(
    site: str | None = "S1", key: str | None = None, login: str = "RCP-0001", role: Any = "reception"
) -> Call:
    return make_call(Principal(kind="staff", id=login, role=role, login_id=login, site=site), key)


def department_call(
    department: str | None = "home",
    key: str | None = None,
    login: str = "HOM-0001",
    role: Any = "department",
    **scope: Any,
) -> Call:
    facts = {"kind": "staff", "id": login, "role": role, "login_id": login, "department": department}
    return make_call(Principal(**{**facts, **scope}), key)


# --------------------------------------------------- the service, as it is used


@dataclass
class Desk:
    """The service on a real database: commands, queries, and what it has stored and published."""

    database: Database
    seqs: dict[str, int] = field(default_factory=dict)
    seconds: Any = field(default_factory=count)

    def moment(self) -> datetime:
        """Return an instant, one second later than the one before."""
        return NOW + timedelta(seconds=next(self.seconds))

    def open_directory(self) -> "Desk":
        self.receive(DirectoryChanged(site=site()))
        self.receive(DirectoryChanged(department=department()))
        return self

    def submit(
        self,
        request: SubmitApplication | None = None,
        call: Call | None = None,
        at: datetime | None = None,
        most_open: int | None = None,
    ) -> Acknowledged:
        with self.database.transaction() as session:
            return applications.submit(
                request or form(),
                call or applicant_call(),
                session,
                at or self.moment(),
                furthest_days=30,
                rate_limits=most_open is not None,
                most_open=most_open or 0,
            )

    def submit_at_counter(
        self, request: SubmitAtCounter, call: Call | None = None, at: datetime | None = None
    ) -> Acknowledged:
        with self.database.transaction() as session:
            return applications.submit_at_counter(
                request, call or reception_call(), session, at or self.moment(), furthest_days=30
            )

    def invite(self, request: Invite, call: Call | None = None, at: datetime | None = None) -> Invited:
        with self.database.transaction() as session:
            return applications.invite(
                request, call or department_call(), session, at or self.moment(), furthest_days=30
            )

    def amend(
        self, reference: str, call: Call | None = None, at: datetime | None = None, **changes: Any
    ) -> Acknowledged:
        request = AmendApplication.model_validate({"reference": reference, **changes})
        with self.database.transaction() as session:
            return applications.amend(
                request, call or applicant_call(), session, at or self.moment(), furthest_days=30
            )

    def cancel(self, reference: str, call: Call | None = None, at: datetime | None = None) -> Acknowledged:
        with self.database.transaction() as session:
            return applications.cancel(
                ReferenceOnly(reference=reference), call or applicant_call(), session, at or self.moment()
            )

    def view(self, reference: str, call: Call | None = None, at: datetime = NOW) -> ApplicationView:
        with self.database.transaction() as session:
            return queries.view(ReferenceOnly(reference=reference), call or applicant_call(), session, at)

    def open(
        self, reference: str, id_last4: str = "4821", call: Call | None = None, at: datetime = NOW
    ) -> ApplicationView:
        request = OpenApplication(reference=reference, id_last4=id_last4)
        return unlocked_sessions.open_application(request, call or applicant_call(), self.database, at)

    def references(self, call: Call | None = None) -> list[str]:
        with self.database.transaction() as session:
            return [
                item.reference
                for item in queries.list_applications(Page(), call or applicant_call(), session, NOW).items
            ]

    def receive(self, event: Event) -> Envelope:
        """Deliver an event for the first time, after all earlier events of its producer."""
        envelope = self.envelope(event)
        self.deliver(envelope)
        return envelope

    def envelope(self, event: Event, at: datetime | None = None) -> Envelope:
        """Return an event as its producer publishes it: its ``seq`` follows the one before."""
        subject = f"{event.producer} {event.subject}"
        self.seqs[subject] = self.seqs.get(subject, 0) + 1
        occurred_at = at or self.moment()
        return wrap(event, event_id=uuid4(), seq=self.seqs[subject], occurred_at=occurred_at, keys=key_ring())

    def deliver(self, *envelopes: Envelope) -> None:
        """Deliver envelopes of one type as the chassis does: opened, past the inbox, in one transaction."""
        consumers = Consumers()
        consumers.db, consumers.settings = self.database, SETTINGS
        deliver(getattr(consumers, entrypoint_of(envelopes[0])), *envelopes)

    def row(self, reference: str) -> ApplicationRow:
        with self.database.transaction() as session:
            return session.scalars(select(ApplicationRow).where(ApplicationRow.reference == reference)).one()

    def counts(self) -> tuple[int, int]:
        """Return how many applications and how many events there are."""
        with self.database.transaction() as session:
            return (
                session.scalar(select(func.count()).select_from(ApplicationRow)) or 0,
                session.scalar(select(func.count()).select_from(outbox)) or 0,
            )

    def published(self) -> list[Any]:
        """Return the events in the outbox, opened, oldest first."""
        return [one.event for one in envelopes.published(self.database)]


# --------------------------------------------------- other services' events


@dataclass
class Elsewhere:
    """Events of the other services about one application."""

    application_id: UUID
    reference: str
    numbers: Any = field(default_factory=count)

    @classmethod
    def of(cls, row: ApplicationRow) -> "Elsewhere":
        return cls(row.id, row.reference)

    def _example(self, kind: type[E], **members: Any) -> E:
        """Return the example of an event about this application, with those members that it has."""
        ids = {name: uuid4() for name in ("review_id", "message_id", "scan_id")}
        about = {"application_id": self.application_id, "reference": self.reference, "site": "S1"}
        return example(kind, **about, **ids, **{"party": 1, "decided_by": "DEP-0001", **members})

    def approved(
        self, revision: int = 1, day: date = TUESDAY, further_days: tuple[date, ...] = ()
    ) -> PassApproved:
        when = {"slot": slot(day), "further_days": further_days}
        return self._example(PassApproved, revision=revision, gate=None, **when)

    def rejected(self, revision: int = 1, note: str = "Come with the file") -> PassRejected:
        return self._example(PassRejected, revision=revision, personal={"contact": {}, "note": note})

    def returned(self, revision: int = 1, note: str = "Which file?") -> PassReturned:
        return self._example(PassReturned, revision=revision, personal={"contact": {}, "note": note})

    def day_closed(
        self, revision: int = 1, note: str = "The Secretary is called away", **changes: Any
    ) -> VisitDayClosed:
        facts = {"day": TUESDAY, "reason": "officer_away", "personal": {"contact": {}, "note": note}}
        return self._example(VisitDayClosed, **{"revision": revision, **facts, **changes})

    def day_reopened(self, revision: int = 1) -> VisitDayReopened:
        return self._example(VisitDayReopened, revision=revision, day=TUESDAY)

    def withdrawn(self, revision: int = 1) -> ApprovalWithdrawn:
        return self._example(ApprovalWithdrawn, revision=revision, reason="officer_unavailable")

    def escalated(self, step: EscalationStep | None = None) -> ReviewEscalated:
        return self._example(ReviewEscalated, step=step, waiting_since=NOW)

    def issued(
        self,
        number: str | None = None,
        replaces: str | None = None,
        day: date = TUESDAY,
        further_days: tuple[date, ...] = (),
        **changes: Any,
    ) -> PassIssued:
        start = datetime.combine(day, time(9, 30), IST)
        facts = {
            "pass_number": number or new_pass_number(),
            "slot": slot(day),
            "further_days": further_days,
            "valid_from": start,
            "valid_to": start + timedelta(hours=3),
            "replaces": replaces,
        }
        return self._example(PassIssued, **{**facts, **changes})

    def revoked(self, number: str, reason: Any = "withdrawn", *, replaced: bool = False) -> PassRevoked:
        return self._example(PassRevoked, pass_number=number, reason=reason, valid_to=NOW, replaced=replaced)

    def delivered(self, purpose: str = "pass_issued") -> NotificationDelivered:
        return self._example(NotificationDelivered, purpose=purpose, channel="sms")

    def failed(self, purpose: str = "pass_issued") -> NotificationFailed:
        return self._example(NotificationFailed, purpose=purpose)

    def scanned(self, number: str, verdict: Any = "admit", inside: int = 1, **changes: Any) -> PassScanned:
        facts = {
            "pass_number": number,
            "gate": "S1-G1",
            "direction": "exit" if verdict == "exit" else "entry",
            "verdict": verdict,
            "count": 1,
            "inside": inside,
            "scanned_at": NOW + timedelta(days=1, minutes=next(self.numbers)),
            "marks": (),
        }
        return self._example(PassScanned, **{**facts, **changes})


def photograph(size: tuple[int, int] = (480, 640), kind: str = "JPEG", **options: object) -> str:
    made = BytesIO()
    Image.new("RGB", size, "#a06040").save(made, kind, **options)
    return base64.b64encode(made.getvalue()).decode()
