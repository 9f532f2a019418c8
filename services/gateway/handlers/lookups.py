"""Lookups that a page and the JSON interface share, or that ask several services."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from contracts import rpc
from contracts.crockford import parse_reference, parse_request_number
from contracts.errors import ContractError, InvalidInput, NotFound
from contracts.mobile import parse_mobile
from contracts.rpc.application import StatusQuestion, StatusView
from contracts.rpc.audit import (
    AuditEntries,
    AuditHeads,
    AuditQuestion,
    HeadQuestion,
    Looker,
    LookQuestion,
)
from contracts.rpc.call import Method, Page
from contracts.rpc.notify import PhoneQuestion, SentMessage
from contracts.rpc.requests import RequestStatus, RequestStatusQuestion
from contracts.subscriptions import SERVICES
from services.chassis.db import cursors
from services.gateway.access.admission import Caller, Q, R
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.state import REFRESH_SECONDS


async def application_status(caller: Caller, question: StatusQuestion) -> StatusView:
    """Return status and timeline of an application, without a session.

    The reference and the last four digits of the mobile number are all that protects it. So wrong attempts
    are counted by reference and address, and those from everywhere by reference, however it is written.
    Right ones do not count: a reader may look as often as they like. Whoever signs in needs no lookup.

    Raises:
        NotFound: there is no such application, or its mobile ends otherwise; the caller cannot tell which.
        TooManyAttempts: this reference was tried too often, with ``retry_after`` in seconds.
    """
    return await _guarded(caller, rpc.application.STATUS, question, question.reference, parse_reference)


async def request_status(caller: Caller, question: RequestStatusQuestion) -> RequestStatus:
    """Return how far a complaint or another request is, without a session; limited as `application_status`.

    Raises:
        NotFound, TooManyAttempts: as `application_status`.
    """
    asked = question.request_number
    return await _guarded(caller, rpc.requests.REQUEST_STATUS, question, asked, parse_request_number)


async def _guarded(
    caller: Caller, method: Method[Q, R], question: Q, typed: str, parse: Callable[[str], str]
) -> R:
    try:
        number = parse(typed)
    except ValueError:
        return await caller.query(method, question)  # it raises NotFound
    counted = {"status_reference": (number, caller.address), "status_anywhere": (number,)}
    for limit, key in counted.items():
        await caller.hit(limit, *key)
    try:
        found = await caller.query(method, question)
    except NotFound:
        raise
    except ContractError:
        await _forgive(caller, counted)
        raise
    await _forgive(caller, counted)
    return found


async def _forgive(caller: Caller, counted: Mapping[str, tuple[str, ...]]) -> None:
    for limit, key in counted.items():
        await caller.forgive(limit, *key)


async def local_messages(
    caller: Caller, field: str, mobile: str, *, with_pictures: bool = False
) -> tuple[SentMessage, ...]:
    """Return what the ``local`` channel has "sent" to a mobile, oldest first.

    The number may be written in any form.

    Raises:
        InvalidInput: it is no mobile number; ``field`` names it.
    """
    try:
        to = parse_mobile(mobile)
    except ValueError:
        raise InvalidInput.of(field, "not_a_mobile") from None
    question = PhoneQuestion(to=to, with_pictures=with_pictures)
    return (await caller.query(rpc.notify.LOCAL_PHONE, question)).items


class Position(Protocol):
    """What every line of a list has by which it is sorted."""

    @property
    def id(self) -> UUID:
        """Its id."""


L = TypeVar("L", bound=Position)
NO_ACTIONS: Mapping[str, Collection[str]] = {}


async def audit_heads(caller: Caller, question: HeadQuestion) -> AuditHeads:
    """Return a page of the published heads of all audit logs, the newest first.

    The first page is a copy that is a minute old at most, or older while a service does not answer. Others
    cost a call to each service, and all callers together may have few of them.

    Raises:
        InvalidInput: ``after`` is not one of our cursors.
        TooManyAttempts: other pages than the first were asked for too often within a minute.
        Unavailable: a service does not answer.
    """
    if question == HeadQuestion():
        found = await asyncio.gather(*map(_newest, caller.state.audit_heads.values()))
    else:
        await caller.hit("older_heads")
        found = await _of_all_services(caller, "AUDIT_HEADS", question)
    dated = ((one.signed_at, one) for page in found for one in page.items)
    items, following = _merge(dated, question.limit, any(page.next for page in found))
    return AuditHeads(items=tuple(items), next=following)


async def audit_entries(
    caller: Caller, question: AuditQuestion, actions: Mapping[str, Collection[str]] = NO_ACTIONS
) -> AuditEntries:
    """Return a page of who looked at or did what in all services, the newest first, to an auditor.

    Args:
        caller: who asks.
        question: which rows.
        actions: names of RPCs by service, if only these are wanted.

    Raises:
        ContractError: as `audit_heads`, or `Forbidden`.
    """
    found = await asyncio.gather(
        *(
            caller.query(
                getattr(rpc, service).AUDIT_ENTRIES,
                question.model_copy(update={"actions": tuple(actions[service])} if actions else {}),
            )
            for service in actions or SERVICES
        )
    )
    dated = ((one.at, one) for page in found for one in page.items)
    items, following = _merge(dated, question.limit, any(page.next for page in found))
    return AuditEntries(items=tuple(items), next=following)


async def _newest(cache: RefreshingCache[AuditHeads]) -> AuditHeads:
    with suppress(ContractError):  # the copy from before is served, if there is one
        await cache.refresh(at_most_every=REFRESH_SECONDS)
    return await cache.get()


async def most_looks(
    caller: Caller, since: datetime, actions: Mapping[str, Collection[str]]
) -> Sequence[Looker]:
    """Return the logins that have looked at most people since an instant, the most first.

    Of several services the highest number of people counts: most of them are the same people.

    Args:
        caller: an auditor.
        since: from when on rows count.
        actions: names of RPCs by service, which are looks.

    Raises:
        ContractError: `Forbidden`, or `Unavailable`, a service does not answer.
    """
    found = await asyncio.gather(
        *(
            caller.query(
                getattr(rpc, service).MOST_LOOKS,
                LookQuestion(since=since, actions=tuple(sorted(actions[service]))),
            )
            for service in SERVICES
        )
    )
    by_login: dict[tuple[str, str], Looker] = {}
    for one in (one for reply in found for one in reply.items):
        known = by_login.get((one.actor, one.role), one.model_copy(update={"looks": 0}))
        both = {"looks": one.looks + known.looks, "people": max(one.people, known.people)}
        by_login[one.actor, one.role] = one.model_copy(update=both)
    return sorted(by_login.values(), key=lambda one: (-one.people, -one.looks, one.actor))


async def _of_all_services(caller: Caller, name: str, question: Page) -> list[Any]:
    methods = (getattr(getattr(rpc, service), name) for service in SERVICES)
    return await asyncio.gather(*(caller.query(method, question) for method in methods))


def _merge(dated: Iterable[tuple[datetime, L]], limit: int, has_more: bool) -> tuple[Sequence[L], str | None]:
    """Return the first page of lists that are each sorted by time and id, the newest first, and its cursor.

    Each service was asked from the same cursor on, and for as many lines as a page has, so that nothing
    between two pages is missing.
    """
    lines = sorted(dated, key=lambda line: (line[0], line[1].id), reverse=True)
    page = lines[:limit]
    if not page or not (has_more or len(lines) > limit):
        return [one for _, one in page], None
    at, last = page[-1]
    return [one for _, one in page], cursors.encode(at, last.id)
