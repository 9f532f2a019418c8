"""The request for the application service, made from the answers of a form.

The service checks the answers after each question. Until a question is asked, a harmless value stands in
its place, and problems of such questions are not shown. So every rule stands in the service alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from contracts.rpc.application import SubmitApplication
from services.chassis.runtime.clock import IST, now
from services.gateway.pages.shared.answers import Answers

NOT_ASKED = {
    "kind": "citizen", "name": "A", "id_type": "other_photo_id", "id_last4": "0000", "site": "not-asked",
    "department": "not-asked", "purpose_kind": "other", "purpose": "-", "deliver_by": "sms",
}  # fmt: skip
"""Harmless values of answers that have not been asked for yet."""


def request_of(answers: Answers, language: str) -> SubmitApplication:
    """Return the request as far as the form is filled in.

    Raises:
        pydantic.ValidationError: an answer is longer than any form allows.
    """
    given = {**NOT_ASKED, **{name: value for name, value in answers.items() if value not in ("", None, [])}}
    applicant: dict[str, Any] = {
        "kind": given["kind"], "name": given["name"], "name_latin": given.get("name_latin"),
        "language": language,
        "email": given.get("email"),
        "id_type": given["id_type"], "id_last4": answers.get("id_last4", NOT_ASKED["id_last4"]),
        "deliver_by": given["deliver_by"],
        "assistance": given.get("assistance"),
    }  # fmt: skip
    if given["kind"] == "official":
        applicant["official"] = {
            name: given.get(name, "-") for name in ("organisation", "designation", "employee_no")
        }
    if given.get("minor"):
        applicant["guardian"] = {
            "name": given.get("guardian", "-"), "relation": given.get("relation", "guardian"),
        }  # fmt: skip
    today = now().astimezone(IST).date().isoformat()
    return SubmitApplication.model_validate(
        {
            "applicant": applicant,
            "site": given["site"],
            "department": given["department"],
            "officer": given.get("officer"),
            "purpose_kind": given["purpose_kind"],
            "purpose": given["purpose"],
            "preferred": without_halves(given.get("preferred", ()))
            or [{"date": today, "from": "23:00", "to": "23:59"}],
            "companions": [
                {"name": one["name"], "child": True} if one.get("child") else one
                for one in given.get("companions", ())
            ],
            "vehicle": given.get("vehicle"),
            **({"like": answers["like"]} if "like" in answers else {}),
            **({"weekly_until": given["weekly_until"]} if "weekly_until" in given else {}),
        }
    )


def without_halves(slots: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the slots of a form as a request has them, without the half of the day that was chosen."""
    return [{name: slot[name] for name in ("date", "from", "to")} for slot in slots]


def unreadable(error: ValidationError) -> list[tuple[str, str]]:
    """Return the problems of an invalid request as fields and codes: its texts are too long."""
    return [
        (".".join(str(part) for part in one["loc"]), "too_long") for one in error.errors(include_input=False)
    ]
