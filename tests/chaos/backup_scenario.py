"""A system with work in every state that is backed up while people apply, and its promises by then."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from contracts.rpc.application import SubmitApplication
from deploy.local import backup, restore
from epass_client import calls
from tests.support.chaos.crowd import CrowdThread, visiting_day
from tests.support.chaos.evidence import Evidence, collect, database
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.chaos.workload import Pacer, Plan
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, application, slot
from tests.support.system.system import System

CROWD = 40


def superuser(stack: TestStack) -> Callable[[str], str]:
    return lambda name: stack.database_url("postgres", name).replace("+psycopg", "")


def quick_day() -> int:
    """Return today, or tomorrow if today ends too soon."""
    return visiting_day(3600)


@dataclass
class Stage:
    """A backup, and what people had been promised."""

    provider: Provider
    folder: Path
    opening: restore.Opening
    promises: Promises
    """All that was ever promised, also after the backup."""
    before: Promises
    """Before the backup began."""
    session: str
    """The token of the person who applies."""
    keys: dict[str, str]
    """Idempotency-Key by reference."""
    token: str
    """Of a pass that was issued before."""
    holder: str
    """Whose reference."""
    in_broker_only: set[str]
    """Applications of which an event was in a queue, and nowhere else."""


def submission() -> SubmitApplication:
    return SubmitApplication.model_validate(application(companions=[], preferred=[slot(quick_day())]))


class Applying:
    """One person who applies again and again."""

    def __init__(self, person: Applicant, promises: Promises) -> None:
        self.person, self._promises = person, promises
        self.person.client.repeat_seconds = 30  # on a busy machine an outcome may be unknown
        self.keys: dict[str, str] = {}
        self._stop = threading.Event()

    def apply(self, times: int = 1) -> list[str]:
        references = []
        for _ in range(times):
            call = calls.submit_application(submission())
            reference = self.person.send(call).reference
            references.append(reference)
            self.keys[reference], self._promises.mobiles[reference] = str(call.key), self.person.mobile
        return references

    @contextmanager
    def all_the_while(self) -> Iterator[None]:
        def work() -> None:
            while not self._stop.is_set():
                self.apply()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(20)


def play(stack: TestStack, system: System, provider: Provider, folder: Path) -> Stage:
    promises = Promises()
    _crowd(stack, system, provider, promises)
    person = Applicant(system, code_of=provider.wait_for_code)
    promises.numbers.add(person.mobile)
    applying = Applying(person, promises)
    department = Department(system)
    (holder,) = applying.apply()
    department.approve(holder, **slot(quick_day()))
    promises.decided[holder] = "approved"
    the_pass = eventually(lambda: person.view(holder).pass_, "the pass", 40)
    token = person.token(the_pass.number)
    in_broker_only = _leave_work_in_queues(stack, system, applying, department, promises)
    with applying.all_the_while():
        eventually(lambda: len(promises.mobiles) > CROWD + 15, "there is load")
        before = deepcopy(promises)
        opening, (to, keys_to) = _keys(folder.parent)
        backup.dump(folder, superuser(stack), stack.folder / backup.SECRETS, to, keys_to)
        after = len(promises.mobiles)
        eventually(lambda: len(promises.mobiles) > after + 3, "more is promised after the backup")
    return Stage(
        provider,
        folder,
        opening,
        promises,
        before,
        person.client.token,
        applying.keys,
        token,
        holder,
        in_broker_only,
    )


def _keys(folder: Path) -> tuple[restore.Opening, list[str]]:
    """Make a key for the data and one for the secrets, and return them with their recipients."""
    files = [folder / "data.key", folder / "keys.key"]
    for file in files:
        subprocess.run(["age-keygen", "-o", str(file)], check=True, capture_output=True)
    shown = (["age-keygen", "-y", str(file)] for file in files)
    recipients = [
        subprocess.run(one, check=True, capture_output=True, text=True).stdout.strip() for one in shown
    ]
    return restore.Opening(*files), recipients


def _crowd(stack: TestStack, system: System, provider: Provider, promises: Promises) -> None:
    """Make applications in every final state: rejected, cancelled, issued, inside."""
    plan = Plan(
        CROWD, 7, quick_day(), cancelling=0.1, entering=0.2 if quick_day() == 0 else 0, doubting=0, fates={}
    )
    crowd = CrowdThread(system, provider, promises, plan, Pacer(25))
    crowd.start()
    eventually(
        lambda: crowd.finished and not judged(stack, provider, promises)[0].problems(),
        "the crowd's applications are final",
        150,
    )
    crowd.stop()


def _leave_work_in_queues(
    stack: TestStack, system: System, applying: Applying, department: Department, promises: Promises
) -> set[str]:
    """Kill part after part, so that its next work stays in a queue; return the references that wait in the
    broker."""
    approved = applying.apply(3)
    for reference in approved:
        department.review_of(reference)
    system.processes["issuance"].kill()
    for reference in approved:
        department.approve(reference, **slot(quick_day()))
        promises.decided[reference] = "approved"
    _until_sent(stack)
    system.processes["approval"].kill()
    submitted = applying.apply(3)
    _until_sent(stack)
    system.processes["sender"].kill()
    unsent = applying.apply(2)
    _until_sent(stack)
    system.processes["relay"].kill()
    applying.apply(2)
    found = collect(stack, set(promises.mobiles.values()))
    assert found.waiting["issuance.PassApproved"], "messages; each may have several events"
    assert found.waiting["approval.ApplicationSubmitted"]
    assert found.waiting["outbox of application"] == 2
    eventually(lambda: _queued(stack) >= 2, "messages are queued")
    return {*approved, *submitted, *unsent}


def _until_sent(stack: TestStack) -> None:
    eventually(
        lambda: not any("outbox" in where for where in collect(stack, set()).waiting), "all events are sent"
    )


def _queued(stack: TestStack) -> int:
    with database(stack, "notify") as connection:
        ((count,),) = connection.execute("select count(*) from messages where state = 'queued'").fetchall()
        return int(count)


def judged(stack: TestStack, provider: Provider, promises: Promises) -> tuple[Findings, Evidence]:
    """Return the oracle's findings; nothing explains a duplicate, nor does a restore."""
    evidence = collect(stack, set(promises.mobiles.values()))
    return judge(promises, evidence, provider.ledger()), evidence
