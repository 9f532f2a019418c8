"""A PostgreSQL primary is killed while people work, and its standby takes over."""

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import cast

import pytest

from services.notify.adapters.wakeup_listener import WakeUp, WakeupListener
from services.ops import databases
from tests.cluster.alerts import check_alerts, operators_page, with_prometheus
from tests.cluster.load import PATIENCE, check_promises, people_at_work
from tests.cluster.postgres_pair import PostgresPair
from tests.cluster.stacks import PostgresPairStack, running
from tests.support.chaos.crowd import entering_on, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import collect, leases
from tests.support.chaos.injections import STANDBY_AWAY
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.stack.running import eventually, free_port
from tests.support.system.actors import Department


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("databases")
    (folder / "stack").mkdir()
    with running(PostgresPairStack(folder / "stack"), folder) as deployment:
        yield deployment


@pytest.fixture
def pair(deployment: Deployment) -> PostgresPair:
    """A primary with a standby that streams, asynchronously."""
    servers = cast(PostgresPairStack, deployment.stack).pair
    if not servers.standby.is_running():
        servers.join()
    return servers


def fail_over(pair: PostgresPair) -> None:
    """Kill the primary and promote its standby.

    What the standby has leased then explains a duplicate each: that it was sent, only the primary may have.
    """
    pair.primary.kill()
    pair.promote()


def test_a_primary_is_killed_and_its_synchronous_standby_takes_over_without_losing_anything(
    deployment: Deployment, pair: PostgresPair
) -> None:
    pair.wait_for_standby()
    with people_at_work(deployment, gates=True) as load:
        with load.span("primary and standby"):
            load.goes_on()
        with load.span("the standby takes over"):
            fail_over(pair)
            load.held |= leases(deployment.stack)
            load.goes_on()
        with load.span("another standby joins"):
            pair.join()
            pair.wait_for_standby()
            load.goes_on()
    check_promises(deployment, load)
    assert load.promises.offline or not entering_on(visiting_day(600))


def test_nothing_is_answered_that_a_synchronous_standby_does_not_have(
    deployment: Deployment, pair: PostgresPair
) -> None:
    pair.wait_for_standby()
    with people_at_work(deployment) as load:
        with load.span("primary and standby"):
            load.goes_on()
        with pair.link.half_open():
            with load.span("the standby is out of reach"):
                eventually(lambda: pair.longest_wait() > 9, "longer than any time limit", PATIENCE)
            with load.span("the standby takes over"):
                fail_over(pair)
                load.held |= leases(deployment.stack)
                load.goes_on()
    check_promises(deployment, load)


@with_prometheus
def test_a_standby_that_is_out_of_reach_is_named_by_its_alert_until_it_is_back(
    pair: PostgresPair, tmp_path: Path
) -> None:
    """CloudNativePG has two standbys, so there is another one here."""
    pair.wait_for_standby("")
    with pair.another_standby(), operators_page(pair.standbys) as page:
        eventually(lambda: pair.standbys() == 2, "both stream", PATIENCE)
        with check_alerts(tmp_path, STANDBY_AWAY, page) as wait:
            with pair.link.half_open():
                wait.until_they_fire()
            pair.link.cut()
            wait.until_they_resolve()
            assert pair.standbys() == 2


def test_what_consumers_lost_with_an_asynchronous_standby_is_sent_to_them_again(
    deployment: Deployment, pair: PostgresPair
) -> None:
    system = deployment.system
    scenario = Scenario(
        deployment.stack, system, deployment.provider, Department(system), mobile_ending_in(2)
    )
    pair.wait_for_standby("")
    system.processes["issuance"].kill()
    kept = [scenario.apply() for _ in range(3)]

    def approved() -> bool:
        scenario.decide()
        return {*scenario.promises.decided} == {*kept}

    eventually(approved, "all are approved", PATIENCE)

    def only_issuance_is_behind() -> bool:
        waiting = collect(deployment.stack, set()).waiting
        return [queue for queue in waiting if not queue.startswith("rpc-")] == ["issuance.PassApproved"]

    eventually(only_issuance_is_behind, "published")
    eventually(pair.is_streaming, "the standby has all of it")
    with pair.link.half_open():
        system.processes["issuance"].start()
        for reference in kept:
            scenario.issued(reference)
        gone = [scenario.apply() for _ in range(2)]
        # What is handled later is about applications that nobody knows any more, and is tried for minutes.
        eventually(lambda: not scenario.findings().unfinished, "all of it is handled", PATIENCE)
        fail_over(pair)
    for process in system.processes.values():
        eventually(process.is_ready, "it follows", PATIENCE)
    found = scenario.findings()
    print("", "after the failover:", *found.details(), sep="\n", file=sys.stderr)
    assert {line.partition(":")[0] for line in found.lost} == {*kept, *gone}
    examined = system.try_epass("administrator", "invariants", "--grace", "1")
    assert examined.returncode == 1, examined.stdout
    assert "and lost" in examined.stdout

    scenario.execute("approval", "update outbox set sent_at = sent_at - interval '1 minute'")
    system.epass("relay", "outbox", "replay-unseen")
    for reference in gone:
        del scenario.promises.mobiles[reference]
    found = scenario.wait_until_settled()
    assert found.problems() == {}, list(found.details())
    system.epass("administrator", "invariants", "--grace", "1")


def test_who_opens_a_connection_of_their_own_finds_the_primary_behind_its_standby(
    pair: PostgresPair,
) -> None:
    standby_first = pair.standby.port, pair.primary.port
    with databases.connect(pair.url("ops", "notify", standby_first)) as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (False,)
    wakeup, stop = WakeUp((), ()), Event()
    listener = Thread(target=WakeupListener(pair.url("notify", None, standby_first), [wakeup], stop).run)
    listener.start()
    try:
        eventually(lambda: wakeup.signals, "it listens")
    finally:
        stop.set()
        listener.join()


def test_control_a_service_that_knows_one_server_only_does_not_follow(
    deployment: Deployment, pair: PostgresPair
) -> None:
    lonely = deployment.system.process(
        "verify",
        "-lonely",
        EPASS_HEALTH_PORT=str(free_port()),
        EPASS_DATABASE_URL=pair.primary.url("verify"),
    )
    lonely.start()
    try:
        fail_over(pair)
        eventually(deployment.system.processes["verify"].is_ready, "it follows", PATIENCE)
        assert not lonely.is_ready()
    finally:
        lonely.kill()


def test_control_an_asynchronous_standby_lacks_what_was_answered_last(
    deployment: Deployment, pair: PostgresPair
) -> None:
    """It comes last, because it leaves events about applications that nobody knows."""
    pair.wait_for_standby("")
    with people_at_work(deployment, lambda found: bool(found.lost)) as load:
        with load.span("primary and standby"):
            load.goes_on()
        with pair.link.half_open():
            with load.span("the standby is out of reach"):
                load.goes_on()
            with load.span("the standby takes over"):
                fail_over(pair)
                load.goes_on()
    print("", *load.lines(), *load.findings().details(), sep="\n")
