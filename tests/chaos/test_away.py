"""The broker or a database is down for long, or the broker is full: everybody is answered in time, nothing is
lost."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from contracts.subscriptions import subscriptions
from services.chassis.messaging.poison_messages import STARTS
from tests.chaos.faults import database_takes_no_changes, out_of_disk, out_of_memory, stopped
from tests.chaos.recovery import (
    ALARM_SECONDS,
    COMMAND_SECONDS,
    DATABASE_SECONDS,
    OUTAGE_SECONDS,
    check_answers,
    check_nothing_is_lost,
    failed_attempts,
    no_process_restarts,
    print_figures,
    wait_until_all_ready,
)
from tests.support.chaos import sabotage
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.prober import ANSWER_SECONDS, Prober
from tests.support.chaos.scenario import Scenario
from tests.support.stack.backends import TestStack
from tests.support.stack.consumer_timeout import consumer_timeout
from tests.support.stack.database_faults import postgres_away
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import wire

pytestmark = pytest.mark.outage
DEAD = "approval.ApplicationSubmitted.dead"
STANDING = 20
"""Applications whose events wait in an outbox or a queue while the outage lasts."""


@contextmanager
def broker_away(stack: TestStack) -> Iterator[None]:
    stack.kill_broker()
    try:
        yield
    finally:
        stack.start_broker()


@contextmanager
def both_away(stack: TestStack) -> Iterator[None]:
    with broker_away(stack), postgres_away(stack):
        yield


@pytest.mark.parametrize(
    "fault", [broker_away, out_of_memory, out_of_disk, database_takes_no_changes, both_away]
)
def test_everybody_is_answered_in_time_while_a_server_is_down_or_takes_nothing_and_nothing_is_lost(
    deployment: Deployment, scenario: Scenario, fault: Callable[[TestStack], Iterator[None]]
) -> None:
    with no_process_restarts(deployment.system), Prober(scenario) as prober:
        with stopped(deployment.system, "relay"):
            for _ in range(STANDING):
                scenario.apply()
            with fault(deployment.stack):
                deployment.system.processes["relay"].signal(signal.SIGCONT)
                time.sleep(OUTAGE_SECONDS if fault in {broker_away, both_away} else ALARM_SECONDS)
        back = time.monotonic()
        succeeded = prober.until_all_succeed(back, COMMAND_SECONDS)
    check_nothing_is_lost(scenario)
    print_figures(
        fault.__name__, **{"first success": max(succeeded.values()), "at rest": time.monotonic() - back}
    )
    check_answers(prober)
    assert prober.refused() >= prober.commands(), "the fault was not felt"


def test_a_gateway_without_a_time_limit_lets_people_wait(deployment: Deployment, scenario: Scenario) -> None:
    """Negative control of "answered within 5 s"."""
    with (
        scenario.process("gateway", sabotage.no_time_limit),
        out_of_memory(deployment.stack),
        pytest.raises(httpx.ReadTimeout),
    ):
        scenario.person.get("/applications", timeout=ANSWER_SECONDS)
    eventually(lambda: scenario.person.get("/applications").status_code == 200, "all is well again")


@contextmanager
def impatient(deployment: Deployment) -> Iterator[None]:
    """Let a database be away for three times as long as the broker lets a consumer hold a message."""
    stack = deployment.stack
    try:
        with consumer_timeout(stack.broker_ctl, DATABASE_SECONDS / 3):
            stack.broker_ctl("close_all_connections", "another consumer timeout")
            wait_until_all_consume(deployment)
            yield
    finally:
        stack.broker_ctl("close_all_connections", "the consumer timeout of before")
        wait_until_all_consume(deployment)


def wait_until_all_consume(deployment: Deployment) -> None:
    """Wait until each queue of events has its consumer again."""

    def missing() -> list[str]:
        listed = deployment.stack.broker_ctl("list_queues", "-q", "-p", "epass", "name", "consumers")
        with_consumers = {name for name, count in map(str.split, listed.splitlines()) if count != "0"}
        return [one.queue for one in subscriptions() if one.queue not in with_consumers]

    eventually(lambda: not missing(), "all queues have consumers", 60)
    wait_until_all_ready(deployment.system)


def test_a_database_that_is_down_for_longer_than_consumers_may_hold_messages_costs_none_an_attempt(
    deployment: Deployment, scenario: Scenario
) -> None:
    before = failed_attempts(deployment.system)
    with (
        impatient(deployment),
        no_process_restarts(deployment.system),
        Prober(scenario) as prober,
    ):
        with stopped(deployment.system, "approval"):
            for _ in range(STANDING):
                scenario.apply()
            eventually(lambda: _all_is_published(scenario), "all is published")
            deployment.stack.kill_postgres()
        try:
            time.sleep(DATABASE_SECONDS)
            with wire(deployment.stack.broker_url("administrator")) as broker:
                assert broker.depth(DEAD.removesuffix(".dead")) >= STANDING, "they wait in their queue"
        finally:
            deployment.stack.start_postgres()
        back = time.monotonic()
        succeeded = prober.until_all_succeed(back, COMMAND_SECONDS)
    check_nothing_is_lost(scenario)
    print_figures(
        "database away", **{"first success": max(succeeded.values()), "at rest": time.monotonic() - back}
    )
    check_answers(prober)
    assert prober.refused() >= prober.commands(), "the fault was not felt"
    assert failed_attempts(deployment.system) == before


def test_if_it_cost_attempts_messages_would_become_dead_letters(
    deployment: Deployment, scenario: Scenario
) -> None:
    """Negative control: with two attempts and a second between them."""
    with scenario.process("approval", sabotage.away_is_an_attempt, EPASS_ATTEMPTS="2") as approval:
        approval.signal(signal.SIGSTOP)
        scenario.apply()
        eventually(lambda: _all_is_published(scenario), "it is published")
        with postgres_away(deployment.stack):
            approval.signal(signal.SIGCONT)
            eventually(lambda: approval.metric("epass_dead_lettered_total"), "it is dead")
    wait_until_all_ready(deployment.system)
    eventually(lambda: scenario.findings().dead == {DEAD: 1}, "its letter lies there")
    deployment.system.epass("administrator", "dead-letters", "replay", "--queue", DEAD.removesuffix(".dead"))
    check_nothing_is_lost(scenario)


def test_restarts_of_a_consumer_while_its_database_is_down_make_no_dead_letter(
    deployment: Deployment, scenario: Scenario
) -> None:
    """A message that took its consumer down three times is one; these had no part in it."""
    approval = deployment.system.processes["approval"]
    with stopped(deployment.system, "approval"):
        scenario.apply()
        eventually(lambda: _all_is_published(scenario), "it is published")
        with postgres_away(deployment.stack):
            for _ in range(STARTS + 1):
                approval.kill()
                approval.start(ready=False)
                eventually(lambda: _waits_for_its_database(approval), "it has the message, and waits", 40)
    check_nothing_is_lost(scenario)


def _waits_for_its_database(process: Process) -> bool:
    with suppress(httpx.HTTPError):
        return process.metric("epass_consumers_paused") > 0
    return False


def _all_is_published(scenario: Scenario) -> bool:
    return not scenario.count("application", "select count(*) from outbox where sent_at is null")
