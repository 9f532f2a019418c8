"""The status of an application: a pure function of all facts about it.

Events arrive in any order and more than once. Each sets a fact (of one producer's events on one subject, the
one with the highest ``seq`` counts), and the status follows from all facts together. So any order leads to
the same status.
"""

from dataclasses import dataclass
from typing import Literal

from contracts.model import ApplicationStatus

DecisionKind = Literal["approved", "rejected", "returned", "withdrawn"]
WITH_PASS = frozenset({"approved", "withdrawn"})
"""Decisions that make a pass or revoke it."""


@dataclass(frozen=True)
class Decision:
    """The department's latest decision, on one revision of the application.

    ``day_closed``: it was returned because the department closed the day of the visit. The passes of
    approvals before it do not count any more.
    """

    kind: DecisionKind
    revision: int
    day_closed: bool = False


@dataclass(frozen=True)
class Pass:
    """What is known of one pass. It may be known as revoked before it is known as issued.

    Args:
        issued: whether issuance has issued it.
        revoked: whether issuance has revoked it; that is final.
        replaced: whether another pass replaced it.
        replaces: the number of the pass that it replaced.
        day_closed: whether it was revoked because the department closed the day of the visit.
    """

    number: str
    issued: bool = False
    revoked: bool = False
    replaced: bool = False
    replaces: str | None = None
    day_closed: bool = False


@dataclass(frozen=True)
class Facts:
    """All that the status depends on.

    Args:
        revision: the newest one.
        cancelled: whether it was cancelled.
        expired: whether the time for a decision, or for choosing another date, passed.
        decision: the department's latest one.
        passes: all that are known.
        inside: how many are inside after the last scan, None before the first.
        scanned: the number of the pass of that scan; None where nobody had come in with it.
    """

    revision: int
    cancelled: bool = False
    expired: bool = False
    decision: Decision | None = None
    passes: tuple[Pass, ...] = ()
    inside: int | None = None
    scanned: str | None = None


def status_of(facts: Facts) -> ApplicationStatus:
    """Return the status that follows from the facts.

    Cancelled is final. Then a visitor who came in has entered or left, whatever happened to the pass
    meanwhile; one who has left begins anew where another day of the visit was closed, also once other dates
    were decided. An approval that was on its way when the application expired stands, as it does at the
    department: expired means only that nobody had decided.
    """
    if facts.cancelled:
        return "cancelled"
    begins_anew = facts.decision is not None and facts.decision.day_closed
    if facts.inside:
        return "entered"
    if facts.inside == 0 and not (begins_anew or _lost_a_day(facts.scanned, facts.passes)):
        return "left"
    decided = decision_in_force(facts)
    passes = tuple(known for known in facts.passes if not _lost_a_day(known.number, facts.passes))
    if passes and not begins_anew and not (decided and decided.kind == "withdrawn"):
        return _status_by_passes(passes)
    return _status_by_decision(decided.kind if decided else None, expired=facts.expired)


def decision_in_force(facts: Facts) -> Decision | None:
    """Return the last decision, or None if the application was amended after the revision that it decided.

    An approval that arrives after the amendment, but was given before it was known, stands, as it does at the
    department, which ignores the amendment.
    """
    decision = facts.decision
    if decision is None or (decision.revision < facts.revision and decision.kind not in WITH_PASS):
        return None
    return decision


def current_pass(passes: tuple[Pass, ...]) -> Pass | None:
    """Return the current pass: one that is valid, else the last one that no other replaced."""
    replaced = {known.replaces for known in passes}
    candidates = [known for known in passes if known.issued and known.number not in replaced]
    valid = [known for known in candidates if not known.revoked]
    return max(valid or candidates, key=lambda known: known.number, default=None)


def _lost_a_day(number: str | None, passes: tuple[Pass, ...]) -> bool:
    """Return whether a pass, or the one that replaced it, was revoked because a day of it was closed.

    An exit with a pass that nobody came in with (None) is of any that was: whoever leaves with the pass of a
    later day came in with the one before.
    """
    if number is None:
        return any(known.day_closed for known in passes)
    replaced_by = {known.replaces: known.number for known in passes if known.replaces}
    while number in replaced_by:
        number = replaced_by[number]
    return any(known.number == number and known.day_closed for known in passes)


def _status_by_passes(passes: tuple[Pass, ...]) -> ApplicationStatus:
    is_valid = any(known.issued and not known.revoked for known in passes)
    is_over = any(known.revoked and not known.replaced for known in passes)
    return "revoked" if is_over and not is_valid else "issued"


def _status_by_decision(kind: DecisionKind | None, *, expired: bool) -> ApplicationStatus:
    if kind == "withdrawn":
        return "revoked"
    if expired and kind in {None, "returned"}:
        return "expired"
    return kind or "submitted"
