"""RPC of approval: who waits for a place in a full window, and what they say to one that is offered.

The code of a wait opens it: the link in the message has it, and nobody guesses it. It names nobody.
"""

from pydantic import Field

from contracts.model import LINK_CODE, Instant, PlaceState, Slot, Strict, Wire
from contracts.rpc.call import Method


class WaitCode(Strict):
    """A wait for a place, by its code."""

    code: str = Field(pattern=LINK_CODE)


class AnswerOffer(Strict):
    """What a visitor says to the place that is offered, or while they wait for one."""

    code: str = Field(pattern=LINK_CODE)
    accepts: bool
    """False: they wait no longer."""


class WaitView(Wire):
    """Somebody who waits for a place, or has waited, as everybody who may see the application sees it."""

    reference: str
    department: str
    site: str
    slot: Slot
    party: int
    state: PlaceState
    before: int = 0
    """How many parties wait in front of them for a place at the same time."""
    offered_until: Instant | None = None


class PlaceWait(WaitView):
    """A wait with the code of its page: for whoever has it already, or has proved the applicant's mobile."""

    code: str


VIEW_WAIT = Method("approval", "view_wait", WaitCode, PlaceWait)
ANSWER_OFFER = Method(
    "approval", "answer_offer", AnswerOffer, PlaceWait, command=True,
    said="Answered to a place that was offered",
)  # fmt: skip
