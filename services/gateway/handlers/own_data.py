"""What all services keep of an applicant: gathered for a page, or whole for a copy."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from contracts import rpc
from contracts.errors import ContractError, Unavailable
from contracts.model import Service
from contracts.rpc.accounts.logins import LoginIds, LoginPlace
from contracts.rpc.application import HistoryLine
from contracts.rpc.call import Method, Page
from contracts.rpc.own_data import MOST_APPLICATIONS, Kept, OwnData, OwnDataQuestion, Reader
from services.gateway.access.admission import Caller

MOST_LISTED = 200
Listed = tuple[Sequence[HistoryLine], Sequence[HistoryLine], bool]
"""Applications that are open, others, and whether there are more."""
_METHODS: Mapping[Service, Method[OwnDataQuestion, OwnData]] = {
    "application": rpc.application.OWN_DATA,
    "approval": rpc.approval.OWN_DATA,
    "issuance": rpc.issuance.OWN_DATA,
    "notify": rpc.notify.OWN_DATA,
    "verify": rpc.verify.OWN_DATA,
}


@dataclass(frozen=True)
class Line:
    """All records of one kind in one service."""

    service: Service
    kind: str
    count: int
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Office:
    """How often those of one office have looked: a role, and the code of a department or a site."""

    role: str
    place: str
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Gathered:
    """What is kept of the applications that are open in a session, by service."""

    applications: Sequence[HistoryLine]
    """The open ones, of which everything is known."""
    closed: Sequence[HistoryLine]
    """Others of the same mobile."""
    kept: Mapping[Service, Sequence[Kept]]
    offices: Sequence[Office]
    away: Collection[Service]
    """Services that have not answered."""
    is_cut: bool
    """Whether there are more applications than are told."""
    looks_are_cut: bool
    """Whether more have looked than are told."""

    @property
    def references(self) -> tuple[str, ...]:
        """The open applications."""
        return tuple(one.reference for one in self.applications)

    @cached_property
    def answers(self) -> dict[str, Kept]:
        """The answers of each application, by its reference; with them goes all that names somebody."""
        return {one.reference: one for one in self.kept["application"] if one.kind == "answers"}

    @property
    def photographs(self) -> dict[str, Kept]:
        """The photograph of each application that has one, by its reference."""
        return {one.reference: one for one in self.kept["application"] if one.kind == "photograph"}

    @cached_property
    def requests(self) -> dict[str, Kept]:
        """The complaints, questions and other requests of the mobile, by their number."""
        return {one.reference: one for one in self.kept["application"] if one.kind == "request"}

    @property
    def lines(self) -> list[Line]:
        """A line for each kind in each service."""
        groups: dict[tuple[Service, str], list[Kept]] = {}
        for service, items in self.kept.items():
            for one in items:
                groups.setdefault((service, one.kind), []).append(one)
        return [
            Line(
                *place,
                sum(one.count for one in found),
                min(one.since for one in found),
                max((until for one in found if (until := self.until(one))), default=None)
                if all(one.until or one.kind != "request" for one in found)
                else None,
            )
            for place, found in groups.items()
        ]

    def until(self, one: Kept) -> datetime | None:
        """Return when it is erased; None for what names nobody and stays longer."""
        with_it = self.answers.get(one.reference)
        return None if one.is_nameless else one.until or (with_it.until if with_it is not None else None)

    def receivers(self, *kinds: str) -> list[str]:
        """Return who got records of some kinds, each once: codes of departments or gates, or channels."""
        found = (
            code
            for items in self.kept.values()
            for one in items
            for code in one.receivers
            if one.kind in kinds
        )
        return list(dict.fromkeys(found))

    def can_go(self, at: datetime) -> list[str]:
        """Return the applications that may be erased at once."""
        return _can_go(self.answers, at)

    def pictures_can_go(self, at: datetime) -> list[str]:
        """Return those of the other applications whose photograph may be erased at once."""
        return [name for name in _can_go(self.photographs, at) if name not in self.can_go(at)]

    def can_be_locked(self, at: datetime) -> dict[str, datetime]:
        """Return the other applications that may be locked at once, and until when they have to stay."""
        return {
            name: one.erasable
            for name, one in self.answers.items()
            if one.lockable and one.erasable and one.lockable <= at < one.erasable
        }

    def requests_can_go(self, at: datetime) -> list[str]:
        """Return the requests that may be erased at once."""
        return _can_go(self.requests, at)

    def as_json(self, mobile: str, at: datetime) -> dict[str, Any]:
        """Return the copy that a program can read."""
        return {
            "made_at": at.isoformat(timespec="seconds"),
            "mobile": mobile,
            "is_cut": self.is_cut,
            "seen_by_is_cut": self.looks_are_cut,
            "not_included": ("" if self.requests else "complaints and questions; ")
            + "watchlist and incidents at gates; "
            "links and QR codes of passes; last characters of ID cards; names of staff",
            "applications": [
                {
                    "reference": line.reference,
                    "kept": [
                        {
                            "in": service,
                            "what": one.kind,
                            "since": one.since.isoformat(),
                            "until": until.isoformat() if (until := self.until(one)) else None,
                            "received_by": one.receivers,
                            **({"consent": one.consent.model_dump(mode="json")} if one.consent else {}),
                            "records": one.records,
                        }
                        for service, items in self.kept.items()
                        for one in items
                        if one.reference == line.reference
                    ],
                }
                for line in self.applications
            ],
            "requests": [
                {**record, "until": one.until and one.until.isoformat()}
                for one in self.requests.values()
                for record in one.records
            ],
            "seen_by": [
                {
                    "role": one.role,
                    "office": one.place,
                    "times": one.times,
                    "first": one.first.isoformat(),
                    "last": one.last.isoformat(),
                }
                for one in self.offices
            ],
        }

    def records(self, reference: str, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind about an application, the oldest first."""
        return [
            record
            for items in self.kept.values()
            for one in items
            for record in one.records
            if (one.reference, one.kind) == (reference, kind)
        ]


def _can_go(kept: Mapping[str, Kept], at: datetime) -> list[str]:
    return [name for name, one in kept.items() if one.erasable and one.erasable <= at]


async def list_open(caller: Caller) -> Listed:
    """Return the applications that are open in the caller's session, others, and whether there are more.

    Raises:
        ContractError: application does not answer.
    """
    listed = await caller.query(rpc.application.LIST_APPLICATIONS, Page(limit=MOST_LISTED))
    opened = [one for one in listed.items if one.opened]
    closed = [one for one in listed.items if not one.opened]
    is_cut = listed.next is not None or len(opened) > MOST_APPLICATIONS
    return opened[:MOST_APPLICATIONS], closed, is_cut


async def gather(caller: Caller, *, whole: bool = False, listed: Listed | None = None) -> Gathered:
    """Return what is kept of the caller, or of the person for whom the data officer asks.

    Args:
        listed: the applications of that person; by default the caller's own.
        whole: with the records themselves; then each service has to answer.

    Raises:
        ContractError: application does not answer, or another one for a copy.
    """
    applications, closed, is_cut = listed or await list_open(caller)
    question = OwnDataQuestion(references=tuple(one.reference for one in applications), whole=whole)
    own = await caller.query(rpc.application.OWN_DATA, question)
    numbers = tuple(dict.fromkeys(number for one in own.items for number in one.numbers))
    question = question.model_copy(update={"numbers": numbers})
    others = {service: method for service, method in _METHODS.items() if service != "application"}
    replies = await asyncio.gather(
        *(caller.query(method, question) for method in others.values()), return_exceptions=True
    )
    found: dict[Service, OwnData] = {"application": own}
    for service, reply in zip(others, replies, strict=True):
        if isinstance(reply, OwnData):
            found[service] = reply
        elif whole or not isinstance(reply, ContractError):
            raise reply if isinstance(reply, ContractError) else Unavailable() from reply
    offices = await _offices(caller, [one for reply in found.values() for one in reply.readers], whole)
    kept = {service: reply.items for service, reply in found.items()}
    looks_are_cut = any(reply.is_cut for reply in found.values())
    away = others.keys() - found.keys()
    return Gathered(applications, closed, kept, offices, away, is_cut, looks_are_cut)


async def _offices(caller: Caller, readers: Iterable[Reader], whole: bool) -> list[Office]:
    """Return who has looked, the last first, by role and office: which official it was, nobody is told.

    While accounts does not answer, a page shows the roles alone.
    """
    known = list(readers)
    logins = tuple(dict.fromkeys(one.actor for one in known))
    places: dict[str, LoginPlace] = {}
    for start in range(0, len(logins), 100):
        asked = LoginIds(login_ids=logins[start : start + 100])
        try:
            found = await caller.query(rpc.accounts.logins.LOGIN_PLACES, asked)
        except ContractError:
            if whole:
                raise
            break
        places |= {one.login_id: one for one in found.items}
    groups: dict[tuple[str, str], list[Reader]] = {}
    for one in known:
        place = places.get(one.actor)
        code = (place.department or place.site or "") if place else ""
        groups.setdefault((one.role, code), []).append(one)
    offices = [
        Office(
            role,
            code,
            sum(one.times for one in found),
            min(one.first for one in found),
            max(one.last for one in found),
        )
        for (role, code), found in groups.items()
    ]
    return sorted(offices, key=lambda one: one.last, reverse=True)
