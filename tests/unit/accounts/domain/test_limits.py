"""How long somebody waits after wrong passwords or many requests."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import TooManyAttempts
from services.accounts.domain import limits
from services.accounts.domain.limits import Limit

AT = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


def test_the_wait_after_wrong_passwords_doubles_up_to_fifteen_minutes() -> None:
    waits = [limits.source_wait(failures, AT, AT) for failures in range(16)]
    assert waits == [0, 0, 0, 0, 0, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900]
    assert limits.source_wait(1_000_000, AT, AT) == 900


def test_the_wait_ends_after_its_seconds() -> None:
    assert limits.source_wait(5, AT, AT + timedelta(seconds=31.5)) == 1
    assert limits.source_wait(5, AT, AT + timedelta(seconds=32)) == 0
    assert limits.source_wait(0, None, AT) == 0


def test_a_limit_allows_one_more_when_the_nth_newest_leaves_the_window() -> None:
    limit = Limit(3, timedelta(minutes=10))
    assert limit.wait(None, AT) == 0
    assert limit.wait(AT - timedelta(minutes=9), AT) == 60
    assert limit.wait(AT - timedelta(minutes=10), AT) == 0


def test_a_refusal_has_the_longest_wait_and_the_name_of_its_limit() -> None:
    limits.refuse_while({"here": 0, "strangers": 0})
    with pytest.raises(TooManyAttempts) as refused:
        limits.refuse_while({"here": 32, "strangers": 57, "address": 0})
    assert refused.value.body.facts == {"retry_after": 57, "limit": "strangers"}


def test_from_half_of_the_ceiling_on_strangers_work_more_and_an_address_gets_less() -> None:
    assert limits.pressure(1_999, 4_000) is None
    found = [limits.pressure(untyped, 4_000) for untyped in (2_000, 3_000, 4_000, 5_000)]
    asked = [(one.answers, one.untyped.times) for one in found if one is not None]
    assert asked == [(12, 10), (22, 5), (32, 1), (32, 1)]
