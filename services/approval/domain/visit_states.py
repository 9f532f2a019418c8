"""A visit after the gate: what the office may answer, and where the visitor is in it. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import Conflict, InvalidInput
from contracts.model import IST, NotMetReason, VisitAnswer, VisitOutcome, VisitState

_ROOM = re.compile(r"(?!.*\d{5})[\w\u0900-\u0963\u0a01-\u0a75 /-]{0,20}")
"""Nobody's own words, and no number to call: a message to a visitor names it."""
LETS_COME: tuple[VisitAnswer, ...] = ("come_up", "somebody_else")
"""Answers with which the visitor may go up now."""
PROBLEMS: dict[str, str] = {
    "wait_until_missing": "say until when to wait",
    "wait_until_passed": "this time has passed",
    "wait_until_another_day": "a visitor waits until some time of the same day",
    "wait_until_too_long": "a link asks a visitor to wait for two hours at most; who signs in may for longer",
    "room_invalid": "a room is at most twenty letters, digits (four in a row), spaces, - and /",
    "not_met_reason_missing": "say why they were not met",
}
"""Error code → its sentence for developers."""


@dataclass(frozen=True)
class Answer:
    """What the office says: ``wait_until`` of ``wait`` alone, ``room`` of an answer that lets them come."""

    answer: VisitAnswer
    wait_until: datetime | None = None
    room: str = ""

    @property
    def lets_come(self) -> bool:
        """Whether the visitor may go up now."""
        return self.answer in LETS_COME


def state_of(answer: VisitAnswer | None, outcome: VisitOutcome | None, *, has_left: bool) -> VisitState:
    """Return where a visitor is who has come: what was said last counts, and then what a gate saw."""
    if outcome is not None:
        return outcome
    if has_left:
        return "gone"
    if answer in LETS_COME:
        return "called"
    return "waits" if answer == "wait" else "here"


def checked(answer: Answer, outcome: VisitOutcome | None, now: datetime) -> Answer:
    """Return an answer without what does not belong to it.

    Raises:
        Conflict: ``visit_over``: somebody has said already how it ended.
        InvalidInput: ``wait_until`` is missing, has passed, or is on another day; ``room_invalid``.
    """
    if outcome is not None:
        raise Conflict("it was said already how this visit ended", code="visit_over")
    if answer.answer != "wait":
        room = answer.room.strip() if answer.lets_come else ""
        if not _ROOM.fullmatch(room):
            raise _invalid("room", "room_invalid")
        return Answer(answer.answer, room=room)
    until = answer.wait_until
    if until is None:
        raise _invalid("wait_until", "wait_until_missing")
    if until <= now - timedelta(minutes=1):
        raise _invalid("wait_until", "wait_until_passed")
    if until.astimezone(IST).date() != now.astimezone(IST).date():
        raise _invalid("wait_until", "wait_until_another_day")
    return Answer("wait", wait_until=until)


def reason_for(outcome: VisitOutcome, reason: NotMetReason | None) -> NotMetReason | None:
    """Return why they were not met; nothing where they were.

    Raises:
        InvalidInput: ``not_met_reason_missing``.
    """
    if outcome == "met":
        return None
    if reason is None:
        raise _invalid("reason", "not_met_reason_missing")
    return reason


def _invalid(field: str, code: str) -> InvalidInput:
    return InvalidInput.of(field, code, PROBLEMS[code])
