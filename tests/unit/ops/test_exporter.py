"""The exporter tells what it knows now: after a look that failed, whatever the reason, a part is unknown."""

import asyncio

import httpx
import pytest

from contracts.ops import ProcessView
from services.ops import processes
from services.ops.exporter import Exporter
from services.ops.settings import ExporterSettings
from tests.support.settings import make_settings

READY = ProcessView(name="relay", state="ready")


@pytest.mark.parametrize("error", [OSError, RuntimeError, OverflowError, asyncio.CancelledError])
async def test_after_a_look_at_processes_that_failed_none_of_them_is_known(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def look_at(*_: object) -> tuple[ProcessView, ...]:
        if not exporter.report().processes.answers:
            return (READY,)
        failed.set()
        raise error

    monkeypatch.setattr(processes, "look_at", look_at)
    options = make_settings(ExporterSettings, ops_processes=("relay=http://relay:9100",), ops_interval=0.01)
    exporter = Exporter(options, httpx.AsyncClient(trust_env=False))
    (look,) = [one for one in exporter.tasks() if one.name == "processes"]
    task = asyncio.create_task(look.run())
    await failed.wait()
    await asyncio.sleep(0)  # the look ends in the turn in which it fails
    part = exporter.report().processes
    task.cancel()
    assert (part.answers, part.items) == (False, (READY,))
    assert part.looked_at is not None
