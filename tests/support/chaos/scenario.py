"""One person, one application, one fault at an exact moment: what a long run meets by chance, within seconds.

A scenario has a ledger of its own. :meth:`Scenario.process` takes guards out of one process for the length of
a block; :meth:`Scenario.at_rest` lets the department decide, waits until nothing moves any more, and holds
the system to its promises.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx

from contracts.model import Slot
from contracts.rpc.verify.scans import ScanPass
from epass_client import calls
from tests.support.chaos.crowd import unsettled
from tests.support.chaos.evidence import Lease, collect, database, leases
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import MATCHED, Applicant, Department, application, new_mobile, scan, slot
from tests.support.system.system import System

QUIET_SECONDS = 1.0
DOUBT_SECONDS = 4.0
"""While something seems lost it must be quiet for longer, because what a consumer has in hand is seen
nowhere."""
REST_SECONDS = 40.0


def mobile_ending_in(digit: int) -> str:
    """Return a new mobile; its last digit decides whether the provider honours its idempotency keys."""
    return new_mobile()[:-1] + str(digit)


def sabotaged(system: System, name: str, *switches: Callable[[], None], **settings: str) -> Process:
    """Return a process of the system without its guards; it is not started."""
    return without(system.process(name, "-sabotaged", **settings), *switches)


def without(process: Process, *switches: Callable[[], None]) -> Process:
    """Take the guards out of a process that does not run, from its next start on."""
    process._arguments = [
        "-m",
        "tests.support.chaos.sabotage",
        ",".join(switch.__name__ for switch in switches),
        *process._arguments[1:],
    ]
    return process


@contextmanager
def replaced(
    system: System, names: Sequence[str], *switches: Callable[[], None], **settings: str
) -> Iterator[dict[str, Process]]:
    """Run some processes without their guards for the length of the block. Any of them may be killed."""
    chosen = {name: sabotaged(system, name, *switches, **settings) for name in names}
    try:
        for name, process in chosen.items():
            system.processes[name].kill()
            process.start(ready=False)
        for process in chosen.values():
            process.wait_ready(60)
        yield chosen
    finally:
        for name, process in chosen.items():
            process.kill()
            system.processes[name].start(ready=False)
        for name in names:
            system.processes[name].wait_ready(60)


class Scenario:
    """The scenario of one person, known by their mobile.

    Args:
        stack: broker and database server.
        system: the processes.
        provider: takes the messages.
        department: decides.
        mobile: of the person.
    """

    def __init__(
        self, stack: TestStack, system: System, provider: Provider, department: Department, mobile: str
    ) -> None:
        self.stack, self.system, self.provider, self._department, self.mobile = (
            stack,
            system,
            provider,
            department,
            mobile,
        )
        self.promises = Promises()
        self.person = Applicant(system, mobile, provider.wait_for_code)
        """Also for calls that are no part of an application."""
        self._held: set[Lease] = set()

    def apply(self) -> str:
        """Apply, and record the promise."""
        reference = self.person.apply(companions=[], preferred=[slot(1)])
        self.promises.mobiles[reference] = self.mobile
        return reference

    def try_to_apply(self) -> httpx.Response:
        """Apply once, without a repeat and without recording it."""
        return self.person.post("/applications", application(companions=[], preferred=[slot(1)]))

    def through(self, gateway: Process) -> None:
        """Let the person use this gateway from now on."""
        self.person.client.url = f"http://127.0.0.1:{gateway.port}"

    def decide(self) -> None:
        """Let the department approve whatever is pending of this scenario."""
        for review in self._department.send(calls.list_reviews(status="pending", limit=200)).items:
            if review.reference in self.promises.mobiles:
                approval = calls.approve_review(review.id, Slot.model_validate(slot(1)))
                self._department.send(approval.with_key(f"decide-{review.id}"))
                self.promises.decided[review.reference] = "approved"

    def issued(self, reference: str) -> None:
        """Wait until there is a pass; decide meanwhile."""

        def look() -> bool:
            self.decide()
            return self.person.view(reference).status == "issued"

        eventually(look, f"{reference} is issued")

    def pass_token(self) -> str:
        """Return the token of a new pass, for tomorrow."""
        reference = self.apply()
        self.issued(reference)
        return self.person.token(self.person.wait_for_pass(reference).number)

    def scan(self, token: str) -> ScanPass:
        """Return the scan that a gate would send."""
        return scan(token=token, id_check=MATCHED)

    @contextmanager
    def process(self, name: str, *switches: Callable[[], None], **settings: str) -> Iterator[Process]:
        """Run one process without some guards for the length of the block; it may be killed."""
        if switches:
            with replaced(self.system, [name], *switches, **settings) as chosen:
                yield chosen[name]
            return
        own = self.system.processes[name]
        try:
            yield own
        finally:
            if not own.alive:
                own.start()

    def kill_sender(self, sender: Process) -> None:
        """Kill a sender; this explains a duplicate of each message that it held."""
        sender.kill()
        self._held |= leases(self.stack)

    def findings(self) -> Findings:
        """Return what the oracle finds now."""
        evidence, ledger = collect(self.stack, {self.mobile}), self.provider.ledger()
        evidence.codes = []
        return judge(self.promises, evidence, ledger, self._held)

    def wait_until_settled(self) -> Findings:
        """Wait until nothing has waited anywhere for a while; return what the oracle finds."""
        quiet_since, until = time.monotonic(), time.monotonic() + REST_SECONDS
        while time.monotonic() < until:
            self.decide()
            found = self.findings()
            if found.unfinished:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > (DOUBT_SECONDS if unsettled(found) else QUIET_SECONDS):
                return found
            time.sleep(0.1)
        raise AssertionError(f"not settled within {REST_SECONDS} s: {found.unfinished}")

    def execute(self, service: str, statement: str, *values: object) -> None:
        """Run SQL on a service's own database."""
        with database(self.stack, service) as connection:
            connection.execute(statement, values)

    def count(self, service: str, query: str, *values: object) -> int:
        """Return one number from a service's own database."""
        with database(self.stack, service) as connection:
            ((number,),) = connection.execute(query, values).fetchall()
            return int(number)

    @contextmanager
    def locked(self, service: str, table: str) -> Iterator[None]:
        """Lock a table for the length of the block; whoever uses it waits."""
        with database(self.stack, service) as connection, connection.transaction():
            connection.execute(f"lock table {table} in access exclusive mode")
            yield

    def is_waited_for(self, service: str, table: str) -> bool:
        """Return whether a handler waits for a locked table."""
        return bool(
            self.count(
                service, "select count(*) from pg_locks where not granted and relation = %s::regclass", table
            )
        )
