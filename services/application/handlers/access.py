"""Who may do what here: an applicant is known by the mobile that an OTP proved, reception by its role and site."""

from contracts.errors import Forbidden
from contracts.model import Channel
from contracts.rpc.call import Principal
from contracts.visiting_rules import MOST_COMPANIONS
from services.application.domain.applications import Intake


def mobile_of(principal: Principal) -> str:
    """The applicant's proved mobile.

    Raises:
        Forbidden: no applicant asks.
    """
    if principal.kind != "applicant" or not principal.mobile:
        raise Forbidden("this is for applicants")
    return principal.mobile


def intake_of(principal: Principal) -> Intake:
    """How an applicant's form comes in: from the portal, or from the kiosk at which he stands; and which operator helps, if one does."""
    channel: Channel = "kiosk" if principal.kiosk else "portal"
    return Intake(channel, MOST_COMPANIONS[channel], mobile_proved=True, submitted_by=principal.login_id)


def is_reception(principal: Principal) -> bool:
    """Whether somebody at a reception counter asks."""
    return principal.kind == "staff" and principal.role == "reception" and principal.login_id is not None


def is_reception_of(principal: Principal, site: str) -> bool:
    """The same, at a counter that serves the site; a login without a site serves all."""
    return is_reception(principal) and principal.site in {None, site}


def operator_of(principal: Principal) -> str:
    """The login of the reception's operator.

    Raises:
        Forbidden: somebody else asks.
    """
    if not is_reception(principal):
        raise Forbidden("this is for the reception")
    assert principal.login_id is not None
    return principal.login_id
