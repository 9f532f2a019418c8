"""Seals again what is sealed in a service's database: under the first key of a ring, so that another can go.

What is sealed under the first key already stays as it is, so a run that was interrupted is repeated. Events
are not touched, neither in the outbox nor on the broker: an old personal key stays in the ring for as long as
one may be sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from sqlalchemy import Column, Table, select, update
from sqlalchemy.orm import Session

from contracts.sealing import CannotOpen, SealedBox
from services.chassis.db import batches
from services.chassis.db.database import Database

PERSONAL: Mapping[str, tuple[str, ...]] = {
    "accounts": ("imports.text_sealed", "logins.mobile_sealed"),
    "application": ("photographs.sealed", "requests.sealed"),
    "approval": (
        "duty_contacts.sealed",
        "imports.text_sealed",
        "watchlist_entries.sealed",
        "watchlist_matches.sealed_note",
    ),
    "issuance": (),
    "notify": ("messages.personal", "messages.email_sealed", "applications.mobile_sealed", "media.sealed"),
    "verify": ("supervisors.key_sealed",),
}
"""The columns of each service that are sealed under the personal keys."""
KEY_ENCRYPTION: Mapping[str, tuple[str, ...]] = {
    "accounts": (
        "signing_keys.private_sealed",
        "sessions.mobile_sealed",
        "otp_codes.mobile_sealed",
        "otp_codes.code_sealed",
        "second_factors.secret_sealed",
    ),
    "issuance": ("signing_keys.private_sealed",),
}
"""The columns that are sealed under the key encryption keys."""


@dataclass
class Rewrapped:
    """What was done to one column, in rows. ``unreadable``: no key of the ring opens them."""

    sealed_again: int = 0
    good_already: int = 0
    unreadable: int = 0


def rewrap(db: Database, service: str, column: str, keys: Sequence[str]) -> Rewrapped:
    """Seal a column again, in batches, each a transaction of its own.

    Args:
        service: whose models name the table.
        column: ``table.column``; what is null or empty stays.
        keys: the ring, the new key first.
    """
    name, _, field = column.partition(".")
    table: Table = import_module(f"services.{service}.models").Base.metadata.tables[name]
    sealed: Column[str] = table.c[field]
    (key,) = table.primary_key.columns
    ring, first, done = SealedBox(keys), SealedBox(keys[:1]), Rewrapped()
    place: list[object] = []

    def one_batch(session: Session) -> int:
        after = [key > place[-1]] if place else []
        some = select(key, sealed).where(sealed != "", *after).order_by(key).limit(batches.ROWS)
        rows = session.execute(some.with_for_update()).all()
        for at, content in rows:
            again = _sealed_again(content, first, ring)
            if again == content:
                done.good_already += 1
            elif again is None:
                done.unreadable += 1
            else:
                session.execute(update(table).where(key == at).values({sealed: again}))
                done.sealed_again += 1
            place[:] = [at]
        return len(rows)

    batches.run(db, one_batch)
    return done


def _sealed_again(content: str, first: SealedBox, ring: SealedBox) -> str | None:
    """Return content as it is if the first key opens it, else sealed under that key; None if no key does."""
    try:
        first.open(content)
    except CannotOpen:
        try:
            return first.seal(ring.open(content))
        except CannotOpen:
            return None
    return content
