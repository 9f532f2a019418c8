"""The status list: exactly what is revoked and would else be good, signed, rising, by one replica at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from contracts.model import Slot
from contracts.tokens import STATUS_TYP
from services.issuance.consumers import Consumers
from services.issuance.handlers import status_list, views
from services.issuance.handlers.status_list import GOOD_FOR
from services.issuance.models import StatusListRow
from tests.support.factories.issuance import (
    KEYS,
    NOW,
    SETTINGS,
    TEN_TO_TWELVE,
    VALID_TO,
    approved,
    cancelled,
    deliver,
    issue,
    verified,
    withdrawn,
)

TICK = timedelta(seconds=10)


@pytest.fixture
def database(databases):
    return databases["issuance"]


def tick(database, at: datetime) -> None:
    with database.transaction() as session:
        status_list.sign_when_due(session, at, SETTINGS)


def ask(database, at: datetime = NOW) -> Any:
    """The list as it is answered at a moment, verified by another library."""
    with database.transaction() as session:
        return verified(status_list.current(session, at, SETTINGS).jws, views.jwks(session, at, SETTINGS))


def signed_at(database) -> datetime:
    with database.transaction() as session:
        return session.scalars(select(StatusListRow.signed_at)).one()


def revoked_pass(database, **changes) -> str:
    approval = approved(**changes)
    number = issue(database, approval).number
    deliver(database, withdrawn(approval))
    return number


def test_it_is_a_signed_list_with_its_own_typ(database) -> None:
    signed = ask(database)

    assert set(signed.header) == {"alg", "typ", "kid"}
    assert signed.header["typ"] == STATUS_TYP
    assert signed.claims == {
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + GOOD_FOR).timestamp()),
        "seq": 1,
        "revoked": [],
    }


def test_it_has_exactly_the_passes_that_are_revoked_and_not_expired(database) -> None:
    today = Slot(day=NOW.date(), start=TEN_TO_TWELVE.start, end=TEN_TO_TWELVE.end)
    issue(database)
    over = revoked_pass(database, slot=today)
    revoked = {revoked_pass(database), revoked_pass(database)}
    approval = approved()
    cancelled_number = issue(database, approval).number
    deliver(database, cancelled(approval))

    assert set(ask(database).claims["revoked"]) == revoked | {cancelled_number, over}
    assert set(ask(database, NOW + timedelta(hours=12)).claims["revoked"]) == revoked | {cancelled_number}
    assert ask(database, VALID_TO).claims["revoked"] == []


def test_a_revocation_is_on_the_next_list(database) -> None:
    tick(database, NOW)
    number = revoked_pass(database)
    assert ask(database).claims["revoked"] == []

    tick(database, NOW + TICK)

    assert ask(database).claims["revoked"] == [number]


def test_its_seq_rises_with_every_list(database) -> None:
    seen = []
    for count in range(4):
        tick(database, NOW + TICK * count)
        seen.append(ask(database, NOW + TICK * count).claims["seq"])

    assert seen == [1, 2, 3, 4]


def test_the_list_that_was_signed_is_the_one_that_is_answered(database) -> None:
    tick(database, NOW)

    answers = {ask(database, NOW + timedelta(seconds=9)).claims["iat"] for _ in range(3)}

    assert answers == {int(NOW.timestamp())}
    assert signed_at(database) == NOW


def test_of_replicas_that_tick_together_one_signs(database) -> None:
    barrier = Barrier(8)

    def replica(number: int) -> None:
        barrier.wait()
        tick(database, NOW + timedelta(milliseconds=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(replica, range(8)))

    assert ask(database).claims["seq"] == 1


def test_a_replica_between_the_ticks_of_another_does_not_sign(database) -> None:
    for seconds in (0, 5, 10, 15, 20):
        tick(database, NOW + timedelta(seconds=seconds))

    assert ask(database, NOW + timedelta(seconds=20)).claims["seq"] == 3


def test_a_replica_does_not_wait_for_one_that_signs(database) -> None:
    tick(database, NOW)
    with database.transaction() as holding:
        holding.execute(select(StatusListRow).with_for_update())

        tick(database, NOW + TICK)

    assert ask(database).claims["seq"] == 1


def test_where_nothing_signs_any_more_a_question_does_before_the_list_ends(database) -> None:
    tick(database, NOW)

    assert ask(database, NOW + GOOD_FOR / 2 - timedelta(seconds=1)).claims["seq"] == 1
    late = ask(database, NOW + GOOD_FOR / 2)

    assert late.claims["seq"] == 2
    assert late.claims["exp"] == int((NOW + GOOD_FOR * 1.5).timestamp())


def test_many_that_ask_first_at_once_get_the_same_list(database) -> None:
    barrier = Barrier(8)

    def one(_: int) -> int:
        barrier.wait()
        return int(ask(database).claims["seq"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {1}


def test_after_a_rotation_the_last_list_still_verifies_and_the_next_has_the_new_key(database) -> None:
    before = ask(database).header["kid"]
    with database.transaction() as session:
        new = KEYS.rotate(session, NOW).kid

    assert ask(database).header["kid"] == before
    tick(database, NOW + TICK)
    assert ask(database).header["kid"] == new


def test_the_clock_of_the_consumers_signs(database) -> None:
    consumers = Consumers()
    consumers.db, consumers.settings = database, SETTINGS

    consumers.sign_status_list()

    assert signed_at(database) is not None
