"""The settings of the approval service."""

from pydantic import Field

from services.chassis.runtime.retention_settings import WatchlistRetentionSettings
from services.chassis.runtime.settings import ServiceSettings, VisitSettings


class ApprovalSettings(ServiceSettings, VisitSettings, WatchlistRetentionSettings):
    """The settings of a service, how far ahead a visit may be, and how long a decision can be taken back."""

    undo_seconds: float = Field(10.0, ge=0, le=45)
    """So long a decision can be taken back: its event is held meanwhile."""
    arrival_messages: int = Field(20, ge=0, le=1000)
    """So many messages about visitors a contact gets in half a day; then one that leads to the live page."""
    visit_wait_minutes: int = Field(30, ge=5, le=480)
    """So long a visitor who is inside waits for an answer, until others are asked, one after another."""
    place_offer_minutes: int = Field(30, ge=10, le=240)
    """So long a place that became free is offered to whoever waits for it; over night it is longer."""
