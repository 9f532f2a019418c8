"""Open desks learn that their queue has changed, and cost one question for all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from contracts.errors import TooManyAttempts, Unavailable
from contracts.rpc.approval.reviews import ReviewList
from services.gateway.caches.changes import QueueChanges
from services.gateway.caches.polled_replies import MOST_LISTENERS
from tests.support.factories.gateway import LATER, TableClient, claims, proven, until
from tests.support.factories.pages import review

OFFICER = proven(session=claims(exp=LATER))
OTHER = proven(session=claims(department="finance", exp=LATER))


def watching(answer: object) -> tuple[QueueChanges, TableClient]:
    client = TableClient(approval__list_reviews=answer)
    return QueueChanges(client, every=0.01), client


async def after(client: TableClient, questions: int) -> None:
    """Wait until the queue was asked about so often."""

    async def asked() -> bool:
        return len(client.asked) >= questions

    await until("the queue is asked about", asked)


async def is_silent(changes: AsyncIterator[None], client: TableClient, when: Callable[[], None]) -> bool:
    """Return whether several questions after ``when`` bring no change."""
    hearing = asyncio.ensure_future(anext(changes))
    await after(client, 1)
    when()
    await after(client, len(client.asked) + 3)
    silent = not hearing.done()
    hearing.cancel()
    return silent


async def test_an_application_that_came_is_noticed() -> None:
    desks, client = watching(ReviewList(items=(review(),)))
    hearing = asyncio.ensure_future(anext(desks.of(OFFICER, 60)))
    await after(client, 1)
    client.answers["approval.list_reviews"] = ReviewList(items=(review(id=uuid4()),))
    await asyncio.wait_for(hearing, 5)


async def test_nothing_is_said_while_nothing_changes_or_approval_is_away() -> None:
    desks, client = watching(ReviewList(items=(review(),)))
    assert await is_silent(desks.of(OFFICER, 60), client, lambda: None)
    desks, client = watching(ReviewList(items=(review(),)))

    def stop() -> None:
        client.answers["approval.list_reviews"] = Unavailable()

    assert await is_silent(desks.of(OFFICER, 60), client, stop)


async def test_all_desks_of_a_department_cost_one_question_an_interval() -> None:
    client = TableClient(approval__list_reviews=ReviewList(items=()))
    desks = QueueChanges(client, every=60)
    hearing = []
    for questions, officer in ((1, OFFICER), (1, OFFICER), (1, OFFICER), (2, OTHER)):
        hearing.append(asyncio.ensure_future(anext(desks.of(officer, 60))))
        await after(client, questions)
    for _ in range(20):
        await asyncio.sleep(0)
    assert [principal.department for _, _, principal, _ in client.asked] == ["home", "finance"]
    desks.end()
    await asyncio.gather(*hearing, return_exceptions=True)


async def test_listening_ends_when_the_gateway_stops_and_after_its_time() -> None:
    desks, client = watching(ReviewList(items=()))
    assert [one async for one in desks.of(OFFICER, 0.02)] == []
    desks = QueueChanges(client, every=60)
    hearing = asyncio.ensure_future(anext(desks.of(OFFICER, 600), "ended"))
    await after(client, len(client.asked) + 1)
    desks.end()
    assert await asyncio.wait_for(hearing, 5) == "ended"


async def test_one_login_cannot_hold_more_than_a_dozen_connections() -> None:
    desks, client = watching(ReviewList(items=()))
    hearing = [asyncio.ensure_future(anext(desks.of(OFFICER, 60))) for _ in range(MOST_LISTENERS)]
    await after(client, 1)
    with pytest.raises(TooManyAttempts):
        desks.of(OFFICER, 60)
    desks.of(OTHER.model_copy(update={"id": "FIN-0001"}), 60)
    for one in hearing:
        one.cancel()
    await asyncio.gather(*hearing, return_exceptions=True)
    desks.of(OFFICER, 60)


async def test_the_queue_is_asked_about_in_the_name_of_somebody_who_still_listens() -> None:
    """The session of who listened first may have ended."""
    desks, client = watching(ReviewList(items=(review(),)))
    first = asyncio.ensure_future(anext(desks.of(OFFICER, 60)))
    await after(client, 1)
    colleague = proven(session=claims(sub="HOM-0002"))
    second = asyncio.ensure_future(anext(desks.of(colleague, 60)))
    first.cancel()

    async def asked_by_the_second() -> bool:
        return client.asked[-1][2].sid == colleague.sid

    await until("the second one asks", asked_by_the_second)
    second.cancel()
