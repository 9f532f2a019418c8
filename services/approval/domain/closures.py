"""Closing a day of a department at short notice: what is checked, and what its visitors are told.

Pure: today, the last day and the reviews are arguments.
"""

from dataclasses import dataclass
from datetime import date

from contracts.errors import FieldError, InvalidInput
from contracts.free_text import note_problem
from contracts.identity import mask_aadhaar
from contracts.model import ClosureReason
from contracts.visiting_rules import Calendar

PROBLEMS: dict[str, str] = {
    "date_past": "this date has passed",
    "date_too_far": "this date is too far away",
    "required": "words for the visitors are needed",
    "control_character": "there is a sign in it that turns the direction of the text or ends its line",
    "link": "visitors get no links in the words of a department",
    "day_closed": "the department has closed this day",
}
"""Error code → its sentence for developers. The pages translate the codes."""


@dataclass(frozen=True)
class Closure:
    """A closed day: why, in whose words, and who closed it."""

    day: date
    reason: ClosureReason
    note: str
    closed_by: str


def new_closure(day: date, reason: ClosureReason, note: str, by: str, calendar: Calendar) -> Closure:
    """Return the closing of a day, its note without an Aadhaar number.

    Raises:
        InvalidInput: the day has passed or cannot be asked for yet; the reason is "other" and the note is
            empty; or the note is as `note_problem`.
    """
    words = mask_aadhaar(note.replace("\x00", "").strip())[0]
    problems = []
    if day < calendar.today:
        problems.append(("day", "date_past"))
    elif day > calendar.furthest:
        problems.append(("day", "date_too_far"))
    if reason == "other" and not words:
        problems.append(("note", "required"))
    elif unfit := note_problem(words):
        problems.append(("note", unfit))
    if problems:
        raise InvalidInput.of_all("this day cannot be closed like this", problems, PROBLEMS)
    return Closure(day, reason, words, by)


def refusal(reason: ClosureReason) -> InvalidInput:
    """Return the error of an approval on a closed day, with the reason as a fact."""
    problem = FieldError(field="slot.date", code="day_closed", message=PROBLEMS["day_closed"])
    return InvalidInput(PROBLEMS["day_closed"], fields=(problem,), reason=reason)
