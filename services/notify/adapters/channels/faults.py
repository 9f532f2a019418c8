"""Faults of a channel's own code, or of a library below it: they cost one call, and not the process.

A process that ends leases the same message again when it is back, and ends again.
"""

from sqlalchemy.exc import SQLAlchemyError

from services.chassis.runtime import logs
from services.chassis.runtime.lifecycle import Stopping
from services.notify.adapters.channels import (
    Channel,
    DeliveryReport,
    Outgoing,
    PermanentChannelError,
    Receipt,
    ReportService,
    TemporaryChannelError,
)

log = logs.logger(__name__)


def hand_over(channel: Channel, message: Outgoing) -> Receipt:
    """Hand a message to its channel.

    Raises:
        TemporaryChannelError: a later try may succeed.
        PermanentChannelError: no try will succeed; ``fault`` where the channel could not carry the message.
        Stopping: the process stops while the database is away.
        SQLAlchemyError: the database failed; that is no fault of the message.
    """
    try:
        return channel.send(message)
    except (TemporaryChannelError, PermanentChannelError, Stopping, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001  the code that fails is a vendor's or the message's
        # The text of the error may hold what is personal: it is not logged.
        log.error("a channel has a fault", channel=channel.name, error=type(error).__name__)  # noqa: TRY400
        raise PermanentChannelError("fault") from None


def ask_for_report(service: ReportService, provider_id: str) -> DeliveryReport | None:
    """Ask a vendor what became of a message.

    Raises:
        TemporaryChannelError: a later question may be answered.
        PermanentChannelError: it was not asked, or refused; ``fault`` where its answer could not be read.
    """
    try:
        return service.ask(provider_id)
    except (TemporaryChannelError, PermanentChannelError):
        raise
    except Exception as error:  # noqa: BLE001  the code that fails is a vendor's or the answer's
        log.error("a channel has a fault", channel=service.name, error=type(error).__name__)  # noqa: TRY400
        raise PermanentChannelError("fault") from None
