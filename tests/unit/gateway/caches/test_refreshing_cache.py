"""The refreshing cache: fresh while its service replies, unchanged while it does not."""

import asyncio

import pytest
import structlog
from prometheus_client import REGISTRY

from contracts.errors import Unavailable
from services.chassis.runtime import jobs
from services.gateway.caches import refreshing_cache
from services.gateway.caches.refreshing_cache import RefreshingCache
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


async def test_concurrent_callers_share_one_fetch() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    assert await asyncio.gather(*(copy.get() for _ in range(20))) == [1] * 20


async def test_concurrent_callers_share_one_failed_fetch() -> None:
    service = Service()
    service.down = True
    copy = RefreshingCache("copy", service.fetch, 60)
    outcomes = await asyncio.gather(*(copy.get() for _ in range(20)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 20
    assert service.asked == 1
    service.down = False
    assert await copy.get() == 2


async def test_a_cancelled_caller_does_not_cancel_the_fetch_of_the_others() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    impatient, patient = asyncio.create_task(copy.get()), asyncio.create_task(copy.get())
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1
    assert impatient.cancelled()


async def test_the_copy_stays_while_the_service_is_down() -> None:
    service = Service()
    copy = RefreshingCache("copy", service.fetch, 60)
    await copy.get()
    service.down = True
    with pytest.raises(Unavailable):
        await copy.refresh()
    assert await copy.get() == 1


async def test_a_failed_fetch_is_retried_soon_and_wake_fetches_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refreshing_cache, "QUIET_TRIES", 2)
    monkeypatch.setattr(refreshing_cache, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(refreshing_cache, "FIRST_RETRY_SECONDS", 0.01)
    service = Service()
    service.down = True
    copy = RefreshingCache("copy", service.fetch, 30)
    task = asyncio.create_task(copy.background.run())

    async def tried() -> bool:
        return service.asked >= 3

    with structlog.testing.capture_logs() as lines:
        await until("some tries", tried)
    said = [(line["event"], line["copy"]) for line in lines if line["log_level"] == "warning"]
    assert said == [("there is no copy yet", "copy")], "once, and not for each try"
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


async def test_a_copy_that_is_not_refreshed_is_a_late_job_and_one_fetched_on_demand_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def age(name: str) -> float | None:
        return REGISTRY.get_sample_value("epass_job_success_age_seconds", {"job_name": f"refresh:{name}"})

    seconds = [0.0]
    monkeypatch.setattr(jobs, "monotonic", lambda: seconds[0])
    fetched = asyncio.Event()

    async def fetch() -> int:
        if seconds[0]:
            fetched.set()
            raise Unavailable
        return 1

    asked = RefreshingCache("asked", fetch, 60)
    await asked.refresh()
    assert age("asked") is None
    copy = RefreshingCache("copy", fetch, 60)
    task = asyncio.create_task(copy.background.run())
    await copy.get()
    for _ in range(5):  # the task hears of the fetch that they share
        await asyncio.sleep(0)
    seconds[0] = 300.0
    copy.wake()
    await fetched.wait()
    assert age("copy") == 300.0
    task.cancel()
