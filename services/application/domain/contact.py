"""How an applicant is reached: the mobile, the email address, and whether the wished-for channel gets there."""

import re
from dataclasses import dataclass

from contracts.mobile import is_indian, parse_mobile
from contracts.model import DeliverBy
from services.application.domain.findings import Findings
from services.application.domain.text import one_line

_EMAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""Printable ASCII around one @, a dot in the domain; whether it exists is found out by writing to it."""


@dataclass(frozen=True)
class Reach:
    """The ways to one applicant."""

    mobile: str | None
    email: str | None
    deliver_by: DeliverBy


def mobile_of(findings: Findings, field: str, text: str | None) -> str | None:
    """E.164 of a typed mobile; None where nothing was typed or it is none, the latter noted."""
    if not text or not text.strip():
        return None
    try:
        return parse_mobile(text)
    except ValueError:
        findings.refuse(field, "not_a_mobile")
        return None


def email_of(findings: Findings, field: str, text: str | None) -> str | None:
    """An email address, or None where none is given."""
    email = one_line(text or "")
    if email and not _EMAIL.fullmatch(email):
        findings.refuse(field, "email_invalid")
    return email or None


def reach_of(
    findings: Findings,
    field: str,
    mobile: str | None,
    email: str | None,
    wish: DeliverBy,
    *,
    is_attended: bool,
) -> Reach:
    """The channel that the pass will take.

    Args:
        findings: where a channel that does not get there is noted.
        field: of the wish.
        mobile: E.164, or None.
        email: or None.
        wish: what the applicant asked for.
        is_attended: at the counter a pass can be printed, and is for an applicant without a mobile.
    """
    if is_attended and mobile is None and not (wish == "email" and email):
        return Reach(None, email, "printed")
    if wish == "printed" and not is_attended:
        findings.refuse(field, "printed_only_at_counter")
    elif wish == "email" and not email:
        findings.refuse(field, "email_missing")
    elif wish == "sms" and mobile is not None and not is_indian(mobile):
        findings.refuse(field, "deliver_by_unreachable")
    return Reach(mobile, email, wish)
