"""The directory of sites, departments and officers, which approval publishes record by record."""

from datetime import time
from typing import ClassVar

from pydantic import Field

from contracts.events.base import AnyOfflineChoice, Event
from contracts.model import Code, Language, Wire, date


class OpeningHours(Wire):
    """Opening hours of one weekday (0 is Monday), valid from a date on."""

    weekday: int = Field(ge=0, le=6)
    opens: time
    closes: time
    valid_from: date
    valid_to: date | None = None


class ClosedDay(Wire):
    """A day on which a site admits nobody, or a department receives nobody."""

    day: date
    reason: str
    """Of a site its own words, in English where they are translated; of a department a `ClosureReason`."""
    reason_translations: dict[Language, str] = Field(default_factory=dict)
    """The words of a site in other languages."""


class SiteAdvice(Wire):
    """What a visitor of a site should know before they come.

    Each member is a text by language, empty if there is nothing to know.
    """

    prohibited: dict[Language, str] = Field(default_factory=dict)
    """What may not be brought."""
    declare: dict[Language, str] = Field(default_factory=dict)
    """What is to be declared at the gate."""
    parking: dict[Language, str] = Field(default_factory=dict)
    """Where vehicles stop."""
    wheelchair: dict[Language, str] = Field(default_factory=dict)
    """Where a visitor asks for a wheelchair."""


class SiteContact(Wire):
    """Where visitors of a site ask; each member may be empty. It is public."""

    phone: str = ""
    email: str = ""
    note: dict[Language, str] = Field(default_factory=dict)
    """When somebody answers, or who, by language."""


class GateRules(Wire):
    """What the gates of a site do without a network, whom they telephone, and when they ask for digits."""

    green: int = Field(default=15, ge=1, le=240)
    """Minutes up to which the list of a gate without a network is as good as online."""
    amber: int = Field(default=240, ge=1, le=1_440)
    """Minutes up to which a gate goes on with a warning. After that ``then`` counts."""
    then: AnyOfflineChoice | None = None
    """What a gate does with an older list; None as the installation has it (``EPASS_OFFLINE_THEN``)."""
    reception_phone: str = ""
    security_phone: str = ""
    digits: int = Field(default=10, ge=0, le=100)
    """For so many of a hundred passes a day the app of a gate asks for the last four of the ID, and offers no
    entry by one tap."""


class SiteRecord(Wire):
    """A site with its gates and hours. ``name`` is by language."""

    code: Code
    name: dict[Language, str]
    address: dict[Language, str]
    gates: tuple[Code, ...]
    gate_names: dict[Code, dict[Language, str]] = Field(default_factory=dict)
    """What people call a gate, by its code and by language; a gate without a name is called by its number."""
    photograph: bool = False
    """Whether the counter may take a photograph of a visitor."""
    hours: tuple[OpeningHours, ...]
    closed_days: tuple[ClosedDay, ...] = ()
    advice: SiteAdvice | None = None
    contact: SiteContact | None = None
    gate_rules: GateRules | None = None
    """None where all of them are as usual. It is not published: it has internal telephone numbers."""


class OfficerRecord(Wire):
    """An officer whom people visit; an office, not a private person."""

    code: Code
    name: dict[Language, str]
    designation: dict[Language, str]
    room: str = ""
    closed: bool = False
    """Whether nobody can ask to meet them any more."""


class EscalationMinutes(Wire):
    """When a review that nobody decides goes to the next step.

    ``stand_in``, ``head`` and ``reception`` are minutes of open time that are left until the visit.
    ``walk_in`` is how many minutes a visitor who waits at the reception waits for each step.
    """

    stand_in: int = Field(default=240, ge=0, le=10_000)
    head: int = Field(default=120, ge=0, le=10_000)
    reception: int = Field(default=60, ge=0, le=10_000)
    walk_in: int = Field(default=10, ge=1, le=480)


class DepartmentRecord(Wire):
    """A department, where it sits, and its officers by rank: the first is its head."""

    code: Code
    name: dict[Language, str]
    sites: tuple[Code, ...]
    officers: tuple[OfficerRecord, ...] = ()
    escalation: EscalationMinutes | None = None
    """Without it the defaults of `EscalationMinutes` count."""
    closed_days: tuple[ClosedDay, ...] = ()
    """Days that the department closed at short notice, each with a `ClosureReason`; none of the past."""
    closed: bool = False
    """Whether nobody can ask for a visit to it any more; what was asked before stays."""
    unstaffed: bool = False
    """Whether no login can decide for it, so that nobody can ask for a visit; what was asked before waits."""


class DirectoryChanged(Event, producer="approval", subscribers=("application", "notify", "verify")):
    """A record of the directory as it is now: exactly one of ``site`` and ``department``."""

    site: SiteRecord | None = None
    department: DepartmentRecord | None = None
    example: ClassVar = {
        "site": {
            "code": "PCS1",
            "name": {
                "en": "Punjab Civil Secretariat-1",
                "pa": "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1",
                "hi": "पंजाब सिविल सचिवालय-1",
            },
            "address": {"en": "Sector 1, Chandigarh"},
            "gates": ("PCS1-G1",),
            "hours": ({"weekday": 0, "opens": "09:00", "closes": "17:00", "valid_from": "2026-01-01"},),
            "closed_days": ({"day": "2027-01-26", "reason": "Republic Day"},),
        }
    }

    @property
    def subject(self) -> str:
        return (
            f"site:{self.site.code}"
            if self.site
            else f"department:{self.department.code if self.department else ''}"
        )
