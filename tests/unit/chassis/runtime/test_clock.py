"""Both clocks, and who may read them."""

import fnmatch
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from contracts.model import AHEAD, is_ahead
from services.chassis.runtime import clock
from tests.support.stack.paths import ROOT

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_the_wall_clock_tells_the_time_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("instant", "ahead"),
    [
        (NOON - timedelta(days=400), False),
        (NOON, False),
        (NOON + AHEAD, False),
        (NOON + AHEAD + timedelta(microseconds=1), True),
        (NOON + timedelta(hours=6), True),
    ],
)
def test_an_instant_more_than_a_minute_ahead_is_from_the_future(instant: datetime, *, ahead: bool) -> None:
    assert is_ahead(instant, NOON) is ahead


WALL_CLOCK = {
    "services/chassis/runtime/handlers.py": "handlers store it and compare it with what is stored",
    "services/chassis/audit/record.py": "when somebody did something, for the record",
    "services/chassis/audit/readers.py": "whether a second factor was shown just now, as its token says",
    "services/chassis/audit/seals.py": "which minute is not over, in which refusals are still counted",
    "services/chassis/db/migrate.py": "which months a table has",
    "services/chassis/db/destructive_jobs.py": "it is compared with the database's",
    "services/chassis/messaging/relay.py": "it is compared with the database's before old events are deleted",
    "services/gateway/state.py": "how old a list is that issuance has signed",
    "services/chassis/process/housekeeping.py": "which months a table has, and which records are too old",
    "services/chassis/messaging/entrypoint.py": "whether an event has expired, and how old it is",
    "services/chassis/messaging/retry.py": "when a message failed, for whoever reads the dead letter",
    "services/chassis/rpc/server.py": "deadlines of calls, which come from another host",
    "services/gateway/rpc/client.py": "the same deadlines",
    "services/chassis/runtime/metrics.py": "the clock itself, to be compared with that of Prometheus",
    "services/gateway/caches/sessions.py": "when a session token expires",
    "services/gateway/caches/revoked_sessions.py": "until when a token could be valid that is refused",
    "services/gateway/handlers/mobile_changes.py": "the same; and when a change of a number takes effect",
    "services/gateway/access/gate_devices.py": "when a cookie ends, and which devices have reported lately",
    "services/gateway/handlers/visit_requests.py": "today",
    "services/gateway/edge/rate_limits.py": "the library tells the end of a window as an instant",
    "services/gateway/pages/*": "today, what has ended, and the ends of cookies, for somebody who looks",
    "services/notify/adapters/channels/*": "when a message was made, for its recipient",
    "services/notify/handlers/deliveries.py": "when it is compared with the database's, and the quiet hours",
    "services/notify/handlers/previews.py": "a time in an example",
    "services/ops/*": "what an operator does or sees now",
}
"""Who reads the wall clock, and what for. Nobody waits by it: a pause, a lease or the age of a copy in this
process is by the monotonic clock."""


def readers_of_the_wall_clock() -> set[str]:
    folders = (ROOT / name for name in ("services", "epass_client", "contracts"))
    files = [file for folder in folders for file in folder.rglob("*.py")]
    imported = re.compile(r"runtime\.clock import [^\n]*\bnow\b|\bclock\.now\b")
    return {str(file.relative_to(ROOT)) for file in files if imported.search(file.read_text())}


def test_whoever_reads_the_wall_clock_says_what_for() -> None:
    readers = readers_of_the_wall_clock()
    for place in WALL_CLOCK:
        assert fnmatch.filter(readers, place), f"{place} does not read it any more"
    known = {reader for place in WALL_CLOCK for reader in fnmatch.filter(readers, place)}
    assert readers - known == set(), "name it, and why it must not be the monotonic clock"


READINGS = """
import time
from datetime import UTC, date, datetime
from time import monotonic, perf_counter
time.time(); time.time_ns(); time.monotonic(); time.monotonic_ns(); time.perf_counter_ns()
time.localtime(); time.gmtime(); datetime.now(UTC); datetime.utcnow(); datetime.today(); date.today()
"""


@pytest.mark.parametrize(
    ("file", "found"),
    [("services/approval/handlers/reviews.py", 13), ("services/chassis/runtime/clock.py", 0)],
)
def test_a_clock_is_read_in_one_module(file: str, found: int) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "concise"]
    done = subprocess.run(
        [*ruff, "--stdin-filename", file, "-"],
        input=READINGS,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout.count("TID251") == found
