"""Idempotent commands: a command that arrives twice has one effect and one answer.

The key is scoped to principal and route. It is stored in the effect's transaction, with a keyed digest of
what the client sent, so a repeat that arrives while the first still runs waits for it. The answer to a repeat
is rebuilt from rows; it is never stored. Only a typed reference to what the effect made is stored, as JSON
text.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.errors import IdempotencyKeyReused
from contracts.model import Wire
from contracts.rpc.call import Call
from services.chassis.audit import record
from services.chassis.db import deferred_writes
from services.chassis.db.database import idempotency_secret_of
from services.chassis.db.tables import idempotency_keys

F = TypeVar("F")
R = TypeVar("R")
KEEP_HOURS = 24
"""The hours after which a key is deleted."""
_CLAIM = text("""
  insert into idempotency_keys (principal, route, key, body_hmac)
  values (:principal, :route, :key, :body_hmac)
  on conflict do nothing
  returning 1
""")
"""Waits while another transaction has stored the key and is not finished."""
_STORED = text("""
  select body_hmac, ref from idempotency_keys where principal = :principal and route = :route and key = :key
""")
_stored_form = cache(TypeAdapter)


def body_hmac(request: Wire, secret: bytes) -> str:
    """Return a digest of the fields that the client sent, in canonical JSON.

    A field that the client left out does not count, at any depth: when a later version adds an optional
    field, a repeat from before still has the same digest. The digest is keyed, so that nobody can guess the
    request from it.
    """
    sent = request.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=set(request.uncompared))
    canonical = json.dumps(sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(secret, canonical.encode(), hashlib.sha256).hexdigest()


def once(
    session: Session,
    call: Call,
    route: str,
    request: Wire,
    effect: Callable[[], F],
    answer: Callable[[F], R],
    *,
    reference: type[F],
) -> R:
    """Run ``effect`` unless this command was carried out before, and return the same answer either way.

    Where a release changes the form of a reference, a repeat of a command of the one before raises
    `IdempotencyKeyReused` and has no second effect, for ``KEEP_HOURS`` after the upgrade.

    Args:
        session: the transaction of the effect; `session.info` has the secret of the digest.
        call: has the principal and the key; without a key the effect always runs.
        route: names the command.
        request: the body.
        effect: changes the state and returns a reference to what it made.
        answer: builds the answer from that reference and rows.
        reference: the type of the reference: `UUID`, `str`, or a frozen dataclass with a field for each part.

    Raises:
        IdempotencyKeyReused: the key was used with another body.
    """
    if call.idempotency_key is None:
        reply = answer(effect())
        record.add_done(session, reply)
        return reply
    stored_form = _stored_form(reference)  # type: ignore[arg-type]  # every type is hashable
    scope = {"principal": call.principal.id, "route": route, "key": call.idempotency_key}
    digest = body_hmac(request, idempotency_secret_of(session))
    connection = session.connection()
    if connection.execute(_CLAIM, {**scope, "body_hmac": digest}).first() is not None:
        made = effect()
        deferred_writes.update(
            session, idempotency_keys, [{**scope, "ref": stored_form.dump_json(made).decode()}]
        )
        reply = answer(made)
        record.add_done(session, reply)
        return reply
    stored, ref = connection.execute(_STORED, scope).one()
    if not hmac.compare_digest(stored, digest):
        raise IdempotencyKeyReused("this Idempotency-Key was used with another body")
    try:
        found = stored_form.validate_json(ref)
    except ValidationError:
        raise IdempotencyKeyReused("this Idempotency-Key was used before an upgrade") from None
    record.note_repeat()
    return answer(found)
