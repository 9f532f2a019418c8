"""The form of an amendment: an application's answers into fields, fields into the request, findings back to the fields."""

import re

from fastapi.datastructures import FormData

from contracts.rpc.application import AmendApplication, ApplicationView
from services.gateway.pages.answers import Answers
from services.gateway.pages.applications.again import companion_answer
from services.gateway.pages.apply.questions import BY_NAME, MOST_COMPANIONS, Problems
from services.gateway.pages.view import text_of
from services.gateway.pages.vocabulary import ID_TYPES

PLACES = {
    r"preferred\.(\d)\.(date|from|to)": r"\2-\1",
    r"preferred|site": "date-0",
    r"companions\.(\d+)\.(id_type|id_last4)": r"\2-\1",
    r"companions\.(\d+)\b.*": r"name-\1",
    r"companions": "name-0",
    r"officer|department": "officer",
    r"vehicle": "vehicle",
}
"""Pattern of a path of the service's form → field of the page."""


def place_of(path: str) -> str:
    """The field that a finding is about; the purpose for what has none."""
    for pattern, place in PLACES.items():
        if match := re.fullmatch(pattern, path):
            return match.expand(place)
    return "purpose"


def of_application(shown: ApplicationView) -> Answers:
    """What an application says now."""
    return {
        "purpose": shown.purpose,
        "officer": shown.officer or "",
        "vehicle": shown.vehicle or "",
        "preferred": [
            {"date": slot.day.isoformat(), "from": f"{slot.start:%H:%M}", "to": f"{slot.end:%H:%M}"}
            for slot in shown.preferred
        ],
        "companions": [companion_answer(one) for one in shown.companions],
    }


def read(form: FormData, shown: ApplicationView) -> tuple[Answers, Problems]:
    """The answers of a posted form, and what is missing in it. A companion whose name was emptied does not come."""
    said, problems = BY_NAME["when"].read(form, {})
    said |= {name: text_of(form, name) for name in ("purpose", "officer", "vehicle")}
    if not said["purpose"]:
        problems["purpose"] = "purpose_missing"
    rows = [_companion(form, number) for number in range(max(MOST_COMPANIONS, len(shown.companions)))]
    said["companions"] = [one for one in rows if one["name"] or one.get("id_last4")]
    problems |= {
        f"name-{number}": "name_missing" for number, one in enumerate(said["companions"]) if not one["name"]
    }
    return said, problems


def _companion(form: FormData, number: int) -> Answers:
    name = text_of(form, f"name-{number}")
    if text_of(form, f"child-{number}") == "yes":
        return {"name": name, "child": True}
    chosen = text_of(form, f"id_type-{number}")
    return {
        "name": name,
        "child": False,
        "id_type": chosen if chosen in ID_TYPES else "",
        "id_last4": text_of(form, f"id_last4-{number}"),
    }


def request_of(shown: ApplicationView, said: Answers) -> AmendApplication:
    """The request, of those answers that were asked.

    Raises:
        pydantic.ValidationError: an answer is longer than any form allows.
    """
    asked: Answers = {
        name: said[name] for name in ("purpose", "officer", "vehicle", "preferred") if name in said
    }
    if "companions" in said:
        asked["companions"] = [_without_blanks(one) for one in said["companions"]]
    return AmendApplication.model_validate({"reference": shown.reference, **asked})


def _without_blanks(one: Answers) -> Answers:
    return {name: value for name, value in one.items() if value != ""}
