"""One-time codes: requested, sent again, tried, used once."""

from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from contracts.errors import (
    ContractError,
    IdempotencyKeyReused,
    InvalidInput,
    NotAuthenticated,
    TooManyAttempts,
)
from contracts.events import OtpRequested
from contracts.rpc.accounts.sessions import ApplicantSession
from services.accounts.domain.limits import Limit
from services.accounts.handlers import otp
from services.accounts.models import OtpCodeRow, OtpRequestRow, SessionRow
from services.chassis.db.tables import idempotency_keys
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import MOBILE, SETTINGS, Accounts, a_key, another_code, refusal_of
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import content_of
from tests.support.stack.extent import long


@pytest.fixture
def accounts(databases) -> Accounts:
    return Accounts(databases["accounts"])


def test_a_code_is_published_with_its_mobile_and_its_expiry(accounts) -> None:
    at = now()
    sent = accounts.request_code("098765 43210", at=at, language="pa")
    published = accounts.published(OtpRequested)
    assert [event.event.request_id for event in published] == [sent.request_id]
    assert published[0].event.personal.mobile == MOBILE
    assert published[0].event.language == "pa"
    assert published[0].event.deliver_by == "sms"
    assert published[0].expires_at == at + timedelta(minutes=10)


def test_a_foreign_number_is_reached_by_whatsapp_where_its_country_is_served(accounts) -> None:
    accounts.settings = SETTINGS.model_copy(update={"code_countries": ("91", "44")})
    accounts.request_code("+447911123456")
    assert accounts.published(OtpRequested)[0].event.deliver_by == "whatsapp"
    assert accounts.published(OtpRequested)[0].event.personal.mobile == "+447911123456"


def test_a_text_that_is_no_mobile_is_refused(accounts) -> None:
    for mobile in ("12345", "+91 172 274 0000", "98765\x0043210\x00"):
        with pytest.raises(InvalidInput) as refused:
            accounts.request_code(mobile, key=a_key())
        found = [(error.field, error.code) for error in refused.value.body.fields]
        assert found == [("mobile", "not_a_mobile")]
    assert accounts.published(OtpRequested) == []
    assert accounts.count(OtpRequestRow) == 0


def test_the_database_holds_neither_the_number_nor_the_code(accounts) -> None:
    sent = accounts.request_code()
    code = accounts.code_of(sent.request_id)
    accounts.verify(sent.request_id, code)
    with accounts.db.transaction() as session:
        content = content_of(session)
    assert "9876543210" not in content
    assert f"'{code}'" not in content


def test_the_right_code_opens_a_session_of_that_number(accounts) -> None:
    at = now()
    sent = accounts.request_code(at=at)
    session = accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at)
    claims = accounts.claims(session.access_token)
    assert claims["kind"] == "applicant"
    assert claims["mobile"] == MOBILE
    assert claims["sub"].startswith("applicant:")
    assert MOBILE[3:] not in claims["sub"]
    assert (
        claims["exp"]
        == session.expires_at.timestamp()
        == int(at.timestamp()) + 60 * SETTINGS.applicant_session_minutes
    )
    assert "role" not in claims


def test_a_mobile_has_one_subject_of_its_own_in_all_its_sessions(accounts) -> None:
    subjects = []
    for mobile in (MOBILE, MOBILE, "+919812345678"):
        sent = accounts.request_code(mobile)
        subjects.append(
            accounts.claims(accounts.verify(sent.request_id, accounts.code_of(sent.request_id)).access_token)[
                "sub"
            ]
        )
    assert subjects[0] == subjects[1] != subjects[2]


def test_a_known_and_an_unknown_mobile_get_the_same_answer(accounts) -> None:
    sent = accounts.request_code()
    accounts.verify(sent.request_id, accounts.code_of(sent.request_id))
    known = accounts.request_code().model_dump(exclude={"request_id"})
    unknown = accounts.request_code("+919812345678").model_dump(exclude={"request_id"})
    assert known == unknown


def test_a_resend_repeats_the_live_code_under_a_request_of_its_own(accounts) -> None:
    at = now()
    first = accounts.request_code(at=at)
    second = accounts.request_code(at=at + timedelta(minutes=4))
    assert first.request_id != second.request_id, "nobody learns that another asks for the same number"
    assert accounts.code_of(first.request_id) == accounts.code_of(second.request_id)
    assert accounts.count(OtpCodeRow) == 1
    code = accounts.code_of(first.request_id)
    later = at + timedelta(minutes=10)
    for sent in (first, second):
        refused = refusal_of(lambda sent=sent: accounts.verify(sent.request_id, code, at=later))
        assert refused.body.code == "code_expired", "it lives ten minutes, however often it was sent"
    assert accounts.verify(second.request_id, code, at=later - timedelta(seconds=1)).access_token


def test_a_code_that_is_too_old_is_not_sent_again(accounts) -> None:
    at = now()
    for minutes in (0, 4, 6):
        accounts.request_code(at=at + timedelta(minutes=minutes))
    assert accounts.count(OtpCodeRow) == 2


def test_a_code_that_was_used_is_not_sent_again(accounts) -> None:
    first = accounts.request_code()
    accounts.verify(first.request_id, accounts.code_of(first.request_id))
    accounts.request_code()
    assert accounts.count(OtpCodeRow) == 2


def test_a_code_is_accepted_for_its_own_request_only(accounts) -> None:
    mine, another = accounts.request_code(), accounts.request_code("+919812345678")
    refused = refusal_of(lambda: accounts.verify(another.request_id, _code_unlike(accounts, mine, another)))
    assert refused.body.code == "wrong_code"
    assert accounts.count(SessionRow) == 0


def _code_unlike(accounts: Accounts, mine, another) -> str:
    code = accounts.code_of(mine.request_id)
    return code if code != accounts.code_of(another.request_id) else another_code(code)


def test_a_code_is_accepted_once(accounts) -> None:
    sent = accounts.request_code()
    again = accounts.request_code()
    code = accounts.code_of(sent.request_id)
    accounts.verify(sent.request_id, code)
    assert refusal_of(lambda: accounts.verify(sent.request_id, code)).body.code == "code_used"
    assert refusal_of(lambda: accounts.verify(again.request_id, code)).body.code == "code_used"
    assert accounts.count(SessionRow) == 1


def test_five_wrong_tries_end_a_code_and_each_is_counted_although_the_call_fails(accounts) -> None:
    sent = accounts.request_code()
    code = accounts.code_of(sent.request_id)
    left = [
        refusal_of(lambda: accounts.verify(sent.request_id, another_code(code))).body.facts["tries_left"]
        for _ in range(5)
    ]
    assert left == [4, 3, 2, 1, 0]
    refused = refusal_of(lambda: accounts.verify(sent.request_id, code))
    assert isinstance(refused, NotAuthenticated)
    assert refused.body.code == "too_many_tries"
    assert accounts.count(SessionRow) == 0


def test_a_strangers_tries_leave_the_code_to_whoever_else_asked_for_it(accounts) -> None:
    first, second = accounts.request_code(), accounts.request_code()
    code = accounts.code_of(first.request_id)
    for _ in range(5):
        refusal_of(lambda: accounts.verify(first.request_id, another_code(code)))
    assert refusal_of(lambda: accounts.verify(first.request_id, code)).body.code == "too_many_tries"
    assert accounts.verify(second.request_id, code).access_token


def test_an_unknown_request_is_refused_as_an_expired_code(accounts) -> None:
    assert refusal_of(lambda: accounts.verify(uuid4(), "123456")).body.code == "code_expired"


def test_five_guesses_at_once_are_five_tries(accounts) -> None:
    sent = accounts.request_code()
    code = accounts.code_of(sent.request_id)
    results = run_concurrently(*[lambda: accounts.verify(sent.request_id, another_code(code))] * 12)
    codes = [result.body.code for result in results if isinstance(result, ContractError)]
    assert sorted(codes) == ["too_many_tries"] * 7 + ["wrong_code"] * 5


def test_the_same_command_at_once_gets_the_same_session_each_time(accounts) -> None:
    sent = accounts.request_code()
    code, key = accounts.code_of(sent.request_id), a_key()
    results = run_concurrently(*[lambda: accounts.verify(sent.request_id, code, key=key)] * 8)
    assert len({result.access_token for result in results if isinstance(result, ApplicantSession)}) == 1
    assert all(isinstance(result, ApplicantSession) for result in results)
    assert accounts.count(SessionRow) == 1


def test_a_repeated_request_sends_one_code(accounts) -> None:
    key = a_key()
    assert accounts.request_code(key=key) == accounts.request_code(key=key)
    assert len(accounts.published(OtpRequested)) == 1
    with pytest.raises(IdempotencyKeyReused):
        accounts.request_code("+919812345678", key=key)


def test_a_wrong_code_does_not_use_up_its_key(accounts) -> None:
    sent, key = accounts.request_code(), a_key()
    code = accounts.code_of(sent.request_id)
    assert refusal_of(lambda: accounts.verify(sent.request_id, another_code(code), key=key)).body.facts == {
        "tries_left": 4
    }
    with accounts.db.transaction() as session:
        assert (
            session.scalars(select(idempotency_keys.c.route).where(idempotency_keys.c.key == key)).all() == []
        )
    assert accounts.verify(sent.request_id, code, key=key).access_token


def test_an_address_sends_a_mobile_at_most_three_codes_in_ten_minutes_and_ten_a_day(accounts) -> None:
    at = now()
    for _ in range(3):
        accounts.request_code(at=at)
    refused = refusal_of(lambda: accounts.request_code(at=at + timedelta(minutes=4)))
    assert isinstance(refused, TooManyAttempts)
    assert refused.body.facts == {"retry_after": 360, "limit": "number"}
    for group in range(1, 3):
        for _ in range(3):
            accounts.request_code(at=at + timedelta(minutes=11 * group))
    accounts.request_code(at=at + timedelta(minutes=33))
    refused = refusal_of(lambda: accounts.request_code(at=at + timedelta(hours=23)))
    assert refused.body.facts == {"retry_after": 3600, "limit": "number"}
    assert len(accounts.published(OtpRequested)) == 10
    assert accounts.request_code(at=at + timedelta(hours=24, minutes=1)).request_id
    assert accounts.request_code("+919812345678", at=at).request_id, "another number is not concerned"


def test_simultaneous_requests_do_not_exceed_the_limit_of_a_mobile(accounts) -> None:
    results = run_concurrently(*[accounts.request_code] * 10)
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 7
    assert accounts.count(OtpRequestRow) == 3
    assert accounts.count(OtpCodeRow) == 1


def _numbers(count: int) -> list[str]:
    return [f"+9198000{number:05d}" for number in range(count)]


def test_a_stranger_does_not_use_up_the_codes_of_a_number(accounts) -> None:
    at = now()
    for minutes in (0, 11, 22, 33):
        for _ in range(3):
            with suppress(TooManyAttempts):
                accounts.request_code(at=at + timedelta(minutes=minutes), address="stranger")
    assert accounts.count(OtpRequestRow) == 10
    at += timedelta(minutes=33)
    refused = refusal_of(lambda: accounts.request_code(at=at, address="stranger"))
    assert refused.body.facts["limit"] == "number"
    for _ in range(2):
        sent = accounts.request_code(at=at)
    assert accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at).access_token


def test_a_few_strangers_do_not_use_up_the_codes_of_a_number_for_a_day(accounts) -> None:
    at = now()
    for minutes in range(0, 132, 11):
        for address in ("stranger", "stranger-2", "stranger-3", "stranger-4"):
            for _ in range(3):
                with suppress(TooManyAttempts):
                    accounts.request_code(at=at + timedelta(minutes=minutes), address=address)
    at += timedelta(hours=3)
    refused = refusal_of(lambda: accounts.request_code(at=at, address="stranger-4"))
    assert refused.body.facts == {"retry_after": 21 * 3600, "limit": "number"}
    sent = accounts.request_code(at=at, address="visitor")
    assert accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at).access_token


@long
def test_many_strangers_do_not_flood_a_phone_and_whoever_proved_it_passes(accounts) -> None:
    at = now()
    sent = accounts.request_code(at=at)
    device = accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at).device
    at += timedelta(days=1)
    for hour in range(4):
        for number in range(100):
            with suppress(TooManyAttempts):
                accounts.request_code(at=at + timedelta(hours=hour), address=f"bot-{number}")
    assert accounts.count(OtpRequestRow) == 1 + 30
    later = at + timedelta(hours=4)
    refused = refusal_of(lambda: accounts.request_code(at=later, address="new"))
    assert refused.body.facts == {"retry_after": 20 * 3600, "limit": "number"}
    for _ in range(3):
        accounts.request_code(at=later, address="new", devices=(device,))
    refused = refusal_of(lambda: accounts.request_code(at=later, devices=(device,)))
    assert refused.body.facts == {"retry_after": 600, "limit": "number"}, "it has limits of its own"


def test_devices_that_proved_a_number_are_limited_together(accounts, monkeypatch) -> None:
    monkeypatch.setattr(otp, "SENDS_TO_NUMBER", (Limit(4, timedelta(minutes=10)),))
    at = now()
    sent, devices = accounts.request_code(at=at), []
    for _ in range(4):
        devices.append(accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at).device)
        sent = accounts.request_code(at=at, devices=(devices[-1],))
    refused = refusal_of(lambda: accounts.request_code(at=at, devices=(devices[0],)))
    assert refused.body.facts == {"retry_after": 600, "limit": "number"}


def test_a_device_that_proved_another_number_is_a_stranger(accounts) -> None:
    sent = accounts.request_code("+919812345678")
    device = accounts.verify(sent.request_id, accounts.code_of(sent.request_id)).device
    for _ in range(3):
        accounts.request_code()
    assert isinstance(refusal_of(lambda: accounts.request_code(devices=(device,))), TooManyAttempts)


def test_visitors_who_share_an_address_are_counted_only_while_they_use_no_code(accounts, monkeypatch) -> None:
    monkeypatch.setattr(otp, "UNUSED_FROM_ADDRESS", (Limit(4, timedelta(minutes=10)),))
    at = now()
    for mobile in _numbers(20):
        for _ in range(2):
            sent = accounts.request_code(mobile, at=at, address="kendra")
        accounts.verify(sent.request_id, accounts.code_of(sent.request_id), at=at)
    for mobile in _numbers(4):
        accounts.request_code(mobile, at=at + timedelta(minutes=1), address="kendra")
    refused = refusal_of(lambda: accounts.request_code(at=at + timedelta(minutes=5), address="kendra"))
    assert refused.body.facts == {"retry_after": 360, "limit": "address"}
    assert accounts.request_code(at=at + timedelta(minutes=5), address="another").request_id


def test_without_rate_limits_only_the_limit_of_a_mobile_holds(accounts, monkeypatch) -> None:
    accounts.settings = SETTINGS.model_copy(update={"rate_limits": False})
    monkeypatch.setattr(otp, "UNUSED_FROM_ADDRESS", (Limit(4, timedelta(minutes=10)),))
    at = now()
    for mobile in _numbers(25):
        accounts.request_code(mobile, at=at)
    for _ in range(3):
        accounts.request_code(at=at)
    assert isinstance(refusal_of(lambda: accounts.request_code(at=at)), TooManyAttempts)


def test_a_code_that_is_typed_for_two_requests_at_once_opens_one_session(accounts) -> None:
    sent = [accounts.request_code() for _ in range(3)]
    code = accounts.code_of(sent[0].request_id)
    results = run_concurrently(*[lambda one=one: accounts.verify(one.request_id, code) for one in sent] * 4)
    assert sum(isinstance(result, ApplicantSession) for result in results) == 1
    refused = [result.body.code for result in results if isinstance(result, ContractError)]
    assert refused == ["code_used"] * 11, "none of them waits for another that waits for it"
