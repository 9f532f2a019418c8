"""One queue is full or was deleted: nobody else notices, and nothing is lost."""

import time
from collections.abc import Iterator

import pytest
from amqp.exceptions import NotFound

from tests.chaos.faults import DELETED, FULL, full
from tests.chaos.recovery import check_nothing_is_lost, print_figures
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.scenario import Scenario
from tests.support.stack.running import eventually
from tests.support.stack.wire import Wire, wire

pytestmark = pytest.mark.outage


@pytest.fixture
def broker(deployment: Deployment) -> Iterator[Wire]:
    with wire(deployment.stack.broker_url("administrator")) as connection:
        yield connection


def _exists(broker: Wire) -> bool:
    try:
        broker.depth(DELETED)
    except NotFound:
        return False
    return True


def test_a_full_queue_of_the_gate_keeps_no_pass_from_its_applicant(
    deployment: Deployment, scenario: Scenario, broker: Wire
) -> None:
    verify = deployment.system.processes["verify"]
    verify.kill()
    try:
        with full(deployment.stack, broker):
            references = [scenario.apply() for _ in range(3)]
            for reference in references:
                scenario.issued(reference)
            assert scenario.count("issuance", "select count(*) from outbox where sent_at is null") >= 3
            broker.purge(FULL)
    finally:
        verify.start()
    began = time.monotonic()
    check_nothing_is_lost(scenario)
    print_figures("a full queue", **{"at rest": time.monotonic() - began})


def test_a_queue_that_is_deleted_while_people_apply_loses_nothing(scenario: Scenario, broker: Wire) -> None:
    for number in range(10):
        if number == 3:
            with broker.connection.channel() as channel:
                channel.queue_delete(DELETED)
        scenario.apply()
    began = time.monotonic()
    eventually(lambda: _exists(broker), "it is declared again within a minute", 60)
    check_nothing_is_lost(scenario)
    print_figures("a deleted queue", **{"at rest": time.monotonic() - began})
