"""Status polls of Mobile Seva, which calls no webhook: its answers end chains as reports of others do."""

import threading
from collections.abc import Iterator

import httpx
import pytest
import structlog
from sqlalchemy import text

from contracts import events
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.mobile_seva import MobileSevaChannel, MobileSevaReports
from services.notify.domain.registrations import Registrations
from services.notify.handlers import status_polls
from services.notify.sender import SenderThreads
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.stack.running import eventually
from tests.support.vendors.mobile_seva import MobileSeva

CHAINS = {"chain_pass": ("sms:600", "whatsapp:120"), "chain_code": ("sms:45", "whatsapp:45")}
UNLIMITED = {"whatsapp_per_recipient": None, "whatsapp_per_second": None}


@pytest.fixture
def cdac() -> Iterator[MobileSeva]:
    with MobileSeva() as server:
        yield server


class Post:
    """A sender with Mobile Seva for SMS, which it asks, and a silent vendor for WhatsApp."""

    def __init__(self, db: Database, cdac: MobileSeva, clock: Clock, stack=None) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        client = GatewayClient(httpx.AsyncClient(timeout=2, limits=limits, trust_env=False))
        ids = {(purpose, "pa"): "1307" for purpose in ("otp", "pass_issued")}
        account = (cdac.user, cdac.password)
        registered = Registrations("1301", cdac.header, ids)
        sms = MobileSevaChannel(client, cdac.url, *account, cdac.secure_key, registered, gives_receipts=True)
        self.service = MobileSevaReports(client, cdac.reports_url, *account)
        self.whatsapp = RecordingChannel()
        self.stop = threading.Event()
        self.options = OPTIONS.model_copy(update={**CHAINS, **UNLIMITED})
        if stack is not None:
            url = type(OPTIONS.database_url)(stack.database_url("notify_app", "notify"))
            self.options = self.options.model_copy(update={"database_url": url})
        channels = {"sms": sms, "whatsapp": self.whatsapp}
        reports = {self.service.name: self.service}
        self.sender = SteppedSender(db, channels, self.options, self.stop, clock, reports)

    def send(self) -> None:
        while self.sender.send_due():
            pass

    def ask(self) -> list[float]:
        """Ask about all that is due; return how long to wait after each poll."""
        waits = []
        while not waits or waits[-1] != status_polls.IDLE_SECONDS:
            waits.append(self.sender.ask(self.service))
        return waits[:-1]

    def move(self) -> None:
        while self.sender.advance():
            self.send()


@pytest.fixture
def post(db: Database, cdac: MobileSeva, clock: Clock) -> Post:
    return Post(db, cdac, clock)


def put_pass(db: Database) -> Visit:
    visit = Visit()
    handle(db, received(visit.issued()))
    return visit


def put_code(db: Database) -> None:
    handle(db, otp())


def rows(db: Database) -> list[tuple[str, str, str | None]]:
    with db.queries() as session:
        found = session.execute(text("select channel, state, reason from messages order by step"))
        return [tuple(row) for row in found]


def open_questions(db: Database) -> int:
    with db.queries() as session:
        return session.execute(text("select count(*) from status_polls")).scalar_one()


def test_a_pass_that_has_arrived_is_known_after_one_question_and_goes_no_further(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    put_pass(db)
    post.send()
    assert (rows(db), post.ask()) == ([("sms", "accepted", None)], []), "it is not asked at once"
    clock.forward(status_polls.FIRST_SECONDS)
    assert post.ask() == [0]
    post.move()
    assert rows(db) == [("sms", "delivered", None)]
    clock.forward(700)
    post.move()
    assert (post.ask(), open_questions(db), post.whatsapp.sent) == ([], 0, [])


def test_a_pass_that_its_operator_did_not_deliver_goes_on_at_once(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    cdac.word = "FAILEDBYTELCO"
    put_pass(db)
    post.send()
    clock.forward(status_polls.FIRST_SECONDS)
    post.ask()
    post.move()
    assert rows(db) == [("sms", "failed", "undelivered"), ("whatsapp", "delivered", None)]


def test_a_message_of_which_nothing_is_known_yet_is_asked_about_more_and_more_seldom(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    cdac.word = "SUBMITTED"
    put_pass(db)
    post.send()
    ages, age = [], 0
    while age < 400:
        clock.forward(10)
        age += 10
        ages += [age] * len(post.ask())
    assert ages == [10, 30, 70, 150, 310]
    post.move()
    assert rows(db) == [("sms", "accepted", None)]
    clock.forward(200)
    post.move()
    assert [channel for channel, _, _ in rows(db)] == ["sms", "whatsapp"], "nobody confirmed it in time"


def test_codes_are_asked_about_first(db: Database, cdac: MobileSeva, clock: Clock, post: Post) -> None:
    for _ in range(3):
        put_pass(db)
    post.send()
    put_code(db)
    post.send()
    code = list(cdac.sent)[-1]
    clock.forward(status_polls.FIRST_SECONDS)
    post.ask()
    asked = [request.path for request in cdac.requests if "csvreport" in request.path]
    assert len(asked) == 4
    assert f"msgid={code}" in asked[0]


def test_a_vendor_that_does_not_answer_gets_a_pause_and_the_message_another_question(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    put_pass(db)
    post.send()
    clock.forward(status_polls.FIRST_SECONDS)
    cdac.may_ask = False
    with structlog.testing.capture_logs() as logged:
        assert post.ask() == [status_polls.PAUSE_SECONDS]
    assert logged == [
        {
            "event": "a vendor does not say what became of a message",
            "provider": "mobile_seva",
            "reason": "credentials",
            "log_level": "warning",
        }
    ]
    cdac.may_ask = True
    clock.forward(2 * status_polls.FIRST_SECONDS)
    post.ask()
    post.move()
    assert rows(db) == [("sms", "delivered", None)]


def test_a_message_that_was_accepted_without_an_id_ends_with_the_vendors_yes(
    db: Database, cdac: MobileSeva, post: Post
) -> None:
    cdac.faults.answers.append((200, b"409, SMSC response timed out, message will be submitted"))
    put_pass(db)
    post.send()
    assert (rows(db), open_questions(db)) == ([("sms", "delivered", None)], 0)


def test_of_two_senders_one_asks(db: Database, cdac: MobileSeva, clock: Clock, post: Post) -> None:
    other = Post(db, cdac, clock)
    put_pass(db)
    post.send()
    clock.forward(status_polls.FIRST_SECONDS)
    cdac.faults.hold = threading.Event()
    thread = threading.Thread(target=post.ask)
    thread.start()
    try:
        eventually(lambda: "csvreport" in cdac.requests[-1].path, "the first is asking")
        assert other.sender.ask(other.service) == status_polls.IDLE_SECONDS, "nothing is due"
    finally:
        cdac.faults.hold.set()
        thread.join()
    assert open_questions(db) == 0


def test_nothing_is_asked_about_an_erased_application_or_after_a_day(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    erased = put_pass(db)
    put_pass(db)
    post.send()
    gone = events.PersonalDataErased(**erased.about)
    handle(db, received(gone))
    assert open_questions(db) == 1
    with db.transaction() as session:
        assert status_polls.delete_old(session, now() + status_polls.ASKED_FOR) == 1


def test_a_question_has_nobodys_number(db: Database, cdac: MobileSeva, post: Post) -> None:
    put_pass(db)
    post.send()
    with db.queries() as session:
        stored = str(session.execute(text("select t::text from status_polls t")).all())
    assert MOBILE[3:] not in stored
    assert cdac.user in stored


def test_the_threads_of_a_sender_ask(
    db: Database, cdac: MobileSeva, clock: Clock, stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_polls, "FIRST_SECONDS", 0)
    post, faults = Post(db, cdac, clock, stack), []
    threads = SenderThreads(post.sender, post.options, post.stop, lambda: faults.append(1))
    put_pass(db)
    threads.start()
    try:
        eventually(lambda: rows(db) == [("sms", "delivered", None)], "the receipt is there")
    finally:
        post.stop.set()
        assert threads.finish()
    assert faults == []


@pytest.mark.parametrize(
    "given", [b"15\x0006egov", b"7" * 60_000, b"", "੧੫egov".encode()], ids=["nul", "long", "none", "foreign"]
)
def test_an_id_that_is_none_ends_with_the_vendors_yes_and_is_not_stored(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post, given: bytes
) -> None:
    cdac.faults.answers.append((200, b"402,MsgID = " + given))
    put_pass(db)
    post.send()
    clock.forward(700)
    post.send()
    assert (rows(db), open_questions(db)) == ([("sms", "delivered", None)], 0)
    assert len(cdac.requests) == 1, "it is sent once"


def test_a_report_with_a_zero_date_is_matched_like_any_other(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    put_pass(db)
    post.send()
    clock.forward(status_polls.FIRST_SECONDS)
    cdac.faults.answers.append((200, b"919876543210,DELIVERED,0001-01-01 00:00:00"))
    post.ask()
    post.move()
    assert rows(db) == [("sms", "delivered", None)]


def test_an_answer_on_which_our_own_code_fails_gets_a_pause(
    db: Database, clock: Clock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_provider_id: str) -> None:
        raise ValueError("what a vendor said")

    put_pass(db)
    post.send()
    clock.forward(status_polls.FIRST_SECONDS)
    monkeypatch.setattr(post.service, "ask", fail)
    with structlog.testing.capture_logs() as logged:
        assert post.ask() == [status_polls.PAUSE_SECONDS]
    assert "what a vendor said" not in str(logged)


def test_nothing_is_asked_about_an_application_that_was_erased_while_its_message_was_sent(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    visit = put_pass(db)
    leased = post.sender.lease(("normal",), 1, post.sender.providers["mobile_seva"])
    handle(db, received(visit.erased()))
    post.sender.send(leased)
    assert len(cdac.sent) == 1
    assert open_questions(db) == 0


def test_codes_are_asked_about_for_a_quarter_of_an_hour(
    db: Database, cdac: MobileSeva, clock: Clock, post: Post
) -> None:
    put_code(db)
    put_pass(db)
    post.send()
    clock.forward(16 * 60)
    post.ask()
    assert len([request for request in cdac.requests if "csvreport" in request.path]) == 1
