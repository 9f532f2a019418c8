"""The signing keys of one service, in its own database: made at first use, rotated, and published.

Accounts (sessions) and issuance (passes, status list) have a table of these columns each. The database is
asked each time which key is current, so that a rotation holds at once for all processes. A key that was
opened by its ``kid`` is kept in memory, since it never changes. Whether it was withdrawn is asked each time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import CheckConstraint, ColumnElement, Index, Text, or_, select, text
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem

from contracts.events import PublicKey
from contracts.sealing import SealedBox
from services.chassis.db.locks import lock
from services.chassis.tokens.signing_key import SigningKey

GRACE = timedelta(days=1)
"""How long a retired key stays published after the last token under it has ended: the token may be shown
late."""
_LOCK = "signing keys"


class WrongKey(RuntimeError):
    """The sealed private half does not belong to the public half beside it."""


class WithdrawnKey(LookupError):
    """The key was withdrawn: it signs nothing any more, and nobody accepts what it has signed."""


class SigningKeyColumns:
    """Columns of a service's table ``signing_keys``.

    One key is current and signs; a retired one signs again, byte for byte the same, what it has signed
    before. Of a withdrawn one the private half is deleted.
    """

    __tablename__ = "signing_keys"

    @declared_attr.directive
    def __table_args__(cls) -> tuple[SchemaItem, ...]:  # noqa: N805  SQLAlchemy passes the mapped class
        return (
            CheckConstraint("state in ('current', 'retired', 'withdrawn')", name="signing_keys_state"),
            Index(
                "signing_keys_one_current", "state", unique=True, postgresql_where=text("state = 'current'")
            ),
        )

    kid: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    public_x: Mapped[str] = mapped_column(Text)
    """The ``x`` of the key's JWK, base64url."""
    private_sealed: Mapped[str] = mapped_column(Text)
    """The private half, sealed under the key encryption keys; never in clear. Empty in a withdrawn key."""
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    """When it was retired, or withdrawn."""


class KeyStore:
    """The signing keys of one service.

    Args:
        rows: the service's mapped class of :class:`SigningKeyColumns`.
        box: seals the private halves.
        in_use: a condition on ``rows``: a token under this key was still good at the given instant.
    """

    def __init__(
        self, rows: type[SigningKeyColumns], box: SealedBox, in_use: Callable[[datetime], ColumnElement[bool]]
    ) -> None:
        self._rows = rows
        self._box = box
        self._in_use = in_use
        self._by_kid: dict[str, SigningKey] = {}

    def current(self, session: Session, now: datetime) -> SigningKey:
        """Return the key that signs now.

        Make it if there is none; processes that come at once get the same one.
        """
        row = self._current_row(session)
        if row is None:
            lock(session, _LOCK)
            row = self._current_row(session) or self._add(session, now)
        return self._opened(row)

    def by_kid(self, session: Session, kid: str) -> SigningKey:
        """Return the key that signed something before, current or retired.

        Raises:
            sqlalchemy.exc.NoResultFound: there is no such key.
            WithdrawnKey: it was withdrawn.
        """
        row = session.get_one(self._rows, kid)
        if row.state == "withdrawn":
            raise WithdrawnKey(kid)
        if kid not in self._by_kid:
            self._by_kid[kid] = self._opened(row)
        return self._by_kid[kid]

    def found_current(self, session: Session, kid: str) -> SigningKey:
        """Return the key that the caller has just found to be current, in this transaction.

        Only the first call of this process asks the database.
        """
        return self._by_kid.get(kid) or self.by_kid(session, kid)

    def rotate(self, session: Session, now: datetime) -> SigningKey:
        """Retire the current key and return a new one. What the retired key signed stays good.

        Raises:
            CannotOpen: the key encryption keys are not those of this service; nothing was changed.
        """
        lock(session, _LOCK)
        row = self._current_row(session)
        if row is not None:
            self._opened(row)
            row.state, row.retired_at = "retired", now
            session.flush()
        return self._opened(self._add(session, now))

    def by_kid_or_current(self, session: Session, kid: str) -> SigningKey:
        """Return the key that signed something before, or the current one where it was withdrawn."""
        try:
            return self.by_kid(session, kid)
        except WithdrawnKey:
            row = self._current_row(session)
            assert row is not None, "a key is withdrawn in the transaction that makes the next one"
            return self._opened(row)

    def withdraw(self, session: Session, kid: str, now: datetime) -> SigningKey:
        """Withdraw a key for good, and return the key that signs now. Repeating it changes nothing.

        Raises:
            sqlalchemy.exc.NoResultFound: there is no such key.
            CannotOpen: as for :meth:`rotate`.
        """
        lock(session, _LOCK)
        row = session.get_one(self._rows, kid, with_for_update=True)
        if row.state == "current":
            self._opened(row)
        if row.state != "withdrawn":
            row.state, row.retired_at, row.private_sealed = "withdrawn", now, ""
            session.flush()
        return self.current(session, now)

    def all(self, session: Session) -> list[SigningKeyColumns]:
        """Return the rows of all keys, the newest first."""
        return list(
            session.scalars(select(self._rows).order_by(self._rows.created_at.desc(), self._rows.kid))
        )

    def published(self, session: Session, now: datetime) -> tuple[PublicKey, ...]:
        """Return the public keys under which a token may still be shown, the newest first.

        These are the current key, which is made if there is none; keys that were retired less than
        :data:`GRACE` ago; and keys under which a token was good less than :data:`GRACE` ago. A withdrawn key
        is never among them.
        """
        self.current(session, now)
        rows, since = self._rows, now - GRACE
        wanted = or_(rows.state == "current", rows.retired_at > since, self._in_use(since))
        good = select(rows).where(wanted, rows.state != "withdrawn")
        found = session.scalars(good.order_by(rows.created_at.desc(), rows.kid))
        return tuple(PublicKey(kid=row.kid, x=row.public_x) for row in found)

    def _current_row(self, session: Session) -> SigningKeyColumns | None:
        return session.scalars(select(self._rows).where(self._rows.state == "current")).one_or_none()

    def _add(self, session: Session, now: datetime) -> SigningKeyColumns:
        key = SigningKey.generate()
        row = self._rows()
        row.kid, row.public_x, row.state = key.kid, key.public.x, "current"
        row.private_sealed = self._box.seal(key.private.private_bytes_raw())
        row.created_at, row.retired_at = now, None
        session.add(row)
        session.flush()
        return row

    def _opened(self, row: SigningKeyColumns) -> SigningKey:
        private = Ed25519PrivateKey.from_private_bytes(self._box.open(row.private_sealed))
        key = SigningKey(row.kid, private)
        if key.public.x != row.public_x:
            raise WrongKey(f"the private half of {row.kid} belongs to another key")
        return key
