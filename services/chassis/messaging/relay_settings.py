"""The settings of the relay."""

from collections.abc import Sequence

from pydantic import field_validator

from contracts.subscriptions import SERVICES
from services.chassis.db.database import name_of
from services.chassis.runtime.setting_types import RequiredCommaList
from services.chassis.runtime.settings import BrokerSettings, ProcessSettings, RetryDelaySettings


class RelaySettings(ProcessSettings, BrokerSettings, RetryDelaySettings):
    """What the relay is told. It declares and looks for the topology, so it knows the delays."""

    relay_database_urls: RequiredCommaList
    """The databases whose outboxes it publishes, each named as its service."""
    relay_batch: int = 200
    relay_watchdog: float = 10.0
    """The relay connects again when the broker does not confirm, or declare a queue, within this time
    (seconds)."""
    relay_declare: float = 30.0
    """Seconds between two declarations of the topology."""

    @property
    def connection_options(self) -> str:
        """Return options for a database. Idle sessions end, which frees the lock of a relay that is cut off.

        A relay that works queries more often: whenever it has waited for the broker for the watchdog's time.
        """
        idle = 1000 * (self.relay_watchdog + 5)
        return f"-c statement_timeout=8000 -c idle_session_timeout={idle:.0f}"

    @field_validator("relay_database_urls")
    @classmethod
    def _require_names_of_services(cls, urls: Sequence[str]) -> Sequence[str]:
        strangers = sorted({name_of(url) for url in urls} - {*SERVICES})
        if strangers:
            raise ValueError(f"no service is named as these databases: {', '.join(strangers)}")
        return urls
