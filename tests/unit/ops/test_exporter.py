"""The exporter tells what it knows now: after a look that failed, whatever the reason, a part is unknown."""

import asyncio
import os
from datetime import timedelta
from math import inf, isnan
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from contracts.ops import ProcessView, Report
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.reports import doubt_old_looks
from services.ops import exporter, processes
from services.ops.commands.outbox import Outbox
from services.ops.exporter import Observed
from services.ops.inspection import Inspected
from services.ops.settings import ExporterSettings
from tests.support.stack.settings import make_settings

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


@pytest.mark.parametrize(("holds", "pause"), [(True, 60.0), (False, 15.0)])
async def test_invariants_that_hold_are_looked_at_once_a_minute_and_broken_ones_as_all_else(
    holds: bool, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        await pauses.put(seconds)
        await asyncio.Event().wait()

    async def count(_: object) -> bool:
        return holds

    monkeypatch.setattr(exporter.Exporter, "count_invariants", count)
    monkeypatch.setattr(exporter.asyncio, "sleep", sleep)
    options = make_settings(ExporterSettings, ops_database_urls=("postgresql://ops@localhost/verify",))
    tasks = exporter.Exporter(options, httpx.AsyncClient(trust_env=False)).tasks()
    (look,) = [one for one in tasks if one.name == "invariants"]
    task = asyncio.create_task(look.run())
    assert await pauses.get() == pause
    task.cancel()


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


def test_a_log_that_is_not_archived_has_no_number_so_that_no_alert_fires() -> None:
    seen = exporter.Exporter(make_settings(ExporterSettings), httpx.AsyncClient(trust_env=False))

    def shown(at: float | None) -> float | None:
        seen._remember_database(Inspected(Outbox("verify", 0, 0.0, 0, 0, True), log_archived_at=at))
        name = "epass_database_log_archived_timestamp_seconds"
        return REGISTRY.get_sample_value(name, {"database": "verify"})

    assert shown(1_000.0) == 1_000
    assert shown(0.0) == 0
    assert isnan(shown(None) or 0.0)


async def test_a_look_grows_old_though_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, set_back = [0.0], [timedelta(0)]
    monkeypatch.setattr(exporter, "monotonic", lambda: passed[0])
    monkeypatch.setattr(exporter, "now", lambda: now() - set_back[0])
    seen: Observed[ProcessView] = Observed()
    seen.found([READY])
    passed[0], set_back[0] = 700.0, timedelta(hours=1)
    report = Report(at=exporter.now(), processes=seen.part())
    assert not doubt_old_looks(report).processes.answers


def test_the_age_of_the_newest_backup_is_watched_where_a_backup_touches_a_file(tmp_path: Path) -> None:
    def watched(stamp: str) -> float:
        options = make_settings(ExporterSettings, ops_backup_stamp=stamp)
        exporter.watch_backups(options)
        return REGISTRY.get_sample_value("epass_backup_timestamp_seconds") or 0.0

    stamp = tmp_path / "last-backup"
    assert isnan(watched("")), "so that no alert fires where nobody watches backups"
    assert watched(str(stamp)) == 0
    stamp.touch()
    os.utime(stamp, (1_000, 1_000))
    assert watched(str(stamp)) == 1_000
