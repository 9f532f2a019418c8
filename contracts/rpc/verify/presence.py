"""RPC of verify: who is inside, and what gates hear of each other."""

from typing import Literal

from pydantic import ConfigDict, Field

from contracts.model import Code, Instant, Wire
from contracts.rpc.call import Http, Method, Page
from contracts.rpc.verify.incidents import HelpCall


class InsideQuestion(Page):
    """The question who is inside a site."""

    site: Code


class Inside(Wire):
    """One party inside."""

    pass_: str = Field(alias="pass")
    reference: str
    name_latin: str
    name: str
    inside: int
    party: int
    since: Instant
    gate: str
    department: str
    valid_to: Instant

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideList(Wire):
    """Parties inside, the longest first; ``persons`` counts all who are inside, not only this page's."""

    items: tuple[Inside, ...]
    next: str | None = None
    persons: int = 0
    offline_gates: tuple[str, ...] | None = ()
    """Gates of the site that are silent or have scans to send; the gateway adds them to the first page.

    None where nobody knows: any of them may be.
    """


class MovementQuestion(Wire):
    """The question who has passed the gates of a site after a place among all scans; None: from now on."""

    site: Code
    after: int | None = None


class Movement(Wire):
    """A recorded scan with which somebody has passed a gate. It names nobody."""

    position: int
    """Its place among all scans. They are not always stored in this order."""
    nonce: str
    pass_: str = Field(alias="pass")
    gate: str
    verdict: Literal["admit", "exit"]
    count: int
    inside: int
    """How many of the party are inside after it."""
    at: Instant
    """When it happened, by the gate's clock."""
    recorded_at: Instant
    """By the server's clock."""
    timeline: int
    transaction: int
    """Which one stored it: a manifest says by its ``snapshot`` whether it has it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Movements(Wire):
    """Movements in the order of their places; some of them may be from before ``after``."""

    items: tuple[Movement, ...] = ()
    last: int = 0
    """What to pass as ``after`` next time."""
    calls: tuple[HelpCall, ...] = ()
    """Calls for help of the gates of the site, as `HelpCalls` has them."""


INSIDE = Method(
    "verify", "inside", InsideQuestion, InsideList, names_people=True, said="List of who is inside",
    http=Http("guard", "list_inside", "GET /gate/inside",
        """List who is inside a site, the longest first.

        `offline_gates`, on the first page, are the gates whose devices are silent or have scans to send: who
        came in by them may have left. It is null where nobody knows which they are.
        """),
)  # fmt: skip
MOVEMENTS = Method("verify", "movements", MovementQuestion, Movements)
