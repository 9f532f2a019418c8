"""The settings of the approval service."""

from services.chassis.runtime.settings import ServiceSettings, VisitSettings


class ApprovalSettings(ServiceSettings, VisitSettings):
    """The settings of a service, and how far ahead a visit may be."""
