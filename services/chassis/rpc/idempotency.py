"""A command that comes twice has one effect and one answer.

The key is scoped to principal and route and stored in the effect's transaction with an HMAC of the body, so a repeat
that comes while the first still runs waits for it. The answer to a repeat is rebuilt from rows, never stored.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import IdempotencyKeyReused
from contracts.model import Wire
from contracts.rpc.call import Call
from services.chassis.db.tables import idempotency_keys
from services.chassis.runtime.settings import settings

R = TypeVar("R")
KEEP_HOURS = 24


def body_hmac(request: Wire) -> str:
    """A keyed digest of a request, so that the table holds nothing that can be guessed back."""
    secret = settings().idempotency_secret.get_secret_value().encode()
    return hmac.new(secret, request.model_dump_json(by_alias=True).encode(), hashlib.sha256).hexdigest()


def once(
    session: Session,
    call: Call,
    route: str,
    request: Wire,
    effect: Callable[[], str],
    answer: Callable[[str], R],
) -> R:
    """Runs ``effect`` unless this command was carried out before, and answers the same either way.

    Args:
        session: the transaction of the effect.
        call: has the principal and the key; without a key the effect always runs.
        route: names the command.
        request: the body.
        effect: changes the state and returns a reference (an id) to what it made.
        answer: builds the answer from that reference and rows.

    Raises:
        IdempotencyKeyReused: the key was used with another body.
    """
    if call.idempotency_key is None:
        return answer(effect())
    table = idempotency_keys
    scope = {"principal": call.principal.id, "route": route, "key": call.idempotency_key}
    digest = body_hmac(request)
    row = insert(table).values(**scope, body_hmac=digest).on_conflict_do_nothing().returning(table.c.key)
    matches = (
        (table.c.principal == scope["principal"]) & (table.c.route == route) & (table.c.key == scope["key"])
    )
    if session.execute(row).first() is not None:
        ref = effect()
        session.execute(update(table).where(matches).values(ref=ref))
        return answer(ref)
    stored, ref = session.execute(select(table.c.body_hmac, table.c.ref).where(matches)).one()
    if not hmac.compare_digest(stored, digest):
        raise IdempotencyKeyReused("this Idempotency-Key was used with another body")
    return answer(ref)
