"""The settings of the application service."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from services.chassis.runtime.retention_settings import PeopleRetentionSettings
from services.chassis.runtime.settings import (
    RateLimitSettings,
    ServiceSettings,
    VisitSettings,
)


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings, PeopleRetentionSettings):
    """How far ahead a visit may be, how many one number may have open, and how long people are kept."""

    kept_at_least_days: int = Field(180, ge=0, le=1095)
    """Days after a visit in which its people cannot be erased although they ask for it."""

    request_days: int = Field(90, ge=1, le=90)
    """Within so many days a complaint or another request is answered; the DPDP Rules allow 90 (rule 14)."""

    ask_met_minutes: int = Field(10, ge=0, le=120)
    """So long after the exit a visitor is asked whether they were met, unless somebody says so; 0: never."""

    @model_validator(mode="after")
    def _photographs_go_before_people(self) -> Self:
        if self.photographs_kept_at_least_days > self.kept_at_least_days:
            raise ValueError(
                "EPASS_PHOTOGRAPHS_KEPT_AT_LEAST_DAYS is above EPASS_KEPT_AT_LEAST_DAYS: a photograph goes "
                "with its person"
            )
        return self

    @property
    def kept_at_least(self) -> timedelta:
        """For how long after its end a visit stays although its people ask: no longer than without asking."""
        return timedelta(days=min(self.kept_at_least_days, self.people_kept_days))
