"""Sealing of a message's personal part, under the key ring of the events' personal blocks."""

from dataclasses import asdict
from uuid import UUID

from contracts.envelope import PersonalKeyRing
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
