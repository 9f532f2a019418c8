"""A pass does not go to an email address that nobody has proved, whichever way the message takes there.

Whoever applies types an address, and it may be somebody else's. They have proved a mobile; so the email only
says that the pass is there, and who holds that phone opens it.
"""

import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from contracts.events import PassPersonal
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters import pass_card
from services.notify.adapters.channels import Outgoing, PermanentChannelError
from services.notify.adapters.channels.email import compose
from services.notify.domain.messages import Personal
from services.notify.handlers import event_handlers, local_phone
from services.notify.models import MessageRow, PhoneMessageRow
from tests.integration.notify.handlers.stored import handle, resend
from tests.support.factories.notify import (
    APPLICANT,
    LINK_CODE,
    MOBILE,
    OPTIONS,
    PUBLIC_URL,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    received,
)
from tests.support.factories.outgoing import TOKEN_OF_A_PASS

STRANGER = "stranger@example.org"
CHAIN = {"chain_pass": ("whatsapp:120", "email:600")}


def issue(db: Database, visit: Visit) -> None:
    personal = PassPersonal(applicant=visit.person, link_code=LINK_CODE, token=TOKEN_OF_A_PASS)
    with db.transaction() as session:
        event = received(visit.issued(personal=personal))
        event_handlers.handle_pass_issued(event, session, now(), PUBLIC_URL)


def emails(db: Database, phone: RecordingChannel | None = None) -> list[Outgoing]:
    """Send all that waits, step by step, and return what went out by email."""
    mail, clock = RecordingChannel(), Clock(db)
    channels = {"whatsapp": phone or RecordingChannel(), "sms": RecordingChannel(), "email": mail}
    postman = SteppedSender(db, channels, OPTIONS.model_copy(update=CHAIN), threading.Event(), clock)
    while postman.send_due() or postman.advance():
        pass
    return mail.sent


def chosen(db: Database, visit: Visit) -> list[Outgoing]:
    issue(db, visit)
    return emails(db)


def after_the_phone_failed(db: Database, visit: Visit) -> list[Outgoing]:
    issue(db, Visit(**{**vars(visit), "deliver_by": "whatsapp"}))
    return emails(db, RecordingChannel(PermanentChannelError("not_on_whatsapp")))


def asked_for_again(db: Database, visit: Visit) -> list[Outgoing]:
    issue(db, visit)
    emails(db)
    resend(db, visit.reference, APPLICANT)
    return emails(db)


def after_a_change_of_the_number(db: Database, visit: Visit) -> list[Outgoing]:
    issue(db, visit)
    handle(db, received(visit.mobile_changed()))
    return [message for message in emails(db) if message.purpose == "pass_issued"]


def replaced_after_a_change_of_the_number(db: Database, visit: Visit) -> list[Outgoing]:
    """The event has no mobile: a department had invited them by email alone."""
    handle(db, received(visit.mobile_changed()))
    issue(db, Visit(**{**vars(visit), "mobile": None}))
    return [message for message in emails(db) if message.purpose == "pass_issued"]


WAYS: tuple[Callable[[Database, Visit], list[Outgoing]], ...] = (
    chosen,
    after_the_phone_failed,
    asked_for_again,
    after_a_change_of_the_number,
    replaced_after_a_change_of_the_number,
)


def letter_of(message: Outgoing) -> EmailMessage:
    return compose(message, "epass@punjab.example", pass_card.draw(message.personal))


def texts_of(letter: EmailMessage) -> Iterator[str]:
    """Yield the headers and all texts of a letter."""
    yield from (f"{name}: {value}" for name, value in letter.items())
    for part in letter.walk():
        if part.get_content_maintype() == "text":
            yield str(part.get_content())


@pytest.mark.parametrize(("way", "language"), list(zip(WAYS, ("pa", "hi", "en", "pa", "hi"), strict=True)))
def test_a_stranger_whose_address_was_typed_gets_nothing_of_the_pass(
    db: Database, way: Callable[[Database, Visit], list[Outgoing]], language: str
) -> None:
    visit = Visit(deliver_by="email", email=STRANGER, language=language)
    (message,) = way(db, visit)
    letter = letter_of(message)
    assert letter["To"] == STRANGER
    assert {part.get_content_type() for part in letter.walk()} == {
        "multipart/alternative", "text/plain", "text/html",
    }, "neither the picture of the QR code nor the hours of the visit"  # fmt: skip
    said = "\n".join(texts_of(letter))
    secrets = (visit.number, LINK_CODE[:10], TOKEN_OF_A_PASS, MOBILE[-10:], "Gurpreet", "ਗੁਰਪ੍ਰੀਤ", "12-2026")
    assert [secret for secret in secrets if secret in said] == []
    link = f"{OPTIONS.public_url}/{language}/applications/{visit.reference}"
    assert f'<a href="{link}">' in said, "the page that asks for a code of the mobile"


def test_the_phone_gets_the_pass_with_its_code(db: Database) -> None:
    phone = RecordingChannel()
    issue(db, Visit(deliver_by="whatsapp", email=STRANGER))
    assert emails(db, phone) == []
    (message,) = phone.sent
    assert message.personal.token == TOKEN_OF_A_PASS


def test_who_has_no_mobile_gets_the_pass_where_the_department_sends_it(db: Database) -> None:
    """Nothing else reaches them, and the department has vouched for the address."""
    visit = Visit(deliver_by="email", mobile=None, email="guest@example.org")
    (message,) = chosen(db, visit)
    letter = letter_of(message)
    assert {"image/png", "text/calendar"} <= {part.get_content_type() for part in letter.walk()}
    assert LINK_CODE[:10] in "\n".join(texts_of(letter))
    assert letter["Subject"] == f"e-Pass {visit.number}"


def test_the_phone_page_shows_an_email_as_it_would_be_sent(db: Database) -> None:
    visit = Visit(deliver_by="email", email=STRANGER)
    issue(db, visit)
    with db.transaction() as session:
        session.execute(update(MessageRow).values(state="delivered"))
        found = session.query(MessageRow).one()
        row = PhoneMessageRow(
            message_id=found.id, at=now(), recipient=STRANGER, channel="email", purpose="pass_issued",
            language="pa", text="…", link=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        assert local_phone._pictures(session, [row]) == {}


@pytest.mark.parametrize(("owner", "withheld"), [(MOBILE, True), (None, False)])
def test_only_email_to_somebody_with_a_mobile_withholds_the_pass(owner: str | None, withheld: bool) -> None:
    personal = Personal(STRANGER, owner)
    assert personal.is_withheld_from("email") is withheld
    assert not personal.is_withheld_from("whatsapp")
    assert not personal.is_withheld_from("sms")
