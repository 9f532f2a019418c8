"""The questions of an application, in their order, one per page.

A question reads its own fields of a posted form into answers. ``problems`` maps a problem that the service
found to the field at which the page shows it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fastapi.datastructures import FormData

from contracts import visiting_rules
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.view import text_of
from services.gateway.pages.shared.vocabulary import ID_TYPES, PURPOSES

MOST_COMPANIONS = visiting_rules.MOST_COMPANIONS["portal"]
SLOTS = 3
Problems = dict[str, str]
"""Field of the page → code of its problem."""


def _always(_answers: Answers) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    """One question with its page.

    Args:
        name: in its address and of its template.
        read: returns answers and problems of a posted form.
        asked: returns whether the question is asked at all, given the answers so far.
        problems: pattern of a field of the service's request → field of this page (for ``re.Match.expand``).
        answers: names that are set once the question is answered.
        resets: names of answers that become invalid when this answer changes.
    """

    name: str
    read: Callable[[FormData, Answers], tuple[Answers, Problems]]
    answers: tuple[str, ...]
    asked: Callable[[Answers], bool] = _always
    problems: dict[str, str] = field(default_factory=dict)
    resets: tuple[str, ...] = ()

    def place_of(self, path: str) -> str | None:
        """Return the field of this page for a problem that the service found, if any."""
        for pattern, place in self.problems.items():
            if match := re.fullmatch(pattern, path):
                return match.expand(place)
        return None

    def problems_of(self, found: Iterable[tuple[str, str]]) -> Problems:
        """Return the problems that the service found, by the fields of this page."""
        placed = {place: code for path, code in found if (place := self.place_of(path))}
        return {
            place: f"{place}_missing" if code == "official_missing" else code
            for place, code in placed.items()
        }

    def put(self, answers: Answers, given: Answers) -> Answers:
        """Return the answers with this one added, and without those that it makes invalid."""
        changed = any(answers.get(name) != value for name, value in given.items())
        remaining = {name: value for name, value in answers.items() if not (changed and name in self.resets)}
        return remaining | given

    def is_answered(self, answers: Answers) -> bool:
        """Return whether the question is answered."""
        return all(name in answers for name in self.answers)


def _choice(name: str, *allowed: str) -> Callable[[FormData, Answers], tuple[Answers, Problems]]:
    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        chosen = text_of(form, name)
        return ({name: chosen}, {}) if chosen in allowed else ({}, {name: f"{name}_not_chosen"})

    return read


def _texts(
    *names: str, optional: tuple[str, ...] = ()
) -> Callable[[FormData, Answers], tuple[Answers, Problems]]:
    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        typed: Answers = {name: text_of(form, name) for name in names}
        return typed, {
            name: f"{name}_missing" for name, text in typed.items() if not text and name not in optional
        }

    return read


def _place(name: str) -> Callable[[FormData, Answers], tuple[Answers, Problems]]:
    """Return a reader for a code of the directory; the service checks that the code exists."""

    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        chosen = text_of(form, name)
        return (
            ({name: chosen}, {})
            if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}", chosen)
            else ({}, {name: f"{name}_not_chosen"})
        )

    return read


def _officer(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    chosen = text_of(form, "officer")
    if chosen == "anyone":
        return {"officer": ""}, {}
    return _place("officer")(form, _answers)


def _purpose(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    kind, problems = _choice("purpose_kind", *PURPOSES)(form, _answers)
    text, more = _texts("purpose")(form, _answers)
    lines = {
        name: typed.replace("\r\n", "\n") for name, typed in text.items()
    }  # a new line is one character, as the counter counts
    return kind | lines, problems | more


def _when(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    slots: list[dict[str, str]] = []
    problems: Problems = {}
    for number in range(SLOTS):
        slot = {name: text_of(form, f"{name}-{number}") for name in ("date", "from", "to")}
        if number > 0 and not slot["date"]:
            continue
        problems |= {f"{name}-{number}": f"{name}_missing" for name, text in slot.items() if not text}
        slots.append(slot)
    return {"preferred": slots}, problems


def _identity(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    kind, problems = _choice("id_type", *ID_TYPES)(form, _answers)
    text, more = _texts("id_last4")(form, _answers)
    return kind | text, problems | more


def _companions(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read whether one more companion is to be added; removing one is a form of its own."""
    chosen, problems = _choice("more", "yes", "no")(form, answers)
    return ({"companions_done": chosen["more"] == "no"} if chosen else {}), problems


def companion(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read one more companion."""
    child = text_of(form, "child") == "yes"
    one: dict[str, Any] = {"name": text_of(form, "name"), "child": child}
    problems: Problems = {} if one["name"] else {"name": "name_missing"}
    if not child:
        identity, more = _identity(form, answers)
        one, problems = one | identity, problems | more
    return {"companions": [*answers.get("companions", ()), one]}, problems


QUESTIONS: tuple[Question, ...] = (
    Question("who", _choice("kind", "citizen", "official"), ("kind",)),
    Question(
        "office",
        _texts("organisation", "designation", "employee_no"),
        ("organisation", "designation", "employee_no"),
        asked=lambda answers: answers.get("kind") == "official",
        problems={r"applicant\.official\.(\w+)": r"\1", r"applicant\.official": "organisation"},
    ),
    Question(
        "name", _texts("name"), ("name",), problems={r"applicant\.name": "name"}, resets=("name_latin",)
    ),
    Question(
        "name-latin",
        _texts("name_latin"),
        ("name_latin",),
        asked=lambda answers: not answers.get("name", "").isascii(),
        problems={r"applicant\.name_latin": "name_latin"},
    ),
    Question("id", _identity, ("id_type", "id_last4"), problems={r"applicant\.(id_type|id_last4)": r"\1"}),
    Question(
        "site",
        _place("site"),
        ("site",),
        problems={r"site": "site"},
        resets=("department", "officer", "preferred"),
    ),
    Question(
        "department",
        _place("department"),
        ("department",),
        problems={r"department": "department"},
        resets=("officer",),
    ),
    Question("officer", _officer, ("officer",), problems={r"officer": "officer"}),
    Question("purpose", _purpose, ("purpose_kind", "purpose"), problems={r"(purpose_kind|purpose)": r"\1"}),
    Question(
        "when",
        _when,
        ("preferred",),
        problems={r"preferred\.(\d)\.(date|from|to)": r"\2-\1", r"preferred": "date-0"},
    ),
    Question("companions", _companions, ("companions_done",), problems={r"companions(\..+)?": "more"}),
    Question(
        "vehicle", _texts("vehicle", optional=("vehicle",)), ("vehicle",), problems={r"vehicle": "vehicle"}
    ),
    Question("assistance", _choice("assistance", "", "wheelchair", "guide"), ("assistance",)),
    Question(
        "deliver",
        _choice("deliver_by", "sms", "whatsapp"),
        ("deliver_by",),
        problems={r"applicant\.deliver_by": "deliver_by"},
    ),
)
BY_NAME = {question.name: question for question in QUESTIONS}


def next_question(answers: Answers) -> Question | None:
    """Return the first question that is not answered yet; None if all are."""
    return next((one for one in QUESTIONS if one.asked(answers) and not one.is_answered(answers)), None)


def before(name: str, answers: Answers) -> Question | None:
    """Return the previous question, for the back link."""
    asked = [one for one in QUESTIONS if one.asked(answers)]
    at = next((number for number, one in enumerate(asked) if one.name == name), 0)
    return asked[at - 1] if at > 0 else None
