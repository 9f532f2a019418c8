"""The settings of the application service."""

from services.chassis.runtime.settings import (
    PeopleRetentionSettings,
    RateLimitSettings,
    ServiceSettings,
    VisitSettings,
)


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings, PeopleRetentionSettings):
    """How far ahead a visit may be, how many one number may have open, and how long people are kept."""
