"""The status list: the revoked passes that have not ended, signed by one replica at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from hashlib import md5
from random import Random
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from contracts.events import StatusListSigned
from contracts.list_digest import digest_of
from contracts.model import Slot
from contracts.rpc.issuance import StatusList
from contracts.tokens import PASS_TYP, STATUS_AUDIENCE, STATUS_DELTA_TYP, STATUS_TYP, StatusClaims
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused, TokenVerifier
from services.issuance.consumers import Consumers
from services.issuance.handlers import status_list, views
from services.issuance.handlers.status_list import GOOD_FOR
from services.issuance.models import PassRow, StatusListRow
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
from tests.support.stack.databases import execute

INTERVAL = timedelta(seconds=10)


def run_job(database, at: datetime) -> None:
    with database.transaction() as session:
        status_list.sign_when_due(session, at, SETTINGS)


def current_list(database, at: datetime = NOW) -> Any:
    """Return the list at an instant, verified by another library."""
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


def test_the_status_list_is_signed_with_its_own_typ(database) -> None:
    signed = current_list(database)

    assert set(signed.header) == {"alg", "typ", "kid"}
    assert signed.header["typ"] == STATUS_TYP
    assert signed.claims == {
        "iss": SETTINGS.issuer,
        "aud": "gate",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + GOOD_FOR).timestamp()),
        "seq": 1,
        "revoked": [],
    }


def test_a_reader_takes_a_list_for_gates_of_this_issuer_only(database) -> None:
    with database.transaction() as session:
        jws = status_list.current(session, NOW, SETTINGS).jws
        (published,) = views.jwks(session, NOW, SETTINGS).keys

    def refusal(audience: str = STATUS_AUDIENCE, issuer: str = SETTINGS.issuer, typ: str = STATUS_TYP) -> str:
        reader = TokenVerifier(typ, audience, issuer, StatusClaims)
        with pytest.raises(TokenRefused) as refused:
            reader.verify(jws, lambda _kid: public_key(published.x), NOW)
        return refused.value.reason

    reader = TokenVerifier(STATUS_TYP, STATUS_AUDIENCE, SETTINGS.issuer, StatusClaims)
    assert reader.verify(jws, lambda _kid: public_key(published.x), NOW).seq == 1
    assert refusal(audience="gateway") == "audience"
    assert refusal(issuer="epass.example.org") == "issuer"
    assert refusal(typ=PASS_TYP) == "header"


def test_each_signed_list_is_published_with_the_number_of_revoked_passes(database) -> None:
    revoked_pass(database)
    first = now()
    run_job(database, first)
    run_job(database, first + INTERVAL)

    with database.transaction() as session:
        published = session.execute(
            select(outbox.c.occurred_at, outbox.c.data).where(outbox.c.type == "StatusListSigned")
        ).all()
    assert sorted((at, data["live_total"]) for at, data in published) == [(first, 1), (first + INTERVAL, 1)]


def test_the_list_has_exactly_the_revoked_passes_that_have_not_expired(database) -> None:
    today = Slot(day=NOW.date(), start=TEN_TO_TWELVE.start, end=TEN_TO_TWELVE.end)
    issue(database)
    over = revoked_pass(database, slot=today)
    revoked = {revoked_pass(database), revoked_pass(database)}
    approval = approved()
    cancelled_number = issue(database, approval).number
    deliver(database, cancelled(approval))

    assert set(current_list(database).claims["revoked"]) == revoked | {cancelled_number, over}
    assert set(current_list(database, NOW + timedelta(hours=12)).claims["revoked"]) == revoked | {
        cancelled_number
    }
    assert current_list(database, VALID_TO).claims["revoked"] == []


def test_the_stored_list_is_returned_until_the_next_is_signed(database) -> None:
    run_job(database, NOW)

    answers = {current_list(database, NOW + timedelta(seconds=9)).claims["iat"] for _ in range(3)}

    assert answers == {int(NOW.timestamp())}
    assert signed_at(database) == NOW


def test_of_replicas_whose_jobs_run_at_once_one_signs(database) -> None:
    barrier = Barrier(8)

    def replica(number: int) -> None:
        barrier.wait()
        run_job(database, NOW + timedelta(milliseconds=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(replica, range(8)))

    assert current_list(database).claims["seq"] == 1


def pass_revoked_at(database, at: datetime) -> str:
    number = revoked_pass(database)
    execute(database, update(PassRow).where(PassRow.number == number).values(revoked_at=at))
    return number


def test_a_list_is_signed_when_it_is_due_and_when_a_pass_was_revoked(database) -> None:
    signed = []
    for second in range(21):
        if second in (3, 14):
            pass_revoked_at(database, NOW + timedelta(seconds=second))
        run_job(database, NOW + timedelta(seconds=second))
        signed.append(signed_at(database) - NOW)

    assert [one.seconds for one in sorted(set(signed))] == [0, 3, 13, 14]


def test_a_revocation_that_is_committed_after_a_list_of_its_time_is_on_the_next_one(database) -> None:
    run_job(database, NOW + timedelta(seconds=5))
    number = pass_revoked_at(database, NOW + timedelta(seconds=4))
    pass_revoked_at(database, NOW + AHEAD_BY)  # by a wrong clock: no reason for a list each second
    for second in (6, 7, 8):
        run_job(database, NOW + timedelta(seconds=second))

    assert signed_at(database) == NOW + timedelta(seconds=6)
    assert number in current_list(database).claims["revoked"]


def test_replicas_that_look_in_turn_sign_once_a_second_however_many_passes_are_revoked(database) -> None:
    signed = []
    for tenth in range(31):
        at = NOW + timedelta(seconds=tenth / 10)
        pass_revoked_at(database, at)
        run_job(database, at)
        signed.append(signed_at(database))

    assert len(set(signed)) == 4


def test_a_replica_does_not_wait_for_one_that_signs(database) -> None:
    run_job(database, NOW)
    with database.transaction() as holding:
        holding.execute(select(StatusListRow).with_for_update())

        run_job(database, NOW + INTERVAL)

    assert current_list(database).claims["seq"] == 1


def test_if_the_job_has_stopped_a_call_signs_before_the_list_expires(database) -> None:
    run_job(database, NOW)

    assert current_list(database, NOW + GOOD_FOR / 2 - timedelta(seconds=1)).claims["seq"] == 1
    late = current_list(database, NOW + GOOD_FOR / 2)

    assert late.claims["seq"] == 2
    assert late.claims["exp"] == int((NOW + GOOD_FOR * 1.5).timestamp())


def test_simultaneous_first_calls_get_the_same_list(database) -> None:
    barrier = Barrier(8)

    def one(_: int) -> int:
        barrier.wait()
        return int(current_list(database).claims["seq"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {1}


def test_after_a_rotation_the_last_list_still_verifies_and_the_next_has_the_new_key(database) -> None:
    before = current_list(database).header["kid"]
    with database.transaction() as session:
        new = KEYS.rotate(session, NOW).kid

    assert current_list(database).header["kid"] == before
    run_job(database, NOW + INTERVAL)
    assert current_list(database).header["kid"] == new


def test_the_scheduled_job_signs_the_list(database) -> None:
    consumers = Consumers()
    consumers.db, consumers.settings = database, SETTINGS

    consumers.sign_status_list()

    assert signed_at(database) is not None


def test_a_revoked_pass_for_several_days_is_listed_until_the_last_of_them_ends(database) -> None:
    number = revoked_pass(database, further_days=(date(2026, 12, 2), date(2026, 12, 5)))
    end = VALID_TO + timedelta(days=4)

    assert current_list(database, end - timedelta(minutes=1)).claims["revoked"] == [number]
    run_job(database, end)
    assert current_list(database, end).claims["revoked"] == []


def list_of(database, at: datetime) -> StatusList:
    with database.transaction() as session:
        return status_list.current(session, at, SETTINGS)


def mark_of(reply: StatusList) -> str:
    return f"{reply.seq}.{reply.digest}"


def test_what_has_changed_since_a_list_is_signed_for_whoever_holds_it(database) -> None:
    run_job(database, NOW)
    first = list_of(database, NOW)
    number = revoked_pass(database)
    run_job(database, NOW + INTERVAL)
    newest = list_of(database, NOW + INTERVAL)

    jws = newest.newer_than(mark_of(first))
    assert jws is not None
    with database.transaction() as session:
        delta = verified(jws, views.jwks(session, NOW, SETTINGS))
    assert delta.header["typ"] == STATUS_DELTA_TYP
    assert delta.claims == {
        "iss": SETTINGS.issuer,
        "aud": "gate",
        "iat": int((NOW + INTERVAL).timestamp()),
        "exp": int((NOW + INTERVAL + GOOD_FOR).timestamp()),
        "seq": 2,
        "since": 1,
        "base": digest_of(()),
        "digest": digest_of([number]),
        "revoked": [number],
        "ended": [],
    }
    assert newest.newer_than(mark_of(newest)) is None


def test_a_list_without_changes_is_a_few_hundred_bytes_for_whoever_holds_the_one_before(database) -> None:
    for _ in range(3):
        revoked_pass(database)
    run_job(database, NOW)
    held = mark_of(list_of(database, NOW))
    run_job(database, NOW + INTERVAL)

    jws = list_of(database, NOW + INTERVAL).newer_than(held)

    assert jws is not None
    assert jws != list_of(database, NOW + INTERVAL).jws
    assert len(jws) < 700


def test_deltas_follow_revocations_and_ends_through_any_lists(database) -> None:
    """Each gate, whichever list it holds, comes to the list that is signed whole at the same time."""
    chance = Random(54)
    held: list[tuple[str, frozenset[str]]] = []
    applied = 0
    for count in range(12):
        at = NOW + timedelta(hours=6 * count)
        for _ in range(chance.randrange(3)):
            day = NOW.date() + timedelta(days=chance.randrange(1, 4))
            revoked_pass(database, slot=Slot(day=day, start=TEN_TO_TWELVE.start, end=TEN_TO_TWELVE.end))
        run_job(database, at)
        reply = list_of(database, at)
        with database.transaction() as session:
            keys = views.jwks(session, at, SETTINGS)
        whole = frozenset(verified(reply.jws, keys).claims["revoked"])
        for mark, numbers in held:
            jws = reply.newer_than(mark)
            assert jws is not None
            if jws == reply.jws:
                continue
            delta = verified(jws, keys).claims
            assert (numbers | set(delta["revoked"])) - set(delta["ended"]) == whole
            assert delta["digest"] == digest_of(whole) == reply.digest
            applied += 1
        held.append((mark_of(reply), whole))
    assert applied > 20
    assert held[-1][1] != held[0][1]


AHEAD_BY = timedelta(days=36_500)
"""By so much a clock was ahead, of the database's, too. At NOW it is right again."""


def test_a_clock_that_was_ahead_delays_no_list_once_it_is_right(database) -> None:
    run_job(database, NOW + AHEAD_BY)
    number = revoked_pass(database)
    run_job(database, NOW)

    assert signed_at(database) == NOW
    signed = current_list(database).claims
    assert (signed["iat"], signed["seq"], signed["revoked"]) == (int(NOW.timestamp()), 2, [number])


def test_a_list_from_the_future_is_signed_again_by_whoever_asks_while_the_job_has_stopped(database) -> None:
    run_job(database, NOW + AHEAD_BY)
    assert current_list(database).claims["iat"] == int(NOW.timestamp())


def test_of_two_replicas_the_one_with_the_right_clock_signs_beside_one_that_is_ahead(database) -> None:
    signed = []
    for round_ in range(3):
        for ahead in (timedelta(seconds=70), timedelta(0)):
            run_job(database, NOW + AHEAD_BY + INTERVAL * round_ + ahead)
            signed.append(signed_at(database) - NOW - AHEAD_BY)

    assert [one for one in signed if one < timedelta(seconds=60)] == [
        INTERVAL * round_ for round_ in range(3)
    ]


def test_a_replica_whose_clock_is_behind_signs_no_list_in_place_of_a_right_one(database) -> None:
    at = now()
    run_job(database, at)
    run_job(database, at - timedelta(hours=1))
    current_list(database, at - timedelta(hours=1))
    assert signed_at(database) == at


def signed_events(database) -> list[dict[str, Any]]:
    with database.transaction() as session:
        published = select(outbox.c.data).where(outbox.c.type == "StatusListSigned")
        return list(session.scalars(published.order_by(outbox.c.position)))


def test_each_revocation_comes_again_within_a_round_of_lists(database, monkeypatch) -> None:
    monkeypatch.setattr(status_list, "LEAST_REPEATED", 2)
    revoked = [revoked_pass(database) for _ in range(5)]
    at = now()
    for count in range(3):
        run_job(database, at + INTERVAL * count)

    events = signed_events(database)
    repeated = [one for event in events for one in event["repeated"]]
    assert sorted(one["pass_number"] for one in repeated) == sorted(revoked)
    assert {one["reason"] for one in repeated} == {"withdrawn"}
    assert {event["live_total"] for event in events} == {5}
    expected = sum(int.from_bytes(md5(number.encode()).digest()[:4]) for number in revoked)
    assert {event["live_checksum"] for event in events} == {expected}


def test_revocations_of_passes_that_are_long_over_or_of_a_wrong_clock_are_not_compared(database) -> None:
    old, ahead = revoked_pass(database), revoked_pass(database)
    at = now()
    for number, when in ((old, at - StatusListSigned.live_for - INTERVAL), (ahead, at + AHEAD_BY)):
        execute(database, update(PassRow).where(PassRow.number == number).values(revoked_at=when))
    run_job(database, at)

    (event,) = signed_events(database)
    assert (event["live_total"], event["repeated"]) == (0, [])
