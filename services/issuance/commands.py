"""What ``epass`` runs here: the rotation of the signing key."""

from datetime import datetime

from services.chassis.db.database import Database
from services.chassis.runtime.settings import KeyEncryptionSettings
from services.issuance.adapters.keys import key_store


def rotate_key(db: Database, now: datetime, settings: KeyEncryptionSettings) -> str:
    """Retire the signing key, make the next one, and return its ``kid``.

    It signs at once, in all processes.
    """
    with db.transaction() as session:
        return key_store(settings).rotate(session, now).kid
