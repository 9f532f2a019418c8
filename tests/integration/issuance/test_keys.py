"""The signing keys: one current, however many ask first; rotated without a gap; never in clear in the database."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from contracts.rpc.issuance import Jwks
from services.issuance import keys as keys_module
from services.issuance import rotate_key
from services.issuance.handlers.viewing import view_of
from services.issuance.keys import KEEP_PUBLISHED, current_key, published_keys, rotate
from services.issuance.models import KeyRow, PassRow
from tests.support.factories.issuance import NOW, VALID_TO, approved, issue, rows, verified


@pytest.fixture
def database(databases):
    return databases["issuance"]


@pytest.fixture
def first_key(database) -> str:
    """A key that was made an hour before NOW."""
    with database.transaction() as session:
        return current_key(session, NOW - timedelta(hours=1)).kid


def stored(database) -> list[KeyRow]:
    with database.transaction() as session:
        return list(session.scalars(select(KeyRow).order_by(KeyRow.created_at)))


def published(database, at: datetime = NOW) -> Jwks:
    with database.transaction() as session:
        return Jwks(keys=published_keys(session, at))


def kids(database, at: datetime = NOW) -> list[str]:
    return [key.kid for key in published(database, at).keys]


def turn(database, at: datetime = NOW) -> str:
    with database.transaction() as session:
        return rotate(session, at).kid


def ask_at_once(database, askers: int) -> set[str]:
    """The kids that so many transactions get which begin before any key is there."""
    barrier = Barrier(askers)

    def one(_: int) -> str:
        with database.transaction() as session:
            session.execute(text("select 1"))
            barrier.wait()
            return current_key(session, NOW).kid

    with ThreadPoolExecutor(askers) as pool:
        return set(pool.map(one, range(askers)))


def test_many_that_come_at_once_get_one_key(database) -> None:
    got = ask_at_once(database, 8)

    assert len(got) == 1
    assert [row.kid for row in stored(database)] == list(got)


def test_without_the_lock_they_would_collide(database, monkeypatch) -> None:
    """The negative of the test above."""
    monkeypatch.setattr(keys_module, "_wait_for_turn", lambda _session: None)

    with pytest.raises(IntegrityError, match="signing_keys_one_current"):
        ask_at_once(database, 8)


def test_the_private_half_is_nowhere_in_clear(database) -> None:
    issue(database)
    with database.transaction() as session:
        raw = current_key(session, NOW).private.private_bytes_raw()
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
            assert verified(view_of(session, row, NOW).token, published(database)).header["kid"] == row.kid


def test_a_retired_key_is_published_while_its_passes_are_good_and_a_day_longer(database, first_key) -> None:
    old = issue(database).kid
    new = turn(database)
    assert old == first_key

    assert kids(database) == [new, old]
    assert kids(database, VALID_TO + KEEP_PUBLISHED - timedelta(seconds=1)) == [new, old]
    assert kids(database, VALID_TO + KEEP_PUBLISHED) == [new]


def test_a_retired_key_without_a_pass_is_published_for_a_day(database) -> None:
    old = turn(database)
    new = turn(database)

    assert set(kids(database)) == {old, new}
    assert kids(database, NOW + KEEP_PUBLISHED) == [new]


def test_a_published_key_shows_its_public_half_only(database) -> None:
    turn(database)

    (key,) = published(database).keys

    assert set(key.model_dump()) == {"kty", "crv", "alg", "use", "kid", "x"}
    assert (key.kty, key.crv, key.alg, key.use) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_the_chore_of_ops_rotates(database, monkeypatch, capsys) -> None:
    old = issue(database).kid
    monkeypatch.setattr(rotate_key.Database, "of", lambda _settings: database)
    monkeypatch.setattr(database, "close", lambda: None)

    rotate_key.main()

    current = [row.kid for row in stored(database) if row.state == "current"]
    assert capsys.readouterr().out == f"signing with {current[0]} now\n"
    assert current != [old]
    assert len(rows(database)) == 1
