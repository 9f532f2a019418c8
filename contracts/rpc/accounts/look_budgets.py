"""RPC of accounts: of how many people a login may see data in an hour."""

from collections.abc import Mapping

from pydantic import Field

from contracts.model import Instant, Role, Strict, Wire
from contracts.rpc.call import Method, Nothing

FEWEST, MOST = 20, 1_000_000
"""With fewer nobody can work; more is no limit."""


class LookBudget(Wire):
    """Of how many people a login of a role may see data in an hour. Who is seen twice counts once."""

    warn: int = Field(ge=FEWEST, le=MOST)
    """With more the pages warn, and operations hear of it."""
    refuse: int | None = Field(default=None, ge=FEWEST, le=MOST)
    """With so many the login sees nobody until its hour is over; null where it is never refused."""


DEFAULTS: Mapping[Role, LookBudget] = {
    # a queue shows 200 at once: 120 decided before ten, the days to come, and searches
    "department": LookBudget(warn=600, refuse=1_500),
    # one visitor a minute, of whose name or number a search finds five, and who waits at the site
    "reception": LookBudget(warn=400, refuse=1_000),
    # who is beside the operator, a quarter of an hour each
    "assisted": LookBudget(warn=40, refuse=100),
    # some thousand logins, fifty on a page, and the watchlist
    "ado": LookBudget(warn=500, refuse=1_500),
    # a gate is never refused
    "security": LookBudget(warn=1_000),
    "ops": LookBudget(warn=100, refuse=300),
    # of the log, who did something
    "auditor": LookBudget(warn=1_000, refuse=3_000),
    # an answer takes minutes
    "grievance": LookBudget(warn=100, refuse=300),
    # one person at a time, whose applications count each
    "privacy": LookBudget(warn=100, refuse=300),
}
"""By role of people, until the ADO Branch decides. A scan is a command, and counts nowhere."""


class LookBudgets(Wire):
    """The budgets by role."""

    roles: dict[Role, LookBudget] = Field(default_factory=lambda: dict(DEFAULTS))
    changed_by: str | None = None
    """Null until the ADO Branch has decided."""
    changed_at: Instant | None = None


class SetLookBudgets(Strict):
    """From now on these budgets hold."""

    roles: dict[Role, LookBudget]


LOOK_BUDGETS = Method("accounts", "look_budgets", Nothing, LookBudgets)
SET_LOOK_BUDGETS = Method(
    "accounts", "set_look_budgets", SetLookBudgets, LookBudgets, command=True, fresh=True,
    said="Decided how many people a login may look at",
)  # fmt: skip
