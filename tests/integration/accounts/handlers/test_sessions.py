"""Sessions: logging in and out, claims of tokens, ended sessions, keys, and the purge."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select

from contracts.errors import ContractError, NotAuthenticated, TooManyAttempts
from contracts.events import SessionEnded
from contracts.rpc.accounts.sessions import EndOwnSessions
from contracts.rpc.call import Principal, Proof
from services.accounts.adapters import device_tokens
from services.accounts.domain.limits import Limit
from services.accounts.handlers import attempts, housekeeping, idle_sessions, passwords, sessions
from services.accounts.handlers.attempts import Source
from services.accounts.models import (
    LoginFailureRow,
    LoginRow,
    OtpCodeRow,
    OtpRequestRow,
    SessionRow,
    SigningKeyRow,
)
from services.accounts.settings import AccountsSettings
from services.chassis.db.tables import idempotency_keys
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import PrincipalVerifier
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import (
    NEW_PASSWORD,
    PASSWORD,
    SETTINGS,
    Accounts,
    a_call,
    a_key,
    given_ado,
    given_login,
    header_of,
    refusal_of,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.extent import fewer, long
from tests.support.stack.settings import EVENT_KEYS, make_settings


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_login(accounts.db)
    return accounts


def test_a_login_and_its_password_open_a_session(accounts) -> None:
    at = now()
    session = accounts.log_in(at=at)
    claims = accounts.claims(session.access_token)
    assert {name: claims[name] for name in ("iss", "aud", "sub", "kind", "role", "department")} == {
        "iss": SETTINGS.issuer, "aud": "gateway", "sub": "HOM-0001", "kind": "staff", "role": "department",
        "department": "home",
    }  # fmt: skip
    assert claims["must_change_password"] is False
    assert claims["iat"] == int(at.timestamp())
    assert (
        claims["exp"] == session.expires_at.timestamp() == int(at.timestamp()) + 60 * SETTINGS.session_minutes
    )
    assert (session.login_id, session.role, session.department) == ("HOM-0001", "department", "home")


def test_a_session_of_a_guard_has_their_site_and_gate(accounts) -> None:
    given_login(accounts.db, "SEC-0001", "security")
    session = accounts.log_in("SEC-0001")
    claims = accounts.claims(session.access_token)
    assert (claims["site"], claims["gate"]) == (session.site, session.gate) == ("PCS1", "PCS1-G1")


def _wrong(accounts: Accounts) -> list[ContractError]:
    given_ado(accounts.db)
    given_login(accounts.db, "HOM-0002")
    accounts.disable("HOM-0002")
    return [
        refusal_of(lambda: accounts.log_in("HOM-0001", "not the password")),
        refusal_of(lambda: accounts.log_in("HOM-9999", PASSWORD)),
        refusal_of(lambda: accounts.log_in("HOM-0002", PASSWORD)),
        refusal_of(lambda: accounts.log_in("HOM-0001\x00'; --", "")),
    ]


def test_a_wrong_password_an_unknown_login_and_a_disabled_one_get_the_same_answer(accounts) -> None:
    answers = _wrong(accounts)
    assert len({answer.body.model_dump_json() for answer in answers}) == 1
    assert all(
        isinstance(answer, NotAuthenticated) and answer.body.code == "wrong_login" for answer in answers
    )
    assert accounts.count(SessionRow) == 0


def test_every_refused_log_in_costs_one_hash(accounts, monkeypatch) -> None:
    hashes = []
    real = passwords.offload
    monkeypatch.setattr(passwords, "offload", lambda work, *args: hashes.append(args[0]) or real(work, *args))
    _wrong(accounts)
    assert len(hashes) == 4
    assert len({stored.rpartition("$")[0].rpartition("$")[0] for stored in hashes}) == 1, "of one cost"


def test_no_transaction_is_open_while_a_password_is_hashed(accounts, monkeypatch) -> None:
    open_then = []
    real = passwords.offload

    def watched(work, *args):
        open_then.append(accounts.db.engine.pool.checkedout())
        return real(work, *args)

    monkeypatch.setattr(passwords, "offload", watched)
    given_ado(accounts.db)
    principal = accounts.principal(accounts.log_in())
    accounts.change_password(principal)
    assert open_then == [0] * 3


def test_after_five_wrong_passwords_even_the_right_one_waits(accounts) -> None:
    at = now()
    for _ in range(5):
        assert refusal_of(lambda: accounts.log_in(password="wrong", at=at)).body.code == "wrong_login"
    refused = refusal_of(lambda: accounts.log_in(at=at))
    assert isinstance(refused, TooManyAttempts)
    assert refused.body.facts == {"retry_after": 32, "limit": "here"}
    assert isinstance(refusal_of(lambda: accounts.log_in("hom-0001 ", at=at)), TooManyAttempts)
    assert accounts.log_in(at=at, address="elsewhere").access_token
    assert accounts.log_in(at=at + timedelta(seconds=32)).access_token


def _attack(accounts: Accounts, addresses: int, at, each: int = 5) -> int:
    """Try wrong passwords from many addresses, and return how many were checked."""
    tried = [
        refusal_of(partial(accounts.log_in, password="wrong", at=at, address=f"bot-{number}"))
        for number in range(addresses)
        for _ in range(each)
    ]
    return sum(one.body.code == "wrong_login" for one in tried)


@long
def test_nobody_without_the_password_keeps_a_login_shut_on_its_device(accounts) -> None:
    at = now()
    device = accounts.log_in(at=at).device
    for hour in range(8):
        _attack(accounts, 10, at + timedelta(hours=hour))
    later = at + timedelta(hours=8)
    assert isinstance(refusal_of(lambda: accounts.log_in(at=later, address="new")), TooManyAttempts)
    assert accounts.log_in(at=later, address="new", devices=("forged", device)).access_token


def test_many_addresses_do_not_guess_a_password(accounts, monkeypatch) -> None:
    monkeypatch.setattr(passwords, "offload", lambda *_: False)
    at = now()
    checked = [_attack(accounts, fewer(1_000), at, each=1)]
    checked += [_attack(accounts, 30, at + timedelta(hours=hour), each=1) for hour in range(1, 8)]
    assert checked == [20, 20, 20, 20, 20, 0, 0, 0], "a hundred a day, whatever the number of addresses"
    refused = refusal_of(lambda: accounts.log_in(at=at + timedelta(hours=8), address="another"))
    assert refused.body.facts == {"retry_after": 16 * 3600, "limit": "strangers"}


def test_the_holders_own_success_gives_strangers_no_more_guesses(accounts) -> None:
    at = now()
    device = accounts.log_in(at=at).device
    assert _attack(accounts, 10, at) == 20
    accounts.log_in(at=at, devices=(device,))
    assert _attack(accounts, 10, at) == 0


def test_a_known_device_has_a_counter_of_its_own(accounts) -> None:
    at = now()
    device = accounts.log_in(at=at).device
    for _ in range(5):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at, devices=(device,)))
    assert refusal_of(lambda: accounts.log_in(at=at, devices=(device,))).body.facts == {
        "retry_after": 32,
        "limit": "here",
    }
    assert accounts.log_in(at=at).access_token, "the address is not concerned"
    assert _attack(accounts, 4, at) == 20, "nor are strangers"


def test_known_devices_together_do_not_guess_more_than_one(accounts, monkeypatch) -> None:
    monkeypatch.setattr(attempts, "FAILURES_OF_DEVICES", (Limit(3, timedelta(days=1)),))
    at = now()
    devices = [accounts.log_in(at=at).device for _ in range(4)]
    for device in devices[:3]:
        refusal_of(lambda device=device: accounts.log_in(password="wrong", at=at, devices=(device,)))
    refused = refusal_of(lambda: accounts.log_in(at=at, devices=(devices[3],)))
    assert refused.body.facts == {"retry_after": 24 * 3600, "limit": "here"}


def test_a_device_is_known_to_its_login_alone(accounts) -> None:
    at = now()
    given_login(accounts.db, "HOM-0002")
    device = accounts.log_in("HOM-0002", at=at).device
    _attack(accounts, 4, at)
    refused = refusal_of(lambda: accounts.log_in(at=at, address="new", devices=(device,)))
    assert refused.body.facts["limit"] == "strangers"


def test_a_new_password_of_the_ado_branch_works_at_once_and_forgets_devices(accounts) -> None:
    given_ado(accounts.db)
    at = now()
    device = accounts.log_in(at=at).device
    issued = accounts.reset("HOM-0001", at=at + timedelta(minutes=1))
    at += timedelta(minutes=2)
    _attack(accounts, 10, at)
    assert accounts.log_in(password=issued.initial_password, at=at, address="new").must_change_password
    refused = refusal_of(lambda: accounts.log_in(at=at, devices=(device,)))
    assert refused.body.facts["limit"] == "strangers", "it is one now"


def test_nobody_learns_whose_one_time_password_is_unused(accounts) -> None:
    given_ado(accounts.db)
    at = now()
    unused = accounts.issue(at=at).login_id

    def answers(login_id: str) -> list[object]:
        tries = [
            partial(accounts.log_in, login_id, "wrong", at=at, address=f"{login_id} {n}") for n in range(22)
        ]
        return [refusal_of(one).body.model_dump() for one in tries]

    assert answers(unused) == answers("HOM-0001") == answers("HOM-9999")


def test_a_changed_password_makes_other_browsers_strangers_and_not_this_one(accounts) -> None:
    at = now()
    other = accounts.log_in(at=at).device
    here = accounts.log_in(at=at + timedelta(minutes=1))
    changed = accounts.change_password(accounts.principal(here), at=at + timedelta(minutes=2))
    at += timedelta(minutes=3)
    assert _attack(accounts, 10, at) == 20
    known = accounts.log_in(password=NEW_PASSWORD, at=at, address="new", devices=(changed.device,))
    assert known.access_token
    for device in (other, here.device):
        refused = refusal_of(
            lambda one=device: accounts.log_in(password=NEW_PASSWORD, at=at, address="new", devices=(one,))
        )
        assert refused.body.facts["limit"] == "strangers"


def test_a_device_keeps_its_token_for_half_its_lifetime(accounts) -> None:
    at = now()
    first = accounts.log_in(at=at).device
    assert accounts.log_in(at=at + timedelta(days=89), devices=(first,)).device == first
    later = accounts.log_in(at=at + timedelta(days=91), devices=(first,)).device
    assert later != first
    _attack(accounts, 4, at + timedelta(days=200))
    at += timedelta(days=200)
    assert isinstance(
        refusal_of(lambda: accounts.log_in(at=at, address="new", devices=(first,))), TooManyAttempts
    )
    assert accounts.log_in(at=at, address="new", devices=(first, later)).access_token


def test_the_wait_is_the_same_for_a_login_that_does_not_exist(accounts) -> None:
    at = now()
    for _ in range(5):
        refusal_of(lambda: accounts.log_in("HOM-9999", "wrong", at=at))
    assert refusal_of(lambda: accounts.log_in("HOM-9999", "wrong", at=at)).body.facts == {
        "retry_after": 32,
        "limit": "here",
    }


def test_the_wait_of_a_known_device_never_exceeds_fifteen_minutes(accounts) -> None:
    at = now()
    device = accounts.log_in(at=at).device
    known = device_tokens.find((device,), "HOM-0001", at, SETTINGS.password_secret)
    with accounts.db.transaction() as session:
        for _ in range(99):
            attempts.record_failure(session, "HOM-0001", Source("", known.id), at, SETTINGS)
    refused = refusal_of(lambda: accounts.log_in(at=at, devices=(device,)))
    assert refused.body.facts == {"retry_after": 900, "limit": "here"}
    assert accounts.log_in(at=at + timedelta(minutes=15), devices=(device,)).access_token


def test_an_attempt_during_the_wait_is_not_counted(accounts) -> None:
    at = now()
    for _ in range(9):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at))
    assert accounts.count(LoginFailureRow) == 5


def test_the_right_password_resets_the_count_of_failures(accounts) -> None:
    at = now()
    for _ in range(4):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at))
    accounts.log_in(at=at)
    for _ in range(4):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at))
    assert accounts.log_in(at=at).access_token


def test_a_burst_of_guesses_learns_no_more_than_one_guesser(accounts) -> None:
    results = run_concurrently(*[lambda: accounts.log_in(password="wrong")] * 12)
    codes = [result.body.code for result in results if isinstance(result, ContractError)]
    assert codes.count("wrong_login") == 5
    assert codes.count("too_many_attempts") == 7


def _spray(accounts: Accounts, at) -> None:
    with accounts.db.transaction() as session:
        for number in range(30):
            attempts.record_failure(session, f"SEC-{number:04d}", Source("a-guesser"), at, SETTINGS)


def test_an_address_that_guesses_at_many_accounts_waits_but_no_known_device_there(accounts) -> None:
    at = now()
    device = accounts.log_in(at=at).device
    _spray(accounts, at)
    assert refusal_of(lambda: accounts.log_in(at=at, address="a-guesser")).body.facts == {
        "retry_after": 900,
        "limit": "address",
    }
    assert accounts.log_in(at=at, address="a-guesser", devices=(device,)).access_token
    assert accounts.log_in(at=at, address="another").access_token
    assert accounts.log_in(at=at + timedelta(minutes=15), address="a-guesser").access_token


def test_without_rate_limits_an_address_is_not_counted_but_an_account_is(accounts) -> None:
    accounts.settings = SETTINGS.model_copy(update={"rate_limits": False})
    at = now()
    _spray(accounts, at)
    assert accounts.log_in(at=at, address="a-guesser").access_token
    for _ in range(5):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at))
    assert isinstance(refusal_of(lambda: accounts.log_in(at=at)), TooManyAttempts)


def test_a_recorded_failure_does_not_reveal_the_typed_login(accounts) -> None:
    refusal_of(lambda: accounts.log_in("my password by mistake", "wrong"))
    with accounts.db.transaction() as session:
        assert "MISTAKE" not in session.scalars(select(LoginFailureRow.account)).one().upper()


def test_a_repeated_log_in_returns_the_same_token(accounts) -> None:
    key, at = a_key(), now()
    first = accounts.log_in(key=key, at=at)
    assert accounts.log_in(key=key, at=at + timedelta(seconds=90)) == first
    assert accounts.count(SessionRow) == 1
    assert accounts.log_in(key=a_key()).access_token != first.access_token


def test_a_wrong_password_does_not_use_up_its_key(accounts) -> None:
    key = a_key()
    refusal_of(lambda: accounts.log_in(password="wrong", key=key))
    assert accounts.log_in(key=key).access_token


def test_a_repeat_with_a_wrong_password_gets_no_token(accounts) -> None:
    key = a_key()
    accounts.log_in(key=key)
    assert refusal_of(lambda: accounts.log_in(password="wrong", key=key)).body.code == "wrong_login"


def test_a_typed_password_is_stored_only_as_a_keyed_digest(accounts) -> None:
    accounts.log_in(key=a_key())
    with accounts.db.transaction() as session:
        stored = str(session.execute(select(idempotency_keys)).all())
    assert PASSWORD not in stored


def test_logging_in_records_when_the_login_was_last_used(accounts) -> None:
    at = now()
    accounts.log_in(at=at)
    with accounts.db.transaction() as session:
        assert session.get_one(LoginRow, "HOM-0001").last_used_at == at


def test_logging_out_ends_that_session_alone_and_publishes_it_once(accounts) -> None:
    one, another = accounts.log_in(), accounts.log_in()
    principal, key = accounts.principal(one), a_key()
    accounts.log_out(principal, key)
    accounts.log_out(principal, key)
    accounts.log_out(principal)
    published = accounts.published(SessionEnded)
    assert [(event.event.sid, event.event.token_expires_at) for event in published] == [
        (principal.sid, one.expires_at)
    ]
    assert accounts.denied().sessions == {str(principal.sid): one.expires_at}
    assert str(accounts.principal(another).sid) not in accounts.denied().sessions


def test_a_caller_without_a_session_cannot_log_out(accounts) -> None:
    with pytest.raises(NotAuthenticated):
        accounts.log_out(Principal())


def test_an_applicant_logs_out_too(accounts) -> None:
    sent = accounts.request_code()
    session = accounts.verify(sent.request_id, accounts.code_of(sent.request_id))
    sid = UUID(accounts.claims(session.access_token)["sid"])
    accounts.log_out(Principal(kind="applicant", id="applicant:x", sid=sid))
    assert list(accounts.denied().sessions) == [str(sid)]


def test_an_ended_session_is_listed_as_denied_until_its_token_expires(accounts) -> None:
    session = accounts.log_in()
    accounts.log_out(accounts.principal(session))
    assert accounts.denied(session.expires_at - timedelta(seconds=1)).sessions
    assert not accounts.denied(session.expires_at).sessions


def _keys(accounts: Accounts):
    with accounts.db.transaction() as session:
        return sessions.keys(session, now(), SETTINGS).keys


def test_the_first_call_makes_the_first_key(accounts) -> None:
    first = _keys(accounts)
    assert len(first) == 1
    assert _keys(accounts) == first
    assert header_of(accounts.log_in().access_token)["kid"] == first[0].kid


def test_a_session_and_the_certificate_of_its_key_prove_its_holder_to_a_service_for_a_day(accounts) -> None:
    login, at = accounts.log_in(), now()
    with accounts.db.transaction() as session:
        certificates = sessions.keys(session, at, SETTINGS).certificates
        later = sessions.keys(session, at + timedelta(days=1), SETTINGS).certificates
    assert certificates.keys() == {header_of(login.access_token)["kid"]}
    assert later != certificates
    stated = accounts.principal(login)
    proof = Proof(session=login.access_token, keys=tuple(certificates.values()))
    proven = Principal(proof=proof, **{name: getattr(stated, name) for name in ("kind", "id", "sid")})
    service = PrincipalVerifier(EventKeys(EVENT_KEYS))
    seen = service.verify(proven, at)
    assert (seen.login_id, seen.role, seen.department) == ("HOM-0001", "department", "home")
    with pytest.raises(NotAuthenticated):
        service.verify(proven, at + timedelta(hours=26))


def test_two_processes_that_start_at_once_make_one_key(accounts) -> None:
    answers = run_concurrently(
        *[lambda: _keys(accounts)] * 8, *[lambda: accounts.log_in() and _keys(accounts)] * 4
    )
    assert len(set(answers)) == 1
    assert accounts.count(SigningKeyRow) == 1


def test_the_purge_deletes_old_rows_and_no_others(accounts) -> None:
    at = now()
    sent = accounts.request_code(at=at)
    accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at)
    accounts.request_code("+919812345678", at=at)
    refusal_of(lambda: accounts.log_in("HOM-9999", at=at))
    session = accounts.log_in(at=at)
    counts = {SessionRow: 2, OtpRequestRow: 2, OtpCodeRow: 2, LoginFailureRow: 1}

    def rows_after(later: timedelta) -> dict:
        with accounts.db.transaction() as work:
            housekeeping.purge(work, at + later)
        return {table: accounts.count(table) for table in counts}

    assert rows_after(timedelta(hours=23)) == counts
    assert rows_after(timedelta(hours=25)) == {**counts, LoginFailureRow: 0}
    assert rows_after(session.expires_at - at + timedelta(hours=24, seconds=1)) == {
        **counts,
        SessionRow: 0,
        LoginFailureRow: 0,
    }
    assert rows_after(timedelta(days=2, seconds=1)) == dict.fromkeys(counts, 0)


def own(accounts: Accounts, who: Principal) -> list[tuple[UUID, bool]]:
    with accounts.db.transaction() as session:
        found = sessions.own(a_call(who), session, now(), accounts.settings).items
    return [(one.sid, one.is_this) for one in found]


def end_own(accounts: Accounts, who: Principal, sid: UUID | None, key: str | None = None) -> set[UUID]:
    with accounts.db.transaction() as session:
        ended = sessions.end_own(EndOwnSessions(sid=sid), a_call(who, key or a_key()), session, now())
    return set(ended.sids)


def test_somebody_sees_and_ends_their_own_sessions_and_nobody_elses(accounts) -> None:
    given_ado(accounts.db)
    at = now()
    here = accounts.principal(accounts.log_in(at=at))
    there, third = (accounts.principal(accounts.log_in(at=at - n * timedelta(minutes=1))) for n in (1, 2))
    other = accounts.principal(accounts.log_in("ADO-0001"))
    assert own(accounts, here) == [(here.sid, True), (there.sid, False), (third.sid, False)]
    assert end_own(accounts, here, other.sid) == set(), "it is somebody else's"
    key = a_key()
    assert end_own(accounts, here, there.sid, key) == {there.sid}
    assert end_own(accounts, here, there.sid, key) == {there.sid}, "the same command again"
    assert end_own(accounts, here, None) == {third.sid}
    assert own(accounts, here) == [(here.sid, True)]
    assert own(accounts, other) == [(other.sid, True)]
    assert [published.event.sid for published in accounts.published(SessionEnded)] == [there.sid, third.sid]


def test_the_holder_of_a_mobile_sees_the_sessions_of_that_mobile_alone(accounts) -> None:
    def session_of(mobile: str) -> Principal:
        request_id = accounts.request_code(mobile).request_id
        claims = accounts.claims(accounts.verify(request_id, accounts.code_of(request_id)).access_token)
        return Principal(kind="applicant", id=claims["sub"], mobile=mobile, sid=UUID(claims["sid"]))

    mine, theirs = session_of("+919876543210"), session_of("+919876543211")
    assert own(accounts, mine) == [(mine.sid, True)]
    assert end_own(accounts, mine, theirs.sid) == set()
    assert own(accounts, theirs) == [(theirs.sid, True)]


def test_without_a_session_there_is_nothing_to_see_or_to_end(accounts) -> None:
    anonymous = Principal(id="address:x")
    for attempt in (lambda: own(accounts, anonymous), lambda: end_own(accounts, anonymous, None)):
        with pytest.raises(NotAuthenticated):
            attempt()


def test_of_more_than_three_sessions_of_a_login_the_longest_unused_one_ends(accounts) -> None:
    accounts.settings = SETTINGS.model_copy(update={"local_mode": False})
    at = now()
    first, second, third = (
        accounts.principal(accounts.log_in(at=at - n * timedelta(minutes=1))) for n in (3, 2, 1)
    )
    with accounts.db.transaction() as session:
        idle_sessions.record_activity(session, [], at - timedelta(seconds=59))
        idle_sessions.record_activity(session, [first.sid], at - timedelta(seconds=30))
    fourth = accounts.principal(accounts.log_in(at=at))
    assert {sid for sid, _ in own(accounts, fourth)} == {first.sid, third.sid, fourth.sid}
    assert [told.event.sid for told in accounts.published(SessionEnded)] == [second.sid], (
        "gateways hear of it"
    )


def test_devices_and_local_mode_have_as_many_sessions_as_they_need(accounts) -> None:
    given_ado(accounts.db)
    kiosk = accounts.issue(role="kiosk", department=None, site="PCS1", name="Main hall").login_id
    accounts.settings = SETTINGS.model_copy(update={"sessions_at_once": 1})
    for _ in range(4):
        accounts.given_session(kiosk)
    assert not accounts.published(SessionEnded)
    assert make_settings(AccountsSettings, local_mode=True).most_sessions is None
    assert make_settings(AccountsSettings, local_mode=True, sessions_at_once=1).most_sessions == 1
