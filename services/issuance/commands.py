"""What ``epass`` runs here: signing keys of passes, listed, rotated and withdrawn."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.chassis.audit.record import record_task
from services.chassis.db import batches
from services.chassis.db.database import Database
from services.chassis.runtime.settings import KeyEncryptionSettings
from services.issuance.adapters.keys import key_store
from services.issuance.models import PassRow


def rotate_key(db: Database, now: datetime, settings: KeyEncryptionSettings) -> str:
    """Retire the signing key, make the next one, and return its ``kid``.

    It signs at once, in all processes.
    """
    with db.transaction() as session:
        new = key_store(settings).rotate(session, now).kid
        record_task(session, "rotate_key", [new], now)
        return new


def withdraw_key(db: Database, now: datetime, settings: KeyEncryptionSettings, kid: str) -> str:
    """Withdraw a signing key, give the next one to its passes that have not ended, and say what was done.

    Their holders see another QR code when they open the link again. The next status list, within ten seconds,
    tells verify. Repeating it goes on where an interrupted one has stopped.

    Raises:
        sqlalchemy.exc.NoResultFound: there is no such key.
    """
    with db.transaction() as session:
        new = key_store(settings).withdraw(session, kid, now).kid
        record_task(session, "withdraw_key", [kid, new], now)
    of_key = (PassRow.kid == kid) & PassRow.ends_after(now)
    with db.transaction() as session:
        passes = session.scalar(select(func.count()).where(of_key))

    def sign_again(session: Session) -> int:
        some = session.scalars(
            select(PassRow.number).where(of_key).limit(batches.ROWS).with_for_update()
        ).all()
        session.execute(
            update(PassRow).where(PassRow.number.in_(some)).values(kid=new),
            execution_options={"synchronize_session": False},
        )
        return len(some)

    batches.run(db, sign_again)
    return f"{kid} is withdrawn; issuance signs with {new} now, {passes} passes again"
