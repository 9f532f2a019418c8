"""The form of a walk-in: all questions of the portal on one page, problems beside their fields."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts.events import OfficerRecord
from contracts.rpc.application import SubmitAtCounter
from services.chassis.runtime.clock import IST, now
from services.gateway.pages.counter import party
from services.gateway.pages.counter.party import Party
from services.gateway.pages.shared import cookies, directory, visit_times
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.application_form import request_of, unreadable
from services.gateway.pages.shared.forms import text_of, told_of
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.pasted_list import LineProblem
from services.gateway.pages.shared.questions import AT_THE_COUNTER, OFFICE, PARENT, Problems, parent
from services.gateway.pages.shared.view import View

DELIVERIES = ("sms", "whatsapp", "printed")
TYPED = (
    "name", "name_latin", "mobile", "language", "id_type", "id_last4", *OFFICE, *PARENT, "department",
    "officer", "officer_code", "purpose_kind",
    "purpose", "date-0", "from-0", "to-0", "companions", "vehicle", "assistance", "deliver_by",
    "weekly_until", "photograph",
)  # fmt: skip


@dataclass
class WalkIn:
    """The form of a walk-in as the operator typed it, and its problems.

    Args:
        typed: the fields as they were typed, to show them again.
        answers: as the questions of the portal return them.
        party: the companions.
        errors: field → code of its problem.
        lines: problems of lines of the list of companions.
        officers: the candidates where the typed name fits several officers.
        told: which privacy notice was there to be read out, and the consent, where it was asked for.
    """

    typed: dict[str, str]
    answers: Answers = field(default_factory=dict)
    party: Party = field(default_factory=lambda: party.read(""))
    errors: Problems = field(default_factory=dict)
    lines: list[LineProblem] = field(default_factory=list)
    officers: tuple[OfficerRecord, ...] = ()
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def is_in_order(self) -> bool:
        """Return whether no problem is known."""
        return not self.errors and not self.lines

    def request(self) -> SubmitAtCounter | None:
        """Return the request; None where a text is too long, which is recorded as a problem."""
        spoken = next((one for one in LANGUAGES if one == self.typed["language"]), "en")
        try:
            asked = request_of(self.answers, spoken).model_dump(by_alias=True, exclude_unset=True)
            more = {name: self.typed[name] or None for name in ("mobile", "photograph")}
            if self.answers.get("minor"):
                more["photograph"] = None  # none is taken of somebody under 18
            return SubmitAtCounter.model_validate(asked | more | self.told)
        except ValidationError as error:
            self.take(unreadable(error))
            return None

    def take(self, findings: Iterable[tuple[str, str]]) -> None:
        """Record problems, each at its field or its line."""
        for path, code in findings:
            line = self.party.problem_at(path, code)
            if line:
                self.lines.append(line)
            else:
                places = (place for question in AT_THE_COUNTER if (place := question.place_of(path)))
                self.errors[next(places, path.removeprefix("applicant.").partition(".")[0])] = code


def read(form: FormData, site: str) -> WalkIn:
    """Read the whole form; :func:`find_officer` looks up the officer afterwards."""
    walk_in = WalkIn(
        {name: text_of(form, name) for name in TYPED},
        {"site": site},
        party.read(text_of(form, "companions")),
        told=told_of(form),
    )
    for question in AT_THE_COUNTER:
        given, problems = question.read(form, walk_in.answers)
        walk_in.answers |= given
        walk_in.errors |= problems
    typed = walk_in.typed
    walk_in.answers |= {"companions": walk_in.party.companions, "name_latin": typed["name_latin"]}
    walk_in.answers["kind"] = "citizen"
    walk_in.answers["deliver_by"] = typed["deliver_by"] if typed["deliver_by"] in DELIVERIES else "printed"
    if any(typed[name] for name in OFFICE):
        walk_in.answers |= {"kind": "official"} | {name: typed[name] for name in OFFICE}
        walk_in.errors |= {name: f"{name}_missing" for name in OFFICE if not typed[name]}
    elif typed["guardian"] or typed["relation"]:
        given, problems = parent(form, walk_in.answers)
        walk_in.answers |= given | {"minor": True}
        walk_in.errors |= problems
    walk_in.lines = list(walk_in.party.problems)
    if len(walk_in.party.companions) > party.MOST:
        walk_in.errors["companions"] = "too_many_companions"
    return walk_in


async def find_officer(view: View, walk_in: WalkIn) -> None:
    """Look up the officer by the typed name; where the name fits several, the operator must choose one."""
    typed, department = walk_in.typed, walk_in.answers.get("department")
    if not typed["officer"] or not department:
        return
    found = await directory.open_officers(view, department, typed["officer"])
    chosen = [one for one in found if one.code == typed["officer_code"]] or list(found)
    if len(chosen) == 1:
        walk_in.answers["officer"] = chosen[0].code
        return
    walk_in.officers = found
    walk_in.errors["officer_code" if found else "officer"] = (
        "officer_code_not_chosen" if found else "no_such_officer"
    )


async def fresh(view: View, site: str) -> WalkIn:
    """Return an empty form for a visit that begins now, or when the site opens next."""
    record = await directory.site(view, site)
    language = cookies.visitor_language(view.request, view.language)
    typed = dict.fromkeys(TYPED, "") | {"language": language, "deliver_by": "sms"}
    days = (
        visit_times.open_days(record, view.caller.state.settings.furthest_days, now()) if record else iter(())
    )
    return WalkIn(typed | next_window(next(days, None), now().astimezone(IST)))


def next_window(day: visit_times.Day | None, at: datetime) -> dict[str, str]:
    """Return the time fields of a new form, from now on or from when the site opens."""
    if day is None:
        return {}
    today = day.day == at.date()
    opens, closes = next(
        (hours for hours in day.windows if not today or hours[1] > at.time()), day.windows[0]
    )
    five_minutes = (at - timedelta(minutes=at.minute % 5)).time()
    begins = max(opens, five_minutes) if today else opens
    return {"date-0": day.day.isoformat(), "from-0": f"{begins:%H:%M}", "to-0": f"{closes:%H:%M}"}


async def offered(view: View, site: str) -> dict[str, Any]:
    """Return what the page offers to choose from."""
    return {
        "departments": await directory.departments(view, site),
        "spoken": LANGUAGES,
        "site": await directory.site(view, site),
    }
