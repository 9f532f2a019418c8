"""The watchlist: what an entry is, and when an applicant or a companion matches it.

A match never decides anything by itself. It is firm where the name and the last four characters of the ID or
the mobile number agree; a name alone is a possible match, which only informs. Pure: the time is an argument.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from contracts.errors import Conflict, InvalidInput
from contracts.identity import NotLastFour, last_four, mask_aadhaar
from contracts.mobile import parse_mobile
from contracts.model import Companion, MatchKind, Person
from contracts.spelling import sounds

LONGEST = timedelta(days=366)
"""How long an entry may hold; then it is looked at anew."""
SHARED = frozenset(
    heard
    for name in (
        "Singh", "Kaur", "Kumar", "Kumari", "Devi", "Rani", "Lal", "Ram", "Chand", "Das", "Bai", "Lata",
        "Begum", "Khan", "Sharma", "Mohammad", "Shri", "Smt", "Mr", "Mrs", "Dr", "so", "wo", "do",
        "urf", "alias",
    )
    for word in sounds(name)
    for heard in word
)  # fmt: skip
"""Words that so many people carry that they say little about who it is."""
PROBLEMS = {
    "name_missing": "a name is needed",
    "last4_or_mobile": "the last four characters of an ID or a mobile number are needed",
    "not_a_mobile": "this is no mobile number",
    "full_number": "the last four characters only",
    "not_four": "exactly four letters or digits",
    "date_past": "this day has passed",
    "date_too_far": "an entry holds for a year at most",
}


@dataclass(frozen=True)
class Entry:
    """What an entry says about a person.

    Args:
        name: in any script.
        id_last4: the last four characters of an ID, or None.
        mobile: E.164, or None.
        reason: why the person is watched.
    """

    name: str
    id_last4: str | None
    mobile: str | None
    reason: str


@dataclass(frozen=True)
class Stage:
    """Who did what with an entry so far."""

    proposed_by: str
    confirmed_by: str | None = None
    ended: bool = False


def entry_of(
    name: str, id_last4: str | None, mobile: str | None, reason: str, valid_until: date, today: date
) -> Entry:
    """Return an entry, cleaned.

    Raises:
        InvalidInput: a field is wrong (see PROBLEMS).
    """
    problems, number, digits = [], None, None
    name = " ".join(name.replace("\x00", "").split())
    if not any(heard for word in sounds(name) for heard in word):
        problems.append(("name", "name_missing"))
    if not id_last4 and not mobile:
        problems.append(("id_last4", "last4_or_mobile"))
    try:
        number = last_four(id_last4) if id_last4 else None
    except NotLastFour as error:
        problems.append(("id_last4", error.code))
    try:
        digits = parse_mobile(mobile) if mobile else None
    except ValueError:
        problems.append(("mobile", "not_a_mobile"))
    if valid_until < today:
        problems.append(("valid_until", "date_past"))
    elif valid_until > today + LONGEST:
        problems.append(("valid_until", "date_too_far"))
    if problems:
        raise InvalidInput.of_all("the entry cannot be like this", problems, PROBLEMS)
    return Entry(name, number, digits, mask_aadhaar(reason.replace("\x00", "").strip())[0])


def require_confirmable(stage: Stage, by: str) -> None:
    """Raise `Conflict` if the entry does not wait for a confirmation, or if the same officer proposed it."""
    if stage.ended or stage.confirmed_by:
        raise Conflict("the entry does not wait for a confirmation", code="not_proposed")
    if stage.proposed_by == by:
        raise Conflict("another officer must confirm it", code="same_officer")


def match(entry: Entry, person: Person | Companion) -> MatchKind | None:
    """Return how a person matches an entry; None if they do not.

    Firm: the ID's last four or the mobile agree, and the names are the same by ear, or the words of one are
    among those of the other and one of them is not shared by many. Possible: both names have the same words
    by ear, at least two, of which one is not shared by many; nothing else agrees.
    """
    mobile = person.mobile if isinstance(person, Person) else None
    identified = (entry.id_last4 is not None and entry.id_last4 == person.id_last4) or (
        entry.mobile is not None and entry.mobile == mobile
    )
    entered = sounds(entry.name)
    given = [sounds(name) for name in (person.name, person.name_latin) if name]
    if identified and any(_same(entered, one) or _within(entered, one) for one in given):
        return "firm"
    if any(len(one) > 1 and _same(entered, one) and _within(entered, one) for one in given):
        return "possible"
    return None


def traits(name: str, id_last4: str | None, mobile: str | None) -> set[str]:
    """Return by which traits a person and an entry can find each other: not yet whether they match."""
    found = {f"name:{heard}" for word in distinctive(name) for heard in word}
    found |= {f"last4:{id_last4}"} if id_last4 else set()
    return found | ({f"mobile:{mobile}"} if mobile else set())


def traits_of(people: Iterable[Person | Companion]) -> set[str]:
    """Return the traits of all people of an application."""
    return {
        trait
        for person in people
        for name in {person.name, person.name_latin}
        for trait in traits(name, person.id_last4, person.mobile if isinstance(person, Person) else None)
    }


def compared(person: Person | Companion) -> str:
    """Return all that `match` reads of a person, as one text: the same for the same person."""
    mobile = person.mobile if isinstance(person, Person) else None
    return json.dumps([person.name, person.name_latin, person.id_last4, mobile])


def distinctive(name: str) -> list[frozenset[str]]:
    """Return how each word of a name is heard that not many people carry."""
    return _distinctive(sounds(name))


def _distinctive(words: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    return [word for word in words if any(len(heard) > 1 for heard in word) and not word & SHARED]


def _within(one: list[frozenset[str]], other: list[frozenset[str]]) -> bool:
    """Return whether the shorter name is heard in the longer one, and says who it is."""
    shorter, longer = sorted((one, other), key=len)
    return bool(_distinctive(shorter)) and _heard_in(shorter, longer)


def _same(one: list[frozenset[str]], other: list[frozenset[str]]) -> bool:
    return len(one) == len(other) and _heard_in(one, other) and _heard_in(other, one)


def _heard_in(words: list[frozenset[str]], name: list[frozenset[str]]) -> bool:
    return all(any(word & heard for heard in name) for word in words)
