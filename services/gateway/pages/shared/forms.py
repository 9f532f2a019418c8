"""Reading a form that was posted, and saying what is wrong with it."""

import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import uuid4

from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts.application_form import NOTICE
from contracts.errors import InvalidInput
from contracts.model import IST
from contracts.proof_of_work import LONGEST_PROOF
from services.chassis.runtime.clock import now

LONGEST_KEY = 200


def text_of(form: FormData, name: str) -> str:
    """Return a field without the blanks around it; empty if it is missing.

    NUL is removed: no database accepts it.
    """
    value = form.get(name)
    return value.replace("\x00", "").strip() if isinstance(value, str) else ""


def number_of(form: FormData, name: str) -> int | None:
    """Return the number in a field; None if it is missing, no whole number, or has more than nine digits."""
    text = text_of(form, name)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def key_of(form: FormData) -> str:
    """Return the idempotency key of a form; a new one where the form has none."""
    return text_of(form, "key")[:LONGEST_KEY] or str(uuid4())


def work_of(form: FormData) -> dict[str, str]:
    """Return the field with a proof of work, if a form has it: no release before takes that."""
    work = text_of(form, "work")[:LONGEST_PROOF]
    return {"work": work} if work else {}


def told_of(form: FormData) -> dict[str, Any]:
    """Return which privacy notice a form showed, if it says so, and the consent, where it was asked for."""
    told = text_of(form, "told")
    consent = {"consent": True} if text_of(form, "consent") == "yes" else {}
    return {"notice": told, **consent} if re.fullmatch(NOTICE, told) else consent


def problems_of(
    error: InvalidInput | ValidationError, unreadable: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the code of each field's problem.

    A service has named them. A value that no request takes is too long, or else has the code that
    ``unreadable`` gives its field; any other field is a choice.
    """
    if isinstance(error, InvalidInput):
        return {one.field: one.code for one in error.body.fields}
    return {
        ".".join(map(str, one["loc"])): "too_long"
        if one["type"] == "string_too_long"
        else (unreadable or {}).get(str(one["loc"][-1]), "choose_one")
        for one in error.errors(include_input=False)
    }


def today_at(typed: str) -> datetime | None:
    """Return the time of today that was typed as ``HH:MM``.

    Raises:
        InvalidInput: it is none.
    """
    if not typed:
        return None
    try:
        return datetime.combine(now().astimezone(IST).date(), time.fromisoformat(typed), IST)
    except ValueError:
        raise InvalidInput.of("wait_until", "time_missing") from None
