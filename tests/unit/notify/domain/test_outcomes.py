"""When a message is tried again after a temporary error."""

from datetime import timedelta

import pytest

from services.chassis.runtime.clock import now
from services.notify.domain.outcomes import LONGEST_PAUSE, Failed, Later, after_temporary_error, is_late

DELAYS = (1.0, 5.0, 30.0, 300.0)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 5), (3, 30), (4, 300), (7, 300), (500, 300)])
def test_the_delay_grows_with_each_try(attempts: int, seconds: float) -> None:
    at = now()
    assert after_temporary_error("busy", attempts, at, at, None, DELAYS, 8) == Later(
        at + timedelta(seconds=seconds), "busy"
    )


def test_tries_that_may_have_arrived_last_for_more_than_an_hour_and_then_end() -> None:
    first = at = now()
    for uncertain in range(7):
        outcome = after_temporary_error(
            "timeout", uncertain + 1, at, first, None, DELAYS, 8, uncertain=uncertain, may_have_arrived=True
        )
        assert isinstance(outcome, Later)
        at = outcome.at
    assert at - first > timedelta(hours=1)
    assert after_temporary_error(
        "timeout", 8, at, first, None, DELAYS, 8, uncertain=7, may_have_arrived=True
    ) == Failed("timeout", use_next=True)


def test_a_message_that_does_not_expire_is_tried_for_48_hours() -> None:
    stored_at = now()
    at = stored_at + timedelta(hours=48, seconds=-301)
    assert isinstance(after_temporary_error("busy", 500, at, stored_at, None, DELAYS, 8), Later)
    at += timedelta(seconds=1)
    assert after_temporary_error("busy", 501, at, stored_at, None, DELAYS, 8) == Failed("busy", use_next=True)
    in_a_week = stored_at + timedelta(days=7)
    assert isinstance(after_temporary_error("busy", 501, at, stored_at, in_a_week, DELAYS, 8), Later)


def test_a_code_is_not_tried_again_after_it_has_expired() -> None:
    at = now()
    soon = at + timedelta(seconds=60)
    assert after_temporary_error("timeout", 4, at, at, soon, DELAYS, 8) == Failed("expired", use_next=True)
    assert Failed("expired").state == "expired"
    assert Failed("refused").state == "failed"


def test_a_vendor_that_asks_for_a_pause_gets_five_minutes_at_most() -> None:
    at = now()
    for asked, given in ((0.5, 1), (60, 60), (900, LONGEST_PAUSE), (1e15, LONGEST_PAUSE)):
        outcome = after_temporary_error("busy", 1, at, at, None, DELAYS, 8, retry_after=asked)
        assert outcome == Later(at + timedelta(seconds=given), "busy")


def test_a_message_is_late_from_the_instant_of_its_expiry_on() -> None:
    at = now()
    assert is_late(at, at)
    assert not is_late(at + timedelta(seconds=1), at)
    assert not is_late(None, at)
