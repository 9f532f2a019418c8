"""RPC of verify: supervisors of gates, and which sites demand one."""

from typing import Literal

from pydantic import Field

from contracts import login_ids
from contracts.model import Code, Instant, Strict, Wire
from contracts.rpc.call import Method, Nothing
from contracts.rpc.verify.scans import PIN


class NameSupervisor(Strict):
    """A security login that may let visitors in where a gate asks for a supervisor."""

    login_id: str = Field(pattern=rf"^SEC-{login_ids.REST}$")
    site: Code


class SupervisorId(Strict):
    """A supervisor by their login."""

    login_id: str = Field(pattern=rf"^SEC-{login_ids.REST}$")


class SupervisorView(Wire):
    """A supervisor of the gates of a site."""

    login_id: str
    site: str
    named_by: str
    named_at: Instant
    pin_set_at: Instant | None = None
    """None where they have no PIN, or too many wrong ones were typed: then they choose a new one."""
    locked_until: Instant | None = None


SiteProblem = Literal["nobody_can_agree", "watched_not_demanded", "nobody_decided"]
"""The gates demand a supervisor, or people are expected for whom one is called, and nobody of the site has a
PIN; somebody has one, such people are expected, and the gates let them in without it; somebody has one, and
the ADO Branch has never decided whether the gates demand it."""


class SiteId(Strict):
    """A site."""

    site: Code


class SiteSupervision(Wire):
    """Whether the gates of a site demand a supervisor, who decided it, and what is wrong with it."""

    site: str
    demanded: bool = False
    decided_by: str | None = None
    """None where nobody has decided yet."""
    decided_at: Instant | None = None
    problem: SiteProblem | None = None


class SupervisorList(Wire):
    """Supervisors of all sites, by site and login; and what the gates of each site demand."""

    items: tuple[SupervisorView, ...] = ()
    sites: tuple[SiteSupervision, ...] = ()


class SetPin(Strict):
    """The PIN that a supervisor chooses."""

    pin: str = Field(pattern=PIN, repr=False)


class OwnPin(Wire):
    """Whether a login is a supervisor, and since when it has its PIN; and what is wrong at its site."""

    is_supervisor: bool
    pin_set_at: Instant | None = None
    problem: SiteProblem | None = None


NAME_SUPERVISOR = Method(
    "verify", "name_supervisor", NameSupervisor, SupervisorView, command=True, fresh=True,
    said="Named a supervisor of a gate",
)  # fmt: skip
END_SUPERVISOR = Method(
    "verify", "end_supervisor", SupervisorId, Nothing, command=True, fresh=True,
    said="Took a supervisor's task away",
)  # fmt: skip
DEMAND_SUPERVISORS = Method(
    "verify", "demand_supervisors", SiteId, SiteSupervision, command=True, fresh=True,
    said="Decided that the gates of a secretariat demand a supervisor",
)  # fmt: skip
LIFT_SUPERVISORS = Method(
    "verify", "lift_supervisors", SiteId, SiteSupervision, command=True, fresh=True,
    said="Decided that the gates of a secretariat demand no supervisor",
)  # fmt: skip
SUPERVISORS = Method("verify", "supervisors", Nothing, SupervisorList)
OWN_PIN = Method("verify", "own_pin", Nothing, OwnPin)
SET_PIN = Method(
    "verify", "set_pin", SetPin, OwnPin, command=True, fresh=True, said="Chose a PIN as supervisor"
)
