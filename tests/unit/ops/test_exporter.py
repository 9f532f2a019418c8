"""The exporter tells what it knows now: after a look that failed, whatever the reason, a part is unknown."""

import asyncio
from math import inf

import httpx
import pytest
from prometheus_client import REGISTRY

from contracts.ops import ProcessView
from services.ops import exporter, processes
from services.ops.commands.outbox import Outbox
from services.ops.inspection import Inspected
from services.ops.settings import ExporterSettings
from tests.support.settings import make_settings

READY = ProcessView(name="relay", state="ready")


@pytest.mark.parametrize("error", [OSError, RuntimeError, OverflowError, asyncio.CancelledError])
async def test_after_a_look_at_processes_that_failed_none_of_them_is_known(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def look_at(*_: object) -> tuple[ProcessView, ...]:
        if not seen.report().processes.answers:
            return (READY,)
        failed.set()
        raise error

    monkeypatch.setattr(processes, "look_at", look_at)
    options = make_settings(ExporterSettings, ops_processes=("relay=http://relay:9100",), ops_interval=0.01)
    seen = exporter.Exporter(options, httpx.AsyncClient(trust_env=False))
    (look,) = [one for one in seen.tasks() if one.name == "processes"]
    task = asyncio.create_task(look.run())
    await failed.wait()
    await asyncio.sleep(0)  # the look ends in the turn in which it fails
    part = seen.report().processes
    task.cancel()
    assert (part.answers, part.items) == (False, (READY,))
    assert part.looked_at is not None


def test_the_age_of_the_revocations_grows_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(exporter, "monotonic", lambda: clock[0])
    seen = exporter.Exporter(make_settings(ExporterSettings), httpx.AsyncClient(trust_env=False))

    def ages() -> dict[str, float | None]:
        return {one.at: one.age_seconds for one in seen.report().revocations}

    assert ages() == {}
    for database, age in (("issuance", 4.0), ("verify", inf)):
        seen._remember_database(Inspected(Outbox(database, 0, 0.0, 0, 0, True), revocations_seconds=age))
    assert ages() == {"issuance": 4.0, "verify": None}
    clock[0] += 300
    assert ages() == {"issuance": 304.0, "verify": None}
    assert REGISTRY.get_sample_value("epass_revocations_age_seconds", {"at": "issuance"}) == 304
    gateways = [
        READY.model_copy(update={"name": "gateway", "revocations_seconds": age}) for age in (3.0, 9.0)
    ]
    seen._processes.found(gateways)
    assert ages()["gateway"] == 9
