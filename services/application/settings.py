"""The settings of the application service."""

from pydantic import Field

from contracts.visiting_rules import PERSONAL_DATA_KEPT
from services.chassis.runtime.settings import RateLimitSettings, ServiceSettings, VisitSettings


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings):
    """How far ahead a visit may be, how many applications a number may have, what has to be kept how long."""

    kept_at_least_days: int = Field(PERSONAL_DATA_KEPT.days, ge=0, le=PERSONAL_DATA_KEPT.days)
    """Days after a visit in which its people cannot be erased although they ask for it."""
