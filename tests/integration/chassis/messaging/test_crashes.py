"""Processes killed between two steps that cannot be one: no effect is lost, and none happens twice.

The process is held in the window from outside (``slow_…`` of the sabotage), logs that, and is killed there.
The third window, between a provider's answer and the sender's commit, is in ``tests/chaos/test_controls.py``.
"""

from collections.abc import Callable

import pytest

from tests.integration.chassis_under_test import (
    QUEUE,
    add_events,
    make_probe,
    make_relay,
    revoked_bytes,
    waiting,
)
from tests.support.chaos.sabotage import HELD
from tests.support.stack.running import Process, eventually

with_and_without_inbox = pytest.mark.parametrize(
    ("removed_guard", "expected_effects"),
    [("", 1), ("no_inbox", 2)],
    ids=["with the inbox", "without the inbox"],
)


def held(process: Process) -> bool:
    """Return whether the process waits in the window."""
    return HELD in process.log.read_text()


@with_and_without_inbox
def test_a_consumer_killed_between_commit_and_acknowledgement_has_one_effect(
    broker, effects: Callable[[], list[str]], topology, tmp_path, removed_guard: str, expected_effects: int
) -> None:
    with make_probe(topology, tmp_path, "events", sabotage="slow_to_acknowledge").start() as first:
        broker.publish("issuance.events", "PassRevoked", revoked_bytes("one"))
        eventually(lambda: held(first), "it has committed and not acknowledged")
        assert effects() == ["one"]
        first.kill()
    eventually(lambda: broker.depth(QUEUE) == 1, "the broker has the event again")
    with make_probe(topology, tmp_path, "events", sabotage=removed_guard).start() as second:
        broker.publish("issuance.events", "PassRevoked", revoked_bytes("after it"))
        eventually(
            lambda: "after it" in effects() and len(effects()) == expected_effects + 1, "both were handled"
        )
        eventually(lambda: second.metric("epass_event_seconds_count") == 2, "both were acknowledged")
    assert effects().count("one") == expected_effects
    assert broker.depth(QUEUE) == 0


@with_and_without_inbox
def test_a_relay_killed_between_confirm_and_mark_causes_one_effect(
    broker,
    issuance,
    effects: Callable[[], list[str]],
    topology,
    tmp_path,
    removed_guard: str,
    expected_effects: int,
) -> None:
    add_events(issuance, "one")
    stuck = make_relay(topology, tmp_path, sabotage="slow_to_mark")
    with stuck.start(ready=False) as first:  # a relay is ready once it has marked what waited
        eventually(lambda: held(first), "the broker has confirmed and nothing is marked")
        first.kill()
    assert (broker.depth(QUEUE), waiting(issuance)) == (1, 1)
    with make_relay(topology, tmp_path, "again").start():
        eventually(lambda: waiting(issuance) == 0, "it is sent again")
    assert broker.depth(QUEUE) == 2
    with make_probe(topology, tmp_path, "events", sabotage=removed_guard).start() as consumer:
        eventually(lambda: consumer.metric("epass_event_seconds_count") == 2, "both were acknowledged")
    assert effects() == ["one"] * expected_effects
