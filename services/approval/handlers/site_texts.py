"""The texts of the site that the ADO Branch writes in place of the gateway's own."""

from datetime import datetime
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput
from contracts.model import Language
from contracts.rpc.approval.site_texts import PUT_SITE_TEXT, PutSiteText, SiteText, SiteTexts
from contracts.rpc.call import Call
from services.approval.domain.site_texts import MOST_BYTES, checked
from services.approval.handlers.directory import LOCK
from services.approval.handlers.directory_imports import ado_of
from services.approval.models.directory import LineChangeRow, SiteTextRow
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once


def view(session: Session) -> SiteTexts:
    """Return all texts that are written, by name."""
    rows = session.scalars(select(SiteTextRow).order_by(SiteTextRow.name))
    return SiteTexts(items=tuple(SiteText.from_attributes(row, revision=_revision(row)) for row in rows))


def put(request: PutSiteText, call: Call, session: Session, now: datetime) -> SiteTexts:
    """Store a text, unless somebody has changed it meanwhile; without words, forget it.

    Raises:
        Forbidden: the caller is not an ``ado``.
        InvalidInput: as `checked`; or ``all_too_long``: all texts together are.
        Conflict: ``changed_meanwhile``, with the fact ``by``.
    """
    by = ado_of(call.principal)

    def effect() -> str:
        lock(session, LOCK)
        words = checked(request.name, request.words)
        row = session.get(SiteTextRow, request.name)
        if (_revision(row) if row else "") != request.was:
            raise Conflict(
                "somebody changed it meanwhile", code="changed_meanwhile", by=row.set_by if row else ""
            )
        before = dict(row.words) if row else {}
        if words:
            session.merge(SiteTextRow(name=request.name, words=words, set_by=by, set_at=now))
        elif row:
            session.delete(row)
        session.flush()
        if len(view(session).model_dump_json()) > MOST_BYTES:
            longest = max(get_args(Language), key=lambda language: len(words.get(language, "")))
            raise InvalidInput.of(f"text_{longest}", "all_too_long")
        record = f"texts/{request.name}"
        session.add(
            LineChangeRow(
                record=record, changed_by=by, changed_at=now, before=before or None, after=words or None
            )
        )
        return ""

    route = f"approval.{PUT_SITE_TEXT.name}"
    return once(session, call, route, request, effect, lambda _: view(session), reference=str)


def _revision(row: SiteTextRow) -> str:
    return row.set_at.isoformat()
