"""Inject fault after fault, restart at once what was killed, and measure how long recovery takes.

The system has recovered when every ``/readyz`` answers 200, an application is accepted, and its status is
shown.
"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from contracts.rpc.application import SubmitApplication
from epass_client import Call, Client, NoAnswer, Problem, calls
from epass_client.call import R
from tests.chaos.clocks import Clocks
from tests.chaos.fault_schedule import BROKER, POSTGRES, Fault
from tests.support.chaos.evidence import Lease, leases
from tests.support.chaos.memory import Peaks
from tests.support.chaos.promises import Promises
from tests.support.stack.backends import TestStack
from tests.support.system.actors import application, slot
from tests.support.system.system import System

RECOVERY_SECONDS = 90.0


@dataclass(frozen=True)
class InjectedFault:
    """A fault that was injected.

    Args:
        fault: which.
        at: seconds since the run began.
        recovery: seconds from the kill, or from the end of the stop, until the system worked again; None if
            it did not.
    """

    fault: Fault
    at: float
    recovery: float | None
    lacking: str = ""
    """What recovered last."""


class Probe:
    """An applicant who applies after each fault; what they are promised counts like everybody's.

    Args:
        system: whose gateway and health endpoints are asked.
        promises: the ledger.
        mobile: that the session proves.
        client: of their session; it repeats nothing.
        day: for which they apply, in days from today.
    """

    def __init__(self, system: System, promises: Promises, mobile: str, client: Client, day: int) -> None:
        self._system = system
        self._promises = promises
        self._mobile = mobile
        self._client = client
        self._body = SubmitApplication.model_validate(application(companions=[], preferred=[slot(day)]))
        self._call = calls.submit_application(self._body)
        self._reference = ""
        self.lacking = ""
        """What did not work at the last attempt."""

    def begin(self) -> None:
        """Begin a new application."""
        self._call, self._reference, self.lacking = calls.submit_application(self._body), "", ""

    def succeeds(self) -> bool:
        """Continue where the last attempt ended; return whether everything works."""
        lacking = (
            "applying" if not self._applies() else "its status" if not self._shows() else self._not_ready()
        )
        self.lacking = lacking or self.lacking
        return not lacking

    def _applies(self) -> bool:
        if self._reference:
            return True
        answer = self._try(self._call)
        if answer is None:
            return False
        self._reference = answer.reference
        self._promises.mobiles[self._reference] = self._mobile
        return True

    def _shows(self) -> bool:
        return self._try(calls.look_up_status(self._reference, self._mobile[-4:])) is not None

    def _try(self, call: Call[R]) -> R | None:
        try:
            return self._client.send(call)
        except NoAnswer as error:
            self._promises.unanswered[error.reason] += 1
        except Problem as error:
            self._promises.unanswered[str(error.status)] += 1
            if not error.outcome_unknown:
                self._promises.broken.append(f"{error} on the probe's {call.path}")
        return None

    def _not_ready(self) -> str:
        processes = self._system.processes
        with ThreadPoolExecutor(len(processes)) as pool:
            ready = pool.map(lambda process: process.is_ready(), processes.values())
            return " ".join(name for name, is_ready in zip(processes, ready, strict=True) if not is_ready)


@dataclass
class FaultInjector:
    """Kills processes, and is the supervisor that starts them again.

    Args:
        stack: broker and database server.
        system: the processes.
        probe: finds out when the system works again.
        clocks: sets the clocks of the processes; None where none can be set.
    """

    stack: TestStack
    system: System
    probe: Probe
    clocks: Clocks | None = None
    began: float = field(default_factory=time.monotonic)
    injected: list[InjectedFault] = field(default_factory=list)
    ended_by_themselves: list[str] = field(default_factory=list)
    peaks: Peaks = field(init=False)
    held: set[Lease] = field(default_factory=set)
    """What senders had leased when they were killed."""
    last_at: float = 0.0
    """When the last fault ended; a stop ends with its SIGCONT."""

    def __post_init__(self) -> None:
        self.peaks = Peaks(self.system.processes)

    @property
    def sender_kills(self) -> int:
        """How often a sender was killed."""
        return sum(one.fault.kills_of("sender") for one in self.injected)

    def inject(self, fault: Fault) -> InjectedFault:
        """Inject a fault and wait until the system works again, at most ``RECOVERY_SECONDS``."""
        self._work_for(fault.gap)
        self.peaks.look()
        at = time.monotonic() - self.began
        self.probe.begin()
        self.last_at = self._do(fault)
        recovery = self._recovery(self.last_at)
        self.injected.append(InjectedFault(fault, at, recovery, self.probe.lacking))
        return self.injected[-1]

    def _do(self, fault: Fault) -> float:
        """Inject a fault; return the instant from which recovery is measured."""
        if fault.kind == "stop":
            self.system.processes[fault.targets[0]].signal(signal.SIGSTOP)
            self._work_for(fault.seconds, besides=fault.targets)
            self.system.processes[fault.targets[0]].signal(signal.SIGCONT)
            return time.monotonic()
        if fault.kind == "set clock":
            assert self.clocks is not None
            self.clocks.set(fault.ahead, fault.targets)
            self._work_for(fault.seconds)
            self.clocks.set(0)
            return time.monotonic()
        began = time.monotonic()
        if fault.targets == (BROKER,):
            self.stack.kill_broker()
            self.stack.start_broker()
        elif fault.targets == (POSTGRES,):
            self.stack.kill_postgres()
            self.stack.start_postgres()
        else:
            self._kill(fault.targets)
        if fault.kind == "kill twice":
            self._work_for(fault.seconds, besides=fault.targets)
            self._kill(fault.targets)
        return began

    def _kill(self, targets: tuple[str, ...]) -> None:
        processes = [self.system.processes[name] for name in targets]
        for process in processes:
            if process.alive:
                process.signal(signal.SIGKILL)
        for process in processes:
            process.kill()
        if "sender" in targets:
            self.held |= leases(self.stack)
        for process in processes:
            process.start(ready=False)

    def _work_for(self, seconds: float, besides: tuple[str, ...] = ()) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.revive(besides)
            time.sleep(0.05)

    def _recovery(self, since: float) -> float | None:
        until = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < until:
            self.revive()
            if self.probe.succeeds():
                return time.monotonic() - since
            time.sleep(0.1)
        return None

    def revive(self, besides: tuple[str, ...] = ()) -> None:
        """Restart what ended by itself, as a supervisor does, and record it."""
        for name, process in self.system.processes.items():
            if name not in besides and not process.alive:
                self.ended_by_themselves.append(name)
                process.start(ready=False)
