"""RPC of approval: standing passes, which the ADO Branch approves after the department."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.model import Instant, Slot, StandingState, Strict, Wire
from contracts.rpc.call import Method, Page

StandingStep = Literal["approve", "refuse", "suspend", "lift", "end"]
"""``approve`` and ``refuse`` are for the ADO Branch, the others for the department, too; but what the ADO
Branch has suspended, the department does not lift. The ADO Branch may suspend what a department has
suspended."""
RENEWED_WITHIN_DAYS = 14
"""So long before its last day a standing pass may be followed by another one."""


class StandingQuestion(Page):
    """The standing passes of the principal's department, for the ADO Branch of all of them."""

    state: StandingState | None = None
    review_id: UUID | None = None
    """One of them alone."""


class StandingPass(Wire):
    """A standing pass that is asked for or has not ended: whose, when, and who answers for it."""

    review_id: UUID
    reference: str
    state: StandingState
    site: str
    department: str
    officer: str | None = None
    """Who sponsors it in the department, where it is one officer."""
    name: str
    name_latin: str
    organisation: str = ""
    purpose: str
    vehicle: str | None = None
    vehicle_allowed: bool = False
    slot: Slot
    """The first day, and the hours of every day."""
    weekdays: tuple[int, ...]
    """0 is Monday."""
    last_day: date
    days: int
    """On how many days it admits, the first included."""
    wished_until: date | None = None
    """The last day for which the visitor asked."""
    photographed: bool = False
    """Whether the reception has a photograph of the visitor; the ADO Branch may see it."""
    photograph_erased: bool = False
    """Whether there was one that is no longer kept, or was of whom a correction named before."""
    photograph: int | None = None
    """Which one it is: another one has another number."""
    photograph_proof: str = Field(default="", repr=False)
    """By which application shows it to the ADO Branch, where one pass alone is asked for."""
    reason: str = ""
    """Why it is needed, in the department's words."""
    approved_by: str
    """Of the department."""
    approved_at: Instant
    suspended_by_ado: bool = False
    """Whether the ADO Branch has suspended it, and alone lifts that again."""
    renewable: bool = False
    """Whether its last days have come, in which another one is asked for."""


class StandingPasses(Wire):
    """Standing passes, the one that was asked for first before others."""

    items: tuple[StandingPass, ...]
    next: str | None = None
    most: int = 0
    """How many a site may have; 0 where there are none (`EPASS_STANDING_PASSES`)."""


class SettleStanding(Strict):
    """What becomes of a standing pass; its holder reads the note, which is needed to refuse or to end it."""

    review_id: UUID
    step: StandingStep
    note: str = Field(default="", max_length=500)
    photograph: int | None = None
    """To approve it: the one that the ADO Branch has looked at, as `StandingPass` numbers it."""


class SettledStanding(Wire):
    """A standing pass after a step; null where it was refused or has ended."""

    state: StandingState | None


LIST_STANDING = Method(
    "approval", "list_standing", StandingQuestion, StandingPasses, names_people=True, said="Standing passes"
)
SETTLE_STANDING = Method(
    "approval",
    "settle_standing",
    SettleStanding,
    SettledStanding,
    command=True,
    said="Decided about a standing pass",
)
