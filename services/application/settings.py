"""The settings of the application service."""

from services.chassis.runtime.retention_settings import PeopleRetentionSettings
from services.chassis.runtime.settings import (
    RateLimitSettings,
    ServiceSettings,
    VisitSettings,
)


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings, PeopleRetentionSettings):
    """How far ahead a visit may be, how many one number may have open, and how long people are kept."""
