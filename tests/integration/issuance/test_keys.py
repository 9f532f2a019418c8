"""The signing keys: one current, however many ask first; rotated without a gap; never in clear in the database."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from contracts.rpc.issuance import Jwks
from services.chassis.tokens import key_store
from services.chassis.tokens.key_store import GRACE
from services.issuance import commands
from services.issuance.handlers import views
from services.issuance.models import PassRow, SigningKeyRow
from tests.support.factories.issuance import KEYS, NOW, SETTINGS, VALID_TO, approved, issue, rows, verified


@pytest.fixture
def database(databases):
    return databases["issuance"]


@pytest.fixture
def first_key(database) -> str:
    """A key that was made an hour before NOW."""
    with database.transaction() as session:
        return KEYS.current(session, NOW - timedelta(hours=1)).kid


def stored(database) -> list[SigningKeyRow]:
    with database.transaction() as session:
        return list(session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at)))


def published(database, at: datetime = NOW) -> Jwks:
    with database.transaction() as session:
        return views.jwks(session, at, SETTINGS)


def kids(database, at: datetime = NOW) -> list[str]:
    return [key.kid for key in published(database, at).keys]


def turn(database, at: datetime = NOW) -> str:
    with database.transaction() as session:
        return KEYS.rotate(session, at).kid


def ask_at_once(database, askers: int) -> set[str]:
    """The kids that so many transactions get which begin before any key is there."""
    barrier = Barrier(askers)

    def one(_: int) -> str:
        with database.transaction() as session:
            session.execute(text("select 1"))
            barrier.wait()
            return KEYS.current(session, NOW).kid

    with ThreadPoolExecutor(askers) as pool:
        return set(pool.map(one, range(askers)))


def test_many_that_come_at_once_get_one_key(database) -> None:
    got = ask_at_once(database, 8)

    assert len(got) == 1
    assert [row.kid for row in stored(database)] == list(got)


def test_without_the_lock_they_would_collide(database, monkeypatch) -> None:
    """The negative of the test above."""
    monkeypatch.setattr(key_store, "lock", lambda _session, _name: None)

    with pytest.raises(IntegrityError, match="signing_keys_one_current"):
        ask_at_once(database, 8)


def test_the_private_half_is_nowhere_in_clear(database) -> None:
    issue(database)
    with database.transaction() as session:
        raw = KEYS.current(session, NOW).private.private_bytes_raw()
        tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        everything = "\n".join(
            str(session.execute(text(f'select * from "{table}"')).all()) for table in tables
        )

    assert stored(database)[0].private_sealed in everything
    for shape in (
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        repr(raw)[2:-1],
    ):
        assert shape not in everything


def test_after_a_rotation_new_passes_have_the_new_key_and_old_ones_keep_theirs(database, first_key) -> None:
    before = issue(database)

    kid = turn(database)
    after = issue(database, approved())

    assert [row.state for row in stored(database)] == ["retired", "current"]
    assert (before.kid != kid, after.kid) == (True, kid)
    with database.transaction() as session:
        for row in (session.get_one(PassRow, before.number), session.get_one(PassRow, after.number)):
            assert (
                verified(views.view_of(row, session, NOW, SETTINGS).token, published(database)).header["kid"]
                == row.kid
            )


def test_a_retired_key_is_published_while_its_passes_are_good_and_a_day_longer(database, first_key) -> None:
    old = issue(database).kid
    new = turn(database)
    assert old == first_key

    assert kids(database) == [new, old]
    assert kids(database, VALID_TO + GRACE - timedelta(seconds=1)) == [new, old]
    assert kids(database, VALID_TO + GRACE) == [new]


def test_a_retired_key_without_a_pass_is_published_for_a_day(database) -> None:
    old = turn(database)
    new = turn(database)

    assert set(kids(database)) == {old, new}
    assert kids(database, NOW + GRACE) == [new]


def test_a_published_key_shows_its_public_half_only(database) -> None:
    turn(database)

    (key,) = published(database).keys

    assert set(key.model_dump()) == {"kty", "crv", "alg", "use", "kid", "x"}
    assert (key.kty, key.crv, key.alg, key.use) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_the_command_rotates_the_key_and_returns_its_name(database) -> None:
    old = issue(database).kid

    kid = commands.rotate_key(database, NOW, SETTINGS)

    assert [row.kid for row in stored(database) if row.state == "current"] == [kid]
    assert kid != old
    assert len(rows(database)) == 1
