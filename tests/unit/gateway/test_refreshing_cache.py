"""Copies of what services said: fresh while they answer, kept while they do not."""

import asyncio

import pytest

from contracts.errors import Unavailable
from services.gateway import refreshing_cache
from services.gateway.refreshing_cache import RefreshingCache
from tests.support.factories.gateway import until


class Service:
    def __init__(self) -> None:
        self.asked = 0
        self.down = False

    async def fetch(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable
        return self.asked


async def test_without_a_copy_the_service_is_asked_once_however_many_wait() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    assert await asyncio.gather(*(copy.get() for _ in range(20))) == [1] * 20


async def test_callers_at_the_same_moment_share_a_failure_too_and_do_not_wait_in_line() -> None:
    service = Service()
    service.down = True
    copy = RefreshingCache("copy", service.fetch, 60)
    outcomes = await asyncio.gather(*(copy.get() for _ in range(20)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 20
    assert service.asked == 1
    service.down = False
    assert await copy.get() == 2


async def test_a_caller_that_gives_up_does_not_end_the_asking_for_the_others() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    impatient, patient = asyncio.create_task(copy.get()), asyncio.create_task(copy.get())
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1
    assert impatient.cancelled()


async def test_a_service_that_is_down_leaves_the_copy_as_it_is() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    await copy.get()
    service.down = True
    with pytest.raises(Unavailable):
        await copy.refresh()
    assert await copy.get() == 1


async def test_it_is_fetched_again_and_again_and_at_once_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing_cache, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(refreshing_cache, "FIRST_RETRY_SECONDS", 0.01)
    service = Service()
    service.down = True
    copy = RefreshingCache("copy", service.fetch, 30)
    task = asyncio.create_task(copy.run())

    async def tried() -> bool:
        return service.asked >= 3

    await until("some tries", tried)
    service.down = False

    async def there() -> bool:
        return copy.value is not None

    await until("the copy", there)
    asked = service.asked
    await asyncio.sleep(0.05)
    assert service.asked == asked
    copy.wake()

    async def again() -> bool:
        return service.asked == asked + 1

    await until("another fetch", again)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
