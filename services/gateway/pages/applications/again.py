"""The answers of an old application, for a new one: all but the dates."""

from contracts.model import Companion
from contracts.rpc.application import ApplicationView
from services.gateway.pages.answers import Answers
from services.gateway.pages.apply.questions import MOST_COMPANIONS

OFFERED_CHANNELS = ("sms", "whatsapp")


def answers_of(shown: ApplicationView) -> Answers:
    """What was answered then. What it has no answer to, or what cannot be answered so on these pages, is asked."""
    person, official = shown.applicant, shown.applicant.official
    known: Answers = {
        "kind": "official" if official else "citizen",
        "name": person.name, "name_latin": "" if person.name.isascii() else person.name_latin, "id_type": person.id_type, "id_last4": person.id_last4,
        "site": shown.site, "department": shown.department, "purpose_kind": shown.purpose_kind, "purpose": shown.purpose,
        **(official.model_dump() if official else {}),
    }  # fmt: skip
    answers = {name: value for name, value in known.items() if value}
    answers |= {
        "officer": shown.officer or "",
        "vehicle": shown.vehicle or "",
        "assistance": shown.assistance or "",
    }
    answers["companions"] = [companion_answer(one) for one in shown.companions[:MOST_COMPANIONS]]
    if len(shown.companions) <= MOST_COMPANIONS:
        answers["companions_done"] = True
    if shown.deliver_by in OFFERED_CHANNELS:
        answers["deliver_by"] = shown.deliver_by
    return answers


def companion_answer(one: Companion) -> Answers:
    """A companion as the pages' forms have it."""
    if one.child:
        return {"name": one.name, "child": True}
    return {"name": one.name, "child": False, "id_type": one.id_type or "", "id_last4": one.id_last4 or ""}
