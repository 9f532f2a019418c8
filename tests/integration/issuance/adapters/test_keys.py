"""The keys of passes: rotated without a gap, and published while a pass under them may still be shown."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.events import PassIssued, StatusListSigned
from contracts.key_set import read_key_set
from contracts.rpc.call import Principal
from contracts.rpc.issuance import Jwks
from services.chassis.keys.key_store import GRACE
from services.issuance import commands
from services.issuance.handlers import status_list, views
from services.issuance.models import PassRow, SigningKeyRow
from tests.integration.audit_rows import tasks
from tests.support.factories.issuance import (
    KEYS,
    NOW,
    SETTINGS,
    TEN_TO_TWELVE,
    VALID_TO,
    approved,
    day_closed,
    deliver,
    issue,
    rows,
    verified,
)
from tests.support.factories.issuance import published as published_events


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
                verified(
                    views.view_of(row, Principal(), session, NOW, SETTINGS).token, published(database)
                ).header["kid"]
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
    assert tasks(database) == [("rotate_key", [kid])]


def view(database, number: str):
    with database.transaction() as session:
        return views.view_of(session.get_one(PassRow, number), Principal(), session, NOW, SETTINGS)


def test_passes_of_a_withdrawn_key_are_signed_again_under_the_next_one(database, first_key) -> None:
    """Also those that have ended, of which somebody may still open the link."""
    number, over = issue(database).number, issue(database).number
    before = view(database, number).token
    with database.transaction() as session:
        ended = session.get_one(PassRow, over)
        ended.valid_to = ended.ends_at = NOW - timedelta(days=50)

    said = commands.withdraw_key(database, NOW, SETTINGS, first_key)

    (kid,) = kids(database)
    assert said == f"{first_key} is withdrawn; issuance signs with {kid} now, 1 passes again"
    assert tasks(database) == [("withdraw_key", [first_key, kid])]
    assert view(database, number).token != before
    for shown in (number, over):
        assert verified(view(database, shown).token, published(database)).header["kid"] == kid
    with database.transaction() as session:
        assert [session.get_one(PassRow, one).kid for one in (number, over)] == [kid, first_key]


def test_a_pass_of_a_withdrawn_key_that_is_shortened_is_published_under_the_next_one(database) -> None:
    approval = approved(further_days=(TEN_TO_TWELVE.day + timedelta(days=1),))
    number, old = issue(database, approval).number, kids(database)[0]
    with database.transaction() as session:
        new = KEYS.withdraw(session, old, NOW).kid
    remaining = (TEN_TO_TWELVE.day + timedelta(days=1),)

    deliver(database, day_closed(approval, remaining_days=remaining))

    (event,) = [one for one in published_events(database) if isinstance(one, PassIssued)][1:]
    assert (event.pass_number, event.key.kid) == (number, new)


def test_a_withdrawal_that_was_interrupted_goes_on_when_it_is_repeated(
    database, first_key, monkeypatch
) -> None:
    numbers = [issue(database).number for _ in range(3)]
    monkeypatch.setattr(commands.batches, "ROWS", 2)

    def stop_after_one(db, work, rows=2):
        with db.transaction() as session:
            work(session)
        raise InterruptedError

    with monkeypatch.context() as interrupted:
        interrupted.setattr(commands.batches, "run", stop_after_one)
        with pytest.raises(InterruptedError):
            commands.withdraw_key(database, NOW, SETTINGS, first_key)
    said = commands.withdraw_key(database, NOW, SETTINGS, first_key)

    (kid,) = kids(database)
    assert said.endswith(f"{kid} now, 1 passes again")
    with database.transaction() as session:
        assert {session.get_one(PassRow, number).kid for number in numbers} == {kid}


def test_each_status_list_brings_the_signed_set_of_all_keys_and_those_that_were_withdrawn(
    database, first_key
) -> None:
    second = rotate(database)
    commands.withdraw_key(database, NOW, SETTINGS, first_key)
    with database.transaction() as session:
        status_list.sign_when_due(session, NOW, SETTINGS)

    (event,) = [one for one in published_events(database) if isinstance(one, StatusListSigned)]
    found = read_key_set(event.key_set, SETTINGS.commitment_master.get_secret_value())
    assert ([key.kid for key in found.keys], found.withdrawn) == ([second], (first_key,))
    assert found.signed_at == NOW
