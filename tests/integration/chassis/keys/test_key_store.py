"""The key store in the databases of accounts and issuance: one current key, rotation, nothing in clear."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, NoResultFound

from contracts.sealing import CannotOpen
from services.accounts.adapters import keys as accounts
from services.accounts.models import SigningKeyRow as AccountsRow
from services.chassis.db.database import Database
from services.chassis.keys import key_store
from services.chassis.keys.key_store import GRACE, KeyStore, SigningKeyColumns, WithdrawnKey, WrongKey
from services.chassis.runtime.settings import KeyEncryptionSettings
from services.chassis.tokens.signing_key import SigningKey
from services.issuance.adapters import keys as issuance
from services.issuance.models import SigningKeyRow as IssuanceRow
from tests.support.stack.databases import content_of

NOW = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
CLAIMS = {"sub": "HOM-0001"}


@dataclass
class Stored:
    """A key store on the database of its service, each call in a transaction of its own."""

    db: Database
    build: Callable[[KeyEncryptionSettings], KeyStore]
    table: type[SigningKeyColumns]
    ring: tuple[str, ...]

    @property
    def store(self) -> KeyStore:
        return self.build(KeyEncryptionSettings(key_encryption_keys=self.ring))

    def current(self) -> SigningKey:
        with self.db.transaction() as session:
            return self.store.current(session, NOW)

    def by_kid(self, kid: str) -> SigningKey:
        with self.db.transaction() as session:
            return self.store.by_kid(session, kid)

    def rotate(self, now: datetime = NOW) -> SigningKey:
        with self.db.transaction() as session:
            return self.store.rotate(session, now)

    def by_kid_or_current(self, kid: str) -> SigningKey:
        with self.db.transaction() as session:
            return self.store.by_kid_or_current(session, kid)

    def withdraw(self, kid: str, now: datetime = NOW) -> SigningKey:
        with self.db.transaction() as session:
            return self.store.withdraw(session, kid, now)

    def published(self, now: datetime = NOW) -> list[str]:
        with self.db.transaction() as session:
            return [key.kid for key in self.store.published(session, now)]

    def rows(self) -> list[SigningKeyColumns]:
        with self.db.transaction() as session:
            return list(session.scalars(select(self.table).order_by(self.table.created_at)))


SERVICES = {"accounts": (accounts, AccountsRow), "issuance": (issuance, IssuanceRow)}


@pytest.fixture
def keys(request, databases) -> Stored:
    service = getattr(request, "param", "accounts")
    module, table = SERVICES[service]
    return Stored(databases[service], module.key_store, table, (Fernet.generate_key().decode(),))


in_each_service = pytest.mark.parametrize("keys", SERVICES, indirect=True)


def current_at_once(keys: Stored, callers: int) -> set[str]:
    """Return the kids that this many transactions get, which all begin before there is a key."""
    barrier = Barrier(callers)

    def one(_: int) -> str:
        with keys.db.transaction() as session:
            session.execute(text("select 1"))
            barrier.wait()
            return keys.store.current(session, NOW).kid

    with ThreadPoolExecutor(callers) as pool:
        return set(pool.map(one, range(callers)))


@in_each_service
def test_callers_that_come_at_once_get_one_first_key(keys) -> None:
    kids = current_at_once(keys, 8)

    assert len(kids) == 1
    assert [row.kid for row in keys.rows()] == list(kids)


@in_each_service
def test_without_the_lock_two_first_keys_would_collide(keys, monkeypatch) -> None:
    """The negative control of the test above: all have seen that there is none before one adds it."""
    barrier = Barrier(8)
    monkeypatch.setattr(key_store, "lock", lambda _session, _name: barrier.wait(10))

    with pytest.raises(IntegrityError, match="signing_keys_one_current"):
        current_at_once(keys, 8)


@in_each_service
def test_the_private_half_is_nowhere_in_clear(keys) -> None:
    raw = keys.current().private.private_bytes_raw()
    with keys.db.transaction() as session:
        content = content_of(session)

    assert keys.rows()[0].private_sealed in content
    for form in (
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        repr(raw)[2:-1],
    ):
        assert form not in content


def test_the_first_key_stays_current_and_signs_the_same_token_each_time_it_is_opened(keys) -> None:
    kid = keys.current().kid

    assert keys.current().kid == kid
    assert keys.published() == [kid]
    assert keys.by_kid(kid).sign(CLAIMS, "t") == keys.current().sign(CLAIMS, "t")


def test_a_rotation_makes_the_next_key_and_retires_the_old_one(keys) -> None:
    old = keys.current()

    new = keys.rotate(NOW + timedelta(hours=1))

    assert keys.current().kid == new.kid != old.kid
    assert [(row.kid, row.state) for row in keys.rows()] == [(old.kid, "retired"), (new.kid, "current")]
    assert keys.by_kid(old.kid).sign(CLAIMS, "t") == old.sign(CLAIMS, "t")


def test_rotations_that_come_at_once_leave_one_current_key(keys) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: keys.rotate(), range(4)))

    assert sorted(row.state for row in keys.rows()) == ["current", "retired", "retired", "retired"]


def test_a_retired_key_that_signed_nothing_is_published_for_the_grace_time(keys) -> None:
    old = keys.rotate()
    new = keys.rotate(NOW + timedelta(seconds=1))

    assert keys.published(NOW + GRACE) == [new.kid, old.kid]
    assert keys.published(NOW + GRACE + timedelta(seconds=1)) == [new.kid]


def test_a_key_from_before_with_a_kid_of_another_form_goes_on_signing(keys) -> None:
    older = SigningKey("k1-of_2x", keys.current().private)
    with keys.db.transaction() as session:
        row = session.scalars(select(keys.table)).one()
        row.kid = older.kid

    assert keys.current().kid == older.kid
    assert keys.by_kid(older.kid).sign(CLAIMS, "t") == older.sign(CLAIMS, "t")
    assert keys.published() == [older.kid]


def test_keys_stay_readable_when_the_key_encryption_key_is_rotated(keys) -> None:
    kid, old = keys.current().kid, keys.ring
    new = (Fernet.generate_key().decode(),)

    keys.ring = (*new, *old)
    assert keys.current().kid == kid

    keys.ring = new
    with pytest.raises(CannotOpen):
        keys.current()


def test_a_private_half_beside_the_public_half_of_another_key_is_refused(keys) -> None:
    first = keys.current()
    second = keys.rotate(NOW + timedelta(seconds=1))
    with keys.db.transaction() as session:
        session.get_one(keys.table, second.kid).private_sealed = keys.rows()[0].private_sealed

    assert keys.by_kid(first.kid).kid == first.kid
    with pytest.raises(WrongKey, match=second.kid):
        keys.current()


def test_an_unknown_kid_has_no_key(keys) -> None:
    with pytest.raises(NoResultFound):
        keys.by_kid("nobody")
    with pytest.raises(NoResultFound):
        keys.withdraw("nobody")


@in_each_service
def test_a_withdrawn_key_signs_nothing_more_and_the_next_one_takes_its_place(keys) -> None:
    old = keys.current()
    assert keys.by_kid(old.kid).kid == old.kid, "the process has it in memory"

    new = keys.withdraw(old.kid)

    assert keys.current().kid == keys.by_kid_or_current(old.kid).kid == new.kid != old.kid
    assert [(row.kid, row.state) for row in keys.rows()] == [(old.kid, "withdrawn"), (new.kid, "current")]
    assert keys.rows()[0].private_sealed == ""
    with pytest.raises(WithdrawnKey):
        keys.by_kid(old.kid)


def test_a_withdrawn_key_is_not_published_whether_it_was_current_or_retired(keys) -> None:
    first, second = keys.current(), keys.rotate(NOW + timedelta(seconds=1))
    assert keys.published(NOW) == [second.kid, first.kid]

    keys.withdraw(first.kid)
    assert keys.published(NOW) == [second.kid]
    third = keys.withdraw(second.kid)
    assert keys.published(NOW) == [third.kid]


def test_withdrawing_twice_changes_nothing(keys) -> None:
    old = keys.current().kid
    new = keys.withdraw(old).kid
    before = [(row.kid, row.retired_at) for row in keys.rows()]

    assert keys.withdraw(old, NOW + timedelta(hours=1)).kid == new
    assert [(row.kid, row.retired_at) for row in keys.rows()] == before


def test_nothing_is_withdrawn_under_the_wrong_key_encryption_keys(keys) -> None:
    kid = keys.current().kid
    keys.ring = (Fernet.generate_key().decode(),)
    with pytest.raises(CannotOpen):
        keys.withdraw(kid)
    assert [row.state for row in keys.rows()] == ["current"]
