"""Faults of a channel's own code, or of a library below it: they cost one call, and not the process.

A process that ends leases the same message again when it is back, and ends again.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from services.chassis.runtime import logs
from services.chassis.runtime.lifecycle import Stopping
from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError

log = logs.logger(__name__)
A = TypeVar("A")
R = TypeVar("R")


def contained(vendor: str, call: Callable[[A], R], argument: A) -> R:
    """Call a vendor, and return what it answers.

    Raises:
        TemporaryChannelError: a later try may succeed.
        PermanentChannelError: no try will succeed; ``fault`` where the code of the channel fails.
        Stopping: the process stops while the database is away.
        SQLAlchemyError: the database failed; that is no fault of the message.
    """
    try:
        return call(argument)
    except (TemporaryChannelError, PermanentChannelError, Stopping, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001  the code that fails is a vendor's, the message's or the answer's
        # The text of the error may hold what is personal: it is not logged.
        log.error("a channel has a fault", channel=vendor, error=type(error).__name__)  # noqa: TRY400
        raise PermanentChannelError("fault") from None
