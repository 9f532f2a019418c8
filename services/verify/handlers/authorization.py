"""Who may do what at which gate. The gateway checks the role for a route; here the place is checked, too."""

from contracts.errors import Forbidden
from contracts.model import site_of
from contracts.rpc.call import Principal


def require_gate_login(principal: Principal, gate: str) -> str:
    """Return the login ID of the security officer at a gate.

    Raises:
        Forbidden: not a security login, or one of another site or of another gate (``not_your_gate``).
    """
    if principal.role != "security" or principal.login_id is None:
        raise Forbidden("only security officers scan passes")
    if principal.site != site_of(gate) or principal.gate not in {None, gate}:
        raise Forbidden("this login does not stand at this gate", code="not_your_gate")
    return principal.login_id


def require_may_list_inside(principal: Principal, site: str) -> None:
    """Raise `Forbidden` unless the principal may know who is inside a site, by name.

    Raises:
        Forbidden: another role, or security of another site (``not_your_site``).
    """
    if principal.role != "security":
        raise Forbidden("only security officers see who is inside")
    if principal.site != site:
        raise Forbidden("this login is of another site", code="not_your_site")


def require_ado(principal: Principal) -> str:
    """Return the login ID of a principal of the ADO Branch.

    Raises:
        Forbidden: another role.
    """
    if principal.role != "ado" or principal.login_id is None:
        raise Forbidden("only the ADO Branch decides about supervisors")
    return principal.login_id


def require_auditor(principal: Principal) -> None:
    """Raise `Forbidden` unless the principal is an auditor, who sees the scans of every pass."""
    if principal.role != "auditor":
        raise Forbidden("only auditors see the scans of a pass")
