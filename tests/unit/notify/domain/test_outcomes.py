"""When a message is tried again after a temporary error."""

from datetime import timedelta

import pytest

from services.chassis.runtime.clock import now
from services.notify.domain.outcomes import Failed, Later, after_temporary_error, is_late

DELAYS = (1.0, 5.0, 30.0, 300.0)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 5), (3, 30), (4, 300), (7, 300)])
def test_the_delay_grows_with_each_try(attempts: int, seconds: float) -> None:
    at = now()
    assert after_temporary_error("timeout", attempts, at, None, DELAYS, 8) == Later(
        at + timedelta(seconds=seconds), "timeout"
    )


def test_a_message_fails_after_its_last_try() -> None:
    assert after_temporary_error("timeout", 8, now(), None, DELAYS, 8) == Failed("timeout")


def test_a_code_is_not_tried_again_after_it_has_expired() -> None:
    at = now()
    assert after_temporary_error("timeout", 4, at, at + timedelta(seconds=60), DELAYS, 8) == Failed("expired")
    assert Failed("expired").state == "expired"
    assert Failed("refused").state == "failed"


def test_a_message_is_late_from_the_instant_of_its_expiry_on() -> None:
    at = now()
    assert is_late(at, at)
    assert not is_late(at + timedelta(seconds=1), at)
    assert not is_late(None, at)
