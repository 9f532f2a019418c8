"""The keys that sign passes and the status list, in this service's database."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, exists

from contracts.sealing import SealedBox
from services.chassis.keys.key_store import KeyStore
from services.chassis.runtime.settings import KeyEncryptionSettings
from services.issuance.models import PassRow, SigningKeyRow


def key_store(settings: KeyEncryptionSettings) -> KeyStore:
    """Return the store of keys, which are sealed under the key encryption keys of the settings.

    A retired key stays published for a day after the last pass under it has ended: a party may leave late,
    and its pass is scanned again. That covers the last status list under the key, too.
    """
    return _store(tuple(settings.key_encryption_keys))


@lru_cache
def _store(keys: tuple[str, ...]) -> KeyStore:
    """Return the one store of this process: it has the keys in memory that were opened before."""
    return KeyStore(SigningKeyRow, SealedBox(keys), _signed_a_good_pass)


def _signed_a_good_pass(instant: datetime) -> ColumnElement[bool]:
    return exists().where(PassRow.kid == SigningKeyRow.kid, PassRow.ends_after(instant))
