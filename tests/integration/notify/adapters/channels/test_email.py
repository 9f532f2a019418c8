"""Email against a real mail server: TLS, the picture inside, the visit as a calendar."""

import io
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import icalendar
import pytest
import zxingcpp
from PIL import Image

from services.notify.adapters import pass_card
from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError
from services.notify.adapters.channels.email import EmailChannel, MailServer
from tests.integration.encrypted_servers import Authority
from tests.support.factories.notify import PUBLIC_URL
from tests.support.factories.outgoing import TOKEN_OF_A_PASS, a_code, a_pass
from tests.support.stack.running import eventually
from tests.support.vendors.mail import MailBox

PERSON = "official@example.in"
USER = ("epass", "a-password")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("mail") / "ca")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("mail", "127.0.0.1")


@pytest.fixture
def mailbox(certificate: tuple[Path, Path]) -> Iterator[MailBox]:
    box = MailBox(certificate, user=USER)
    yield box
    box.close()


def channel(
    box: MailBox, authority: Authority, scheme: str = "smtp", password: str = USER[1]
) -> EmailChannel:
    server = MailServer.at(f"{scheme}://127.0.0.1:{box.port}", "epass@punjab.example", USER[0], password)
    return EmailChannel(server, pass_card.draw, ssl.create_default_context(cafile=authority.file))


def test_a_pass_shows_its_qr_code_in_the_text_and_has_the_visit_for_a_calendar(
    mailbox: MailBox, authority: Authority
) -> None:
    message = a_pass("pa", to=PERSON, channel="email")
    receipt = channel(mailbox, authority).send(message)
    (letter,) = mailbox.letters
    assert receipt.provider_id == letter["Message-ID"] == f"<{message.id}@punjab.example>"
    assert (letter["To"], letter["Subject"]) == (PERSON, "e-Pass 7K3M9QW4")
    plain, shown = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain.get_content().strip() == message.text
    assert 'src="cid:pass@epass"' in shown.get_content()
    parts = {part.get_content_type(): part for part in letter.walk()}
    picture = Image.open(io.BytesIO(parts["image/png"].get_content()))
    assert parts["image/png"]["Content-ID"] == "<pass@epass>"
    (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == TOKEN_OF_A_PASS
    calendar = icalendar.Calendar.from_ical(parts["text/calendar"].get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    assert event.decoded("dtstart").isoformat() == "2026-12-01T10:00:00+05:30"
    assert event["UID"] == "PCS-7K3M-9QW4@e-pass", "the event of the file on the page"
    assert "7K3M9QW4" not in event["SUMMARY"], "people share calendars"


def test_the_link_of_a_pass_is_one_link_and_leads_to_the_pass(mailbox: MailBox, authority: Authority) -> None:
    message = a_pass("en", to=PERSON, channel="email", url=PUBLIC_URL)
    channel(mailbox, authority).send(message)
    shown = mailbox.letters[0].get_body(("html",)).get_content()
    assert re.findall(r'href="([^"]*)"', shown) == [message.personal.parameters["link"]]
    assert shown.count("<a ") == 1


def test_what_was_stored_as_an_address_and_is_none_is_refused_and_reaches_nobody(
    mailbox: MailBox, authority: Authority
) -> None:
    for address in (":;@b.in", "=?utf-8?q?=0D=0ABcc:x?=@b.in", "root,me@b.in"):
        with pytest.raises(PermanentChannelError, match=r"^bad_address$"):
            channel(mailbox, authority).send(a_code(to=address))
    assert not mailbox.letters


def test_a_code_does_not_stand_in_the_subject(mailbox: MailBox, authority: Authority) -> None:
    channel(mailbox, authority).send(a_code("en", to=PERSON, channel="email"))
    assert mailbox.letters[0]["Subject"] == "e-Pass"


def test_a_server_that_is_encrypted_from_the_first_byte(certificate, authority: Authority) -> None:
    box = MailBox(certificate, at_once=True, user=USER)
    channel(box, authority, "smtps").send(a_code(to=PERSON))
    assert len(box.letters) == 1
    box.close()


def test_nothing_is_sent_without_encryption() -> None:
    box = MailBox()
    server = MailServer.at(f"smtp://127.0.0.1:{box.port}", "epass@punjab.example")
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        EmailChannel(server, pass_card.draw).send(a_code(to=PERSON))
    assert not box.letters
    box.close()


def test_nothing_is_sent_to_a_server_with_another_certificate(mailbox: MailBox, tmp_path: Path) -> None:
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        channel(mailbox, Authority(tmp_path / "other")).send(a_code(to=PERSON))
    assert not mailbox.letters


def test_a_wrong_password_is_temporary(mailbox: MailBox, authority: Authority) -> None:
    with pytest.raises(TemporaryChannelError, match=r"^credentials$"):
        channel(mailbox, authority, password="x").send(a_code(to=PERSON))


def test_a_reply_decides_whether_a_later_try_helps(mailbox: MailBox, authority: Authority) -> None:
    for command, reply, error, reason in (
        ("RCPT", "550 no such person", PermanentChannelError, "bad_address"),
        ("RCPT", "451 try later", TemporaryChannelError, "busy"),
        ("RCPT", "530 log in first", TemporaryChannelError, "credentials"),
        ("MAIL", "550 not your address", TemporaryChannelError, "account"),
        ("MAIL", "530 log in first", TemporaryChannelError, "credentials"),
        ("MAIL", "451 try later", TemporaryChannelError, "busy"),
        ("DATA", "554 it looks like spam", PermanentChannelError, "refused"),
        ("DATA", "421 going down", TemporaryChannelError, "busy"),
    ):
        mailbox.replies.clear()
        mailbox.replies[command] = reply
        with pytest.raises(error, match=rf"^{reason}$"):
            channel(mailbox, authority).send(a_code(to=PERSON))


def test_a_letter_whose_reply_is_lost_may_have_arrived(mailbox: MailBox, authority: Authority) -> None:
    mailbox.drops_after_data = True
    with pytest.raises(TemporaryChannelError) as caught:
        channel(mailbox, authority).send(a_code(to=PERSON))
    assert caught.value.may_have_arrived
    assert len(mailbox.letters) == 1


class DrippingServer:
    """A server that says one byte after the other, and never all of a line."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lost_its_client = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        client.sendall(b"220 mail.example ready\r\n")
        client.settimeout(0.02)
        for _ in range(150):
            try:
                heard = client.recv(1000)
            except TimeoutError:
                client.sendall(b"2")
                continue
            except OSError:
                heard = b""
            if not heard:
                self.lost_its_client.set()
                break
        client.close()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


def test_a_server_that_answers_byte_by_byte_is_left_before_the_lease_of_the_message_ends() -> None:
    box = DrippingServer()
    server = MailServer.at(f"smtp-plain://127.0.0.1:{box.port}", "epass@punjab.example")
    with pytest.raises(TemporaryChannelError, match=r"^timeout$") as caught:
        EmailChannel(server, pass_card.draw, call_seconds=0.3).send(a_code(to=PERSON))
    assert caught.value.may_have_arrived, "what the server makes of it is not known"
    assert box.lost_its_client.wait(5)
    box.close()


def test_a_server_that_greets_too_late_gets_no_letter() -> None:
    box = MailBox()
    box.may_greet.clear()
    server = MailServer.at(f"smtp-plain://127.0.0.1:{box.port}", "epass@punjab.example")
    with pytest.raises(TemporaryChannelError, match=r"^timeout$") as caught:
        EmailChannel(server, pass_card.draw, call_seconds=0.1).send(a_code(to=PERSON))
    assert not caught.value.may_have_arrived
    box.may_greet.set()
    eventually(lambda: box.ended == 1, "the sender has left")
    assert not box.letters
    box.close()
