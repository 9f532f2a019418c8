"""The arithmetic of the limits: normal peaks pass, attackers with many addresses get little."""

from datetime import timedelta

import pytest

from bench import limits
from services.accounts.domain.limits import UNUSED_FROM_ADDRESS, Limit


@pytest.mark.parametrize("row", limits.rows(), ids=lambda row: f"{row.limit} in {row.window} s")
def test_a_normal_peak_fits_into_each_limit(row: limits.Row) -> None:
    assert row.margin >= 1.25, row


@pytest.mark.parametrize("seed", range(5))
def test_on_the_busiest_day_nobody_behind_one_address_is_refused_a_code(seed: int) -> None:
    assert limits.refused(UNUSED_FROM_ADDRESS, seed) == 0


def test_control_the_limit_of_before_refused_most_of_them() -> None:
    assert limits.refused((Limit(20, timedelta(minutes=10)),)) > 3_000


def test_of_a_hundred_addresses_a_day_few_messages_come_and_only_who_runs_no_scripts_is_kept_out() -> None:
    before = limits.flood(100, ceiling=None, works=False)
    assert before == limits.Flood(messages=300_000, kept_out=0)
    for works in (False, True):
        after = limits.flood(100, ceiling=limits.CEILING, works=works)
        assert after.messages < 50_000
        assert after.kept_out <= 1.1 * limits.WITHOUT_SCRIPTS * limits.VISITORS


def test_a_thousand_addresses_guess_no_more_than_a_few_times_a_day() -> None:
    found = limits.attacks(1_000)
    assert found["wrong passwords of one login"] == 100
    assert found["guesses at one phone's codes"] == 150, "of a million, for each code anew"
    assert found["wrong lookups of one reference"] == 200
    assert limits.attacks(1)["codes to one phone"] == 10
