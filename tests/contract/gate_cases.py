"""The shared table of gate cases: what a standing and an attempt come to, by the domain's own functions.

`python -m tests.contract.gate_cases` writes ``contracts/samples/gate_cases.json``. The table drives verify's
tests and those of the gate's app, which has the same rules in another language.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from contracts.errors import InvalidInput
from contracts.model import Direction, Verdict
from services.verify.domain.passes import Standing, Terms, presumed_gone_at
from services.verify.domain.verdicts import (
    OVERRIDABLE,
    Attempt,
    Decision,
    asks_how_many,
    decide_entry,
    decide_exit,
    set_aside,
    standing_after,
)
from tests.support.stack.paths import ROOT

FILE = ROOT / "contracts" / "samples" / "gate_cases.json"
SEED = 48
RANDOM = Counter(
    admit=150, exit=150, already_inside=40, already_used=40, not_yet_valid=40, day_closed=30, expired=40,
    wrong_site=40, wrong_gate=40, overridden=150, revoked=30, id_mismatch=30, count_over_party=30,
    count_over_remaining=40,
)  # fmt: skip
"""How many random cases there are of each outcome."""
NOON = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
DAY, MOMENT = timedelta(days=1), timedelta(milliseconds=1)
"""A moment is the finest time that a browser has."""
TERMS = Terms("PCS1", None, 2, 1, NOON - timedelta(minutes=90), NOON + timedelta(minutes=60))
NIGHT = Terms("PCS1", None, 2, 1, NOON - timedelta(hours=12), NOON + timedelta(hours=13), (1, 2))
"""A site that is open around the clock: the windows of two days overlap."""
NUMBER = "7K3M9QWX"
GATES = ("PCS1-G1", "PCS1-G2", "PCS2-G1")
MARKS: tuple[tuple[str, ...], ...] = ((), ("id_seen",), ("other_id",), ("other_id", "reason_masked"))


@dataclass(frozen=True)
class Case:
    """One line of the table, before its outcome."""

    name: str
    standing: Standing
    attempt: Attempt
    direction: Direction


def table() -> list[dict[str, Any]]:
    """Return the whole table, the same each time."""
    return [line_of(case) for case in (*named_cases(), *random_cases())]


def decide(standing: Standing, attempt: Attempt, direction: Direction) -> Decision | str:
    """Return the decision of the domain, or the code of the error with which it asks for another count."""
    try:
        return decide_entry(standing, attempt) if direction == "entry" else decide_exit(standing, attempt)
    except InvalidInput as error:
        return error.body.fields[0].code


def line_of(case: Case) -> dict[str, Any]:
    """Return a case as the table has it, with its outcome."""
    attempt, outcome = case.attempt, decide(case.standing, case.attempt, case.direction)
    expect: dict[str, Any] = {"error": outcome}
    if isinstance(outcome, Decision):
        after = standing_after(case.standing, outcome) if outcome.moves else None
        expect = {
            "verdict": outcome.verdict,
            "count": outcome.count,
            "inside": outcome.inside,
            "day": outcome.day,
            "marks": list(outcome.marks),
            "after": after and _state(after),
            "overridable": list(outcome.overridable),
        }
    if case.direction == "exit":
        expect["asks"] = asks_how_many(case.standing, attempt)
    of_standing_pass: dict[str, Any] = {}
    if case.standing.terms is not None and case.standing.terms.recurring:
        fresh_until = attempt.fresh_until and text_of_instant(attempt.fresh_until)
        of_standing_pass = {"fresh_until": fresh_until, "compared": attempt.compared}
    return {
        "name": case.name,
        "standing": _standing(case.standing),
        "attempt": {
            "gate": attempt.gate,
            "at": text_of_instant(attempt.at),
            "direction": case.direction,
            "count": attempt.count,
            "identified": attempt.identified,
            "marks": list(attempt.marks),
            "overrides": list(attempt.overrides),
            **of_standing_pass,
        },
        "expect": expect,
    }


def case_of(line: dict[str, Any]) -> Case:
    """Return the case in a line of the table."""
    given, tried = line["standing"], line["attempt"]
    terms = Terms(
        given["site"],
        given["gate"],
        given["party"],
        given["entries"],
        datetime.fromisoformat(given["valid_from"]),
        datetime.fromisoformat(given["valid_to"]),
        tuple(given["further_days"]),
        tuple(given["closed_days"]),
        given.get("recurring", False),
    )
    gone = given["presumed_gone_at"]
    standing = Standing(
        terms,
        given["revoked"],
        given["inside"],
        given["admitted"],
        given["day"],
        given["admitted_before"],
        gone and datetime.fromisoformat(gone),
    )
    at, fresh_until = datetime.fromisoformat(tried["at"]), tried.get("fresh_until")
    attempt = Attempt(
        tried["gate"],
        at,
        tried["count"],
        tried["identified"],
        tuple(tried["marks"]),
        tuple(tried["overrides"]),
        fresh_until and datetime.fromisoformat(fresh_until),
        tried.get("compared", True),
    )
    return Case(line["name"], standing, attempt, tried["direction"])


def named_cases() -> Iterator[Case]:
    """Yield the bounds of each rule."""
    fresh, here = Standing(TERMS), Attempt(GATES[0], NOON)
    came = replace(fresh, inside=2, admitted=2, presumed_gone_at=presumed_gone_at(TERMS.valid_to))
    three = replace(TERMS, further_days=(1, 3))
    shortened = replace(three, closed_days=(-1, 2))
    left = Standing(three, admitted=2)
    evening = came.presumed_gone_at
    assert evening is not None
    entries: dict[str, tuple[Standing, Attempt]] = {
        "the first moment of the window": (fresh, replace(here, at=TERMS.valid_from)),
        "a moment before the window": (fresh, replace(here, at=TERMS.valid_from - MOMENT)),
        "the last moment of the window": (fresh, replace(here, at=TERMS.valid_to - MOMENT)),
        "the end of the window": (fresh, replace(here, at=TERMS.valid_to)),
        "one of two": (fresh, replace(here, count=1)),
        "the other one": (replace(came, inside=1, admitted=1), here),
        "more than the party": (fresh, replace(here, count=3)),
        "more than may still come in": (replace(fresh, admitted=1), replace(here, count=2)),
        "all are inside": (came, here),
        "used and gone": (replace(fresh, admitted=2), here),
        "a second entry of two": (Standing(replace(TERMS, entries=2), admitted=2), here),
        "for another gate": (Standing(replace(TERMS, gate=GATES[1])), here),
        "for this gate": (Standing(replace(TERMS, gate=GATES[0])), here),
        "at another site": (fresh, replace(here, gate=GATES[2])),
        "revoked while inside": (replace(came, revoked=True), here),
        "another card": (fresh, replace(here, identified=False)),
        "another card, accepted": (fresh, replace(here, marks=("other_id",))),
        "a count is no reason before a refusal": (came, replace(here, count=9)),
        "between two days": (left, replace(here, at=TERMS.valid_to)),
        "the second day": (left, replace(here, at=NOON + DAY)),
        "the first day, after a closed one on which a supervisor let them in": (
            Standing(shortened, admitted=2, admitted_before=2),
            here,
        ),
        "the day between": (left, replace(here, at=NOON + 2 * DAY)),
        "after the last day": (left, replace(here, at=TERMS.valid_to + 3 * DAY)),
        "a closed day": (Standing(shortened), replace(here, at=NOON + 2 * DAY)),
        "a closed day before the first": (Standing(shortened), replace(here, at=NOON - DAY)),
        "just before they are presumed gone": (
            Standing(replace(TERMS, entries=2, valid_to=evening + DAY), False, 2, 2, 0, 0, evening),
            replace(here, at=evening - MOMENT),
        ),
        "presumed gone": (
            Standing(replace(TERMS, entries=2, valid_to=evening + DAY), False, 2, 2, 0, 0, evening),
            replace(here, at=evening),
        ),
        "the middle of an overlap": (
            Standing(NIGHT),
            replace(here, at=NOON + timedelta(hours=12, minutes=30)),
        ),
        "before the middle": (Standing(NIGHT), replace(here, at=NOON + timedelta(hours=12, minutes=29))),
        "after the middle": (Standing(NIGHT), replace(here, at=NOON + timedelta(hours=12, minutes=31))),
        "a slow clock goes back no day": (
            Standing(NIGHT, admitted=2, day=1),
            replace(here, at=NOON + timedelta(hours=12, minutes=29)),
        ),
    }
    outside = {"before": TERMS.valid_from - MOMENT, "after": TERMS.valid_to}
    agreed: dict[str, tuple[Standing, Attempt]] = {
        "another gate": (Standing(replace(TERMS, gate=GATES[1])), here),
        "too early": (fresh, replace(here, at=outside["before"])),
        "too late": (fresh, replace(here, at=outside["after"])),
        "a closed day": (Standing(shortened), replace(here, at=NOON + 2 * DAY)),
        "a closed day before the first": (Standing(shortened), replace(here, at=NOON - DAY)),
        "all are inside": (Standing(replace(TERMS, entries=2), False, 2, 2, 0, 0, evening), here),
        "used": (replace(fresh, admitted=2), here),
        "inside and used": (came, here),
        "too late and used": (replace(fresh, admitted=2), replace(here, at=outside["after"])),
        "one of those who are inside": (came, replace(here, count=1)),
        "more than the party": (came, replace(here, count=3)),
        "with another card": (came, replace(here, identified=False)),
        "the day before": (fresh, replace(here, at=NOON - DAY)),
        "the day after": (fresh, replace(here, at=NOON + DAY)),
        "the day between": (left, replace(here, at=NOON + 2 * DAY)),
        "of another site": (fresh, replace(here, gate=GATES[2])),
        "of another site, and used": (came, replace(here, gate=GATES[2])),
        "revoked": (replace(came, revoked=True), here),
        "nothing stands against it": (fresh, here),
    }
    every = tuple(sorted(OVERRIDABLE))
    despite = {
        name: (standing, replace(attempt, overrides=every)) for name, (standing, attempt) in agreed.items()
    }
    half = {
        "only that it is too late": (
            replace(fresh, admitted=2),
            replace(here, at=outside["after"], overrides=("expired",)),
        ),
        "only that it is used": (
            replace(fresh, admitted=2),
            replace(here, at=outside["after"], overrides=("already_used",)),
        ),
        "that it is revoked": (replace(fresh, revoked=True), replace(here, overrides=("revoked",))),
        "that it is of another site": (fresh, replace(here, gate=GATES[2], overrides=("wrong_site",))),
    }
    three_inside = Standing(replace(TERMS, party=3), False, 3, 3, 0, 0, evening)
    exits: dict[str, tuple[Standing, Attempt]] = {
        "one of three leaves": (three_inside, replace(here, count=1)),
        "two of three leave": (three_inside, replace(here, count=2)),
        "three of three leave": (three_inside, here),
        "the last of three leaves": (replace(three_inside, inside=1), here),
        "one of three leaves late": (three_inside, replace(here, at=TERMS.valid_to, count=1)),
        "three of another site leave": (three_inside, replace(here, gate=GATES[2])),
        "all leave": (came, here),
        "one leaves": (came, replace(here, count=1)),
        "nobody was inside": (fresh, here),
        "more leave than came": (came, replace(here, count=3)),
        "late": (came, replace(here, at=TERMS.valid_to)),
        "revoked": (replace(came, revoked=True), here),
        "by another gate": (replace(came, terms=replace(TERMS, gate=GATES[1])), here),
        "of another site": (came, replace(here, gate=GATES[2])),
        "between two days": (replace(left, inside=2), replace(here, at=TERMS.valid_to)),
        "on the second day": (replace(left, inside=2), replace(here, at=NOON + DAY)),
    }
    weekly = Standing(replace(TERMS, party=1, entries=20, further_days=(2, 7, 9), recurring=True))
    new = replace(here, fresh_until=NOON + MOMENT)
    standing_passes: dict[str, tuple[Standing, Attempt]] = {
        "a new code, and the ID was seen": (weekly, replace(new, compared=False)),
        "a code that is just too old, and the ID was seen": (
            weekly,
            replace(new, at=NOON + MOMENT, compared=False),
        ),
        "a picture of yesterday, and the ID was compared": (weekly, replace(new, fresh_until=NOON - DAY)),
        "paper, and another card": (
            weekly,
            replace(here, fresh_until=NOON - DAY, compared=False, marks=("other_id",)),
        ),
        "a picture of yesterday, and a list that has nothing to compare the ID with": (
            weekly,
            replace(new, fresh_until=NOON - DAY, compared=False, marks=("id_unchecked",)),
        ),
        "a typed number, and the ID was seen": (weekly, replace(here, compared=False)),
        "a typed number, and the ID was compared": (weekly, here),
        "a new code, and another card": (weekly, replace(new, identified=False)),
        "a day of the week that is none of its days": (
            weekly,
            replace(new, at=NOON + DAY, fresh_until=NOON + 2 * DAY),
        ),
        "an hour that is none of its hours": (
            weekly,
            replace(new, at=TERMS.valid_to + 2 * DAY, fresh_until=NOON + 3 * DAY),
        ),
        "a day of next week, for the third time": (
            replace(weekly, admitted=4, day=7, admitted_before=2),
            replace(new, at=NOON + 7 * DAY, fresh_until=NOON + 8 * DAY),
        ),
        "after its last day": (weekly, replace(new, at=NOON + 10 * DAY, fresh_until=NOON + 11 * DAY)),
        "suspended": (replace(weekly, revoked=True), new),
    }
    yield from (
        Case(f"entry by a standing pass: {name}", *given, "entry") for name, given in standing_passes.items()
    )
    yield from (Case(f"entry: {name}", *given, "entry") for name, given in entries.items())
    yield from (Case(f"entry although: {name}", *given, "entry") for name, given in despite.items())
    yield from (Case(f"entry, set aside {name}", *given, "entry") for name, given in half.items())
    yield from (Case(f"exit: {name}", *given, "exit") for name, given in exits.items())


def random_cases() -> Iterator[Case]:
    """Yield random cases until each outcome has as many as it should."""
    random, missing = Random(SEED), Counter(RANDOM)
    while +missing:
        case = _random_case(random, f"random {RANDOM.total() - missing.total() + 1}")
        outcome = decide(case.standing, case.attempt, case.direction)
        kind = outcome if isinstance(outcome, str) else outcome.verdict
        if isinstance(outcome, Decision) and set_aside(outcome.marks):
            kind = "overridden"
        if missing[kind] > 0:
            missing[kind] -= 1
            yield case


def _random_case(random: Random, name: str) -> Case:
    base = random.choice((TERMS, TERMS, NIGHT))
    days = tuple(sorted(random.sample(range(1, 6), random.choice((0, 0, 1, 2)))))
    closed = tuple(sorted(set(random.sample(range(-2, 7), random.choice((0, 0, 1)))) - {0, *days}))
    terms = replace(
        base,
        gate=random.choice((None, None, GATES[0], GATES[1])),
        party=random.randint(1, 5),
        entries=random.randint(1, 3),
        further_days=days,
        closed_days=closed,
    )
    day = random.choice((0, *days))
    before = random.randint(0, terms.party) if day else 0
    on_day = random.randint(0, terms.party * terms.entries)
    inside = random.randint(0, min(terms.party, on_day))
    window = terms.window_of(random.choice((day, day, 0, *days, *closed)))
    spread = int((window.end - window.start).total_seconds() * 1000)
    at = random.choice((
        window.start + timedelta(milliseconds=random.randrange(spread)),
        window.start + timedelta(milliseconds=random.randrange(spread)),
        window.start + random.choice((-MOMENT, timedelta(), MOMENT)),
        window.end + random.choice((-MOMENT, timedelta(), MOMENT)),
        window.end + timedelta(minutes=random.randrange(3 * 24 * 60)),
        window.start - timedelta(minutes=random.randrange(3 * 24 * 60)),
    ))  # fmt: skip
    standing = Standing(
        terms,
        random.random() < 0.08,
        inside,
        before + on_day,
        day,
        before,
        presumed_gone_at(terms.window_of(day).end) if inside else None,
    )
    attempt = Attempt(
        random.choice((GATES[0], GATES[0], *GATES)),
        at,
        random.choice((None, None, random.randint(1, 6))),
        random.random() < 0.85,
        random.choice(MARKS),
        random.choice(((), _some_reasons(random))),
    )
    return Case(name, standing, attempt, random.choice(("entry", "entry", "exit")))


def _some_reasons(random: Random) -> tuple[Verdict, ...]:
    """Return what a supervisor has set aside; also what nobody may."""
    reasons: list[Verdict] = [*sorted(OVERRIDABLE), "revoked", "wrong_site"]
    return tuple(random.sample(reasons, random.randint(1, len(reasons))))


def _standing(standing: Standing) -> dict[str, Any]:
    """Return a standing as a pass of the manifest has it."""
    terms = standing.terms
    assert terms is not None  # a manifest lists no other pass
    days = {"further_days": list(terms.further_days), "closed_days": list(terms.closed_days)}
    window = {"valid_from": text_of_instant(terms.valid_from), "valid_to": text_of_instant(terms.valid_to)}
    plain = asdict(terms)
    if not terms.recurring:
        del plain["recurring"]
    return {"pass": NUMBER} | plain | window | days | {"revoked": standing.revoked} | _state(standing)


def _state(standing: Standing) -> dict[str, Any]:
    gone = standing.presumed_gone_at
    return {
        "inside": standing.inside,
        "admitted": standing.admitted,
        "day": standing.day,
        "admitted_before": standing.admitted_before,
        "presumed_gone_at": gone and text_of_instant(gone),
    }


def text_of_instant(at: datetime) -> str:
    """Return an instant as JSON replies have it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def text_of(lines: list[dict[str, Any]]) -> str:
    """Return the file of these lines, one a line, so that a change is readable."""
    return "[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n"


if __name__ == "__main__":
    FILE.write_text(text_of(table()), encoding="utf-8")
