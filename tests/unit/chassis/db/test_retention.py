"""Months of India, by which records are kept."""

from datetime import UTC, datetime

import pytest

from contracts.model import IST
from contracts.retention import KEPT
from services.approval.handlers.numbers import COUNTED_MONTHS
from services.chassis.db.retention import kept_since, month_start
from services.chassis.runtime.metrics import exposition
from services.chassis.runtime.retention_settings import PeopleRetentionSettings, WatchlistRetentionSettings
from services.chassis.runtime.settings import (
    RetentionSettings,
    WrongSettings,
    read,
)
from services.ops.settings import MonthSettings


@pytest.mark.parametrize(
    ("at", "ahead", "month"),
    [
        (datetime(2026, 11, 26, tzinfo=UTC), 0, (2026, 11)),
        (datetime(2026, 11, 30, 18, 29, tzinfo=UTC), 0, (2026, 11)),
        (datetime(2026, 11, 30, 18, 30, tzinfo=UTC), 0, (2026, 12)),
        (datetime(2026, 11, 26, tzinfo=UTC), 2, (2027, 1)),
        (datetime(2026, 1, 31, tzinfo=UTC), -1, (2025, 12)),
        (datetime(2026, 1, 31, tzinfo=UTC), -12, (2025, 1)),
    ],
)
def test_a_month_begins_at_midnight_of_its_first_day_in_india(at, ahead, month) -> None:
    assert month_start(at, ahead) == datetime(*month, 1, tzinfo=IST)


def test_so_many_whole_months_are_kept_besides_the_present_one() -> None:
    assert kept_since(datetime(2026, 11, 26, tzinfo=UTC), 24) == datetime(2024, 11, 1, tzinfo=IST)


def test_no_setting_deletes_decisions_that_the_numbers_are_still_counted_from() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 13"):
        RetentionSettings(records_kept_months=12)
    with pytest.raises(ValueError, match="greater than or equal to 13"):
        MonthSettings(records_kept_months=12)
    assert COUNTED_MONTHS <= 13


@pytest.mark.parametrize("kind", KEPT)
def test_a_site_cannot_keep_data_for_longer_or_shorter_than_the_limits_of_its_kind(kind, monkeypatch) -> None:
    known = KEPT[kind]

    class Settings(RetentionSettings, PeopleRetentionSettings, WatchlistRetentionSettings):
        """All kinds."""

    monkeypatch.setenv(f"EPASS_{kind.upper()}", str(known.most))
    assert getattr(read(Settings), kind) == known.most
    assert f'epass_retention{{kind="{kind}"}} {float(known.most)}' in exposition().decode(), "to be compared"
    for wrong in (known.least - 1, known.most + 1, "for ever"):
        monkeypatch.setenv(f"EPASS_{kind.upper()}", str(wrong))
        with pytest.raises(WrongSettings, match=f"EPASS_{kind.upper()} is wrong"):
            read(Settings)


def test_a_migration_that_was_not_told_how_many_months_are_kept_keeps_all() -> None:
    """A default there would drop what a site has told its services to keep."""
    assert MonthSettings().records_kept_months is None
