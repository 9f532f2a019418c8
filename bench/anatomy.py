"""`python -m bench.anatomy`: what one lone scan, one lone journey and idleness take, by process.

Each scan and each journey is finished before the next one begins. What the processes take while nothing
happens is subtracted, and stands beside. ANATOMY_SCANS (200) and ANATOMY_JOURNEYS (30) are how many are
counted; the table has the mean of one. The log of PostgreSQL, with every statement, is kept as the first
argument, if there is one.

- *processor*: user and system, from `/proc`.
- *wake-ups*: how often a thread of it waited and was woken (voluntary context switches).
- *calls*: system calls of our processes, counted by strace if it is there (Debian: strace), in a pass of its
  own, since it makes them slow.
- *statements*, *transactions*: from PostgreSQL's log, by who sent them; *transactions* are those with a
  begin.
- *packets*, *bytes*: of AMQP, as the broker counts them on the connections of each user, both directions.
- *log lines*.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from bench import journeys, processor
from bench.load import in_shares, requests
from bench.one_run import running_system
from bench.passes import Copies
from bench.processor import SERVERS
from bench.scans import WARM_UP, Gate
from bench.visits import STATISTICS_SECONDS, management
from deploy.local.services import COMMANDS
from deploy.local.stack import Stack
from epass_client import AsyncClient, calls

SCANS = int(os.environ.get("ANATOMY_SCANS", "200"))
JOURNEYS = int(os.environ.get("ANATOMY_JOURNEYS", "30"))
IDLE_SECONDS = 30.0
PAUSE = 0.1
"""Between two looks at what is under way."""
COLUMNS = ("processor", "wake-ups", "calls", "statements", "transactions", "packets", "bytes", "log lines")
Counts = dict[str, Counter[str]]
"""Of each column, by process."""
Work = Callable[[], Awaitable[int]]
"""Does something one after another; returns how often."""
_PENDING = "select id from reviews where reference = %s and status = 'pending'"
_HANDED_OVER = """
select messages.id from messages join applications on applications.id = messages.application_id
where reference = %s and purpose = 'pass_issued' and state <> 'queued'
"""
_LOGGED = re.compile(r"^@(\S*) LOG:  duration: \S+ ms  (?:statement|execute [^:]*): (.*)$", re.MULTILINE)
_ENDS = re.compile(r"(commit|rollback)\b", re.IGNORECASE)
_BEGINS = re.compile(r"begin\b", re.IGNORECASE)


class Anatomy:
    """The counters of one running system."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._log = stack.logs / "postgres.log"
        with stack.postgres.connect() as connection:
            for setting in ("log_min_duration_statement = 0", "log_line_prefix = '@%u '"):
                connection.execute(f"alter system set {setting}")
            connection.execute("select pg_reload_conf()")
        self._idle: Counts = {}

    async def idle(self) -> Counts:
        """Count what each process takes in a second in which nothing happens."""

        async def rest() -> int:
            await asyncio.sleep(IDLE_SECONDS)
            return 1

        grown = await self.of(rest)
        self._idle = {
            column: _scaled(of, 1 / (IDLE_SECONDS + STATISTICS_SECONDS)) for column, of in grown.items()
        }
        return self._idle

    async def of(self, work: Work) -> Counts:
        """Count what one unit of this work takes, without what the processes take while they are idle."""
        with _traced(self._stack) as system_calls:
            began = time.monotonic()
            await work()
            await asyncio.sleep(STATISTICS_SECONDS)
            traced_seconds = time.monotonic() - began
        before, began = self._read(), time.monotonic()
        units = await work()
        await asyncio.sleep(STATISTICS_SECONDS)
        grown, seconds = self._read(), time.monotonic() - began
        for column, of in grown.items():
            of.subtract(before[column])
            of.subtract(_scaled(self._idle.get(column, Counter()), seconds))
        system_calls.subtract(_scaled(self._idle.get("calls", Counter()), traced_seconds))
        return {column: _scaled(of, 1 / units) for column, of in (grown | {"calls": system_calls}).items()}

    def _read(self) -> Counts:
        """Read all counters but that of system calls."""
        found: Counts = {column: Counter() for column in COLUMNS}
        found["processor"].update(
            {part: used * 1000 for part, used in processor.seconds(self._stack).items()}
        )
        for part, one in _processes(self._stack):
            found["wake-ups"][part] += _wake_ups(one)
        for one in management(self._stack)("connections"):
            found["packets"][one["user"]] += one.get("recv_cnt", 0) + one.get("send_cnt", 0)
            found["bytes"][one["user"]] += one.get("recv_oct", 0) + one.get("send_oct", 0)
        for log in self._stack.logs.glob("*.log"):
            if log != self._log:
                found["log lines"][log.stem] = log.read_bytes().count(b"\n")
        for who, text in _LOGGED.findall(self._log.read_text(errors="replace")):
            part = who.removesuffix("_app")
            if _ENDS.match(text):
                found["transactions"][part] += 1
            elif not _BEGINS.match(text):
                found["statements"][part] += 1
        return found


def _scaled(of: Counter[str], by: float) -> Counter[str]:
    return Counter({part: count * by for part, count in of.items()})


def _own(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    return ((part, one) for part in COMMANDS for one in processor.processes_of(stack, part))


def _processes(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    yield from _own(stack)
    for part in SERVERS.values():
        for one in processor.processes_of(stack, part):
            yield part, one
            yield from ((part, child) for child in one.children())


def _wake_ups(process: psutil.Process) -> int:
    """Return how often the threads of a process have waited and were woken."""
    found = 0
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        with suppress(OSError):
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            found += int(lines["voluntary_ctxt_switches"])
    return found


@contextmanager
def _traced(stack: Stack) -> Iterator[Counter[str]]:
    """Count the system calls of the processes during a block, if strace is there."""
    found: Counter[str] = Counter()
    tracers = []
    if shutil.which("strace"):
        for part, one in _own(stack):
            words = ["strace", "-f", "-c", "-p", str(one.pid)]
            tracers.append((part, subprocess.Popen(words, stderr=subprocess.PIPE, text=True)))
        time.sleep(2)
    try:
        yield found
    finally:
        for part, tracer in tracers:
            tracer.send_signal(signal.SIGINT)
            told = tracer.communicate()[1]
            total = re.search(r"^\s*100\.00\s.*?(\d+)\s+\d*\s*total$", told, re.MULTILINE)
            found[part] += int(total.group(1)) if total else 0


async def _scan(gateway: str, session: str, tokens: list[str], gate: Gate) -> int:
    result = await in_shares(gateway, [requests(tokens, session)])
    await gate.drained()
    if result.refused:
        raise RuntimeError(f"scans refused: {result.refused}")
    return len(result.latencies)


async def _journey(stack: Stack, people: journeys.People, gateway: str) -> int:
    """Apply, approve and wait until the message is handed over, one journey after another."""
    async with (
        AsyncClient(gateway, token=people.applicants[0]) as applicant,
        AsyncClient(gateway, token=people.department) as department,
    ):
        for _ in range(JOURNEYS):
            reference = (await applicant.send(calls.submit_application(journeys.form()))).reference
            review = await _row(stack, "approval", _PENDING, reference)
            await department.send(calls.approve_review(review, journeys.slot()))
            await _row(stack, "notify", _HANDED_OVER, reference)
    return JOURNEYS


async def _row(stack: Stack, database: str, query: str, reference: str) -> Any:
    """Return what a query returns once it returns something."""
    with stack.postgres.connect(database) as connection:
        for _ in range(int(60 / PAUSE)):
            row = connection.execute(query, (reference,)).fetchone()
            if row is not None:
                return row[0]
            await asyncio.sleep(PAUSE)
    raise TimeoutError(query)


def table(title: str, found: Counts) -> str:
    """Return the counts of all processes as a table in Markdown, the largest user of the processor first."""
    parts = [part for part, _ in found["processor"].most_common()]
    parts += sorted(
        {part for of in found.values() for part in of} - set(parts) - {"postgres", "administrator"}
    )
    lines = [f"| {title} | {' | '.join(COLUMNS)} |", f"|---|{'--:|' * len(COLUMNS)}"]
    rows = [(part, [found[column][part] for column in COLUMNS]) for part in parts]
    rows = [(part, row) for part, row in rows if any(abs(one) >= 0.05 for one in row)]
    rows.append(("all", [sum(one) for one in zip(*(row for _, row in rows), strict=True)]))
    for part, row in rows:
        lines.append(f"| {part} | {' | '.join(f'{one:,.1f}' for one in row)} |")
    return "\n".join(lines)


async def measure(stack: Stack, gateway: str) -> None:
    """Print the three tables."""
    first = await journeys.run(gateway, stack.folder / "logins.json", 20)
    gate = Gate(stack, gateway, first.security)
    copies = Copies(stack, first.tokens[0])
    await gate.warm_up(copies.make(WARM_UP))
    people = await journeys.sign_in(gateway, stack.folder / "logins.json", journeys.OTHER_MOBILES[:1])
    await asyncio.sleep(10)
    anatomy = Anatomy(stack)
    passes = iter([copies.make(SCANS // 2), copies.make(SCANS // 2)])
    idle = await anatomy.idle()
    scan = await anatomy.of(lambda: _scan(gateway, first.security, next(passes), gate))
    journey = await anatomy.of(lambda: _journey(stack, people, gateway))
    for title, found in (("a scan", scan), ("a journey", journey), ("a second of idleness", idle)):
        sys.stdout.write(f"\n{table(title, found)}\n")


def main() -> None:
    """Measure a system of its own."""
    with running_system() as (stack, services):
        asyncio.run(measure(stack, services.address("gateway")))
        if sys.argv[1:]:
            shutil.copy(stack.logs / "postgres.log", sys.argv[1])


if __name__ == "__main__":
    main()
