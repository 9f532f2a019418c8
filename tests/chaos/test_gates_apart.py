"""Gates without a network decide by themselves and send later; what their guards saw is counted outside."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count

import pytest

from tests.support.chaos import sabotage
from tests.support.chaos.crowd import CrowdThread, entering_on, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import collect
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.scenario import replaced
from tests.support.chaos.workload import Pacer, Plan
from tests.support.stack.extent import long
from tests.support.stack.running import eventually

pytestmark = long
VISITORS = 12
SEEDS = count(7)
"""Each crowd has another seed, because crowds of one seed are the same people."""


def findings(deployment: Deployment, promises: Promises) -> Findings:
    """Return what the oracle finds of these visitors now."""
    evidence = collect(deployment.stack, set(promises.mobiles.values()))
    evidence.codes = []
    promises.numbers.clear()
    return judge(promises, evidence, deployment.provider.ledger())


def matches(found: Findings, problems: set[str]) -> bool:
    """Return whether these kinds of problems were found, or none where there should be none."""
    return problems <= set(found.problems()) if problems else not found.problems()


@pytest.mark.parametrize(
    ("guard", "problems"),
    [
        ((), set()),
        ((sabotage.no_offline_scans,), {"lost", "conflicts"}),
        ((sabotage.another_nonce,), {"lost", "duplicate_scans"}),
        ((sabotage.no_conflicts,), {"conflicts"}),
    ],
    ids=["guarded", "scans are dropped", "scans are invented", "conflicts are lost"],
)
def test_no_scan_of_a_gate_without_a_network_is_lost_or_invented_and_every_conflict_is_told_once(
    deployment: Deployment, guard: tuple[Callable[[], None], ...], problems: set[str]
) -> None:
    if not entering_on(visiting_day(300)):
        pytest.skip("nobody may enter so shortly before midnight in India")
    promises = Promises()
    plan = Plan(VISITORS, next(SEEDS), cancelling=0, entering=0, apart=1, rejecting=0, doubting=0, fates={})
    crowd = CrowdThread(deployment.system, deployment.provider, promises, plan, Pacer(20))
    with replaced(deployment.system, ["verify"], *guard) if guard else nullcontext(), crowd:
        eventually(lambda: crowd.finished, "all have come to the gates and were sent", 120)
        assert promises.conflicts
        assert promises.offline
        until = time.monotonic() + 60
        while not matches(found := findings(deployment, promises), problems):
            assert time.monotonic() < until, [*found.details()]
