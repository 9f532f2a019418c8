"""Heads of the chain of seals: signed once an hour with the key of the service, published, and kept.

Whoever keeps a head can prove later that the chain was cut off or made anew: the seal with its number then
has another digest, or is gone.
"""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidSignature
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from contracts.rpc.audit import AuditHead, AuditHeads, HeadQuestion
from services.chassis.db import cursors
from services.chassis.db.database import event_key_of
from services.chassis.db.tables import audit_heads, audit_seals
from services.chassis.messaging.signatures import EventKeys
from services.chassis.tokens.signing_key import SigningKey

EVERY = timedelta(hours=1)
LOOKED_AT = 20
"""Of the newest heads, so many are looked at for one that was signed with this key."""


def sign_if_due(session: Session, service: str, now: datetime) -> None:
    """Sign the newest seal, unless that was done, or another one was signed within an hour.

    What is signed ahead of the time, with a number that no seal has yet, or by nobody, as whoever adds rows
    here can, keeps nobody from signing.
    """
    newest = session.execute(
        select(audit_seals.c.number, audit_seals.c.head).order_by(audit_seals.c.number.desc()).limit(1)
    ).first()
    if newest is None:
        return
    table = audit_heads.c
    key = event_key_of(session)
    rows = session.execute(
        select(audit_heads)
        .where(table.number <= newest.number)
        .order_by(table.number.desc(), table.signed_at.desc())
        .limit(LOOKED_AT)
    ).all()
    known = (AuditHead.from_attributes(row, service=service) for row in rows)
    last = next((one for one in known if sign(key, one) == one.signature), None)
    if last is not None and (last.number == newest.number or now - EVERY < last.signed_at <= now):
        return
    head = AuditHead(
        id=uuid4(), service=service, number=newest.number, head=newest.head, signed_at=now, signature=""
    )
    signature = sign(key, head)
    session.execute(
        audit_heads.insert().values(
            id=head.id, number=head.number, head=head.head, signed_at=now, signature=signature
        )
    )


def list_heads(request: HeadQuestion, session: Session, service: str) -> AuditHeads:
    """Return a page of the heads of a service, the newest first.

    Raises:
        InvalidInput: ``after`` is not one of our cursors.
    """
    table = audit_heads.c
    query = select(audit_heads).order_by(table.signed_at.desc(), table.id.desc()).limit(request.limit + 1)
    if request.after is not None:
        at, last = cursors.decode(request.after, UUID)
        query = query.where(tuple_(table.signed_at, table.id) < tuple_(at, last))
    rows = session.execute(query).all()
    page = rows[: request.limit]
    return AuditHeads(
        items=tuple(AuditHead.from_attributes(row, service=service) for row in page),
        next=cursors.encode(page[-1].signed_at, page[-1].id) if len(rows) > len(page) else None,
    )


def sign(key: SigningKey, head: AuditHead) -> str:
    """Return the signature of a head: the name of the key and the signature, base64url."""
    signed = base64.urlsafe_b64encode(key.private.sign(_content(head))).rstrip(b"=").decode()
    return f"{key.kid}.{signed}"


def is_genuine(head: AuditHead, keys: EventKeys) -> bool:
    """Return whether the service that a head names has signed it."""
    kid, _, signature = head.signature.partition(".")
    key = keys.key_of(head.service, kid)
    if key is None:
        return False
    try:
        key.verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), _content(head))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _content(head: AuditHead) -> bytes:
    at = head.signed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(["epass audit head 1", head.service, head.number, head.head, at]).encode()
