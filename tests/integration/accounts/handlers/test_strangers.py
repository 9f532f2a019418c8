"""The brake for codes to numbers that nobody has ever proved: countries, a ceiling, a proof of work."""

from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest

from contracts.errors import InvalidInput, TooManyAttempts
from contracts.model import Role
from contracts.proof_of_work import BITS, LEAST_ANSWERS, MOST_ANSWERS, solve
from contracts.rpc.accounts.sessions import OtpAccepted, RequestOtp
from contracts.rpc.call import Call, Principal
from services.accounts.handlers import housekeeping, otp, strangers
from services.accounts.metrics import CODES_HELD_BACK, UNPROVED_CODES
from services.accounts.models import OtpRequestRow, ProvedMobileRow
from services.chassis.db.locks import lock
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import MOBILE, SETTINGS, Accounts, a_call, refusal_of
from tests.support.stack.concurrency import run_concurrently

CEILING = 20
AT = now()


class Site(Accounts):
    """Accounts with a low ceiling, where every number asks from an address of its own."""

    def __init__(self, database) -> None:
        super().__init__(database)
        self.settings = SETTINGS.model_copy(update={"unproved_codes_per_hour": CEILING})
        self._numbers = count(1)

    def number(self) -> str:
        return f"+9198000{next(self._numbers):05d}"

    def ask(
        self,
        mobile: str | None = None,
        *,
        at: datetime = AT,
        work: str = "",
        address: str | None = None,
        call: Call | None = None,
        devices: tuple[str | None, ...] = (),
    ) -> OtpAccepted:
        mobile = mobile or self.number()
        request = RequestOtp.model_validate({"mobile": mobile, "work": work, "devices": devices})
        with self.db.transaction() as session:
            asked = call or a_call(address=address or mobile)
            return otp.request_code(request, asked, session, at, self.settings)

    def prove(self, mobile: str, at: datetime = AT, address: str | None = None) -> str | None:
        sent = self.ask(mobile, at=at, address=address)
        return self.verify(sent.request_id, self.code_of(sent.request_id), at=at).device

    def ask_working(self, mobile: str | None = None, at: datetime = AT) -> OtpAccepted:
        """Ask as a stranger whose browser solves what it is asked for."""
        mobile = mobile or self.number()
        asked = refusal_of(lambda: self.ask(mobile, at=at)).body
        return self.ask(mobile, at=at, work=solve(asked.facts["challenge"], asked.facts["answers"]))

    def fill(self, codes: int, at: datetime = AT) -> None:
        """Send so many codes to strangers' numbers."""
        for sent in range(codes):
            self.ask_working(at=at) if 2 * sent >= CEILING else self.ask(at=at)


@pytest.fixture
def site(databases) -> Site:
    return Site(databases["accounts"])


def counted(brake: str) -> float:
    return CODES_HELD_BACK.labels(brake)._value.get()


def a_staff_call(role: Role) -> Call:
    principal = Principal(kind="staff", id="REC-0001", login_id="REC-0001", role=role)
    return a_call(principal, address="office")


def test_a_code_goes_only_to_numbers_of_the_countries_of_the_list(site) -> None:
    before = counted("country")
    for mobile in ("+447911123456", "+14155550123", "+8801712345678"):
        refused = refusal_of(lambda mobile=mobile: site.ask(mobile))
        assert isinstance(refused, InvalidInput)
        assert [(one.field, one.code) for one in refused.body.fields] == [("mobile", "country_not_served")]
    assert site.count(OtpRequestRow) == 0
    assert counted("country") == before + 3
    site.settings = site.settings.model_copy(update={"code_countries": ("91", "44")})
    assert site.ask("+447911123456").request_id


def test_the_reception_may_have_a_code_sent_to_a_foreign_visitor_who_stands_there(site) -> None:
    assert site.ask("+447911123456", call=a_staff_call("reception")).request_id


def test_from_half_of_the_ceiling_on_a_stranger_shows_a_proof_of_work(site) -> None:
    before = counted("work")
    site.fill(CEILING // 2)
    refused = refusal_of(site.ask)
    assert isinstance(refused, TooManyAttempts)
    assert refused.body.code == "work_required"
    assert refused.body.facts | {"challenge": ""} == {
        "retry_after": 60, "challenge": "", "answers": LEAST_ANSWERS, "bits": BITS,
    }  # fmt: skip
    assert counted("work") == before + 1
    assert site.ask_working().request_id


def test_who_is_refused_does_not_wait_for_who_gets_a_code(site) -> None:
    site.fill(CEILING // 2)
    with site.db.transaction() as another:
        lock(another, "codes to unproved numbers")
        assert refusal_of(site.ask).body.code == "work_required"


def test_the_work_grows_until_the_ceiling_and_there_nothing_helps(site) -> None:
    site.fill(CEILING - 1)
    mobile = site.number()
    asked = refusal_of(lambda: site.ask(mobile)).body.facts
    assert LEAST_ANSWERS < asked["answers"] < MOST_ANSWERS
    site.ask(mobile, work=solve(asked["challenge"], asked["answers"]))
    before = counted("ceiling")
    refused = refusal_of(lambda: site.ask(at=AT + timedelta(minutes=20)))
    assert refused.body.facts == {"retry_after": 2400, "limit": "unproved"}
    assert counted("ceiling") == before + 1
    assert site.ask(at=AT + timedelta(hours=1, seconds=1)).request_id


def test_a_proof_is_good_for_its_number_once_and_for_five_minutes(site) -> None:
    mine, other = site.number(), site.number()
    site.fill(CEILING // 2)
    facts = refusal_of(lambda: site.ask(mine)).body.facts
    proof = solve(facts["challenge"], facts["answers"])
    last = proof.rpartition(".")
    forged = ("A" * 36) + proof[36:]
    wrong = (
        (other, proof, AT),
        (mine, f"{last[0]}.{int(last[2]) + 1}", AT),
        (mine, last[0], AT),
        (mine, f"{proof}.1", AT),
        (mine, forged, AT),
        (mine, "🔑.½", AT),
        (mine, proof, AT + timedelta(minutes=5)),
    )
    for mobile, work, at in wrong:
        refused = refusal_of(lambda mobile=mobile, work=work, at=at: site.ask(mobile, work=work, at=at))
        assert refused.body.code == "work_required", work
    site.ask(mine, work=proof)
    assert refusal_of(lambda: site.ask(mine, work=proof)).body.code == "work_required"


def test_whoever_is_known_never_waits(site) -> None:
    known = site.number()
    device = site.prove(known)
    site.fill(CEILING)
    assert refusal_of(site.ask).body.facts["limit"] == "unproved"
    assert site.ask(known).request_id, "a number that somebody has proved"
    assert site.ask(call=a_staff_call("reception")).request_id, "staff, for a visitor who stands there"
    with site.db.transaction() as session:
        session.query(ProvedMobileRow).delete()
    assert site.ask(known, devices=(device,)).request_id, "a browser in which it was proved"


def test_a_code_that_was_typed_counts_no_longer(site) -> None:
    for _ in range(2 * CEILING):
        site.prove(site.number())
    site.fill(CEILING // 2)
    assert refusal_of(site.ask).body.code == "work_required"


def test_simultaneous_strangers_do_not_exceed_the_ceiling(site) -> None:
    site.fill(CEILING - 3)
    asked = []
    for _ in range(8):
        mobile = site.number()
        facts = refusal_of(lambda mobile=mobile: site.ask(mobile)).body.facts
        asked.append((mobile, solve(facts["challenge"], facts["answers"])))
    results = run_concurrently(
        *[lambda mobile=mobile, work=work: site.ask(mobile, work=work) for mobile, work in asked]
    )
    assert sum(isinstance(one, OtpAccepted) for one in results) == 3
    assert site.count(OtpRequestRow) == CEILING


def test_an_address_whose_codes_nobody_types_gets_few_while_very_many_are_asked_for(site) -> None:
    for _ in range(10):
        site.ask(address="bot")
    before = counted("address")
    refused = refusal_of(lambda: site.ask(address="bot", at=AT + timedelta(minutes=30)))
    assert refused.body.facts == {"retry_after": 1800, "limit": "address"}
    assert counted("address") == before + 1
    for _ in range(CEILING // 2):
        assert site.ask_working().request_id, "another address is not concerned"


def test_an_address_that_many_share_gets_codes_while_most_of_its_codes_are_typed(site) -> None:
    for _ in range(11):
        site.prove(site.number(), address="operator")
    for _ in range(10):
        site.ask(address="operator")
    assert refusal_of(lambda: site.ask(address="operator")).body.code == "work_required"


def test_without_rate_limits_there_is_no_ceiling(site) -> None:
    site.settings = site.settings.model_copy(update={"rate_limits": False})
    for _ in range(CEILING + 1):
        site.ask()


def test_a_number_is_a_proved_one_for_as_long_as_a_browser_is_known(site) -> None:
    site.prove(MOBILE)
    later = AT + strangers.PROVED_FOR - timedelta(seconds=1)
    with site.db.transaction() as session:
        digest = session.query(ProvedMobileRow).one().mobile_digest
        assert not strangers.is_unproved(session, digest, later)
        assert strangers.is_unproved(session, digest, later + timedelta(seconds=1))
        assert strangers.is_unproved(session, str(uuid4()), AT)
        housekeeping.purge(session, later)
    assert site.count(ProvedMobileRow) == 1
    with site.db.transaction() as session:
        housekeeping.purge(session, later + timedelta(seconds=2))
    assert site.count(ProvedMobileRow) == 0


def test_the_part_of_the_ceiling_that_is_used_is_shown(site) -> None:
    site.fill(CEILING // 2)
    with site.db.queries() as session:
        strangers.show_unproved(session, AT, site.settings)
    assert UNPROVED_CODES._value.get() == 0.5
