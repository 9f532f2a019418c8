"""The end of a chain: what is told and counted once a message has reached nobody on any of its channels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contracts.events import NotificationFailed
from services.chassis.messaging import outbox
from services.notify.domain.chains import ending_of
from services.notify.metrics import CHAINS_ENDED


def end_chain(session: Session, about: Mapping[str, Any], reason: str, now: datetime) -> None:
    """Publish that the message has failed on its last channel, and count the chain where somebody is missed.

    Args:
        session: the transaction in which the message failed.
        about: the message, its application, purpose and channel, as its events name them.
        reason: why it failed.
        now: the current time.
    """
    outbox.add(session, NotificationFailed(**about, reason=reason), at=now)
    if ending := ending_of(reason):
        CHAINS_ENDED.labels(about["purpose"], ending).inc()
