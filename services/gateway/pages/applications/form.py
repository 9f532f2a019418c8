"""Forms that are filled from an application that was sent: a new application, and an amendment."""

from fastapi.datastructures import FormData

from contracts.model import Companion
from contracts.rpc.application import AmendApplication, ApplicationView
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.application_form import without_halves
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.questions import MOST_COMPANIONS, Problems, read_times
from services.gateway.pages.shared.vocabulary import ID_TYPES

OFFERED_CHANNELS = ("sms", "whatsapp", "email")
PLACES = {
    r"preferred\.(\d)\.(date|from|to)": r"\2-\1",
    r"preferred|site": "date-0",
    r"companions\.(\d+)\.(id_type|id_last4)": r"\2-\1",
    r"companions\.(\d+)\b.*": r"name-\1",
    r"companions": "name-0",
    r"officer|department": "officer",
    r"vehicle": "vehicle",
}
"""Pattern of a field of the service's request → field of the page."""


def for_new_application(shown: ApplicationView) -> Answers:
    """Return the answers of an old application for a new one, without its dates.

    An answer that is missing, or that these pages do not offer, is left out, so that it is asked for. The
    numbers of ID cards are known to the service only, which takes those of the old application.
    """
    person, official, parent = shown.applicant, shown.applicant.official, shown.applicant.guardian
    known: Answers = {
        "kind": "official" if official else "citizen",
        "name": person.name, "name_latin": "" if person.name.isascii() else person.name_latin,
        "id_type": person.id_type,
        "email": person.email,
        "site": shown.site, "department": shown.department, "purpose_kind": shown.purpose_kind,
        "purpose": shown.purpose,
        **(official.model_dump() if official else {}),
        **({"minor": True, "guardian": parent.name, "relation": parent.relation} if parent else {}),
    }  # fmt: skip
    answers = {name: value for name, value in known.items() if value}
    answers |= {
        "like": shown.reference,
        "id_last4": "",
        "wishes": True,
        "officer": shown.officer or "",
        "vehicle": shown.vehicle or "",
        "assistance": shown.assistance or "",
        "weekly": shown.weekly_until is not None,
    }
    answers["companions"] = [companion_answer(one) for one in shown.companions[:MOST_COMPANIONS]]
    if len(shown.companions) <= MOST_COMPANIONS:
        answers["companions_done"] = True
    if shown.deliver_by in OFFERED_CHANNELS:
        answers["deliver_by"] = shown.deliver_by
    return answers


def companion_answer(one: Companion) -> Answers:
    """Return a companion as answers of a form."""
    if one.child:
        return {"name": one.name, "child": True}
    return {"name": one.name, "child": False, "id_type": one.id_type or "", "id_last4": one.id_last4 or ""}


def for_amendment(shown: ApplicationView) -> Answers:
    """Return the answers that an amendment can change, as they are now."""
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
    """Return the answers of a posted form, and its problems.

    A companion whose name was cleared is left out.
    """
    given, problems = read_times(form, {})
    given |= {name: text_of(form, name) for name in ("purpose", "officer", "vehicle")}
    if not given["purpose"]:
        problems["purpose"] = "purpose_missing"
    given["companions"], missing = read_companions(form, len(shown.companions))
    return given, problems | missing


def read_companions(form: FormData, known: int) -> tuple[list[Answers], Problems]:
    """Return who comes along, and whose name is missing; ``known`` is how many came along so far."""
    rows = [_companion(form, number) for number in range(max(MOST_COMPANIONS, known))]
    coming = [one for one in rows if one["name"] or one.get("id_last4")]
    return coming, {f"name-{number}": "name_missing" for number, one in enumerate(coming) if not one["name"]}


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


def request_of(shown: ApplicationView, given: Answers) -> AmendApplication:
    """Return the request with those answers that the form asked for.

    Raises:
        pydantic.ValidationError: an answer is longer than any form allows.
    """
    asked: Answers = {name: given[name] for name in ("purpose", "officer", "vehicle") if name in given}
    if "preferred" in given:
        asked["preferred"] = without_halves(given["preferred"])
    if "companions" in given:
        asked["companions"] = without_empty(given["companions"])
    return AmendApplication.model_validate({"reference": shown.reference, **asked})


def without_empty(companions: list[Answers]) -> list[Answers]:
    """Return companions without the answers that were left empty."""
    return [{name: value for name, value in one.items() if value != ""} for one in companions]
