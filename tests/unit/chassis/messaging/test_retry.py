"""The decision after a failure: a delay, or the dead letters."""

import pytest

from contracts.envelope import UnreadableEvent
from services.chassis.messaging.retry import Dead, PermanentError, Redelivery, decide, return_pause
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.messaging.topology import DELIVERY_LIMIT


@pytest.mark.parametrize(("attempts", "step"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (6, 3)])
def test_each_failure_has_a_longer_delay_up_to_the_last_one(attempts, step) -> None:
    assert decide(RuntimeError(), attempts, steps=4, limit=8) == Redelivery(step)


def test_after_the_last_attempt_a_message_goes_to_the_dead_letters() -> None:
    assert decide(RuntimeError(), 7, steps=4, limit=8) == Dead("attempts")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError(), "permanent"),
        (UnreadableEvent(), "unreadable"),
        (ForgedMessage(), "forged"),
    ],
)
def test_a_permanent_error_goes_to_the_dead_letters_at_once(error, reason) -> None:
    assert decide(error, 0, steps=4, limit=8) == Dead(reason)


def test_a_message_that_cannot_be_moved_goes_back_ever_later_and_outlives_an_hour() -> None:
    pauses = [return_pause(earlier) for earlier in range(DELIVERY_LIMIT)]
    assert pauses == sorted(pauses)
    assert sum(pauses) > 3600
