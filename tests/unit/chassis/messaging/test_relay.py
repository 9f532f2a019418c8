"""The relay looks at an outbox often while there are events, and seldom while there are none."""

from services.chassis.messaging.relay import next_pause


def test_after_events_the_relay_looks_again_at_once() -> None:
    assert next_pause(0.2, published=1, longest=0.2) == 0.0


def test_while_nothing_happens_the_pause_doubles_up_to_the_setting() -> None:
    pauses = [0.0]
    for _ in range(6):
        pauses.append(next_pause(pauses[-1], published=0, longest=0.2))
    assert pauses == [0.0, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2]
