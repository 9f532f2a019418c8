"""Duty contacts: what is wrong with them, and how they are stored. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.email import is_email
from contracts.errors import FieldError, InvalidInput
from contracts.mobile import parse_mobile
from contracts.model import ArrivalNotice, Code, Contact

RECEPTION = "reception"
"""The name of the only contact of a site."""


@dataclass(frozen=True)
class Address:
    """Where somebody is reached: a mobile as typed, an e-mail address, or both."""

    mobile: str = ""
    email: str = ""
    arrivals: ArrivalNotice = "none"


class OfficeContact(Contact):
    """A duty contact as it is stored, with what they get when a visitor of theirs has come."""

    arrivals: ArrivalNotice = "none"
    since: datetime | None = None
    """Since when the number and the e-mail address are these; None: since their row was set."""


def checked(typed: Mapping[str, Address], known: Iterable[Code]) -> dict[str, OfficeContact]:
    """Return the contacts by officer, or for the reception of a site; nobody who has no address.

    Args:
        typed: the addresses by officer.
        known: who may have one.

    Raises:
        InvalidInput: with every problem, in fields such as ``mobile.home-secretary``.
    """
    officers = set(known)
    contacts, problems = {}, []
    for name, address in typed.items():
        mobile = None
        if name not in officers:
            problems.append(FieldError(field=f"mobile.{name}", code="unknown_officer"))
        if address.mobile:
            try:
                mobile = parse_mobile(address.mobile)
            except ValueError:
                problems.append(FieldError(field=f"mobile.{name}", code="not_a_mobile"))
        if address.email and not is_email(address.email):
            problems.append(FieldError(field=f"email.{name}", code="email_invalid"))
        if address.mobile or address.email:
            contacts[name] = OfficeContact(
                mobile=mobile, email=address.email or None, arrivals=address.arrivals
            )
    if problems:
        raise InvalidInput("these contacts cannot be reached", fields=tuple(problems))
    return contacts
