"""Both clocks, and who may read them."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.model import AHEAD, is_ahead
from services.chassis.runtime import clock

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_the_wall_clock_tells_the_time_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("instant", "ahead"),
    [
        (NOON - timedelta(days=400), False),
        (NOON, False),
        (NOON + AHEAD, False),
        (NOON + AHEAD + timedelta(microseconds=1), True),
        (NOON + timedelta(hours=6), True),
    ],
)
def test_an_instant_more_than_a_minute_ahead_is_from_the_future(instant: datetime, *, ahead: bool) -> None:
    assert is_ahead(instant, NOON) is ahead
