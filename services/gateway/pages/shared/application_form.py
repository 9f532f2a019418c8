"""From answers to the form that the application service takes, and from its findings back to the questions.

A form is checked after each question, with something harmless in place of what has not been asked yet; the problems of
the other questions are left out then. So every rule stands in the service alone.
"""

from typing import Any

from pydantic import ValidationError

from contracts.rpc.application import SubmitApplication
from services.chassis.runtime.clock import IST, now
from services.gateway.pages.shared.answers import Answers

NOT_ASKED = {
    "kind": "citizen", "name": "A", "id_type": "other_photo_id", "id_last4": "0000", "site": "-", "department": "-",
    "purpose_kind": "other", "purpose": "-", "deliver_by": "sms",
}  # fmt: skip


def request_of(answers: Answers, language: str) -> SubmitApplication:
    """The form as far as it is filled in.

    Raises:
        pydantic.ValidationError: an answer is longer than any form allows.
    """
    said = {**NOT_ASKED, **{name: value for name, value in answers.items() if value not in ("", None, [])}}
    applicant: dict[str, Any] = {
        "kind": said["kind"], "name": said["name"], "name_latin": said.get("name_latin"), "language": language,
        "id_type": said["id_type"], "id_last4": said["id_last4"], "deliver_by": said["deliver_by"], "assistance": said.get("assistance"),
    }  # fmt: skip
    if said["kind"] == "official":
        applicant["official"] = {
            name: said.get(name, "-") for name in ("organisation", "designation", "employee_no")
        }
    today = now().astimezone(IST).date().isoformat()
    return SubmitApplication.model_validate(
        {
            "applicant": applicant,
            "site": _code(said["site"]),
            "department": _code(said["department"]),
            "officer": said.get("officer"),
            "purpose_kind": said["purpose_kind"],
            "purpose": said["purpose"],
            "preferred": said.get("preferred") or [{"date": today, "from": "23:00", "to": "23:59"}],
            "companions": [_companion(one) for one in said.get("companions", ())],
            "vehicle": said.get("vehicle"),
        }
    )


def unreadable(error: ValidationError) -> list[tuple[str, str]]:
    """What no form allows, as findings: paths and codes. A page's own fields can only be too long."""
    return [
        (".".join(str(part) for part in one["loc"]), "too_long") for one in error.errors(include_input=False)
    ]


def _code(text: str) -> str:
    return text if text != "-" else "not-asked"


def _companion(one: dict[str, Any]) -> dict[str, Any]:
    return {"name": one["name"], "child": True} if one.get("child") else one
