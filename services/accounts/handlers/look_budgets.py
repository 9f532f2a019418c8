"""The rule of the ADO Branch: of how many people a login may see data in an hour. Gateways count by it."""

from datetime import datetime
from math import inf

from sqlalchemy.orm import Session

from contracts.errors import InvalidInput
from contracts.rpc.accounts.look_budgets import (
    DEFAULTS,
    SET_LOOK_BUDGETS,
    LookBudget,
    LookBudgets,
    SetLookBudgets,
)
from contracts.rpc.call import Call
from services.accounts.handlers.access_messages import tell
from services.accounts.handlers.authorization import fresh_ado
from services.accounts.metrics import LOOK_BUDGETS_RAISED
from services.accounts.models import LookBudgetRow
from services.accounts.settings import AccountsSettings
from services.chassis.audit.record import note_object
from services.chassis.db.database import after_commit
from services.chassis.db.upserts import put
from services.chassis.rpc.idempotency import once

_ONLY = 1
"""The id of the one row."""


def view(session: Session) -> LookBudgets:
    """Return the budgets by role; a role that the row does not know has its default."""
    row = session.get(LookBudgetRow, _ONLY, populate_existing=True)
    if row is None:
        return LookBudgets()
    found = LookBudgets.from_attributes(row)
    return found.model_copy(update={"roles": {**DEFAULTS, **found.roles}})


def change(
    request: SetLookBudgets, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> LookBudgets:
    """Set the budgets of all roles. The rest of the ADO Branch is told, and the audit log has the numbers.

    Raises:
        Forbidden: as `fresh_ado`.
        InvalidInput: a role is missing or is one of a device; ``not_above_warning``, a role would be refused
            before it is warned; or gates would be refused.
    """
    by = fresh_ado(session, call, now, settings)
    before = view(session).roles

    def effect() -> str:
        if request.roles.keys() != DEFAULTS.keys():
            raise InvalidInput.of("roles", "not_for_role")
        for role, one in request.roles.items():
            if one.refuse is not None and (role == "security" or one.refuse <= one.warn):
                raise InvalidInput.of(f"{role}_refuse", "not_above_warning")
        roles = {role: one.model_dump() for role, one in request.roles.items()}
        values = {"roles": roles, "changed_by": by, "changed_at": now}
        put(session, LookBudgetRow, {"id": _ONLY}, values)
        for role, one in request.roles.items():
            if one != before[role]:
                note_object(f"{role}: {one.warn}, {one.refuse or 'never'}")
            if _is_above(one, before[role]) and _is_above(one, DEFAULTS[role]):
                after_commit(session, LOOK_BUDGETS_RAISED.labels(role).inc)
        tell(session, "look_budgets_changed", by, by, now, holder=False)
        return by

    return once(
        session, call, SET_LOOK_BUDGETS.name, request, effect, lambda _by: view(session),
        reference=str,
    )  # fmt: skip


def _is_above(one: LookBudget, other: LookBudget) -> bool:
    return one.warn > other.warn or (one.refuse or inf) > (other.refuse or inf)
