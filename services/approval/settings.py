"""The settings of the approval service."""

from pydantic import Field

from services.chassis.runtime.retention_settings import WatchlistRetentionSettings
from services.chassis.runtime.settings import ServiceSettings, VisitSettings


class ApprovalSettings(ServiceSettings, VisitSettings, WatchlistRetentionSettings):
    """The settings of a service, how far ahead a visit may be, and how long a decision can be taken back."""

    undo_seconds: float = Field(10.0, ge=0, le=45)
    """So long a decision can be taken back: its event is held meanwhile."""
