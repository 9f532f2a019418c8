"""Whose passes a gate takes: only those under a key that issuance lists, that were issued, not withdrawn."""

from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from contracts.errors import InvalidInput
from contracts.events import PassIssued
from contracts.key_set import NotAKeySet, _key, read_key_set
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.runtime.clock import now
from services.verify.adapters import signing_keys
from services.verify.consumers import Consumers
from services.verify.handlers import not_issued
from services.verify.models import KeySetRow, NumberTryRow, PassRow, SigningKeyRow
from tests.support.factories.verify import (
    ISSUER,
    MASTER,
    NOON,
    SETTINGS,
    STRANGER,
    Gate,
    Issuer,
    claims_of,
    key_set,
    number_scan,
    party_of,
    pass_issued,
    pass_revoked,
    scan_of,
    status_list,
    token_of,
)
from tests.support.stack.databases import execute

SECOND = timedelta(seconds=1)
CENTURY = timedelta(days=36_500)
"""So far ahead is no clock, that of the database included."""
NEXT = Issuer("k2")
THIEF = Issuer("stolen")
AFTER = SETTINGS.not_issued_after


def outcome(gate: Gate, token: str, **changes) -> str:
    """Return the verdict on a token, or the code of its refusal."""
    try:
        return gate.scan(scan_of(token, **changes)).verdict
    except InvalidInput as refused:
        return refused.body.code


def under(issuer: Issuer, issued: PassIssued | None = None) -> str:
    return issuer.sign(claims_of(issued or pass_issued()))


def trusted(gate: Gate) -> dict[str, bool]:
    """Return the names of the keys in the table, and whether each was withdrawn."""
    with gate.database.transaction() as session:
        rows = session.execute(select(SigningKeyRow.kid, SigningKeyRow.withdrawn)).all()
        return {row.kid: row.withdrawn for row in rows}


def test_the_first_pass_under_a_listed_key_is_read_before_its_event_arrives(gate: Gate) -> None:
    assert outcome(gate, under(NEXT)) == "unreadable_token", "not called forged: its key may be on the way"
    gate.tell_keys(ISSUER, NEXT)
    assert outcome(gate, under(NEXT)) == "admit"


def test_a_key_that_only_the_event_of_a_pass_brings_opens_no_gate(gate: Gate) -> None:
    issued = pass_issued(key=THIEF.public)
    gate.handle(issued)
    signing_keys.clear_cache()

    assert outcome(gate, under(THIEF, issued)) == "unreadable_token"
    assert trusted(gate) == {ISSUER.kid: False}


@pytest.mark.parametrize(
    "forged",
    [
        key_set(ISSUER, THIEF, at=NOON).sign(f"{MASTER}x"),
        ISSUER.sign(key_set(ISSUER, THIEF, at=NOON).model_dump(mode="json"), typ="epass-keys+jwt"),
        "not a key set",
    ],
    ids=["another secret", "signed with a key of passes", "no token"],
)
def test_a_key_set_of_anybody_else_is_a_forged_message_and_changes_nothing(gate: Gate, forged: str) -> None:
    before = gate.everything()
    with pytest.raises(ForgedMessage):
        gate.handle(status_list(keys=forged))
    assert gate.everything() == before


@pytest.mark.parametrize("change", [{"aud": "gate"}, {"iss": "verify"}, {"iat": None}, {"keys": "all"}])
def test_a_key_set_is_exactly_what_issuance_signs(change: dict) -> None:
    good = key_set(ISSUER, withdrawn=("k0",), at=NOON)
    signed = good.sign(MASTER)
    assert read_key_set(signed, MASTER) == good
    secret = _key(MASTER)
    payload = {**jwt.decode(signed, options={"verify_signature": False}), **change}
    header = {"typ": "epass-keys+jwt"}
    with pytest.raises(NotAKeySet):
        read_key_set(jwt.encode(payload, secret, algorithm="HS256", headers=header), MASTER)


def test_a_token_of_another_typ_under_the_same_secret_is_no_key_set() -> None:
    signed = key_set(ISSUER, at=NOON).sign(MASTER)
    payload = jwt.decode(signed, options={"verify_signature": False})
    with pytest.raises(NotAKeySet):
        read_key_set(jwt.encode(payload, _key(MASTER), algorithm="HS256"), MASTER)


def test_passes_under_a_withdrawn_key_are_refused_as_forged_and_their_numbers_still_admit(gate: Gate) -> None:
    issued = gate.issue()
    gate.tell_keys(NEXT, withdrawn=(ISSUER.kid,))

    assert outcome(gate, token_of(issued)) == "bad_signature"
    assert outcome(gate, token_of(issued), direction="exit", id_check=None) == "bad_signature"
    assert outcome(gate, under(NEXT, issued)) == "admit", "the QR code that its link shows now"
    assert gate.scan(number_scan(gate.issue().pass_number)).verdict == "admit"


def test_a_process_reads_the_keys_again_within_seconds(gate: Gate, monkeypatch) -> None:
    issued = gate.issue()
    gate.enter(issued, id_check=None)
    gate.handle(status_list(keys=key_set(withdrawn=("k1",), at=NOON).sign(MASTER)))
    assert outcome(gate, token_of(issued), id_check=None) == "admit", "it goes on with what it has read"

    monkeypatch.setattr(signing_keys, "FRESH_SECONDS", 0.0)
    assert outcome(gate, token_of(issued), id_check=None) == "bad_signature"


def test_an_older_key_set_that_is_sent_again_brings_no_key_back(gate: Gate) -> None:
    gate.tell_keys(NEXT, at=NOON + SECOND)
    gate.tell_keys(ISSUER, NEXT, at=NOON)
    gate.tell_keys(ISSUER, NEXT, at=NOON + SECOND)
    assert trusted(gate) == {NEXT.kid: False}


def test_a_key_set_from_the_future_does_not_hide_later_ones(gate: Gate) -> None:
    at = max(NOON, now()) + timedelta(hours=1)
    with gate.database.transaction() as session:
        signing_keys.store(session, key_set(ISSUER, at=at + timedelta(days=1)), at)
        signing_keys.store(session, key_set(NEXT, at=at + SECOND), at + SECOND)
    assert trusted(gate) == {NEXT.kid: False}


def test_a_key_set_that_was_stored_while_the_clock_here_was_ahead_hides_no_withdrawal(gate: Gate) -> None:
    issued, later = gate.issue(), NOON + CENTURY
    with gate.database.transaction() as session:
        signing_keys.store(session, key_set(ISSUER, at=later), later)
    gate.tell_keys(NEXT, withdrawn=(ISSUER.kid,), at=NOON)

    assert trusted(gate) == {ISSUER.kid: True, NEXT.kid: False}
    assert outcome(gate, token_of(issued)) == "bad_signature"


def test_a_process_whose_clock_is_behind_takes_newer_key_sets_and_no_older_one(gate: Gate) -> None:
    at = now() - SECOND * 60
    behind = at - timedelta(hours=1)
    with gate.database.transaction() as session:
        session.execute(update(KeySetRow).values(signed_at=behind))
        signing_keys.store(session, key_set(NEXT, at=at), at)
        signing_keys.store(session, key_set(ISSUER, at=at - SECOND), behind)
    assert trusted(gate) == {NEXT.kid: False}
    with gate.database.transaction() as session:
        signing_keys.store(session, key_set(ISSUER, at=at + SECOND), behind)
    assert trusted(gate) == {ISSUER.kid: False}


def test_a_withdrawn_key_stays_withdrawn_when_a_backup_of_issuance_lists_it_again(gate: Gate) -> None:
    gate.tell_keys(NEXT, withdrawn=(ISSUER.kid, "k0"), at=NOON - SECOND)
    with capture_logs() as lines:
        gate.tell_keys(ISSUER, NEXT, THIEF)
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert line["kids"] == [ISSUER.kid], "somebody has to withdraw it again"
    assert trusted(gate) == {ISSUER.kid: True, NEXT.kid: False, THIEF.kid: False, "k0": True}
    assert outcome(gate, under(ISSUER)) == "bad_signature"


def test_a_key_that_is_not_in_the_newest_set_is_not_trusted(gate: Gate) -> None:
    gate.tell_keys(NEXT)
    assert trusted(gate) == {NEXT.kid: False}
    assert outcome(gate, under(ISSUER)) == "unreadable_token"


def complete(gate: Gate, at, now=NOON) -> None:
    """Let this gate know that it has heard of all that issuance did up to an instant."""
    gate.handle(status_list(), at=at, now=now)


def seen_first_at(gate: Gate, issued: PassIssued, at) -> None:
    execute(
        gate.database,
        "update passes set known_since = :at where number = :number",
        at=at,
        number=issued.pass_number,
    )


def counted(gate: Gate, now=NOON) -> int:
    with gate.database.transaction() as session:
        return not_issued.count(session, now, AFTER)


def test_a_genuine_token_that_nobody_has_issued_is_an_unknown_pass_after_the_grace_time(gate: Gate) -> None:
    forged = party_of(3)
    assert gate.enter(forged, count=1).verdict == "admit", "its PassIssued may be on the way"
    seen_first_at(gate, forged, NOON - AFTER)
    complete(gate, NOON - SECOND)
    assert (gate.enter(forged, count=1).verdict, counted(gate)) == ("admit", 0)

    complete(gate, NOON)
    for id_check in ({}, {"id_check": None}):
        refused = gate.enter(forged, **id_check)
        assert (refused.verdict, refused.pass_, refused.party) == ("unknown_pass", None, 0)
    assert gate.scan(number_scan(forged.pass_number)).verdict == "unknown_pass"
    assert gate.leave(forged).verdict == "exit", "whoever is inside goes out"
    assert counted(gate) == 1
    with gate.database.transaction() as session:
        assert len(session.scalars(select(NumberTryRow)).all()) == 1, "a token is no try of a number"


def test_a_pass_whose_event_is_late_is_not_called_unknown_while_events_do_not_arrive(gate: Gate) -> None:
    late = pass_issued()
    complete(gate, NOON - timedelta(hours=1))
    gate.enter(late)
    seen_first_at(gate, late, NOON - timedelta(hours=1))
    gate.leave(late)
    assert (gate.enter(late).verdict, counted(gate)) == ("already_used", 0)

    complete(gate, NOON)
    assert counted(gate) == 1
    gate.handle(late)
    assert (gate.enter(late).verdict, counted(gate)) == ("already_used", 0)


def test_a_revoked_pass_of_which_nothing_else_is_known_is_revoked_and_not_counted(gate: Gate) -> None:
    revoked = pass_issued()
    gate.handle(pass_revoked(revoked))
    seen_first_at(gate, revoked, NOON - timedelta(hours=1))
    execute(gate.database, "insert into status_list (id, complete_at) values (1, :at)", at=NOON)
    assert (gate.enter(revoked).verdict, counted(gate)) == ("revoked", 0)


def test_a_pass_that_nobody_has_issued_is_counted_for_a_day(gate: Gate) -> None:
    forged = pass_issued()
    gate.enter(forged)
    seen_first_at(gate, forged, NOON - AFTER)
    complete(gate, NOON)
    day_after = NOON - AFTER + timedelta(days=1)
    assert [counted(gate, day_after - SECOND), counted(gate, day_after)] == [1, 0]


def test_a_list_from_the_future_takes_no_pass_its_grace_time(gate: Gate) -> None:
    """Verify's clock was ahead, too, when the list came."""
    late = party_of(3)
    gate.handle(status_list(), at=NOON + CENTURY, now=NOON + CENTURY)
    gate.enter(late, count=1)
    assert (gate.enter(late, count=1).verdict, counted(gate)) == ("admit", 0)


def test_a_pass_that_was_first_scanned_in_the_future_gets_the_usual_grace_time(gate: Gate) -> None:
    forged = party_of(3)
    gate.enter(forged, count=1)
    seen_first_at(gate, forged, now() + timedelta(hours=6))
    jobs = Consumers()
    jobs.db, jobs.settings = gate.database, SETTINGS
    jobs.count_passes_that_nobody_issued()
    assert gate.row(forged).known_since <= now()

    seen_first_at(gate, forged, NOON)
    complete(gate, NOON + AFTER - SECOND, now=NOON + AFTER)
    assert gate.enter(forged, count=1).verdict == "admit"
    complete(gate, NOON + AFTER, now=NOON + AFTER)
    assert gate.enter(forged, at=NOON + AFTER, count=1).verdict == "unknown_pass"
    assert counted(gate, NOON + AFTER) == 1


def test_a_process_whose_clock_is_behind_takes_no_pass_its_grace_time(gate: Gate) -> None:
    at = now()
    with gate.database.transaction() as session:
        session.add(PassRow(number="7K3M9QW3", known_since=at))
        not_issued.begin_anew(session, at - timedelta(hours=1))
        assert session.scalars(select(PassRow.known_since)).one() == at


def test_control_another_key_of_the_same_name_is_still_a_bad_signature(gate: Gate) -> None:
    assert outcome(gate, under(STRANGER)) == "bad_signature"


def test_a_pass_is_believed_for_longer_than_all_retries_of_its_event_take() -> None:
    delays, retries = SETTINGS.retry_delays, SETTINGS.attempts - 1
    longest = sum(delays) + delays[-1] * (retries - len(delays))
    assert timedelta(seconds=longest) < AFTER
