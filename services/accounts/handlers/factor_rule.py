"""The rule of the ADO Branch: which roles need a second factor."""

from datetime import datetime

from sqlalchemy.orm import Session

from contracts.errors import InvalidInput
from contracts.model import DEVICE_ROLES
from contracts.rpc.accounts.second_factor import SET_FACTOR_RULE, FactorRule, SetFactorRule
from contracts.rpc.call import Call
from services.accounts.handlers import second_factor, sessions
from services.accounts.handlers.access_messages import tell
from services.accounts.handlers.authorization import acting_ado, fresh_ado
from services.accounts.models import FactorRuleRow, SessionRow
from services.accounts.settings import FACTOR_ROLES, AccountsSettings
from services.chassis.db.upserts import put
from services.chassis.rpc.idempotency import once

_ONLY = 1
"""The id of the one row of rules."""


def view(call: Call, session: Session, now: datetime, settings: AccountsSettings) -> FactorRule:
    """Return which roles need a second factor.

    Raises:
        Forbidden: the caller is not an enabled ``ado``.
    """
    acting_ado(session, call, now)
    return _rule(session, settings)


def change(
    request: SetFactorRule, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> FactorRule:
    """Decide which roles need a second factor. Sessions of these roles that were opened without one end.

    Raises:
        Forbidden: as `fresh_ado`.
        InvalidInput: ``roles`` has one of a device, which nobody is.
    """
    by = fresh_ado(session, call, now, settings)

    def effect() -> str:
        if DEVICE_ROLES & set(request.roles):
            raise InvalidInput.of("roles", "not_for_role")
        values = {
            "roles": sorted(set(request.roles)),
            "offered": list(FACTOR_ROLES),
            "changed_by": by,
            "changed_at": now,
        }
        put(session, FactorRuleRow, {"id": _ONLY}, values)
        without = SessionRow.role.in_(request.roles) & SessionRow.factor_at.is_(None)
        sessions.end_live(session, without, now)
        tell(session, "rule_changed", by, by, now, holder=False)
        return by

    def answer(_by: str) -> FactorRule:
        return _rule(session, settings)

    return once(session, call, SET_FACTOR_RULE.name, request, effect, answer, reference=str)


def _rule(session: Session, settings: AccountsSettings) -> FactorRule:
    row = session.get(FactorRuleRow, _ONLY, populate_existing=True)
    if row is None:
        return FactorRule(roles=settings.factor_roles)
    return FactorRule.from_attributes(row, roles=second_factor.required_roles(session, settings))
