"""The settings of the application service."""

from pydantic import Field

from services.chassis.runtime.settings import RateLimitSettings, ServiceSettings, VisitSettings


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings):
    """How far ahead a visit may be, and whether one number has only so many open applications."""

    request_days: int = Field(90, ge=1, le=90)
    """Within so many days a complaint or another request is answered; the DPDP Rules allow 90 (rule 14)."""
