"""What concurrent clients saw of one pass, and of one application, can have happened one after the other.

Two gates scan the same passes in and out while these are cancelled, withdrawn and reissued; several officers
decide about the same applications while some are cancelled. Processes are killed meanwhile, some clients
repeat a call without an answer and others give up. The rules that the histories are held against are those of
the services' own domains.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from contracts.model import Slot
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import Call, Client, calls
from services.approval.domain.reviews import Review
from services.verify.domain.passes import Terms
from tests.chaos.histories import Operation, violation
from tests.chaos.history_clients import PATIENCE, History, all_at_once, scans_at
from tests.chaos.history_models import (
    DONE,
    ApplicationAtDesk,
    Closing,
    Decide,
    PassAtGates,
    Revocation,
    Scan,
)
from tests.support.chaos import sabotage
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import replaced
from tests.support.factories.approval import submitted
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer, Staff, issued, slot
from tests.support.system.system import System

PARTY, ENTRIES = 3, 2
GATES = ("PCS1-G1", "PCS1-G2")
SCANS_EACH = 40
CONFLICTS = {code: code for code in ("already_decided", "application_closed", "not_approved")}
NO_CANCELLATION = {"cannot_cancel": "refused"}


@dataclass
class Gates:
    """An officer at each of two gates."""

    system: System
    officers: dict[str, Officer]

    def client(self, gate: str, patience: float) -> Client:
        """Return another client for the session of a gate's officer."""
        token = self.officers[gate].client.token
        return Client(self.system.url, token, http=self.system.http(), repeat_seconds=patience)


@pytest.fixture(scope="module")
def gates(deployment: Deployment) -> Gates:
    system = deployment.system
    ado = Staff(system, "ado")
    login = ado.send(
        calls.issue_login(IssueLogin(role="security", name="Second Gate", site="PCS1", gate=GATES[1]))
    )
    first = system.client().sign_in(login.login_id, login.initial_password)
    session = first.send(calls.change_password(login.initial_password, "a password of the second gate"))
    second = Officer(system)
    second.client = system.client(session.access_token)
    return Gates(system, {GATES[0]: Officer(system), GATES[1]: second})


class WatchedPass:
    """A pass with its applicant, and its history at the gates."""

    def __init__(self, deployment: Deployment, department: Department) -> None:
        self.applicant = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
        companions = [{"name": "Simran", "child": True}, {"name": "Mehar", "child": True}]
        self.reference, self.summary = issued(
            self.applicant, department, companions=companions, decision={"entries": ENTRIES}
        )
        self.token = self.applicant.token(self.summary.number)
        self.history = History()
        self.http = deployment.system.http()

    def revoke(self, client: Client, call: Call[object]) -> None:
        """End the pass by a command; from then on the gates may come to know it at any time.

        The command is repeated while its outcome is unknown: `settle` waits for what it did.
        """
        patient = Client(client.url, client.token, http=self.http, repeat_seconds=PATIENCE)
        done = History().record("", patient, call, lambda _: DONE, {**NO_CANCELLATION, **CONFLICTS})
        assert done.ended is not None, "no answer to the revocation"
        if done.answer == DONE:
            self.history.operations.append(Operation(Revocation(), None, done.began, None))

    def settle(self, officers: dict[str, Officer]) -> None:
        """Wait until the gates know of a revocation, and let each of them scan once more."""
        revoked = [one for one in self.history.operations if one.request == Revocation()]
        if revoked:

            def is_known() -> bool:
                time.sleep(0.2)  # an officer may look at 300 passes in five minutes
                return officers[GATES[0]].scan(token=self.token).verdict == "revoked"

            eventually(is_known, "the gates know of the revocation", 40)
            self.history.operations.remove(revoked[0])
            known = Operation(Revocation(), None, revoked[0].began, time.monotonic())
            self.history.operations.append(known)
        for gate, officer in officers.items():
            self.history.scan(officer.client, self.token, Scan("entry", gate))

    def contradiction(self) -> object:
        """Return what cannot have happened; None if the history is linearizable."""
        now = datetime.now(UTC)
        day = timedelta(days=1)
        terms = Terms("PCS1", None, PARTY, ENTRIES, now - day, now + day)
        return violation(self.history.operations, PassAtGates(terms, now))


def visit(passes: list[WatchedPass], gate: str, client: Client, seed: int) -> None:
    choice = random.Random(seed)
    for _ in range(SCANS_EACH):
        chosen = choice.choice(passes)
        chosen.history.scan(client, chosen.token, scans_at(gate, choice))


def kill(system: System, *names: str) -> None:
    for name in names:
        time.sleep(0.7)
        system.processes[name].kill()
        system.processes[name].start()


def later(seconds: float, job: Callable[[], None]) -> None:
    time.sleep(seconds)
    job()


def test_what_two_gates_see_of_a_pass_happens_in_one_order_whatever_is_killed(
    deployment: Deployment, department: Department, gates: Gates
) -> None:
    passes = [WatchedPass(deployment, department) for _ in range(4)]
    cancelled, withdrawn, reissued, _ = passes
    review = department.review_of(withdrawn.reference)
    visitors = [
        partial(visit, passes, gate, gates.client(gate, patience), seed)
        for seed, (gate, patience) in enumerate((gate, one) for gate in GATES for one in (PATIENCE, 0))
    ]
    all_at_once(
        *visitors,
        partial(kill, deployment.system, "verify", "gateway", "relay", "verify"),
        partial(
            later,
            0.3,
            lambda: cancelled.revoke(
                cancelled.applicant.client, calls.cancel_application(cancelled.reference)
            ),
        ),
        partial(
            later,
            1.5,
            lambda: withdrawn.revoke(department.client, calls.withdraw_approval(review.id, "security")),
        ),
        partial(
            later,
            2.5,
            lambda: reissued.revoke(reissued.applicant.client, calls.reissue_pass(reissued.summary.number)),
        ),
    )
    for one in passes:
        one.settle(gates.officers)
    assert [str(found) for one in passes if (found := one.contradiction())] == []
    operations = [operation for one in passes for operation in one.history.operations]
    answers = {operation.answer[0] for operation in operations if isinstance(operation.answer, tuple)}
    assert {"admit", "exit", "already_inside", "already_used", "revoked"} <= answers, answers


@long
def test_control_without_the_lock_on_the_pass_a_contradiction_is_found(
    deployment: Deployment, department: Department, gates: Gates
) -> None:
    one = WatchedPass(deployment, department)
    enter = [
        partial(one.history.scan, gates.client(gate, PATIENCE), one.token, Scan("entry", gate))
        for gate in GATES * 3
    ]
    with (
        replaced(deployment.system, ["verify"], sabotage.no_row_lock),
        ThreadPoolExecutor(len(enter)) as crowd,
        database(deployment.stack, "verify") as holder,
    ):
        with holder.transaction():
            holder.execute("lock table scans in access exclusive mode")
            running = [crowd.submit(job) for job in enter]
            eventually(lambda: _waiting(deployment) > 1, "several have read the pass")
        for job in running:
            job.result()
    assert one.contradiction() is not None


def _waiting(deployment: Deployment) -> int:
    with database(deployment.stack, "verify") as connection:
        query = "select count(*) from pg_locks where not granted and relation = 'scans'::regclass"
        ((count,),) = connection.execute(query).fetchall()
    return int(count)


class WatchedReview:
    """An application with its applicant, and the history of its review at the desk."""

    def __init__(self, deployment: Deployment, department: Department) -> None:
        self.applicant = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
        self.reference = self.applicant.apply(companions=[])
        self.id = department.review_of(self.reference).id
        self.history = History()

    def decide(self, client: Client, choice: random.Random) -> None:
        what = choice.choice(["approve", "approve", "reject", "return", "withdraw"])
        call = {
            "approve": lambda: calls.approve_review(self.id, Slot.model_validate(slot())),
            "reject": lambda: calls.reject_review(self.id, "security"),
            "return": lambda: calls.return_review(self.id, "Which file?"),
            "withdraw": lambda: calls.withdraw_approval(self.id, "security"),
        }[what]()
        self.history.record(Decide(what), client, call, lambda _: DONE, CONFLICTS)

    def cancel(self) -> None:
        client, call = self.applicant.client, calls.cancel_application(self.reference)
        done = History().record("", client, call, lambda _: DONE, NO_CANCELLATION)
        if done.answer == DONE or done.ended is None:
            self.history.operations.append(Operation(Closing(), None, done.began, None))

    def contradiction(self) -> object:
        """Return what cannot have happened; None if the history is linearizable."""
        review = Review(self.id, submitted(), "home", None, "pending")
        return violation(self.history.operations, ApplicationAtDesk(review, datetime.now(UTC)))


def test_what_several_officers_decide_at_once_happens_in_one_order_whatever_is_killed(
    deployment: Deployment, department: Department
) -> None:
    system = deployment.system
    reviews = [WatchedReview(deployment, department) for _ in range(8)]

    def officer(seed: int) -> None:
        choice = random.Random(seed)
        patience = PATIENCE if seed % 2 else 0
        client = Client(system.url, department.client.token, http=system.http(), repeat_seconds=patience)
        for review in reviews * 4:
            review.decide(client, choice)

    all_at_once(
        *(partial(officer, seed) for seed in range(4)),
        partial(kill, system, "approval", "gateway", "approval"),
        *(partial(later, 0.4 * number, review.cancel) for number, review in enumerate(reviews[:3])),
    )
    assert [str(found) for one in reviews if (found := one.contradiction())] == []
    answers = {operation.answer for one in reviews for operation in one.history.operations}
    assert {DONE, "already_decided", "not_approved"} <= answers, answers
