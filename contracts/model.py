"""The base of every model on a wire, and the value types that these models share."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_serializer

from contracts.open_sets import else_


class Wire(BaseModel):
    """A frozen model. Fields that a reader does not know are ignored, so that a producer may add some.

    Validation messages do not quote the input, because they end in logs and in replies.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    uncompared: ClassVar[frozenset[str]] = frozenset()
    """Fields in which a repeat of a command may differ: our pages fill them anew, and nobody types them."""

    @classmethod
    def from_attributes(cls, source: object, **others: Any) -> Self:
        """Return what a row or a value says: each field from its attribute of that name, or from the others.

        A field that neither has keeps its default.
        """
        found = {name: getattr(source, name, ...) for name in cls.model_fields if name not in others}
        return cls(**{name: value for name, value in found.items() if value is not ...}, **others)


class Strict(Wire):
    """A request from outside. An unknown field is refused: it is a misspelling or a misunderstanding."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time has no summer time, so a fixed offset is exact."""

AHEAD = timedelta(minutes=1)
"""An instant that is further ahead of the clock than this is a mistake: some clock is or was wrong."""


def is_ahead(instant: datetime, now: datetime) -> bool:
    """Return whether an instant of the past is from the future; then it is no mark to go by."""
    return instant - now > AHEAD


Service = Literal["accounts", "application", "approval", "issuance", "notify", "verify"]
Subscriber = Service | Literal["gateway"]
"""Who may consume an event; each replica of the gateway has an exclusive queue of its own."""
Language = Literal["pa", "hi", "en"]
ApplicantKind = Literal["citizen", "official"]
Channel = Literal["portal", "counter", "kiosk", "invitation"]
DeliverBy = Literal["sms", "whatsapp", "email", "printed"]
IdType = Literal[
    "aadhaar", "driving_licence", "voter_id", "passport", "pan", "government_id", "other_photo_id"
]
PurposeKind = Literal["meeting", "hearing", "rti_inspection", "tender", "delivery", "other"]
RejectionReason = Literal[
    "not_this_department",
    "officer_unavailable",
    "insufficient_details",
    "no_appointment",
    "duplicate",
    "security",
    "other",
]
LINK_CODE = r"^[\w-]{1,40}$"
"""What the code of any link may be; whatever else comes reaches no database."""
SHORT_LINK = 10
"""Characters of the code of a pass link that stand in an SMS: 60 random bits of its 128."""
ClosureReason = Literal["urgent_meeting", "officer_away", "holiday_declared", "security", "other"]
"""Why a department closes a day on which visitors were to come."""
Corrector = Literal["applicant", "privacy"]
"""Who corrects an application that was sent; ``privacy``: the data officer, for its applicant."""
PlaceOutcome = Literal["taken", "lapsed", "left", "over"]
"""How the wait for a place ended: accepted; not accepted in time; the visitor waits no longer; the window
begins or is closed, or something else was decided or changed."""
PlaceState = Literal["waits", "offered", "taken", "lapsed", "left", "over"]
"""How it stands with somebody who waits for a place."""
VisitAnswer = Literal["come_up", "wait", "somebody_else", "not_today"]
"""What the office says to a visitor who has arrived."""
ArrivalNotice = Literal["none", "sms", "whatsapp", "digest"]
"""What an office gets when its visitors arrive: nothing, a message for each, or one for all of half a day."""
Announcement = Literal["arrived", "many", "unanswered"]
"""What an office is told: a visitor has come; so many have that one message stands for all; one waits."""
VisitOutcome = Literal["met", "not_met"]
LinkAnswer = Literal["coming", "not_coming", "met", "not_met"]
"""What a visitor may say on the page of their pass, before the visit and after it."""
NotMetReason = Literal[
    "officer_away", "meeting_went_on", "papers_missing", "wrong_department", "visitor_left", "other"
]
VisitState = Literal["expected", "here", "waits", "called", "met", "not_met", "gone"]
"""Approved and not here yet; inside, and nobody has answered; told to wait; told to come; how it ended; or
left before anybody said how."""
Assistance = Literal["wheelchair", "guide", "written"]
"""What a visitor needs; ``written``: to be called in writing, and spoken to in writing or by signs."""
Relation = Literal["mother", "father", "guardian"]
"""Who applies for a person under 18; ``guardian`` is a legal guardian."""
Basis = Literal["law", "consent"]
"""Why personal data may be used: by a clause of section 7 of the DPDP Act, or by consent (section 6).

Clause (b), a permit that the State issues, needs an earlier consent to a benefit or service of the State, or
data in a register that the Central Government has notified. Clause (c) is a function of the State under a
law. Counsel names the clause.
"""
Role = Literal[
    "ado", "department", "reception", "assisted", "security", "ops", "auditor", "grievance", "privacy",
    "kiosk", "gate_device",
]  # fmt: skip
"""The role of a login."""
DEVICE_ROLES: frozenset[Role] = frozenset({"kiosk", "gate_device"})
"""Roles of devices: nobody signs in with them, and a one-time token or code enrols one browser."""
GateDeviceWorry = Literal["silent", "unsent"]
"""Why somebody has to look after a gate device: it is silent, or has scans that it cannot send."""
AccessChange = Literal[
    "login_issued",
    "logins_issued",
    "password_reset",
    "factor_set_up",
    "factor_reset",
    "recovery_codes_renewed",
    "recovery_code_used",
    "rule_changed",
    "mobile_changed",
    "look_budgets_changed",
    "other",
]
"""What was done to a login, or to all logins of some roles, of which people are told."""
LoginState = Literal["active", "never_used", "expired", "disabled"]
"""The state of a login. One that has never signed in and is not over is ``never_used``."""
DirectoryTable = Literal["sites", "gates", "hours", "departments", "officers", "holidays", "escalation"]
"""The tables of the directory that the ADO Branch edits, imports and exports."""
Direction = Literal["entry", "exit"]
Verdict = Literal[
    "admit",
    "exit",
    "already_inside",
    "already_used",
    "not_yet_valid",
    "day_closed",
    "expired",
    "wrong_site",
    "wrong_gate",
    "revoked",
    "unknown_pass",
    "bad_signature",
    "id_mismatch",
]
ConflictKind = Literal[
    "over_entries",
    "already_inside",
    "revoked",
    "expired",
    "wrong_place",
    "id_mismatch",
    "unknown",
    "other",
]
"""Why a gate without a network should not have let somebody in: more often than the pass allows; while all of
the party were inside; revoked before; outside its hours and days; for another site or gate; with another ID;
no genuine pass."""
ApplicationStatus = Literal[
    "submitted",
    "approved",
    "rejected",
    "returned",
    "cancelled",
    "expired",
    "issued",
    "entered",
    "left",
    "revoked",
]
OPEN_STATUSES: tuple[ApplicationStatus, ...] = ("submitted", "returned", "approved", "issued")
"""Before the visit: it can be cancelled, and its messages can go to another number."""
ReviewStatus = Literal["pending", "approved", "rejected", "returned", "withdrawn", "closed"]
EscalationStep = Literal["stand_in", "head", "reception"]
"""Who is asked when nobody decides and the visit comes near: the officer's stand-in, the head of the
department, the reception."""
EntryState = Literal["proposed", "active", "ended"]
"""Of an entry of the watchlist: waiting for a second officer, in force, or over."""
MatchKind = Literal["firm", "possible"]
"""Of a match with the watchlist: by name and ID or mobile, or by name alone."""
MatchSettlement = Literal["confirmed", "dismissed"]
StandingState = Literal["waiting", "in_force", "suspended"]
"""Of a standing pass that a department has approved: the ADO Branch has not decided yet; it admits; it admits
nobody for now."""
RevocationReason = Literal["withdrawn", "cancelled", "reissued", "security", "day_closed", "suspended"]

Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-:.]*$")]
"""An identifier that we give: of a site, a gate, a department, an officer or a login."""

Instant = AwareDatetime
__all__ = [
    "AHEAD",
    "IST",
    "MOST_DAYS",
    "MOST_STANDING_DAYS",
    "OPEN_STATUSES",
    "ApplicantKind",
    "ApplicationStatus",
    "Assistance",
    "Channel",
    "ClosureReason",
    "Code",
    "ConflictKind",
    "DeliverBy",
    "Direction",
    "DirectoryTable",
    "EntryState",
    "EscalationStep",
    "FurtherDays",
    "IdType",
    "Instant",
    "Language",
    "LoginState",
    "MatchKind",
    "MatchSettlement",
    "PurposeKind",
    "RejectionReason",
    "ReviewStatus",
    "RevocationReason",
    "Role",
    "StandingState",
    "Strict",
    "Verdict",
    "Wire",
    "date",
    "datetime",
    "end_of_last_day",
    "is_ahead",
    "next_day",
    "time",
]


def _whole_minutes_without_zone(value: time) -> time:
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError("a time of day is hours and minutes")
    return value


TimeOfDay = Annotated[time, AfterValidator(_whole_minutes_without_zone)]
"""Hours and minutes in Indian Standard Time."""


class Slot(Wire):
    """A preferred or decided visit on one day, in Indian Standard Time.

    On the wire it is ``{"date": "2026-12-01", "from": "10:00", "to": "12:00"}``.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True, serialize_by_alias=True
    )

    day: date = Field(alias="date")
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")

    @field_serializer("start", "end")
    def _hours_and_minutes(self, value: time) -> str:
        return value.strftime("%H:%M")


MOST_DAYS = 7
"""Over how many days of the calendar one approval reaches at most, its first day included."""

MOST_STANDING_DAYS = 180
"""Over how many days a standing pass reaches at most, its first day included."""

FurtherDays = Annotated[tuple[date, ...], Field(max_length=MOST_STANDING_DAYS - 1)]
"""The days after the first on which a visit goes on at the same hours, in their order."""


def end_of_last_day(end_of_first: datetime, first: date, further_days: tuple[date, ...]) -> datetime:
    """Return when the last day of a visit ends, given when its first one does.

    India has no summer time, so that the hours of each day are as far apart as the days.
    """
    return end_of_first + (further_days[-1] - first if further_days else timedelta())


def next_day(end_of_first: datetime, first: date, further_days: Sequence[date], at: datetime) -> date | None:
    """Return the first day of a visit on which entry has not ended at an instant; None after all of them."""
    return next((day for day in (first, *further_days) if at < end_of_first + (day - first)), None)


def site_of(gate: str) -> str:
    """Return the site of a gate, ``PCS1`` of ``PCS1-G1``; an empty string where the text is no gate code."""
    return gate.rpartition("-G")[0]


class Official(Wire):
    """What an official states about themselves. It is unchecked until a gate has seen their government ID."""

    organisation: str = Field(min_length=1, max_length=120)
    designation: str = Field(min_length=1, max_length=120)
    employee_no: str = Field(min_length=1, max_length=40)


class Guardian(Wire):
    """The parent or guardian who applies for a person under 18, and whose mobile is the one of it."""

    name: str = Field(min_length=1, max_length=400)
    relation: Annotated[Relation, else_("guardian")]


class Person(Wire):
    """The applicant in an event, always inside a sealed block."""

    name: str
    name_latin: str
    mobile: str | None = None
    email: str | None = None
    id_type: Annotated[IdType | None, else_("other_photo_id")] = None
    id_last4: str | None = None
    official: Official | None = None
    guardian: Guardian | None = None
    """Of a person under 18, of whom no photograph is taken; nobody's age is stored."""


class Companion(Wire):
    """A person who comes with the applicant; a child shows no ID."""

    name: str
    name_latin: str = ""
    id_type: Annotated[IdType | None, else_("other_photo_id")] = None
    id_last4: str | None = None
    child: bool = False


class Contact(Wire):
    """The address of a message, always inside a sealed block."""

    name: str = ""
    mobile: str | None = None
    email: str | None = None
