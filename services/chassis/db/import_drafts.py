"""Files that were uploaded and are not applied yet, sealed, in the database of the service that owns them.

A draft is read again each time: whether it can be applied depends on what is stored by then.
"""

import hashlib
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contracts.errors import NotFound
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import personal_keys_of

KEEP = timedelta(hours=24)
"""How long a draft and its result can be seen."""


class ImportColumns:
    """Columns of a service's table ``imports``."""

    __tablename__ = "imports"

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    """SHA-256 of the text, by which the same file of the same person is one import."""
    text_sealed: Mapped[str] = mapped_column(Text)
    drafted_by: Mapped[str] = mapped_column(Text)
    drafted_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(Text)
    """What applying it did, as JSON of the service."""

    def text(self, session: Session) -> str:
        """Return the text of the file."""
        return str(personal_keys_of(session).open(self.import_id, self.text_sealed)["text"])


D = TypeVar("D", bound=ImportColumns)


def draft(session: Session, rows: type[D], kind: str, text: str, by: str, now: datetime) -> UUID:
    """Store a file, and return its id. The same file of the same person keeps its id for a day."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    same = (rows.kind == kind) & (rows.digest == digest) & (rows.drafted_by == by)
    known = session.scalar(select(rows.import_id).where(same, rows.drafted_at > now - KEEP).limit(1))
    if known is not None:
        return known
    import_id = uuid4()
    sealed = personal_keys_of(session).seal(import_id, {"text": text})
    session.add(
        rows(  # type: ignore[call-arg]  # a mapped class has a constructor
            import_id=import_id, kind=kind, digest=digest, text_sealed=sealed, drafted_by=by, drafted_at=now
        )
    )
    return import_id


def find(session: Session, rows: type[D], import_id: UUID, by: str, *, lock: bool = False) -> D:
    """Return a draft of this person; with ``lock`` nobody else applies it meanwhile.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    query = select(rows).where(rows.import_id == import_id, rows.drafted_by == by)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("there is no such import")
    return row


def purge(session: Session, rows: type[D], now: datetime) -> int:
    """Delete a batch of drafts that nobody can see any more; return how many."""
    return delete_batch(session, rows, rows.drafted_at < now - KEEP)
