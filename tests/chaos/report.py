"""What `make chaos` prints and writes: faults by kind, applications, lost, duplicates, time to recover."""

import json
import os
import platform
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chaos.injector import InjectedFault
from tests.support.chaos.memory import LIMIT_MB, Peaks
from tests.support.chaos.oracle import Findings


@dataclass
class Report:
    """The report of one run."""

    seed: int
    seconds: float
    injected: list[InjectedFault]
    applications: int
    outcomes: Counter[str]
    unanswered: Counter[str]
    final_after: float | None
    """Seconds from the end of the last fault until nothing was left to do; None if that took too long."""
    findings: Findings
    sender_kills: int
    held: int
    """How many leases of messages these senders had; each may have led to a duplicate."""
    messages: int
    offline: int
    """Scans that a gate without a network has decided."""
    conflicts: int
    """Those that contradict another one."""
    memory: Peaks
    ended_by_themselves: list[str]
    backend: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def kills(self) -> int:
        return sum(one.fault.kills for one in self.injected)

    @property
    def good(self) -> bool:
        never = [one for one in self.injected if one.recovery is None]
        return (
            not self.findings.problems()
            and self.final_after is not None
            and not never
            and not self.ended_by_themselves
            and not self.memory.above_limit()
        )

    def _recoveries(self) -> dict[str, list[float | None]]:
        by_kind: dict[str, list[float | None]] = defaultdict(list)
        for one in self.injected:
            for target in one.fault.targets if one.fault.kind == "kill" else [""]:
                by_kind[f"{one.fault.kind} {target}".strip()].append(one.recovery)
        return dict(sorted(by_kind.items()))

    def lines(self) -> Iterator[str]:
        """Yield the lines that are printed."""
        found, end = self.findings, self.final_after
        yield (
            f"chaos: seed {self.seed}, {self.seconds:.0f} s, {self.at:%Y-%m-%d %H:%M} UTC; "
            f"{machine()}; {self.backend}"
        )
        yield f"  {'fault':24} {'times':>6} {'recovered after: median':>26} {'worst':>8}"
        for kind, times in self._recoveries().items():
            yield f"  {kind:24} {len(times):6} {_seconds(_median(times)):>26} {_seconds(_worst(times)):>8}"
        everything = [one.recovery for one in self.injected]
        median, worst = _seconds(_median(everything)), _seconds(_worst(everything))
        yield f"  {'all':24} {len(everything):6} {median:>26} {worst:>8}   ({self.kills} kills)"
        outcomes = ", ".join(f"{count} {what}" for what, count in self.outcomes.most_common())
        yield f"  applications  {self.applications} answered 201 ({outcomes})"
        reasons = dict(self.unanswered.most_common(6))
        yield f"  unanswered    {sum(self.unanswered.values())} tries, repeated: {reasons}"
        yield f"  lost          {len(found.lost)}" + (
            f", {len(found.undecided)} on a desk, undecided" if found.undecided else ""
        )
        duplicates = (
            found.duplicate_applications,
            found.duplicate_passes,
            found.duplicate_scans,
            found.duplicate_messages,
        )
        words = ("applications", "passes", "scans", "messages stored")
        yield "  duplicates    " + ", ".join(
            f"{len(them)} {word}" for them, word in zip(duplicates, words, strict=True)
        )
        yield (
            f"  messages      {self.messages} sent, {len(found.sms_missing)} missing,"
            f" {found.sms_duplicates} duplicates"
            f" ({self.sender_kills} killed senders held {self.held} messages),"
            f" {len(found.sms_unrecorded)} unrecorded,"
            f" {found.sms_repeats_recognised} repeats recognised by their key"
        )
        yield f"  channels      {dict(found.channels)}, {found.fallbacks} went on to another one"
        yield f"  told          too late {dict(found.late)}, failed {dict(found.reported_failed)}"
        yield f"  gates apart   {self.offline} scans without a network, {self.conflicts} conflicts"
        yield f"  dead letters  {sum(found.dead.values())}"
        most, where = max((peak, name) for name, peak in self.memory.highest.items())
        yield f"  memory        {most:.0f} MB at most, {where}; a container has {LIMIT_MB} MB"
        yield f"  all final     {'not in time' if end is None else f'{end:.0f} s after the last fault'}"
        if self.ended_by_themselves:
            yield f"  ended by themselves: {dict(Counter(self.ended_by_themselves))}"
        if above := self.memory.above_limit():
            yield f"  ! more than {LIMIT_MB} MB: {above}"
        yield from (f"  ! {line}" for line in found.details())
        if not self.offline:
            yield "  ! no gate was tried: the day would end before the run, or Node is not there"
        yield "  " + ("every promise was kept" if self.good else "PROMISES WERE BROKEN")

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "at": self.at.isoformat(),
            "machine": machine(),
            "backend": self.backend,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "faults": {
                kind: {"times": len(times), "median_s": _median(times), "worst_s": _worst(times)}
                for kind, times in self._recoveries().items()
            },
            "kills": self.kills,
            "applications": self.applications,
            "outcomes": self.outcomes,
            "unanswered": self.unanswered,
            "final_after_s": self.final_after,
            "sender_kills": self.sender_kills,
            "held": self.held,
            "messages": self.messages,
            "offline": self.offline,
            "conflicts": self.conflicts,
            "memory_mb": self.memory.highest,
            "ended_by_themselves": self.ended_by_themselves,
            "findings": vars(self.findings),
            "good": self.good,
        }

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")


def machine() -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} processors, {system}, Python {platform.python_version()}"


def _median(times: list[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return round(statistics.median(known), 1) if known else None


def _worst(times: list[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return round(max(known), 1) if len(known) == len(times) and known else None


def _seconds(time: float | None) -> str:
    return "never" if time is None else f"{time:.1f} s"
