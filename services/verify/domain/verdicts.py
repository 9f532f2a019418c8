"""The verdict on an attempt to enter or to leave.

An entry is refused for the first reason in the order of :func:`decide_entry`. An exit at the site of the pass
is never refused; its oddities become marks. At another site a pass lets nobody in, and counts nobody out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contracts.errors import InvalidInput
from contracts.model import Verdict, site_of
from services.verify.domain.passes import Standing, Terms, presumed_gone_at

OVERRIDABLE: frozenset[Verdict] = frozenset(
    {"not_yet_valid", "expired", "day_closed", "wrong_gate", "already_inside", "already_used"}
)
"""Refusals that a supervisor may set aside. The gate's app has the same list, by the table of cases."""
OLD_CODE = "old_code"
"""Marks an entry with a standing pass of which no new code was shown: a picture, paper or the number."""
DESPITE = "despite_"
"""Begins the mark of an entry with a refusal that a supervisor has set aside: ``despite_expired``."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of a gate may differ from the server's before its time is ignored."""


@dataclass(frozen=True)
class Attempt:
    """Persons at a gate who want to pass.

    ``count`` is None where all who may pass do. ``identified`` is true if the ID shown is one that the pass
    names. ``marks`` are added to the record of an entry. ``overrides`` are the refusals that a supervisor has
    set aside; what is not in `OVERRIDABLE` stays a refusal. ``fresh_until`` is until when the code of a
    standing pass is new, ``compared`` whether the last four of the ID were compared with the pass, and
    ``seen_at`` when the code was seen, by the server's clock; None where there is the gate's alone.
    """

    gate: str
    at: datetime
    count: int | None = None
    identified: bool = True
    marks: tuple[str, ...] = ()
    overrides: tuple[Verdict, ...] = ()
    fresh_until: datetime | None = None
    compared: bool = True
    seen_at: datetime | None = None

    @property
    def site(self) -> str:
        """The site of the gate."""
        return site_of(self.gate)


MOVING: frozenset[Verdict] = frozenset({"admit", "exit"})
"""Verdicts with which somebody passes the gate."""


@dataclass(frozen=True)
class Decision:
    """The verdict, how many persons pass, how many of the party are then inside, and marks of the record.

    ``day`` is the day of the pass to which an entry counts, by how many days after the first it is; None
    where it counts to none.
    ``overridable`` is all that stands against a refused entry, where a supervisor may set all of it aside.
    ``until`` is there if they come in outside of the hours of the pass: when these end for them.
    """

    verdict: Verdict
    count: int = 0
    inside: int = 0
    marks: tuple[str, ...] = ()
    day: int | None = 0
    overridable: tuple[Verdict, ...] = ()
    until: datetime | None = None

    @property
    def moves(self) -> bool:
        """Return whether somebody passes the gate."""
        return self.verdict in MOVING


def time_of_scan(claimed: datetime | None, now: datetime) -> datetime:
    """Return when a scan happened: the gate's time if it is within :data:`CLOCK_TOLERANCE`, else ``now``."""
    return claimed if claimed is not None and abs(claimed - now) <= CLOCK_TOLERANCE else now


CONFIRMED_WITHIN = timedelta(minutes=2)
"""So long before a confirmation a code may have been seen: the officer looks at the ID meanwhile."""


def time_of_code(at: datetime, now: datetime, *, confirms: bool) -> datetime:
    """Return when the code of a standing pass was seen, at a gate that asks the server.

    It is the server's time, since the gate's may be minutes late, and a code is new for two. Only between the
    look and its confirmation the gate's time of the scan counts, within :data:`CONFIRMED_WITHIN`.
    """
    return min(max(at, now - CONFIRMED_WITHIN), now) if confirms else now


MISMATCH_COUNTS = timedelta(hours=12)
"""So long after a card that did not match another one is no matter for the officer alone."""
OLDEST = timedelta(days=30)
"""So old may a scan of a gate without a network be when it arrives; its nonce is known for longer."""


def time_of_offline_scan(claimed: datetime, now: datetime) -> datetime:
    """Return when a scan of a gate without a network happened: the gate's time, if it is not in the future.

    Raises:
        InvalidInput: ``too_old``: it is older than :data:`OLDEST`.
    """
    if now - claimed > OLDEST:
        raise InvalidInput("the scan is too old", code="too_old")
    return claimed if claimed - now <= CLOCK_TOLERANCE else now


def decide_entry(standing: Standing, attempt: Attempt) -> Decision:
    """Decide whether persons may come in; the first reason against it is the verdict.

    A reason that a supervisor has set aside counts no more, and is a mark of the entry. If everybody is
    inside or was, as many may come in then as the party has. An old code of a standing pass is worth no more
    than its number: the last four of the ID have to be compared.

    Raises:
        InvalidInput: more persons than the party has, or than may still come in. The officer has to correct
            the count.
    """
    terms, inside = standing.terms, standing.inside_at(attempt.at)
    if standing.revoked or terms is None:
        return Decision("revoked", inside=inside)
    day = day_of_entry(standing, attempt.at)
    left = standing.entries_left(day)
    reasons = _reasons_against(terms, attempt, inside, left)
    overridable = reasons if _may_set_aside(reasons, terms, attempt.at) else ()
    overridden = tuple(one for one in overridable if one in attempt.overrides)
    refusal = next((one for one in reasons if one not in overridden), None)
    if refusal is not None:
        return Decision(refusal, inside=inside, overridable=overridable)
    room = terms.party - inside if inside < terms.party else terms.party
    count = _count(terms, min(room, left or terms.party), attempt.count)
    is_old = is_old_code(terms, attempt.fresh_until, attempt.seen_at or attempt.at)
    old_code = (OLD_CODE,) if is_old else ()
    if not attempt.identified or (is_old and not attempt.compared):
        return Decision("id_mismatch", inside=inside, marks=old_code, overridable=overridden)
    marks = (*attempt.marks, *old_code, *(DESPITE + one for one in overridden))
    return Decision("admit", count, inside + count, marks, day, until=until_of(terms, attempt.at))


def is_old_code(terms: Terms, fresh_until: datetime | None, at: datetime) -> bool:
    """Return whether what was shown of a standing pass is no new code: a picture, paper, or its number."""
    return terms.recurring and (fresh_until is None or at >= fresh_until)


def decide_exit(standing: Standing, attempt: Attempt) -> Decision:
    """Let persons leave: as many as were counted, else all who are inside.

    At the site of the pass an exit is never refused. Another site's gate cannot say who has left, so there
    the verdict is ``wrong_site``, and those who are inside stay counted.
    """
    terms = standing.terms
    if terms is not None and terms.site != attempt.site:
        return Decision("wrong_site", inside=standing.inside)
    count = attempt.count or max(standing.inside, 1)
    marks = {
        "late": terms is not None and attempt.at >= terms.valid_to and terms.window_at(attempt.at) is None,
        "revoked": standing.revoked,
        "other_gate": terms is not None and terms.gate not in {None, attempt.gate},
        "no_entry": count > standing.inside,
    }
    inside = max(standing.inside - count, 0)
    return Decision("exit", count, inside, tuple(mark for mark, applies in marks.items() if applies))


def asks_how_many(standing: Standing, attempt: Attempt) -> bool:
    """Return whether the officer says first how many leave: several are inside, and nobody was counted."""
    return attempt.count is None and standing.inside > 1 and decide_exit(standing, attempt).moves


def set_aside(marks: Iterable[str]) -> tuple[Verdict, ...]:
    """Return the refusals that a supervisor has set aside, by the marks of an entry."""
    return tuple(one for one in sorted(OVERRIDABLE) if DESPITE + one in set(marks))


def needs_supervisor(
    mismatched_at: datetime | None,
    at: datetime,
    *,
    is_advised: bool,
    is_compared: bool,
    is_late: bool = False,
) -> bool:
    """Return whether nobody goes in unless a supervisor agrees.

    That is so where the pass says that the supervisor is called, and after a card that did not match, for
    whatever is not compared with the pass by its last four characters: the officer's word alone.

    ``is_late``: the scan is sent later, and its time is the gate's word. Then a card that did not match
    counts as long before it happened as after it.
    """
    if is_advised:
        return True
    if is_compared or mismatched_at is None:
        return False
    since = at - mismatched_at
    return (-MISMATCH_COUNTS if is_late else timedelta(0)) <= since < MISMATCH_COUNTS


def day_of_entry(standing: Standing, at: datetime) -> int | None:
    """Return to which day of a pass an entry counts: that of the open window, and never an earlier one.

    Clocks of two gates may differ. Outside all windows it is that of its date. On a date that is no day of
    the pass it is None: such an entry takes nothing from the days that are.
    """
    terms = standing.terms
    window = terms.window_at(at) or terms.window_on(at) if terms is not None else None
    return max(window.day, standing.day) if window is not None else None


def until_of(terms: Terms, at: datetime) -> datetime | None:
    """Return when the hours of a pass end for those who come in outside of them; None within them.

    Whoever comes in too early has the hours of that day. Whoever comes in too late has none: from then on it
    is presumed after some time that they have gone.
    """
    if terms.window_at(at) is not None:
        return None
    window = terms.window_on(at)
    return max(at, window.end) if window is not None else at


def standing_after(standing: Standing, decision: Decision) -> Standing:
    """Return the state of a pass after a decision: unchanged unless somebody passes the gate."""
    terms = standing.terms
    if decision.verdict == "exit":
        until = standing.presumed_gone_at if decision.inside > 0 else None
        return replace(standing, inside=decision.inside, presumed_gone_at=until)
    if decision.verdict != "admit" or terms is None:
        return standing
    day, before = standing.day, standing.admitted_before
    if decision.day is None:
        before += decision.count
    elif decision.day != day:
        day, before = decision.day, standing.admitted
    return replace(
        standing,
        inside=decision.inside,
        admitted=standing.admitted + decision.count,
        day=day,
        admitted_before=before,
        presumed_gone_at=presumed_gone_at(decision.until or terms.window_of(day).end),
    )


def _reasons_against(terms: Terms, attempt: Attempt, inside: int, left: int) -> tuple[Verdict, ...]:
    """Return all reasons against an entry, the first first."""
    reasons = [_wrong_place(terms, attempt)]
    if terms.window_at(attempt.at) is None:
        late: Verdict = "expired" if attempt.at >= terms.windows[-1].end else "not_yet_valid"
        reasons.append("day_closed" if terms.is_closed_at(attempt.at) else late)
    reasons += ["already_inside" if inside >= terms.party else None, "already_used" if left == 0 else None]
    return tuple(one for one in reasons if one is not None)


def _may_set_aside(reasons: tuple[Verdict, ...], terms: Terms, at: datetime) -> bool:
    """Return whether a supervisor may set all reasons aside: those about the time on a day of the pass."""
    window = terms.window_at(at) or terms.window_on(at)
    return OVERRIDABLE.issuperset(reasons) and (window is not None or terms.is_closed_at(at))


def _wrong_place(terms: Terms, attempt: Attempt) -> Verdict | None:
    if terms.site != attempt.site:
        return "wrong_site"
    return "wrong_gate" if terms.gate not in {None, attempt.gate} else None


def _count(terms: Terms, remaining: int, wanted: int | None) -> int:
    """Return how many come in, at most those who remain; a pass does not name who came."""
    if wanted is None:
        return remaining
    if wanted > terms.party:
        raise InvalidInput.of("count", "count_over_party", "the party of this pass is smaller")
    if wanted > remaining:
        raise InvalidInput.of("count", "count_over_remaining", "not so many of this party may still come in")
    return wanted
