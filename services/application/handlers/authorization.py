"""Access: an applicant is known by the mobile that an OTP proved, staff by role, site and department."""

from typing import Literal

from contracts.errors import Forbidden
from contracts.model import Channel
from contracts.rpc.call import Principal
from services.application.domain.applications import Intake


def is_applicant_of(principal: Principal, mobile: str | None) -> bool:
    """Return whether the principal is the applicant with this mobile."""
    return principal.kind == "applicant" and principal.mobile is not None and principal.mobile == mobile


def intake_of(principal: Principal) -> Intake:
    """Return how an applicant's form arrives: from the portal or a kiosk, and with which operator's help."""
    channel: Channel = "kiosk" if principal.kiosk else "portal"
    return Intake(channel, mobile_proved=True, submitted_by=principal.login_id)


def is_reception(principal: Principal) -> bool:
    """Return whether the principal is at a reception counter."""
    return principal.kind == "staff" and principal.role == "reception" and principal.login_id is not None


def is_reception_of(principal: Principal, site: str) -> bool:
    """Return whether the principal is at a counter that serves the site; no site means all sites."""
    return is_reception(principal) and principal.site in {None, site}


def side_of(principal: Principal, mobile: str | None, site: str) -> Literal["applicant", "counter"] | None:
    """Return as who the principal changes an application of this mobile and site; None if they may not."""
    if is_applicant_of(principal, mobile):
        return "applicant"
    return "counter" if is_reception_of(principal, site) else None


def inviter_of(principal: Principal, site: str) -> tuple[str, str]:
    """Return the login that invites to a site, and its department.

    Raises:
        Forbidden: the principal is not a login of a department, or is limited to another site, or is an
            assistant: to invite is to approve.
    """
    if principal.site not in {None, site}:
        raise Forbidden("this login is limited to another site", code="limited_to_site")
    if principal.assistant_of is not None:
        raise Forbidden("an assistant prepares and does not decide", code="is_assistant")
    if principal.role != "department" or principal.department is None or principal.login_id is None:
        raise Forbidden("this is for logins of a department")
    return principal.login_id, principal.department


def is_security_of(principal: Principal, site: str) -> bool:
    """Return whether the principal is a security officer of the site."""
    return principal.kind == "staff" and principal.role == "security" and principal.site == site


def is_ado_of(principal: Principal, site: str) -> bool:
    """Return whether the principal is of the ADO Branch; no site means all sites."""
    return principal.kind == "staff" and principal.role == "ado" and principal.site in {None, site}


def operator_of(principal: Principal) -> str:
    """Return the login of the reception's operator.

    Raises:
        Forbidden: the principal is not at a reception counter.
    """
    if not is_reception(principal):
        raise Forbidden("this is for the reception")
    assert principal.login_id is not None
    return principal.login_id
