"""Two of each process: any of them is killed while people work, and the other one goes on. Four of one share
its work.

Who calls a gateway notices that it was killed, by a connection that breaks, and repeats the command under its
key. Nobody notices anything else: the broker gives the other replica whatever the killed one had in hand.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from contracts.subscriptions import SERVICES
from tests.chaos.replicas import Pair, more_of, people_at_work, two_of_each
from tests.support.chaos.crowd import entering_on, findings, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import Lease, database, leases
from tests.support.chaos.promises import Promises
from tests.support.chaos.workload import FATES
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually

pytestmark = pytest.mark.outage
RATE = 1.0
"""Applications a second: what one replica carries, also where others use most of this machine.

With more it falls behind, and its callers get a 503, whether the other one was killed or not.
"""


_OVERTAKERS = """
select count(*) from (
  select sent_at, lag(sent_at) over (partition by subject order by position) as earlier from outbox
) as event where sent_at < earlier
"""
_NEWEST = """
select subject, max(seq) from outbox where type = any(%s) and added_at > to_timestamp(%s) group by subject
"""
DECISIONS = (
    *("PassApproved", "PassRejected", "PassReturned"),
    *("ApprovalWithdrawn", "VisitDayClosed", "VisitDayReopened"),
)
APPLIED = (
    ("application", "'application:' || id, decision_seq from applications", "approval", DECISIONS),
    ("application", "'application:' || id, scan_seq from applications", "verify", ("PassScanned",)),
    ("application", "'pass:' || number, issued_seq from passes", "issuance", ("PassIssued",)),
    ("verify", "'pass:' || number, issued_seq from passes", "issuance", ("PassIssued",)),
    ("verify", "'pass:' || number, revoked_seq from passes", "issuance", ("PassRevoked",)),
)
"""Where a consumer keeps which event of each subject it has applied last, and who sends these events."""


def out_of_turn(
    sent: Mapping[str, int], applied: Mapping[str, int]
) -> dict[str, tuple[int | None, int | None]]:
    """Return each subject of which the newest event is not the one that counts, with both numbers."""
    return {
        subject: (seq, applied.get(subject)) for subject, seq in sent.items() if applied.get(subject) != seq
    }


def check_turns(deployment: Deployment, since: float) -> None:
    """Check that no event was sent before an earlier one of its subject, nor counts in place of a later one.

    Replicas of a consumer handle the events of a subject in any order; the newest must count. Only what was
    sent since then is looked at.
    """
    for service in SERVICES:
        with database(deployment.stack, service) as connection:
            assert connection.execute(_OVERTAKERS).fetchone() == (0,), service
    for consumer, columns, producer, types in APPLIED:
        with (
            database(deployment.stack, producer) as theirs,
            database(deployment.stack, consumer) as ours,
        ):
            sent = dict(theirs.execute(_NEWEST, ([*types], since)).fetchall())
            applied = dict(ours.execute(f"select {columns}").fetchall())
        assert sent or types == ("PassScanned",), types  # late in the evening nobody enters
        assert out_of_turn(sent, applied) == {}, (consumer, types)


def test_an_older_event_that_counts_and_one_that_nobody_applied_are_found() -> None:
    sent = {"pass:1": 2, "pass:2": 3, "pass:3": 1}
    assert out_of_turn(sent, {"pass:1": 1, "pass:2": 3, "pass:4": 5}) == {
        "pass:1": (2, 1),
        "pass:3": (1, None),
    }


def kill_each(name: str, pair: Pair, promises: Promises, stack: TestStack) -> set[Lease]:
    """Kill each of two and start it again, once somebody who came afterwards went through a whole visit.

    Before that both have worked; of two relays one works on a database, and the other one stands by.

    Returns:
        What the two senders had leased when one of them was killed: no row says which of them it was.
    """
    held = set[Lease]()
    work = [work_of(name, process) for process in pair]
    enough = 1 if name == "relay" else 2
    eventually(partial(have_worked, name, pair, work, enough), f"both {name} work", 60)
    for victim, other in (pair, pair[::-1]):
        other.wait_ready(60)
        victim.kill()
        if name == "sender":
            held |= leases(stack)
        before = set(promises.mobiles)
        eventually(lambda before=before: visited(promises) - before, f"the other {name} goes on", 60)
        victim.start(ready=False)
    return held


def visited(promises: Promises) -> set[str]:
    """Return who has left, or, on an evening on which nobody can enter any more, who was approved."""
    return promises.left if entering_on(visiting_day(300)) else {*promises.decided}


def test_when_either_replica_of_anything_is_killed_the_other_goes_on_and_nothing_is_lost(
    deployment: Deployment,
) -> None:
    promises, share, began = Promises(), 10 * entering_on(visiting_day(300)), time.time()
    held = set[Lease]()
    with (
        two_of_each(deployment.system) as pairs,
        people_at_work(
            deployment, pairs, promises, held, RATE, entering=share, leaving=1.0, fates=FATES
        ) as gateways,
    ):
        for name, pair in pairs.items():
            if name == "gateway":  # the last one
                assert gateways.failed == []
            held |= kill_each(name, pair, promises, deployment.stack)
    print(f"{gateways.asked} requests, {len(promises.mobiles)} applications, failed: {gateways.failed}")
    assert gateways.refused
    assert findings(deployment, promises, held).problems() == {}
    check_turns(deployment, began)
    deployment.system.epass("administrator", "invariants", "--grace", "10")


def work_of(name: str, process: Process) -> float:
    """Return how often a process has done what it is there for."""
    if name == "gateway":
        return process.metric("epass_http_seconds_count", 'route="/api/')
    if name == "relay":
        return process.metric("epass_outbox_sent_total")
    if name == "sender":
        return process.metric("epass_provider_seconds_count")
    return process.metric("epass_rpc_seconds_count") + process.metric("epass_event_seconds_count")


def have_worked(name: str, processes: Sequence[Process], before: Sequence[float], enough: int) -> bool:
    """Return whether enough processes have done something since their work was ``before``."""
    worked = [work_of(name, process) > work for process, work in zip(processes, before, strict=True)]
    return sum(worked) >= enough


def test_four_replicas_of_any_process_share_its_work_with_nothing_lost_doubled_or_out_of_turn(
    deployment: Deployment,
) -> None:
    promises, share, began = Promises(), 10 * entering_on(visiting_day(300)), time.time()
    with (
        two_of_each(deployment.system) as pairs,
        people_at_work(
            deployment, pairs, promises, rate=RATE, entering=share, leaving=1.0, fates=FATES
        ) as gateways,
    ):
        for name, pair in pairs.items():
            with more_of(deployment.system, name, 2) as more:
                if name == "gateway":
                    gateways.ports += [process.port for process in more]
                four = (*pair, *more)
                before = [work_of(name, process) for process in four]
                enough = 1 if name == "relay" else 4  # one relay works on a database, others stand by
                eventually(partial(have_worked, name, four, before, enough), f"four {name} work", 60)
    assert gateways.failed == []
    assert not promises.unanswered
    assert findings(deployment, promises).problems() == {}
    check_turns(deployment, began)
    deployment.system.epass("administrator", "invariants", "--grace", "10")
