"""Plain replies to questions, by the webhook of the vendor: bound to one question, or to none."""

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from contracts.errors import NotAuthenticated
from contracts.events import PlaceOffered, QuestionAnswered, VisitorLeft
from contracts.events.approval import PlacePersonal
from contracts.model import IST
from contracts.rpc.notify import Webhook
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.notify.adapters.channels import TemporaryChannelError
from services.notify.handlers import webhooks
from services.notify.settings import NotifySettings
from tests.integration.notify.chains.two_vendors import Vendor, change_number, make_sender, put_pass, rounds
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import MOBILE, OTHER_MOBILE, Clock, SteppedSender, Visit, received
from tests.support.stack.settings import make_settings

SECRET = "the-secret-of-the-app"
SETTINGS = make_settings(NotifySettings, whatsapp_app_secret=SECRET)
HOURS = timedelta(hours=3)
RESULTS = ("answered", "said_before", "late", "several", "no_question", "not_an_answer", "too_many")


class Phone:
    """The phone of a visitor: what it is asked by WhatsApp, and what it answers."""

    def __init__(self, db: Database, postman: SteppedSender, clock: Clock) -> None:
        self.db, self.postman, self.clock = db, postman, clock
        self.asked = 0

    def is_asked_whether_met(self, visit: Visit | None = None) -> Visit:
        visit = visit or Visit(deliver_by="whatsapp")
        self._ask(visit, VisitorLeft.sample().model_copy(update={**about(visit), "personal": visit.contact}))
        return visit

    def is_offered_a_place(self) -> Visit:
        visit = Visit(deliver_by="whatsapp")
        personal = PlacePersonal(contact=visit.contact, code="x7KmQ2p-9w")
        self._ask(visit, PlaceOffered.sample().model_copy(update={**about(visit), "personal": personal}))
        return visit

    def _ask(self, visit: Visit, event: VisitorLeft | PlaceOffered) -> None:
        handle(self.db, received(event.model_copy(update={"until": self.clock() + HOURS})))
        rounds(self.postman)
        self.asked += 1

    def writes(
        self,
        words: str,
        to: int | None = None,
        *,
        key: str = "",
        sender: str = MOBILE,
        at: datetime | None = None,
        secret: str = SECRET,
    ) -> str:
        """Write a text, as an answer to one of our messages or not; return what became of it."""
        text = {
            "id": f"wamid.{key or words}",
            "from": sender[1:],
            "timestamp": str(int((at or self.clock()).timestamp())),
            "type": "text",
            "text": {"body": words},
            **({"context": {"from": "911722740000", "id": f"wa-vendor-{to}"}} if to else {}),
        }
        change = {"field": "messages", "value": {"messaging_product": "whatsapp", "messages": [text]}}
        entry = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
        raw = json.dumps(entry).encode()
        signature = "sha256=" + hmac.new(secret.encode(), raw, sha256).hexdigest()
        webhook = Webhook.model_construct(
            vendor="whatsapp", headers={"x-hub-signature-256": signature}, body=raw
        )
        before = dict(counted())
        with self.db.transaction() as session:
            webhooks.receive(webhook, session, self.clock(), SETTINGS)
        return "".join(result for result, number in counted() if number > before[result])

    def answers(self) -> list[tuple[str, str, bool]]:
        """What was published: the question, the application, and whether it is a yes."""
        with self.db.transaction() as session:
            rows = session.execute(select(outbox).order_by(outbox.c.position)).all()
        found = [QuestionAnswered.model_validate(row.data) for row in rows if row.type == "QuestionAnswered"]
        return [(one.purpose, one.reference, one.yes) for one in found]


def about(visit: Visit) -> dict[str, object]:
    names = ("application_id", "reference", "language", "deliver_by")
    return {name: visit.about[name] for name in names}


def counted() -> Iterator[tuple[str, float]]:
    for result in RESULTS:
        labels = {"channel": "whatsapp", "result": result}
        yield result, REGISTRY.get_sample_value("epass_replies_total", labels) or 0


@pytest.fixture
def phone(db: Database, postman: SteppedSender, clock: Clock, whatsapp: Vendor) -> Phone:
    return Phone(db, postman, clock)


@pytest.mark.parametrize(("words", "yes"), [("1", True), (" ੨. ", False), ("२।", False)])
def test_a_digit_answers_the_one_question_that_is_open(phone: Phone, words: str, yes: bool) -> None:
    visit = phone.is_asked_whether_met()
    assert phone.writes(words) == "answered"
    assert phone.answers() == [("visit_question", visit.reference, yes)]


@pytest.mark.parametrize("words", ["3", "12", "1 met", "yes", "I waited 2 hours"])
def test_any_other_text_answers_nothing(phone: Phone, words: str) -> None:
    phone.is_asked_whether_met()
    assert (phone.writes(words), phone.answers()) == ("not_an_answer", []), "it is counted as in vain"
    assert phone.writes("Stop") == "", "that is another word"
    phone.writes("1", key="at last")
    assert phone.writes("thank you") == "", "nothing is waited for any more"


def test_of_two_open_questions_the_answered_message_counts_and_without_one_nothing_is_guessed(
    phone: Phone,
) -> None:
    met, place = phone.is_asked_whether_met(), phone.is_offered_a_place()
    assert (phone.writes("1"), phone.answers()) == ("several", [])
    assert phone.writes("1", to=2, key="swiped") == "answered"
    assert phone.answers() == [("place_offered", place.reference, True)]
    assert phone.writes("2", key="then") == "answered", "what was answered asks nothing any more"
    assert phone.answers()[1:] == [("visit_question", met.reference, False)]


def test_a_no_takes_nothing_from_who_is_offered_a_place(phone: Phone) -> None:
    phone.is_offered_a_place()
    assert (phone.writes("2"), phone.answers()) == ("not_an_answer", [])


def test_an_answer_to_a_message_that_asks_nothing_is_none_to_another(phone: Phone) -> None:
    visit = put_pass(phone.db)
    rounds(phone.postman)
    phone.is_asked_whether_met(visit)
    assert (phone.writes("1", to=1), phone.answers()) == ("no_question", [])


@pytest.mark.parametrize("to", [None, 1])
def test_a_stranger_answers_nobodys_question(phone: Phone, to: int | None) -> None:
    phone.is_asked_whether_met()
    assert (phone.writes("1", to, sender=OTHER_MOBILE), phone.answers()) == ("no_question", [])


def test_a_number_that_the_applicant_has_given_up_answers_nothing(phone: Phone) -> None:
    change_number(phone.db, phone.is_asked_whether_met())
    assert (phone.writes("1", to=1), phone.answers()) == ("no_question", [])


@pytest.mark.parametrize("to", [None, 1])
def test_a_reply_after_the_time_of_its_question_is_counted_and_does_nothing(
    phone: Phone, to: int | None
) -> None:
    phone.is_asked_whether_met()
    phone.clock.forward(HOURS.total_seconds())
    assert (phone.writes("1", to), phone.answers()) == ("late", [])


def test_what_nobody_signed_answers_nothing(phone: Phone) -> None:
    phone.is_asked_whether_met()
    with pytest.raises(NotAuthenticated):
        phone.writes("1", secret="guessed")
    assert phone.answers() == []


def test_a_webhook_that_is_repeated_answers_once_and_no_question_that_was_asked_since(phone: Phone) -> None:
    phone.is_asked_whether_met()
    assert phone.writes("1") == "answered"
    phone.is_offered_a_place()
    assert (phone.writes("1"), len(phone.answers())) == ("said_before", 1)


def test_a_reply_is_written_now_at_the_latest_whatever_its_vendor_says(phone: Phone) -> None:
    phone.is_asked_whether_met()
    phone.clock.set_back(300)  # it was handed on before the question
    for at in (phone.clock() + timedelta(hours=2), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert (phone.writes("1", at=at), phone.answers()) == ("no_question", [])


@pytest.mark.parametrize("to", [None, 7])
def test_a_reply_that_is_faster_than_the_record_that_its_question_was_sent_answers_it(
    phone: Phone, whatsapp: Vendor, to: int | None
) -> None:
    whatsapp.faults = [TemporaryChannelError("timeout", may_have_arrived=True)]
    visit = phone.is_asked_whether_met()
    assert phone.writes("1", to, sender=OTHER_MOBILE, key="of another") == "no_question"
    assert phone.writes("1", to) == "answered"
    assert phone.answers() == [("visit_question", visit.reference, True)]


def test_what_was_written_before_a_question_answers_it_not(phone: Phone) -> None:
    written = phone.clock() - timedelta(minutes=5)
    phone.is_asked_whether_met()
    assert (phone.writes("1", at=written), phone.answers()) == ("no_question", [])


def test_who_corrects_themselves_is_heard_and_the_same_again_too_as_a_page_may_have_come_between(
    phone: Phone,
) -> None:
    phone.is_asked_whether_met()
    said = [phone.writes(words, key=str(key)) for key, words in enumerate("2112")]
    assert said == ["answered"] * 4
    assert [yes for _, _, yes in phone.answers()] == [False, True, True, False]


def test_who_takes_a_place_twice_takes_it_once(phone: Phone) -> None:
    phone.is_offered_a_place()
    assert [phone.writes("1", key=key) for key in "ab"] == ["answered", "said_before"]


def test_a_question_takes_ten_replies(phone: Phone) -> None:
    phone.is_asked_whether_met()
    said = [phone.writes("12"[number % 2], key=str(number)) for number in range(12)]
    assert said == ["answered"] * 10 + ["too_many"] * 2


def test_an_sms_that_asks_says_how_to_reply_and_a_reply_that_is_handed_on_answers_it(
    db: Database, clock: Clock, whatsapp: Vendor, sms: Vendor
) -> None:
    reply_to, secret = "PB EPASS 9223166166", "s" * 32
    phone = Phone(db, make_sender(db, whatsapp, sms, clock, sms_reply_to=reply_to), clock)
    visit = phone.is_asked_whether_met(Visit(language="en"))
    assert "Send an SMS to 9223166166: PB EPASS 1 for yes, PB EPASS 2 for no." in sms.sent[0].text
    names = ("from=mobileNumber", "text=message", "at=timeStamp")
    settings = make_settings(
        NotifySettings, sms_reply_secret=secret, sms_reply_to=reply_to, sms_reply_fields=names
    )
    at = f"{clock().astimezone(IST):%Y-%m-%d %H:%M:%S}"
    body = urlencode({"mobileNumber": MOBILE[3:], "timeStamp": at, "message": "Pb Epass 2", "areaCode": ""})

    def hand_on(shown: str) -> None:
        headers = {"x-webhook-secret": shown}
        webhook = Webhook.model_construct(vendor="sms_replies", headers=headers, body=body.encode())
        with db.transaction() as session:
            webhooks.receive(webhook, session, clock(), settings)

    with pytest.raises(NotAuthenticated):
        hand_on("guessed")
    for _ in range(2):
        hand_on(secret)
    assert phone.answers() == [("visit_question", visit.reference, False)]
