"""The settings of the application service."""

from services.chassis.runtime.settings import RateLimitSettings, ServiceSettings, VisitSettings


class ApplicationSettings(ServiceSettings, VisitSettings, RateLimitSettings):
    """How far ahead a visit may be, and whether one number has only so many open applications."""
