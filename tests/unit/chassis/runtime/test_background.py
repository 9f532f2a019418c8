"""Long-lived work: begun again after every failure, ended only by its own process."""

import asyncio
from collections.abc import Callable

import pytest

from services.chassis.runtime.background import BackgroundTask, BackgroundTaskEnded, run_until

FAULTS: list[Callable[[], BaseException]] = [ZeroDivisionError, Exception, asyncio.CancelledError]


class Failing:
    """Work that fails three times, then goes on until it is cancelled."""

    def __init__(self, fault: Callable[[], BaseException] | None) -> None:
        self.task = BackgroundTask("failing", self._work, (ConnectionError,))
        self.begun: list[bool] = []
        self.fourth = asyncio.Event()
        self._fault = fault

    async def _work(self) -> None:
        self.begun.append(self.task.working)
        self.task.working = True
        if len(self.begun) > 3:
            self.fourth.set()
            await asyncio.Event().wait()
        if self._fault is not None:
            raise self._fault()


@pytest.mark.parametrize("fault", [*FAULTS, ConnectionError, None])
async def test_work_that_fails_or_ends_begins_again(fault: Callable[[], BaseException] | None) -> None:
    failing = Failing(fault)
    running = asyncio.create_task(failing.task.run())
    await asyncio.wait_for(failing.fourth.wait(), 10)
    assert failing.begun == [False] * 4, "after each failure it does not count as working"
    assert failing.task.working
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not failing.task.working


async def test_work_ends_when_its_process_stops() -> None:
    stop, failing = asyncio.Event(), Failing(ZeroDivisionError)
    running = asyncio.create_task(run_until(stop, [failing.task]))
    await asyncio.wait_for(failing.fourth.wait(), 10)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert not failing.task.working


async def test_work_that_is_gone_for_good_ends_its_process() -> None:
    gone, other = Failing(None), Failing(None)

    async def end() -> None:
        return

    gone.task.run = end  # type: ignore[method-assign,assignment]  # what must never happen
    with pytest.raises(BackgroundTaskEnded, match="failing"):
        await asyncio.wait_for(run_until(asyncio.Event(), [other.task, gone.task]), 5)
    assert not other.task.working, "the others are cancelled"
