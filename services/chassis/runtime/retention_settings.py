"""The settings of how long people are kept, and why; that of records is of every service (`settings.py`)."""

from datetime import timedelta

from pydantic import Field

from contracts.model import Basis
from services.chassis.runtime.setting_types import kept
from services.chassis.runtime.settings import Section


class PeopleRetentionSettings(Section):
    """How long people stay, and why: application erases them, for all services, and the gateway says so."""

    basis: Basis = "law"
    """``consent``: everybody is asked to agree, and may withdraw it."""

    people_kept_days: int = kept("people_kept_days")
    photographs_kept_days: int = kept("photographs_kept_days")
    photographs_kept_at_least_days: int = kept("photographs_kept_at_least_days")

    @property
    def photographs_kept_at_least(self) -> timedelta:
        """For how long a photograph stays although its person asks: no longer than without asking."""
        days = (self.photographs_kept_at_least_days, self.photographs_kept_days, self.people_kept_days)
        return timedelta(days=min(days))


class BackupRetentionSettings(Section):
    """How long backups stay, which hold whoever was erased since: the gateway and the register say so."""

    backup_days: int = Field(30, ge=1, le=366)


class WatchlistRetentionSettings(Section):
    """How long the content of an entry of the watchlist stays after its end."""

    watchlist_kept_days: int = kept("watchlist_kept_days")
