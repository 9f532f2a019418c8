"""Retrying is decided in one place: backoff for what may pass, the dead letters for what cannot."""

import pytest

from contracts.envelope import UnreadableEvent
from services.chassis.messaging.retry import Dead, Later, PermanentError, decide


@pytest.mark.parametrize(("attempts", "step"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (6, 3)])
def test_each_failure_waits_longer_up_to_the_last_delay(attempts, step) -> None:
    assert decide(RuntimeError(), attempts, steps=4, limit=8) == Later(step)


def test_after_the_last_attempt_there_is_no_other() -> None:
    assert decide(RuntimeError(), 7, steps=4, limit=8) == Dead("attempts")


@pytest.mark.parametrize(
    ("error", "reason"), [(PermanentError(), "permanent"), (UnreadableEvent(), "unreadable")]
)
def test_what_cannot_get_better_is_not_tried_again(error, reason) -> None:
    assert decide(error, 0, steps=4, limit=8) == Dead(reason)
