"""The settings of the application service."""

from services.chassis.runtime.settings import ServiceSettings, VisitSettings


class ApplicationSettings(ServiceSettings, VisitSettings):
    """The settings of a service, and how far ahead a visit may be."""
