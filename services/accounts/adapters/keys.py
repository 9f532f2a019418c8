"""What is sealed in the database of accounts: signing keys of sessions, live one-time codes, and mobiles."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, exists

from contracts.sealing import SealedBox
from services.accounts.models import SessionRow, SigningKeyRow
from services.chassis.keys.key_store import KeyStore
from services.chassis.runtime.settings import KeyEncryptionSettings


def sealed_box(settings: KeyEncryptionSettings) -> SealedBox:
    """Return the key ring of this service."""
    return SealedBox(settings.key_encryption_keys)


def key_store(settings: KeyEncryptionSettings) -> KeyStore:
    """Return the store of signing keys.

    A retired key stays published until its last session is over, and a day longer.
    """
    return _store(tuple(settings.key_encryption_keys))


@lru_cache
def _store(keys: tuple[str, ...]) -> KeyStore:
    """Return the one store of this process: it has the keys in memory that were opened before."""
    return KeyStore(SigningKeyRow, SealedBox(keys), _signed_a_live_session)


def _signed_a_live_session(instant: datetime) -> ColumnElement[bool]:
    return exists().where(SessionRow.kid == SigningKeyRow.kid, SessionRow.expires_at > instant)
