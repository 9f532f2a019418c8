"""The second factor: asked for after the password, accepted once, set up, and what it cannot be used for."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from services.accounts.domain.second_factor import RECOVERY_CODES, SIGN_IN_LASTS, STEP
from services.accounts.handlers import housekeeping, second_factor
from services.accounts.models import (
    LoginFailureRow,
    LoginRow,
    RecoveryCodeRow,
    SecondFactorRow,
    SessionRow,
    SignInRow,
)
from services.chassis.runtime.clock import now
from services.ops.rewrap import rewrap
from tests.support.factories.accounts import (
    SETTINGS,
    Accounts,
    a_key,
    another_code,
    given_ado,
    given_login,
    refusal_of,
)
from tests.support.stack.concurrency import run_concurrently


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_login(accounts.db)
    return accounts


def test_a_password_alone_opens_no_session_of_a_login_with_an_app(accounts) -> None:
    accounts.given_app()
    before = accounts.count(SessionRow)
    refused = refusal_of(accounts.log_in)
    assert isinstance(refused, NotAuthenticated)
    assert refused.body.code == "second_factor_required"
    assert accounts.count(SessionRow) == before


def test_password_and_code_open_a_session_that_says_how(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    session = accounts.enter_code(accounts.sign_in_token(at=later), app.at(later), at=later)
    claims = accounts.claims(session.access_token)
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["factor_at"] == int(later.timestamp())


def test_a_session_without_a_second_factor_says_nothing_of_one(accounts) -> None:
    assert not {"amr", "factor_at"} & set(accounts.claims(accounts.log_in().access_token))


def test_a_wrong_password_says_nothing_of_the_second_factor(accounts) -> None:
    accounts.given_app()
    assert refusal_of(lambda: accounts.log_in(password="not the password")).body.code == "wrong_login"


def test_a_code_may_be_typed_with_blanks_and_in_the_digits_of_punjabi(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    punjabi = str.maketrans("0123456789", "੦੧੨੩੪੫੬੭੮੯")
    for number, typed in enumerate(
        (
            lambda code: f" {code} ",
            lambda code: f"{code[:3]}-{code[3:]}",
            lambda code: code.translate(punjabi),
        ),
        start=1,
    ):
        later = start + number * STEP
        accounts.enter_code(accounts.sign_in_token(at=later), typed(app.at(later)), at=later)


def test_the_clock_of_a_phone_may_differ_by_one_step(accounts, start) -> None:
    app, _ = accounts.given_app(at=start - 10 * STEP)
    for steps, is_good in ((-2, False), (2, False), (-1, True), (0, True), (1, True)):
        token, code = accounts.sign_in_token(at=start), app.at(start + steps * STEP)
        if is_good:
            accounts.enter_code(token, code, at=start)
        else:
            refused = refusal_of(lambda token=token, code=code: accounts.enter_code(token, code, at=start))
            assert isinstance(refused, InvalidInput)


def test_a_code_is_accepted_once(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    code = app.at(later)
    accounts.enter_code(accounts.sign_in_token(at=later), code, at=later)
    again = accounts.sign_in_token(at=later)
    assert isinstance(refusal_of(lambda: accounts.enter_code(again, code, at=later)), InvalidInput)


def test_the_code_that_set_up_the_app_opens_nothing_more(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    token = accounts.sign_in_token(at=start)
    assert isinstance(refusal_of(lambda: accounts.enter_code(token, app.at(start), at=start)), InvalidInput)


def test_of_two_sign_ins_with_one_code_at_once_one_is_refused(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    tokens = [accounts.sign_in_token(at=later) for _ in range(2)]

    def enter(token: str) -> bool:
        try:
            accounts.enter_code(token, app.at(later), at=later)
        except InvalidInput:
            return False
        return True

    assert sorted(run_concurrently(*(lambda token=token: enter(token) for token in tokens))) == [False, True]


def test_a_sign_in_opens_one_session(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    accounts.enter_code(token, app.at(later), at=later)
    refused = refusal_of(lambda: accounts.enter_code(token, app.at(later + STEP), at=later + STEP))
    assert refused.body.code == "sign_in_ended"


def test_a_repeated_command_gets_the_same_session(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later, key = start + STEP, a_key()
    token = accounts.sign_in_token(at=later)
    first, second = (accounts.enter_code(token, app.at(later), at=later, key=key) for _ in range(2))
    assert first == second


def test_a_sign_in_ends_after_a_quarter_of_an_hour(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    token, late = accounts.sign_in_token(at=start), start + SIGN_IN_LASTS
    assert refusal_of(lambda: accounts.enter_code(token, app.at(late), at=late)).body.code == "sign_in_ended"


def test_a_token_that_is_not_ours_continues_nothing(accounts) -> None:
    for token in ("", "x", "é", "A" * 44, "../../etc"):
        refused = refusal_of(lambda token=token: accounts.enter_code(token, "123456"))
        assert refused.body.code == "sign_in_ended"


def end_last_day(accounts: Accounts, at: datetime) -> None:
    with accounts.db.transaction() as session:
        session.get_one(LoginRow, "HOM-0001").valid_until = at.date() - timedelta(days=2)


@pytest.mark.parametrize(
    "end",
    [
        lambda accounts, at: accounts.reset("HOM-0001", at=at),
        lambda accounts, at: accounts.disable("HOM-0001", at=at),
        end_last_day,
    ],
    ids=["its password is reset", "it is disabled", "its last day has passed"],
)
def test_a_login_that_ends_is_not_opened_by_a_sign_in_that_waits(accounts, start, end) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    given_ado(accounts.db)
    end(accounts, later)
    refused = refusal_of(lambda: accounts.enter_code(token, app.at(later), at=later))
    assert refused.body.code == "sign_in_ended"


def test_wrong_codes_make_their_sender_wait(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    for _ in range(5):
        refusal_of(lambda: accounts.enter_code(token, another_code(app.at(later)), at=later))
    refused = refusal_of(lambda: accounts.enter_code(token, app.at(later), at=later))
    assert isinstance(refused, TooManyAttempts)
    accounts.enter_code(token, app.at(later), at=later, address="elsewhere")


def test_somebody_elses_wrong_codes_do_not_make_a_known_device_wait(accounts, start) -> None:
    """A thief of the password who guesses codes from many addresses keeps the holder's own device open."""
    app, enrolled = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    for n in range(30):
        refusal_of(
            lambda n=n: accounts.enter_code(
                token, another_code(app.at(later)), at=later, address=f"thief {n}"
            )
        )
    stranger = refusal_of(lambda: accounts.enter_code(token, app.at(later), at=later, address="elsewhere"))
    assert isinstance(stranger, TooManyAttempts)
    accounts.enter_code(token, app.at(later), at=later, devices=(enrolled.session.device,))


def test_who_has_no_password_makes_nobody_wait_for_their_code(accounts, start) -> None:
    """So many wrong passwords shut the login for strangers, and not the step after the password."""
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    for login_id in ("HOM-0001", "code of HOM-0001", "CODE OF HOM-0001"):
        for n in range(20):
            address = f"stranger {login_id} {n}"
            refusal_of(lambda who=login_id, at=address: accounts.log_in(who, "x", address=at, at=later))
    assert isinstance(refusal_of(lambda: accounts.log_in(at=later)), TooManyAttempts)
    accounts.enter_code(token, app.at(later), at=later)


def test_a_right_code_forgives_the_wrong_ones(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    refusal_of(lambda: accounts.enter_code(token, another_code(app.at(later)), at=later))
    accounts.enter_code(token, app.at(later), at=later)
    assert accounts.count(LoginFailureRow) == 0


def test_each_of_ten_recovery_codes_works_once(accounts, start) -> None:
    _, enrolled = accounts.given_app(at=start)
    assert len(set(enrolled.recovery_codes)) == RECOVERY_CODES
    for code in (enrolled.recovery_codes[0], enrolled.recovery_codes[1].upper().replace("-", " ")):
        accounts.enter_code(accounts.sign_in_token(at=start), code, at=start)
    again = accounts.sign_in_token(at=start)
    refused = refusal_of(lambda: accounts.enter_code(again, enrolled.recovery_codes[0], at=start))
    assert isinstance(refused, InvalidInput)


def test_a_recovery_code_of_somebody_else_opens_nothing(accounts, start) -> None:
    given_login(accounts.db, "HOM-0002")
    _, other = accounts.given_app("HOM-0002", at=start)
    accounts.given_app(at=start)
    token = accounts.sign_in_token(at=start)
    refused = refusal_of(lambda: accounts.enter_code(token, other.recovery_codes[0], at=start))
    assert isinstance(refused, InvalidInput)


def test_the_database_has_neither_the_secret_nor_a_recovery_code(accounts) -> None:
    app, enrolled = accounts.given_app()
    with accounts.db.transaction() as session:
        factor = session.scalars(select(SecondFactorRow)).one()
        digests = session.scalars(select(RecoveryCodeRow.digest)).all()
    assert app.secret not in factor.secret_sealed
    stored = " ".join(digests)
    assert not any(code in stored or code.replace("-", "") in stored for code in enrolled.recovery_codes)


def test_a_rewrap_seals_the_secret_under_the_new_key_and_the_app_goes_on(accounts, start) -> None:
    app, _ = accounts.given_app(at=start)
    old = SETTINGS.key_encryption_keys
    new = "p2-Y0KuhkoZkzIxWUmlhRlPDNkt0pRtzoGJnWkCdTRk="
    done = rewrap(accounts.db, "accounts", "second_factors.secret_sealed", [new, *old])
    assert (done.sealed_again, done.unreadable) == (1, 0)
    accounts.settings = SETTINGS.model_copy(update={"key_encryption_keys": (new,)})
    later = start + STEP
    token = accounts.sign_in_token(at=later)
    with accounts.db.transaction() as session:  # the signing key is rewrapped by its own command
        second_factor.use_code(session, "HOM-0001", app.at(later), later, accounts.settings)
    assert token


def test_who_sets_up_an_app_gets_a_session_and_all_others_end(accounts) -> None:
    accounts.log_in()
    _, enrolled = accounts.given_app()
    with accounts.db.transaction() as session:
        live = session.scalars(select(SessionRow).where(SessionRow.ended_at.is_(None))).all()
    assert [row.factor_at is not None for row in live] == [True]
    assert accounts.claims(enrolled.session.access_token)["sid"] == str(live[0].sid)


def test_a_wrong_first_code_sets_up_nothing(accounts) -> None:
    token = accounts.enrolment_token()
    code = another_code(accounts.app_of(token).now())
    assert isinstance(refusal_of(lambda: accounts.enrol_app(token, code)), InvalidInput)
    assert accounts.count(SecondFactorRow) == 0
    accounts.log_in()


def test_a_repeated_enrolment_gets_the_same_recovery_codes(accounts) -> None:
    token = accounts.enrolment_token()
    at, key = now(), a_key()
    code = accounts.app_of(token).at(at)
    first, second = (accounts.enrol_app(token, code, at=at, key=key) for _ in range(2))
    assert first == second


def test_a_sign_in_that_waits_for_a_code_sets_up_no_other_app(accounts, start) -> None:
    """Otherwise a stolen password would be enough."""
    accounts.given_app(at=start)
    token = accounts.sign_in_token(at=start)
    assert refusal_of(lambda: accounts.app_of(token, at=start)).body.code == "sign_in_ended"
    own = second_factor.second_factors.new_secret(
        second_factor.second_factors.sign_in_of(token, SETTINGS.password_secret), SETTINGS.password_secret
    )
    code = second_factor.second_factors.pyotp.TOTP(own).at(start)
    assert refusal_of(lambda: accounts.enrol_app(token, code, at=start)).body.code == "sign_in_ended"


def test_a_changed_password_keeps_what_the_session_says_of_the_factor(accounts, start) -> None:
    _, enrolled = accounts.given_app(at=start)
    changed = accounts.change_password(accounts.principal(enrolled.session), at=start + STEP)
    assert accounts.claims(changed.access_token)["factor_at"] == int(start.timestamp())


def test_a_changed_password_opens_nothing_from_a_session_that_has_ended(accounts, start) -> None:
    _, enrolled = accounts.given_app(at=start)
    who = accounts.principal(enrolled.session)
    accounts.log_out(who, at=start)
    refused = refusal_of(lambda: accounts.change_password(who, at=start))
    assert refused.body.code == "session_ended"
    with accounts.db.transaction() as session:
        assert session.scalars(select(SessionRow).where(SessionRow.ended_at.is_(None))).all() == []


@pytest.mark.parametrize(
    ("has_app", "code"), [(True, "second_factor_required"), (False, "second_factor_missing")]
)
def test_a_session_without_the_needed_factor_changes_no_password(accounts, start, has_app, code) -> None:
    """Its role has come to need one since. A password is as far as it went."""
    if has_app:
        accounts.given_app(at=start)
    accounts.requires("department")
    who = accounts.principal(accounts.given_session("HOM-0001", at=start))
    before, key = accounts.count(SessionRow), a_key()
    for _ in range(2):
        refused = refusal_of(lambda: accounts.change_password(who, at=start, key=key))
        assert (refused.body.code, bool(refused.body.facts["sign_in"])) == (code, True)
    assert (accounts.count(SessionRow), accounts.count(SignInRow) - has_app) == (before, 1)
    assert accounts.sign_in_token(at=start), "the password is what it was"


def test_a_demo_login_is_restored_without_a_second_factor(accounts) -> None:
    accounts.given_app()
    given_login(accounts.db)
    accounts.log_in()


def test_old_sign_ins_are_deleted(accounts, start) -> None:
    accounts.given_app(at=start)
    accounts.sign_in_token(at=start)
    with accounts.db.transaction() as session:
        housekeeping.purge(session, start + timedelta(days=2))
    assert accounts.count(SignInRow) == 0
