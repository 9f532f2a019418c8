"""Two of each process: any of them is killed while people work, and the other one goes on.

Who calls a gateway notices that it was killed, by a connection that breaks, and repeats the command under its
key. Nobody notices anything else: the broker gives the other replica whatever the killed one had in hand.
"""

import pytest

from tests.chaos.test_rolling import findings, people_at_work
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.oracle import SenderKills
from tests.support.chaos.promises import Promises
from tests.support.chaos.replicas import Pair, two_of_each
from tests.support.chaos.run import entering_on, sender_concurrency, visiting_day
from tests.support.chaos.workload import FATES
from tests.support.running import eventually

pytestmark = pytest.mark.outage
EXPLAINED = SenderKills(2, sender_concurrency())
"""The duplicates that two killed senders may have caused."""
RATE = 1.0
"""Applications a second: what one replica carries, also where others use most of this machine.

With more it falls behind, and its callers get a 503, whether the other one was killed or not.
"""


def kill_each(name: str, pair: Pair, promises: Promises) -> None:
    """Kill each of two and start it again, once somebody who came afterwards went through a whole visit."""
    for victim, other in (pair, pair[::-1]):
        other.wait_ready(60)
        victim.kill()
        before = set(promises.mobiles)
        eventually(lambda before=before: visited(promises) - before, f"the other {name} goes on", 60)
        victim.start(ready=False)


def visited(promises: Promises) -> set[str]:
    """Return who has left, or, on an evening on which nobody can enter any more, who was approved."""
    return promises.left if entering_on(visiting_day(300)) else {*promises.decided}


def test_when_either_replica_of_anything_is_killed_the_other_goes_on_and_nothing_is_lost(
    deployment: Deployment,
) -> None:
    promises, share = Promises(), 10 * entering_on(visiting_day(300))
    with (
        two_of_each(deployment.system) as pairs,
        people_at_work(
            deployment, pairs, promises, EXPLAINED, RATE, entering=share, leaving=1.0, fates=FATES
        ) as gateways,
    ):
        for name, pair in pairs.items():
            if name == "gateway":  # the last one
                assert gateways.failed == []
            kill_each(name, pair, promises)
    print(f"{gateways.asked} requests, {len(promises.mobiles)} applications, failed: {gateways.failed}")
    assert gateways.refused
    assert findings(deployment, promises, EXPLAINED).problems() == {}
    deployment.system.epass("administrator", "invariants", "--grace", "10")
