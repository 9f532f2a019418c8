"""The questions of an application, in their order. A question is one page, which may ask several things.

A question reads its own fields of a posted form into answers. ``problems`` maps a problem that the service
found to the field at which the page shows it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any

from fastapi.datastructures import FormData

from contracts import visiting_rules
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.vocabulary import ASSISTANCE, ID_TYPES, PURPOSES, RELATIONS

MOST_COMPANIONS = visiting_rules.MOST_COMPANIONS["portal"]
SLOTS = 3
HALVES = ("am", "pm")
"""Morning and afternoon, as a form has them."""
OFFICE = ("organisation", "designation", "employee_no")
PARENT = ("guardian", "relation")
"""The name of who applies for a person under 18, and what they are to them."""
Problems = dict[str, str]
"""Field of the page → code of its problem."""


Reader = Callable[[FormData, Answers], tuple[Answers, Problems]]


def place_in(places: Mapping[str, str], path: str) -> str | None:
    """Return the field of a page for a field of the service's request, by the first pattern that fits it."""
    found = ((re.fullmatch(pattern, path), place) for pattern, place in places.items())
    return next((match.expand(place) for match, place in found if match), None)


@dataclass(frozen=True)
class Question:
    """One question with its page.

    Args:
        name: in its address and of its template.
        read: returns answers and problems of a posted form.
        asked: returns whether the question is asked at all, given the answers so far.
        problems: pattern of a field of the service's request → field of this page (for ``re.Match.expand``).
        answers: names that are set once the question is answered.
        optional: returns those of them that are not asked for, given the answers so far.
        resets: answer → names of answers that become invalid when it changes.
    """

    name: str
    read: Reader
    answers: tuple[str, ...]
    asked: Callable[[Answers], bool] = lambda _answers: True
    problems: dict[str, str] = field(default_factory=dict)
    optional: Callable[[Answers], tuple[str, ...]] = lambda _answers: ()
    resets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def place_of(self, path: str) -> str | None:
        """Return the field of this page for a problem that the service found, if any."""
        return place_in(self.problems, path)

    def problems_of(self, found: Iterable[tuple[str, str]]) -> Problems:
        """Return the problems that the service found, by the fields of this page."""
        placed = {place: code for path, code in found if (place := self.place_of(path))}
        return {
            place: f"{place}_missing" if code == "official_missing" else code
            for place, code in placed.items()
        }

    def put(self, answers: Answers, given: Answers) -> Answers:
        """Return the answers with this one added, and without those that it makes invalid."""
        changed = (name for name, value in given.items() if answers.get(name) != value)
        invalid = {reset for name in changed for reset in self.resets.get(name, ())}
        return {name: value for name, value in answers.items() if name not in invalid} | given

    def is_answered(self, answers: Answers) -> bool:
        """Return whether the question is answered."""
        optional = self.optional(answers)
        return all(name in answers for name in self.answers if name not in optional)


def _choice(name: str, *allowed: str) -> Reader:
    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        chosen = text_of(form, name)
        return ({name: chosen}, {}) if chosen in allowed else ({}, {name: f"{name}_not_chosen"})

    return read


def _texts(*names: str, optional: tuple[str, ...] = ()) -> Reader:
    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        typed: Answers = {name: text_of(form, name) for name in names}
        return typed, {
            name: f"{name}_missing" for name, text in typed.items() if not text and name not in optional
        }

    return read


def _place(name: str) -> Reader:
    """Return a reader for a code of the directory; the service checks that the code exists."""

    def read(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
        chosen = text_of(form, name)
        is_code = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}", chosen)
        return ({name: chosen}, {}) if is_code else ({}, {name: f"{name}_not_chosen"})

    return read


def _department(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    """Read the department, with the site and the officer where the button that was pressed names them."""
    code = r"[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}"
    chosen = re.fullmatch(f"({code})(?:@({code}))?(?:/({code}))?", text_of(form, "department"))
    if not chosen:
        return {}, {"department": "department_not_chosen"}
    given = zip(("department", "site", "officer"), chosen.groups(), strict=True)
    return {name: value for name, value in given if value}, {}


def _officer(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read whom the visit is to: whoever names nobody meets anyone who deals with it."""
    if text_of(form, "officer") in ("", "anyone"):
        return {"officer": ""}, {}
    return _place("officer")(form, answers)


def _person(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read who applies: the office of officials alone, and who applies of somebody under 18 alone.

    To the service somebody under 18 is a citizen with a guardian, as to a gateway of the release before.
    """
    given, problems = _choice("kind", "citizen", "minor", "official")(form, answers)
    of_kind = {"official": _texts(*OFFICE), "minor": parent}.get(given.get("kind", ""))
    for read in (of_kind, _texts("name"), _identity) if of_kind else (_texts("name"), _identity):
        more, found = read(form, answers)
        given, problems = given | more, problems | found
    is_minor = given.get("kind") == "minor"
    return given | ({"kind": "citizen", "minor": True} if is_minor else {"minor": False}), problems


def parent(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read who applies for a person under 18."""
    name, problems = _texts("guardian")(form, answers)
    relation, more = _choice("relation", *RELATIONS)(form, answers)
    return name | relation, problems | more


def _purpose(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    kind, problems = _choice("purpose_kind", *PURPOSES)(form, answers)
    text, more = _texts("purpose")(form, answers)
    # a new line is one character, as the counter counts
    lines = {name: typed.replace("\r\n", "\n") for name, typed in text.items()}
    return kind | lines, problems | more


def _visit(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read whom the visit is to, why and when, and whether there is more to ask."""
    given: Answers = {}
    problems: Problems = {}
    for read in (_officer, _purpose, read_times, _weekly):
        more, found = read(form, answers)
        given, problems = given | more, problems | found
    if not answers.keys() & {"deliver_by", "companions"}:
        given["wishes"] = text_of(form, "wishes") == "yes"
    return given, problems


def _weekly(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    """Read until when somebody comes each week; empty where they do not say so."""
    ticked, until = text_of(form, "weekly") == "yes", text_of(form, "weekly_until")[:10]
    given = {"weekly": ticked, "weekly_until": until if ticked else ""}
    return given, {"weekly_until": "date_missing"} if ticked and not until else {}


def read_times(form: FormData, _answers: Answers, halves: bool = True) -> tuple[Answers, Problems]:
    """Read the days, each with its half or with exact hours, which count where both are given.

    Who ticks that they wait for a place may choose a time that is full.

    ``visit_times.settle`` finds the hours of a half.
    """
    slots: list[dict[str, str]] = []
    problems: Problems = {}
    for number in range(SLOTS):
        slot = {name: text_of(form, f"{name}-{number}") for name in ("date", "from", "to")}
        if number > 0 and not slot["date"]:
            continue
        needed = ["date", "from", "to"]
        if halves and not (slot["from"] or slot["to"]):
            needed = ["date", "half"]
            half = text_of(form, f"half-{number}")
            slot["half"] = half if half in HALVES else ""
        problems |= {f"{name}-{number}": f"{name}_missing" for name in needed if not slot[name]}
        slots.append(slot)
    return {"preferred": slots, "waits_for_place": text_of(form, "waits_for_place") == "yes"}, problems


def at_halves(problems: Problems, slots: Sequence[Mapping[str, str]]) -> Problems:
    """Return problems of hours at the half of the day where that was chosen instead."""
    chosen = {
        f"{name}-{number}": f"half-{number}"
        for number, slot in enumerate(slots)
        for name in ("from", "to")
        if slot.get("half")
    }
    return {chosen.get(place, place): code for place, code in problems.items()}


def _identity(form: FormData, _answers: Answers) -> tuple[Answers, Problems]:
    kind, problems = _choice("id_type", *ID_TYPES)(form, _answers)
    text, more = _texts("id_last4")(form, _answers)
    return kind | text, problems | more


def _details(form: FormData, answers: Answers) -> tuple[Answers, Problems]:
    """Read whether one more companion is to be added, the vehicle, assistance, and how the pass is sent.

    Adding, changing and removing a companion are forms of their own.
    """
    chosen, problems = _choice("more", "yes", "no")(form, answers)
    given: Answers = {"companions_done": chosen["more"] == "no"} if chosen else {}
    for read in (
        _texts("vehicle", optional=("vehicle",)),
        _choice("assistance", "", *ASSISTANCE),
        _texts("email", optional=("email",)),
        _choice("deliver_by", "sms", "whatsapp", "email"),
    ):
        more, found = read(form, answers)
        given, problems = given | more, problems | found
    return given, problems


def companion(form: FormData, answers: Answers, at: int) -> tuple[Answers, Problems]:
    """Read the companion at a place in the list, which is one behind its end for a new one."""
    child = text_of(form, "child") == "yes"
    one: dict[str, Any] = {"name": text_of(form, "name"), "child": child}
    problems: Problems = {} if one["name"] else {"name": "name_missing"}
    if not child:
        identity, more = _identity(form, answers)
        one, problems = one | identity, problems | more
    companions = list(answers.get("companions", ()))
    companions[at : at + 1] = [one]
    return {"companions": companions}, problems


QUESTIONS: tuple[Question, ...] = (
    Question(
        "who",
        _person,
        ("kind", "minor", *PARENT, *OFFICE, "name", "id_type", "id_last4"),
        problems={
            r"applicant\.official\.(\w+)": r"\1",
            r"applicant\.official": "organisation",
            r"applicant\.guardian\..+": "guardian",
            r"applicant\.(name|id_type|id_last4)": r"\1",
        },
        # Who was half through when an earlier version asked has not said that they are under 18.
        optional=lambda answers: (
            "minor",
            *(() if answers.get("minor") else PARENT),
            *(() if answers.get("kind") == "official" else OFFICE),
        ),
        resets={"name": ("name_latin",)},
    ),
    Question(
        "name-latin",
        _texts("name_latin"),
        ("name_latin",),
        # The service suggests it, so that it is a question only where it could not.
        asked=lambda answers: not answers.get("name", "").isascii() and "name_latin" not in answers,
        problems={r"applicant\.name_latin": "name_latin"},
    ),
    Question(
        "department",
        _department,
        ("department", "site"),
        problems={r"(department|site)": "department"},
        resets={"department": ("officer",), "site": ("preferred",)},
    ),
    Question(
        "visit",
        _visit,
        ("officer", "purpose_kind", "purpose", "preferred"),
        problems={
            r"(officer|purpose_kind|purpose)": r"\1",
            r"preferred\.(\d)\.(date|from|to)": r"\2-\1",
            r"preferred": "date-0",
            r"weekly_until": "weekly_until",
        },
    ),
    Question(
        "companions",
        _details,
        ("companions_done", "vehicle", "assistance", "email", "deliver_by"),
        # Who comes alone, on foot, and wants the pass by SMS is not asked.
        asked=lambda answers: bool(answers.get("wishes") or "companions_done" in answers),
        problems={
            r"companions(\..+)?": "more",
            r"vehicle": "vehicle",
            r"applicant\.(email|deliver_by)": r"\1",
        },
        # Who was half through when an earlier version asked is not asked again.
        optional=lambda _answers: ("email",),
    ),
)
BY_NAME = {question.name: question for question in QUESTIONS}
AT_THE_COUNTER: tuple[Question, ...] = (
    Question("name", _texts("name"), ("name",), problems={r"applicant\.name": "name"}),
    Question("id", _identity, ("id_type", "id_last4"), problems={r"applicant\.(id_type|id_last4)": r"\1"}),
    Question("department", _place("department"), ("department",), problems={r"department": "department"}),
    Question("purpose", _purpose, ("purpose_kind", "purpose"), problems={r"(purpose_kind|purpose)": r"\1"}),
    Question(
        "when",
        partial(read_times, halves=False),
        ("preferred",),
        problems={r"preferred\.(\d)\.(date|from|to)": r"\2-\1", r"preferred": "date-0"},
    ),
    Question(
        "vehicle", _texts("vehicle", optional=("vehicle",)), ("vehicle",), problems={r"vehicle": "vehicle"}
    ),
    Question("assistance", _choice("assistance", "", *ASSISTANCE), ("assistance",)),
    Question(
        "weekly",
        _texts("weekly_until", optional=("weekly_until",)),
        ("weekly_until",),
        problems={r"weekly_until": "weekly_until"},
    ),
)
"""The questions of the form of a walk-in, which asks all of them on one page."""


def next_question(answers: Answers) -> Question | None:
    """Return the first question that is not answered yet; None if all are."""
    return next((one for one in QUESTIONS if one.asked(answers) and not one.is_answered(answers)), None)


def before(name: str, answers: Answers) -> Question | None:
    """Return the previous question, for the back link."""
    earlier = [one for one in takewhile(lambda one: one.name != name, QUESTIONS) if one.asked(answers)]
    return earlier[-1] if earlier else None


def step_of(name: str, answers: Answers) -> tuple[int, int]:
    """Return at which of how many steps a page stands; the last step is the page with all answers."""
    steps = [one.name for one in QUESTIONS if one.asked(answers) or one.name == name]
    return (steps.index(name) if name in steps else len(steps)) + 1, len(steps) + 1
