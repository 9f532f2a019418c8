"""The hourly budget of looks: of how many people a login sees data before it is warned, and then refused.

A list shows two hundred people at once, so people are counted, not calls, and whom a login has seen in its
hour counts once. The hour begins with the first. The counts are in the store that all replicas share; while
it is away, each replica goes by what it has shown itself.

A reply that would be shown after the budget is used up is refused, also where many calls run at once: the
store says what had been seen before each. Gates are not counted: a scan is a command, and a device that
holds the passes of its site shows them to nobody.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from contracts.errors import TooManyAttempts
from contracts.model import Role, Wire
from contracts.rpc.accounts.look_budgets import DEFAULTS, LookBudget, LookBudgets
from contracts.rpc.call import Method, Principal
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.logs import logger
from services.gateway.edge.rate_limits import RateLimits
from services.gateway.metrics import LOOKS, LOOKS_OVER_BUDGET

log = logger(__name__)
WINDOW_SECONDS = 3_600
_NAMES = ("reference", "pass_number", "number", "login_id", "actor", "id")
"""The fields by which a reply names whom it shows; the first that it has."""


class LookCounter:
    """Counts whom each login has seen, and says when it is enough.

    Args:
        limits: whose store counts.
        budgets: returns what the ADO Branch has decided, as far as this process knows it.
        digest: of a text, so that nothing is stored in clear.
    """

    def __init__(
        self, limits: RateLimits, budgets: Callable[[], LookBudgets | None], digest: Callable[[str], str]
    ) -> None:
        self._limits = limits
        self._budgets = budgets
        self._digest = digest
        self._used: dict[str, tuple[float, int]] = {}
        """Login → until when, and how many it has seen; only of those that were refused."""

    def require(self, method: Method[Any, Any], principal: Principal) -> None:
        """Raise `TooManyAttempts` if a login has used up its budget, before the service is asked."""
        login_id = principal.login_id
        if login_id is None or login_id not in self._used or not is_look(method, principal):
            return
        until, seen = self._used[login_id]
        if until <= monotonic():
            del self._used[login_id]
        elif (most := self._budget_of(principal).refuse) is not None and seen >= most:
            raise self._refusal(principal, int(until - monotonic()) + 1)

    async def count(
        self, method: Method[Any, Any], principal: Principal, names: Collection[str], *, refuses: bool = True
    ) -> bool:
        """Count whom a reply shows to a login; return whether it is warned from now on.

        Raises:
            TooManyAttempts: its budget was used up before, and ``refuses``: the reply is not to be shown.
        """
        login_id = principal.login_id
        if login_id is None or not names or not is_look(method, principal):
            return False
        key = self._digest(f"looks {login_id}")
        numbers = {int(self._digest(name)[:8], 16) - 2**31 for name in names}
        seen = await self._limits.see(key, numbers, WINDOW_SECONDS)
        budget, role = self._budget_of(principal), _role_of(principal)
        if refuses and budget.refuse is not None and seen.before >= budget.refuse:
            self._used[login_id] = (monotonic() + seen.seconds, seen.before)
            raise self._refusal(principal, seen.seconds)
        LOOKS.labels(role).inc(seen.after - seen.before)
        if seen.before <= budget.warn < seen.after:
            LOOKS_OVER_BUDGET.labels(role, "warned").inc()
            log.warning("looks over the budget", login_id=login_id, role=role, seen=seen.after)
        return seen.after > budget.warn

    def _budget_of(self, principal: Principal) -> LookBudget:
        decided = self._budgets()
        role = _role_of(principal)
        return (decided.roles if decided is not None else DEFAULTS).get(role) or DEFAULTS[role]

    def _refusal(self, principal: Principal, seconds: int) -> TooManyAttempts:
        role = _role_of(principal)
        LOOKS_OVER_BUDGET.labels(role, "refused").inc()
        log.warning("refused", code="looks", role=role, login_id=principal.login_id)
        return TooManyAttempts("too many people were looked at", retry_after=max(seconds, 1), limit="looks")


def is_look(method: Method[Any, Any], principal: Principal) -> bool:
    """Return whether a reply shows people's data to staff; a device of a gate is nobody."""
    return method.names_people and principal.login_id is not None and principal.gate_device is None


def shown(request: Wire, reply: Wire) -> Collection[str]:
    """Return whom a reply shows: who it is about, else each line of a list, else whom the question names."""
    lines: Iterable[object] = getattr(reply, "items", ())
    for named in ([reply], lines, [request]):
        if found := {name for one in named if (name := _name_of(one))}:
            return found
    return ()


def _name_of(one: object) -> str:
    return next((str(found) for name in _NAMES if (found := getattr(one, name, None))), "")


def _role_of(principal: Principal) -> Role:
    """Return the role of the login; one that is beside an applicant is an operator's."""
    return principal.role or "assisted"
