"""The texts of the site that the ADO Branch writes in place of the gateway's own."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput
from contracts.model import Language
from contracts.rpc.approval.site_texts import (
    PUT_EMBLEM,
    PUT_SITE_TEXT,
    Emblem,
    PutEmblem,
    PutSiteText,
    SiteText,
    SiteTexts,
)
from contracts.rpc.call import Call
from services.approval.adapters.emblem import NotAPicture, drawn_anew
from services.approval.domain.site_texts import MOST_BYTES, checked
from services.approval.handlers.directory import LOCK
from services.approval.handlers.directory_imports import ado_of
from services.approval.models.directory import LineChangeRow, SiteTextRow
from services.chassis.db.database import Database
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.cpu_pool import offload

EMBLEM = "emblem"


def view(session: Session) -> SiteTexts:
    """Return all texts that are written, by name."""
    rows = session.scalars(select(SiteTextRow).where(SiteTextRow.name != EMBLEM).order_by(SiteTextRow.name))
    return SiteTexts(items=tuple(SiteText.from_attributes(row, revision=_revision(row)) for row in rows))


def put(request: PutSiteText, call: Call, session: Session, now: datetime) -> SiteTexts:
    """Store a text, unless somebody has changed it meanwhile; without words, forget it.

    Raises:
        Forbidden: the caller is not an ``ado``.
        InvalidInput: as `checked`; or ``all_too_long``: it grows, and all texts together are.
        Conflict: ``changed_meanwhile``, with the fact ``by``.
    """
    by = ado_of(call.principal)

    def effect() -> str:
        words = checked(request.name, request.words)
        before = _replace(session, request.name, words, request.was, by, now)
        grows = sum(map(_size, words.values())) > sum(map(_size, before.values()))
        if grows and _size(view(session).model_dump_json()) > MOST_BYTES:
            longest = max(get_args(Language), key=lambda language: _size(words.get(language, "")))
            raise InvalidInput.of(f"text_{longest}", "all_too_long")
        _record(session, request.name, before, words, by, now)
        return ""

    route = f"approval.{PUT_SITE_TEXT.name}"
    return once(session, call, route, request, effect, lambda _: view(session), reference=str)


def view_emblem(session: Session) -> Emblem:
    """Return the emblem; an empty one where there is none."""
    row = session.get(SiteTextRow, EMBLEM, populate_existing=True)
    if row is None:
        return Emblem()
    return Emblem(png=row.words["png"], set_by=row.set_by, set_at=row.set_at, revision=_revision(row))


def put_emblem(request: PutEmblem, call: Call, db: Database, now: datetime) -> Emblem:
    """Store the emblem, drawn anew, unless somebody has changed it meanwhile; without a picture, forget it.

    Raises:
        Forbidden: the caller is not an ``ado``.
        InvalidInput: ``not_a_picture``.
        Conflict: ``changed_meanwhile``, with the fact ``by``.
    """
    by = ado_of(call.principal)
    try:  # with no transaction open
        words = {"png": offload(drawn_anew, request.picture)} if request.picture else {}
    except NotAPicture:
        raise InvalidInput.of("picture", "not_a_picture") from None

    def effect() -> str:
        before = _replace(session, EMBLEM, words, request.was, by, now)
        _record(session, EMBLEM, _digests(before), _digests(words), by, now)
        return ""

    route = f"approval.{PUT_EMBLEM.name}"
    with db.transaction() as session:
        return once(session, call, route, request, effect, lambda _: view_emblem(session), reference=str)


def _replace(
    session: Session, name: str, words: Mapping[Any, str], was: str, by: str, now: datetime
) -> Mapping[Any, str]:
    """Store a row, or delete it where it says nothing any more; return what it said before.

    Raises:
        Conflict: ``changed_meanwhile``, with the fact ``by``.
    """
    lock(session, LOCK)
    row = session.get(SiteTextRow, name, populate_existing=True)
    if (_revision(row) if row else "") != was:
        raise Conflict(
            "somebody changed it meanwhile", code="changed_meanwhile", by=row.set_by if row else ""
        )
    before = dict(row.words) if row else {}
    if words:
        session.merge(SiteTextRow(name=name, words=dict(words), set_by=by, set_at=now))
    elif row:
        session.delete(row)
    session.flush()
    return before


def _size(text: str) -> int:
    """Return how many bytes a text takes in a message; a Punjabi letter takes three."""
    return len(text.encode())


def _record(
    session: Session, name: str, before: Mapping[Any, str], after: Mapping[Any, str], by: str, now: datetime
) -> None:
    session.add(
        LineChangeRow(
            record=f"texts/{name}",
            changed_by=by,
            changed_at=now,
            before=dict(before) or None,
            after=dict(after) or None,
        )
    )


def _digests(words: Mapping[str, str]) -> dict[str, str]:
    """Return what the history has of a picture."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in words.items()}


def _revision(row: SiteTextRow) -> str:
    return row.set_at.isoformat()
