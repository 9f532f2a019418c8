"""The IDs of pictures that were uploaded to WhatsApp, so that a repeat sends the same upload once more."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from contracts.envelope import UnreadableEvent
from services.chassis.db.availability import run_when_available
from services.chassis.db.database import Database, personal_keys_of
from services.chassis.db.upserts import put
from services.notify.models import MediaRow

KEPT = timedelta(days=29)
"""Meta deletes an upload after 30 days."""


class StoredMediaIds:
    """The IDs in notify's database, sealed: whoever has one and our token can fetch the picture.

    Each method is a short transaction of its own; while the database is away it waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> str | None:
        """Return the ID of a picture that the vendor still has, by the SHA-256 of the picture."""

        def work(session: Session) -> str | None:
            known = select(MediaRow.sealed).where(MediaRow.name == name, MediaRow.expires_at > func.now())
            sealed = session.scalar(known)
            if sealed is None:
                return None
            try:
                return str(personal_keys_of(session).open(_key(name), sealed)["id"])
            except UnreadableEvent:  # its key is gone: the picture is uploaded again
                return None

        return run_when_available(self._database, work, part="media", also_when_busy=True, as_query=True)

    def keep(self, name: str, media_id: str) -> None:
        """Remember the ID of a new upload; the newest one counts."""

        def work(session: Session) -> None:
            sealed = personal_keys_of(session).seal(_key(name), {"id": media_id})
            put(session, MediaRow, {"name": name}, {"sealed": sealed, "expires_at": func.now() + KEPT})

        run_when_available(self._database, work, part="media", also_when_busy=True)

    def forget(self, name: str) -> None:
        """Forget an ID that the vendor refused."""
        run_when_available(
            self._database,
            lambda session: session.execute(delete(MediaRow).where(MediaRow.name == name)),
            part="media",
            also_when_busy=True,
        )


def _key(name: str) -> UUID:
    """Return what the sealed ID is bound to: half of the digest."""
    return UUID(name[:32])
