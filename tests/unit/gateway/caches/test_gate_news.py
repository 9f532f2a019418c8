"""The gates of a site hear who passed the other ones, once each, also after a broken connection."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from contracts.errors import Unavailable
from contracts.rpc.issuance import StatusList
from contracts.rpc.verify.presence import Movement, Movements
from services.gateway.caches import gate_news
from services.gateway.caches.gate_news import KEPT, GateNews, News
from services.gateway.caches.refreshing_cache import RefreshingCache
from tests.support.factories.gateway import LATER, TableClient, claims, proven, until

GUARD = proven(session=claims(role="security", site="PCS1", gate="PCS1-G1", exp=LATER))


def movement(position: int, inside: int = 1, nonce: str = "nonce") -> Movement:
    return Movement.model_validate(
        {
            "position": position,
            "nonce": f"{nonce}-{position}",
            "pass": "7K3M9QWX",
            "gate": "PCS1-G2",
            "verdict": "admit",
            "count": 1,
            "inside": inside,
            "at": "2026-12-01T04:30:00Z",
            "recorded_at": "2026-12-01T04:30:00Z",
            "timeline": 1,
            "transaction": 700,
        }
    )


class Site:
    """A site whose movements a test tells, and the stream of one of its gates."""

    def __init__(self, every: float = 0.01) -> None:
        self.client = TableClient(verify__movements=Movements(last=10))
        self.status: RefreshingCache[StatusList] = RefreshingCache("list", self._no_list, 60)
        self.news = GateNews(self.client, self.status, every)

    async def _no_list(self) -> StatusList:
        raise Unavailable("no list")

    def tell(self, *positions: int, last: int, nonce: str = "nonce") -> None:
        items = tuple(movement(position, nonce=nonce) for position in positions)
        self.client.answers["verify.movements"] = Movements(items=items, last=last)

    def listen(self, since: int | None = None) -> AsyncGenerator[News, None]:
        return self.news.of("PCS1", GUARD, 60, since)

    async def looks(self, times: int) -> None:
        """Wait until verify was asked so often from now on."""
        wanted = len(self.client.asked) + times

        async def asked() -> bool:
            return len(self.client.asked) >= wanted

        await until("verify is asked", asked)


@pytest.fixture
def site() -> Site:
    return Site()


async def heard(stream: AsyncGenerator[News, None], count: int) -> list[int | str]:
    """Return the places of so many news, or their kind."""
    found = [await asyncio.wait_for(anext(stream), 5) for _ in range(count)]
    return [one if isinstance(one, str) else one.position for one in found]


async def test_each_movement_is_told_once_in_the_order_in_which_it_was_stored(site: Site) -> None:
    site.tell(9, 10, last=10)
    stream = site.listen()
    listening = asyncio.ensure_future(heard(stream, 3))
    await site.looks(2)
    site.tell(9, 10, 12, last=12)
    await site.looks(2)
    site.tell(10, 11, 12, 13, last=13)  # 11 was stored after 12
    assert await listening == [12, 11, 13]


async def test_the_next_question_begins_where_the_last_answer_ended(site: Site) -> None:
    site.tell(last=10)
    listening = asyncio.ensure_future(heard(site.listen(), 1))
    await site.looks(2)
    site.tell(11, last=11)
    await listening
    await site.looks(0)
    questions = [request.after for _, request, _, _ in site.client.asked]
    assert questions[:2] == [None, 10]


async def test_a_gate_that_comes_back_hears_what_it_has_missed(site: Site) -> None:
    site.tell(last=10)
    first = site.listen()
    listening = asyncio.ensure_future(heard(first, 2))
    await site.looks(1)
    site.tell(11, 12, last=12)
    assert await listening == [11, 12]
    await first.aclose()
    assert await heard(site.listen(since=11), 2) == [11, 12]


async def test_a_scan_that_was_stored_late_with_an_earlier_place_is_told_after_a_broken_connection(
    site: Site,
) -> None:
    site.tell(last=10)
    first, other = site.listen(), site.listen()
    listening = asyncio.ensure_future(heard(first, 1))
    still = asyncio.ensure_future(heard(other, 2))
    await site.looks(1)
    site.tell(12, last=12)
    assert await listening == [12]
    await first.aclose()
    site.tell(11, 12, last=12)  # 11 was stored while nobody told this gate
    assert await still == [12, 11]
    assert await heard(site.listen(since=12), 2) == [12, 11]


async def test_gates_fetch_a_manifest_after_verify_has_been_away_for_longer_than_it_tells_of(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tell(last=10)
    stays = site.listen()
    listening = asyncio.ensure_future(heard(stays, 2))
    await site.looks(2)
    monkeypatch.setattr(gate_news, "LONGEST_BREAK", -1.0)
    site.tell(20, last=20)  # what came before is an hour old, and not told
    assert await listening == ["reload", 20]
    assert await heard(site.listen(since=15), 1) == ["reload"]


async def test_movements_with_places_that_a_promotion_has_lost_are_told_at_once(site: Site) -> None:
    site.tell(last=10)
    stays = site.listen()
    listening = asyncio.ensure_future(heard(stays, 5))
    await site.looks(2)
    site.tell(11, 12, last=12)
    await site.looks(2)
    site.tell(11, last=11, nonce="after-the-promotion")
    await site.looks(2)
    site.tell(11, 12, last=12, nonce="after-the-promotion")
    assert await listening == [11, 12, "reload", 11, 12]
    assert await heard(site.listen(since=12), 1) == ["reload"], "of which promotion that 12 is nobody knows"
    site.tell(13, last=13)
    assert await heard(stays, 1) == [13]
    assert await heard(site.listen(since=13), 5) == [11, 12, 11, 12, 13]


async def test_a_gate_with_a_place_that_was_lost_fetches_a_manifest(site: Site) -> None:
    assert await heard(site.listen(since=11), 1) == ["reload"]


async def test_a_gate_that_was_away_for_too_long_fetches_a_manifest() -> None:
    site = Site()
    site.tell(last=10)
    assert await heard(site.listen(since=9), 1) == ["reload"]
    site.tell(*range(11, 12 + KEPT), last=12 + KEPT)
    await heard(site.listen(since=10), 1)
    assert await heard(site.listen(since=10), 1) == ["reload"]


async def test_a_newer_list_of_revoked_passes_is_told(site: Site) -> None:
    site.status.value = StatusList(jws="first", seq=1, digest="")
    listening = asyncio.ensure_future(heard(site.listen(), 1))
    await site.looks(2)
    assert not listening.done()
    site.status.value = StatusList(jws="second", seq=1, digest="")
    assert await listening == ["status"]


async def test_nothing_is_lost_while_verify_is_away(site: Site) -> None:
    listening = asyncio.ensure_future(heard(site.listen(), 1))
    await site.looks(1)
    site.client.answers["verify.movements"] = Unavailable("away")
    await site.looks(3)
    site.tell(11, last=11)
    assert await listening == [11]


async def test_the_stream_ends_when_the_gateway_stops() -> None:
    site = Site(every=60)
    listening = asyncio.ensure_future(anext(site.listen(), "ended"))
    await site.looks(1)
    site.news.end()
    assert await asyncio.wait_for(listening, 5) == "ended"
