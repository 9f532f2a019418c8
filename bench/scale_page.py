"""The tables of ``docs/scaling.md``, from the results of `python -m bench.scale`.

The page has a pair of comments around each table; what stands between them is written here. A test compares
the page with the committed results.
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench import sizes
from contracts.subscriptions import SERVICES, STREAM, rpc_queue

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scaling.md"
RESULTS = ROOT / "bench" / "results"
Figures = Mapping[str, Any]
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {"postgres": "PostgreSQL"}


def newest() -> Path:
    """Return the results of the newest version."""
    return max(
        RESULTS.glob("scale-*.json"),
        key=lambda file: [int(part) for part in re.findall(r"\d+", file.stem)],
    )


def render(page: str, found: Figures) -> str:
    """Return a page with its tables as these results make them.

    Raises:
        KeyError: the page has a table that is not known here.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]](found)}\n{block[3]}", page)


def main() -> None:
    """Write the tables into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(render(page, json.loads(newest().read_text())), encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _name(part: str) -> str:
    return NAMES.get(part, part)


def release(found: Figures) -> str:
    """Return of which version the results are."""
    why = "A journey in performance.md takes less: it comes in a crowd, without a sign-in each."
    return textwrap.fill(f"They are of e-Pass {found['version']}. {why}", 110)


def costs(found: Figures) -> str:
    """Return the processor seconds of 1,000 visits, by part."""
    together = sizes.processor_s(found)
    signing_in, visit = found["sign_in"]["processor_ms"], found["visits"]["processor_s"]
    rows = [
        [name, *(f"{used.get(part, 0):.1f}" for part in together), f"{sum(used.values()):.0f}"]
        for name, used in (("the visits", visit), ("signing in with a code", signing_in))
    ]
    return _table(["processor seconds", *map(_name, together), "all"], rows)


def bytes_stored(found: Figures) -> str:
    """Return the bytes that 1,000 visits add to each database."""
    sums = {
        service: sum(
            size for name, size in sizes.table_bytes(found).items() if name.startswith(f"{service}.")
        )
        for service in SERVICES
    }
    visits = found["visits"]
    return _table(
        ["", *sums, "all databases", "write-ahead log", "stream of events", "through the broker"],
        [[
            "MB",
            *(f"{one / 1000:.1f}" for one in sums.values()),
            f"{sum(sums.values()) / 1000:.1f}",
            *(f"{visits[name] / 1e6:.0f}" for name in ("wal_bytes", "stream_bytes")),
            f"{sum(visits['broker_bytes'].values()) / 1e6:.0f}",
        ]],
    )  # fmt: skip


def messages(found: Figures) -> str:
    """Return how many messages 1,000 visits put into the queues of each service, and into the stream."""
    counts = found["visits"]["messages"]
    calls = [counts.get(rpc_queue(service), 0) for service in SERVICES]
    events = [
        sum(many for name, many in counts.items() if name.startswith(f"{service}.")) for service in SERVICES
    ]
    return _table(
        ["messages to", *SERVICES, "the stream", "all"],
        [
            ["calls", *(f"{one:,.0f}" for one in calls), "", f"{sum(calls):,.0f}"],
            [
                "events", *(f"{one:,.0f}" for one in events), f"{counts[STREAM]:,.0f}",
                f"{sum(events) + counts[STREAM]:,.0f}",
            ],
        ],
    )  # fmt: skip


def cases(found: Figures) -> str:
    """Return the machines of each case."""
    most = sizes.CASES[-1].visits_per_s
    many = [part for part in sizes.PROCESSES if sizes.replicas(found, part, most) > sizes.LEAST_REPLICAS]
    rows: dict[str, Callable[[sizes.Case], str]] = {
        "visitors on a busy day": lambda case: f"{case.visitors:,}",
        "visits a second at the peak": lambda case: f"{case.visits_per_s:.1f}",
        "processors busy at the peak": lambda case: f"{sizes.processors(found, case.visits_per_s):.1f}",
        **{f"replicas of {part}": partial(_replicas, found, part) for part in many},
        "replicas of each other process": lambda _: f"{sizes.LEAST_REPLICAS}",
        "processors of the broker (each node)": lambda case: _processors(found, case, "broker"),
        "processors of PostgreSQL (primary)": lambda case: _processors(found, case, "postgres"),
        "messages a second at the peak": lambda case: f"{sizes.messages(found) * case.visits_per_s:,.0f}",
        "stream of events, GB a node (7 days)": lambda case: _gigabytes(
            sizes.stream_bytes(found, case.visitors)
        ),
        "write-ahead log, GB a day": lambda case: _gigabytes(sizes.wal_bytes(found, case.visitors)),
        "databases after one year, GB": lambda case: _gigabytes(
            sizes.database_bytes(found, case.visitors, 1)
        ),
        "databases after five years, GB": lambda case: _gigabytes(
            sizes.database_bytes(found, case.visitors, 5)
        ),
    }
    return _table(
        ["", *(case.name for case in sizes.CASES)],
        ([what, *(of(case) for case in sizes.CASES)] for what, of in rows.items()),
    )


def _replicas(found: Figures, part: str, case: sizes.Case) -> str:
    return str(sizes.replicas(found, part, case.visits_per_s))


def _processors(found: Figures, case: sizes.Case, part: str) -> str:
    return f"{sizes.processors(found, case.visits_per_s, part) / sizes.UTILISATION:.1f}"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.0f}" if size >= 1e10 else f"{size / 1e9:.1f}"


def limits(found: Figures) -> str:
    """Return what suffices up to which load."""
    return _table(
        ["what suffices", "visits a second", "visitors on a busy day", "then"],
        (
            [one.what, f"{one.visits_per_s:,.0f}", _rounded(one.visitors), one.then]
            for one in sizes.limits(found)
        ),
    )


def _rounded(number: float) -> str:
    digits = max(len(f"{number:.0f}") - 2, 0)
    return f"{round(number / 10**digits) * 10**digits:,}"


TABLES: Mapping[str, Callable[[Figures], str]] = {
    one.__name__: one for one in (release, costs, bytes_stored, messages, cases, limits)
}
