"""Sealing of a message's personal part, under the key ring of the events' personal blocks."""

from dataclasses import asdict
from uuid import UUID

from contracts.envelope import PersonalKeyRing, UnreadableEvent
from services.notify.domain.messages import Personal


def seal(message_id: UUID, personal: Personal, keys: PersonalKeyRing) -> str:
    """Return a token that only this message can open."""
    return keys.seal(message_id, asdict(personal))


def unseal(message_id: UUID, token: str, keys: PersonalKeyRing) -> Personal:
    """Return what :func:`seal` sealed.

    Raises:
        contracts.envelope.UnreadableEvent: no key opens it, or it belongs to another message.
    """
    block = keys.open(message_id, token)
    return Personal(**block)  # type: ignore[arg-type]  # the block is what seal() wrote


def unseal_if_possible(message_id: UUID, token: str | None, keys: PersonalKeyRing) -> Personal | None:
    """Return what :func:`seal` sealed; None where nothing was, or where no key opens it any more."""
    try:
        return None if token is None else unseal(message_id, token, keys)
    except UnreadableEvent:
        return None
