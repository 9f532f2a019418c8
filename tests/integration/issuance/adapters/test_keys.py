"""The keys of passes: rotated without a gap, and published while a pass under them may still be shown."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.rpc.issuance import Jwks
from services.chassis.tokens.key_store import GRACE
from services.issuance import commands
from services.issuance.handlers import views
from services.issuance.models import PassRow, SigningKeyRow
from tests.support.factories.issuance import (
    KEYS,
    NOW,
    SETTINGS,
    TEN_TO_TWELVE,
    VALID_TO,
    approved,
    issue,
    rows,
    verified,
)


@pytest.fixture
def database(databases):
    return databases["issuance"]


@pytest.fixture
def first_key(database) -> str:
    """Return the kid of a key that was made an hour before NOW."""
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


def rotate(database, at: datetime = NOW) -> str:
    with database.transaction() as session:
        return KEYS.rotate(session, at).kid


def test_after_a_rotation_new_passes_have_the_new_key_and_old_ones_keep_theirs(database, first_key) -> None:
    before = issue(database)

    kid = rotate(database)
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
    new = rotate(database)
    assert old == first_key

    assert kids(database) == [new, old]
    assert kids(database, VALID_TO + GRACE - timedelta(seconds=1)) == [new, old]
    assert kids(database, VALID_TO + GRACE) == [new]


def test_a_retired_key_is_published_until_a_day_after_the_last_day_of_its_passes(database, first_key) -> None:
    issue(database, approved(further_days=(TEN_TO_TWELVE.day + timedelta(days=6),)))
    new, end = rotate(database), VALID_TO + timedelta(days=6) + GRACE

    assert kids(database, end - timedelta(seconds=1)) == [new, first_key]
    assert kids(database, end) == [new]


def test_a_published_key_has_its_public_half_only(database) -> None:
    rotate(database)

    (key,) = published(database).keys

    assert set(key.model_dump()) == {"kty", "crv", "alg", "use", "kid", "x"}
    assert (key.kty, key.crv, key.alg, key.use) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_the_command_rotates_the_key_and_returns_its_name(database) -> None:
    old = issue(database).kid

    kid = commands.rotate_key(database, NOW, SETTINGS)

    assert [row.kid for row in stored(database) if row.state == "current"] == [kid]
    assert kid != old
    assert len(rows(database)) == 1
