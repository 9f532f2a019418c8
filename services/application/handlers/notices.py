"""The privacy notice by its versions: each is stored once, with what it said, and shown to everybody."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.rpc.notices import DIGITS_BEFORE, NoticeQuestion, NoticeTexts, RecordedNotice, ShownNotice
from services.application.metrics import NOTICES_DIFFER
from services.application.models import NoticeRow
from services.chassis.runtime import logs

log = logs.logger(__name__)


def record(request: NoticeTexts, session: Session, now: datetime) -> RecordedNotice:
    """Store a version that gateways show from now on, unless it is known; what is stored stays as it is."""
    row = {"version": request.version, "first_shown": now, **request.model_dump(mode="json")}
    session.execute(insert(NoticeRow).values(row).on_conflict_do_nothing())
    if session.get_one(NoticeRow, request.version).texts != row["texts"]:
        NOTICES_DIFFER.inc()
        log.error("a privacy notice says something else than its version", version=request.version)
    return RecordedNotice(version=request.version)


def view(request: NoticeQuestion, session: Session) -> ShownNotice:
    """Return what a version said.

    A version of 12 digits that is not stored as such was shown by a gateway of 0.28 while application was
    of a later release already.

    Raises:
        NotFound: no gateway has shown it since versions are stored.
    """
    row = session.get(NoticeRow, request.version)
    if row is None and len(request.version) == DIGITS_BEFORE:
        begins = func.left(NoticeRow.version, DIGITS_BEFORE) == request.version
        row = session.scalars(select(NoticeRow).where(begins).order_by(NoticeRow.first_shown)).first()
    if row is None:
        raise NotFound("there is no such version")
    return ShownNotice(texts=row.texts, first_shown=row.first_shown)
