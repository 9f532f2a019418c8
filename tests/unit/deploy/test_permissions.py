"""Rights on the broker; RabbitMQ 4.3 shows a queue to those alone who have some right to it."""

import re

from deploy.local.permissions import PERMISSIONS
from services.chassis.messaging.topology import exchanges, queues

DELAYS = (1.0, 5.0, 30.0)


def test_the_exporter_sees_each_queue_that_it_counts_takes_nothing_and_sends_to_delays_alone() -> None:
    exporter = PERMISSIONS["exporter"]
    unseen = {one.name for one in queues(DELAYS) if not re.search(exporter.write, one.name)}
    assert unseen == {"epass.events"}
    names = [one.name for one in (*exchanges(DELAYS), *queues(DELAYS))]
    assert not [
        name for name in names if re.search(exporter.read, name) or re.search(exporter.configure, name)
    ]
    sends = {one.name for one in exchanges(DELAYS) if re.search(exporter.write, one.name)}
    assert sends == {f"epass.delay.{step}" for step in range(len(DELAYS))}
    assert not re.search(exporter.write, "amq.default")


def test_the_relay_sees_queues_of_events_and_none_of_requests_dead_letters_and_delays() -> None:
    relay = PERMISSIONS["relay"]
    rights = (relay.configure, relay.write, relay.read)
    unseen = {one.name for one in queues(DELAYS) if not any(re.search(right, one.name) for right in rights)}
    assert unseen == {one.name for one in queues(DELAYS) if not one.of_events}
