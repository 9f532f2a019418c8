"""What every service answers to people about the data that it keeps of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from contracts.model import Instant, Strict, Wire
from contracts.rpc.call import Method

MOST_APPLICATIONS = 100
"""Of one question, so that a reply with photographs stays below 4 MB."""


class OwnDataQuestion(Strict):
    """About which applications of the caller it is asked, and about which passes of them."""

    references: tuple[str, ...] = Field(max_length=MOST_APPLICATIONS)
    numbers: tuple[str, ...] = Field(default=(), max_length=1000)
    """Of passes; verify, which knows no mobile, answers about these alone."""
    whole: bool = False
    """Whether the records themselves are wanted, for a copy."""


class Consent(Wire):
    """That somebody agreed that their data are used: when, to which privacy notice, and until when."""

    given_at: Instant
    notice: str | None = None
    withdrawn_at: Instant | None = None


class Kept(Wire):
    """The records of one kind that a service keeps about one application."""

    reference: str
    kind: str
    count: int
    since: Instant
    until: Instant | None = None
    """When it is erased by itself. None: with its application; see `is_nameless`."""
    erasable: Instant | None = None
    """From when on the person may have it erased; None while the visit is to come, or not here."""
    lockable: Instant | None = None
    """From when on it is locked until then, if the person asks: nobody but the data officer sees it."""
    is_locked: bool = False
    """Whether it is, and erased by itself as soon as it may go."""
    is_nameless: bool = False
    """Whether it stays longer than its application, because it names nobody."""
    receivers: tuple[str, ...] = ()
    """Who got it: departments, gates, or the channels of messages and their vendors."""
    numbers: tuple[str, ...] = ()
    """Of passes, the numbers."""
    notice: str | None = None
    """The version of the privacy notice that was shown before the answers."""
    consent: Consent | None = None
    """Of answers that were given by consent."""
    records: tuple[dict[str, Any], ...] = Field(default=(), repr=False)


class Reader(Wire):
    """How often a login has looked at these applications, or worked on them."""

    actor: str
    role: str
    times: int
    first: Instant
    last: Instant


class OwnData(Wire):
    """What one service keeps, and who has seen it there."""

    items: tuple[Kept, ...]
    readers: tuple[Reader, ...]
    is_cut: bool = False
    """Whether more logins have looked than are told: those who looked last are."""


class OwnApplications(Strict):
    """Some applications of the caller, and, to erase them, numbered requests."""

    references: tuple[str, ...] = Field(max_length=MOST_APPLICATIONS)


class ErasedOnRequest(Wire):
    """What was erased or locked at once; the rest stays until the days that `Kept` names."""

    receipt: str
    """Eight characters, under which the audit log has it."""
    references: tuple[str, ...] = ()
    """Of the applications that were erased."""
    photographs: tuple[str, ...] = ()
    """Of other applications, of which the photograph was erased."""
    requests: tuple[str, ...] = ()
    """The numbered requests that were erased."""
    locked: dict[str, Instant] = Field(default_factory=dict)
    """The applications that have to stay → when they are erased by themselves."""


def own_data(service: str) -> Method[OwnDataQuestion, OwnData]:
    """Return the method by which a service says what it keeps of the caller."""
    return Method(
        service, "own_data", OwnDataQuestion, OwnData, names_people=True, said="What is kept of an applicant"
    )


def kept(
    reference: str, kind: str, instants: list[datetime], *, records: Sequence[Any] = (), **others: Any
) -> Kept:
    """Return one `Kept` of records that were made at these instants.

    The last four of an ID card are in no record: with those of a companion, who has the copy would open that
    companion's own applications of the same mobile.
    """
    told = tuple(_without_last_four(one) for one in records)
    return Kept(
        reference=reference, kind=kind, count=len(instants), since=min(instants), records=told, **others
    )


def _without_last_four(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_last_four(part) for name, part in value.items() if name != "id_last4"}
    return [_without_last_four(part) for part in value] if isinstance(value, list | tuple) else value
