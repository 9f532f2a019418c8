"""What an auditor searches by: logins, objects, days and acts, and what is wrong with what was typed.

Only a login, a reference, a number, an id or the name of an act goes into an address.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from contracts.crockford import parse_pass_number, parse_reference
from contracts.login_ids import parse_login_id
from contracts.model import IST
from contracts.rpc.approval.decisions import MOST_AUDITED_DAYS
from contracts.rpc.audit import AuditQuestion
from services.chassis.runtime.clock import now
from services.gateway.pages.audit import acts

USUAL_DAYS = timedelta(days=7)
Text = Annotated[str, Query(max_length=200)]


def question(typed: Mapping[str, str]) -> tuple[AuditQuestion, dict[str, str]]:
    """Return the question for what was typed, and what is wrong with it."""
    days, errors = chosen_days(typed)
    found = {}
    for name, field, forms in (("who", "actor", _ACTORS), ("what", "object", _OBJECTS)):
        text = typed[name].strip()
        found[field] = _canonical(text, forms)
        if text and found[field] is None:
            errors[name] = f"not_an_{field}"
    if typed["act"] and not acts.is_known(typed["act"]):
        errors["act"] = "choose_one"
    given: dict[str, Any] = {"first": days[0], "last": days[1]} | {
        name: text for name, text in found.items() if text
    }
    if typed["act"] == acts.REFUSALS:
        given["refused"] = True
    return AuditQuestion.model_validate(given), errors


def usual_days(first: str = "", last: str = "") -> dict[str, str]:
    """Return the days that were typed, or the last seven."""
    today = now().astimezone(IST).date()
    return {"first": first or f"{today - USUAL_DAYS}", "last": last or f"{today}"}


def chosen_days(typed: Mapping[str, str]) -> tuple[tuple[date, date], dict[str, str]]:
    """Return the days between which to look, and what is wrong with them."""
    days, errors = [], {}
    for name in ("first", "last"):
        try:
            days.append(date.fromisoformat(typed[name]))
        except ValueError:
            errors[name] = "not_a_date"
    if not errors and days[0] > days[1]:
        errors["last"] = "last_before_first"
    elif not errors and (days[1] - days[0]).days >= MOST_AUDITED_DAYS:
        errors["last"] = "more_than_a_year"
    return (days[0], days[-1]) if days else (date.min, date.min), errors


def _canonical(text: str, forms: Sequence[Callable[[str], str]]) -> str | None:
    for form in forms:
        with suppress(ValueError):
            return form(text)
    return None


def _applicant(text: str) -> str:
    """Return the keyed name of an applicant, as a row has it; nobody types one."""
    if not re.fullmatch(r"applicant:[0-9A-Za-z_\-=]{16,90}", text):
        raise ValueError("not an applicant")
    return text


def _sought(text: str) -> str:
    """Return the keyed digest of a search, as a row has it; nobody types one."""
    if not re.fullmatch(r"(vehicle|mobile|name):[0-9a-f]{32}", text):
        raise ValueError("not a search")
    return text


def _reference(text: str) -> str:
    if not text.upper().startswith("PCS"):
        raise ValueError("not a reference")
    return parse_reference(text)


_ACTORS: Sequence[Callable[[str], str]] = (parse_login_id, _applicant)
_OBJECTS: Sequence[Callable[[str], str]] = (
    parse_login_id,
    _applicant,
    _sought,
    _reference,
    parse_pass_number,
    lambda text: str(UUID(text)),
)
