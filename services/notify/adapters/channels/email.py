"""Email by SMTP (RFC 5321), always encrypted (RFC 8314), with the QR in the text and the visit as a file.

The text is the same as everywhere; a pass shows its picture below it, inside the message and not from a
server, and has the visit as ``visit.ics`` (RFC 5545) for the reader's calendar. ``Message-ID`` is made of our
ID, so that a mail program shows a message once that was sent twice. A server's yes means that it took the
message over: what happens later it tells by a letter to the sender, which nobody reads, so there are no
receipts.

Outside local mode a server at a private address is refused before it is connected to
(``public_addresses.py``). SMTP knows no redirects: a 251 or 551 that names another server is a reply like any
other.
"""

import html
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from typing import Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from contracts.email import is_email
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    SEND_SECONDS,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
    public_addresses,
)
from services.notify.adapters.channels.public_addresses import NotPublic
from services.notify.domain import templates
from services.notify.domain.messages import Personal

TIMEOUT = 10.0
"""In seconds, of each step. A server that sends a byte now and then stays within it for ever."""
INDIA = ZoneInfo("Asia/Kolkata")
"""By name: a calendar needs the zone, not only its offset."""
Scheme = Literal["smtp", "smtps", "smtp-plain"]
_PORTS: Mapping[Scheme, int] = {"smtp": 587, "smtps": 465, "smtp-plain": 25}
_PERMANENT = 500
"""Replies from here on are final (RFC 5321, 4.2.1)."""
_NO_LOGIN = range(530, 540)
"""Replies about our login (RFC 4954, 6), which the administrator can mend."""


@dataclass(frozen=True)
class MailServer:
    """The server that takes our messages over, and the address from which they come."""

    scheme: Scheme
    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str, sender: str, user: str = "", password: str = "") -> "MailServer":
        """Return the server at an address as the settings have it: ``smtps://host:465``."""
        parts = urlsplit(url)
        scheme: Scheme = next(one for one in get_args(Scheme) if one == parts.scheme)
        return cls(scheme, parts.hostname or "", parts.port or _PORTS[scheme], sender, user, password)


class EmailChannel:
    """Channel to one mail server.

    Args:
        server: where it is, and how to log in.
        draw: returns the picture of a pass as PNG, or None for a message that has none.
        public_only: whether a server is refused whose name leads to a private address.
        context: what a certificate is checked against; the authorities of the system by default.
        call_seconds: the longest time of a delivery.
    """

    name = "smtp"
    gives_receipts = False

    def __init__(
        self,
        server: MailServer,
        draw: Callable[[Personal], bytes | None],
        context: ssl.SSLContext | None = None,
        *,
        public_only: bool = False,
        call_seconds: float = SEND_SECONDS,
    ) -> None:
        self._server = server
        self._draw = draw
        self._context = context or ssl.create_default_context()
        self._public_only = public_only
        self._call_seconds = call_seconds

    def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the server.

        Raises:
            TemporaryChannelError: ``unreachable``, ``timeout``, ``busy``, ``credentials`` or ``account``.
            PermanentChannelError: ``bad_address``, ``private_address`` or ``refused``.
        """
        if not is_email(message.personal.to):  # an earlier version took more texts for addresses
            raise PermanentChannelError("bad_address")
        letter = compose(message, self._server.sender, self._draw(message.personal))
        delivery = Delivery(
            self._server, self._context, letter, message.personal.to, public_only=self._public_only
        )
        delivery.run_within(min(self._call_seconds, message.deadline.require_left()))
        return Receipt(letter["Message-ID"])


class _PublicSMTP(smtplib.SMTP):
    """A connection to the address that was checked. The certificate is still that of the name."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return public_addresses.connect(host, port, timeout)


class _PublicSMTPS(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        return self.context.wrap_socket(public_addresses.connect(host, port, timeout), server_hostname=host)


class Delivery:
    """One letter on its way to the server, in a thread of its own.

    So a deadline ends it wherever it is: at a name that nobody resolves, within a handshake, or between two
    bytes of a reply.
    """

    def __init__(
        self, server: MailServer, context: ssl.SSLContext, letter: EmailMessage, to: str, *, public_only: bool
    ) -> None:
        self._server = server
        self._public_only = public_only
        self._context = context
        self._letter = letter
        self._to = to
        self._lock = threading.Lock()
        self._connection: smtplib.SMTP | None = None
        self._is_over = False

    def run_within(self, seconds: float) -> None:
        """Hand the letter over.

        Raises:
            TemporaryChannelError: as for `EmailChannel.send`; ``timeout`` when the time is over.
            PermanentChannelError: as for `EmailChannel.send`.
        """
        result: Future[None] = Future()
        threading.Thread(target=self._run, args=(result,), daemon=True).start()
        try:
            result.result(seconds)
        except TimeoutError:
            raise TemporaryChannelError("timeout", may_have_arrived=self._give_up()) from None

    def _run(self, result: Future[None]) -> None:
        try:
            self._hand_over()
        except BaseException as error:  # noqa: BLE001  the thread that waits raises it
            result.set_exception(error)
        else:
            result.set_result(None)

    def _give_up(self) -> bool:
        """Cut the connection; return whether the server may have got the letter."""
        with self._lock:
            self._is_over = True
            connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        return connection is not None

    def _hand_over(self) -> None:
        try:
            connection = self._connect()
        except NotPublic:
            raise PermanentChannelError("private_address") from None
        except TimeoutError:
            raise TemporaryChannelError("timeout") from None
        except smtplib.SMTPAuthenticationError:
            raise TemporaryChannelError("credentials") from None
        except (OSError, smtplib.SMTPException):
            raise TemporaryChannelError("unreachable") from None
        try:
            with self._lock:
                if self._is_over:
                    return
                self._connection = connection
            self._say(connection)
        finally:
            connection.close()

    def _say(self, connection: smtplib.SMTP) -> None:
        try:
            connection.send_message(self._letter, to_addrs=[self._to])
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refusal(code, "bad_address") from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPHeloError) as error:
            # It takes nothing from us at all: that is our account there, not this letter.
            reason = "credentials" if error.smtp_code in _NO_LOGIN else "account"
            raise TemporaryChannelError(reason if error.smtp_code >= _PERMANENT else "busy") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, "refused") from None
        except (OSError, smtplib.SMTPException):  # it may have had all of it
            raise TemporaryChannelError("timeout", may_have_arrived=True) from None

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            make = _PublicSMTPS if self._public_only else smtplib.SMTP_SSL
            connection = make(server.host, server.port, timeout=TIMEOUT, context=self._context)
        else:
            plain = _PublicSMTP if self._public_only else smtplib.SMTP
            connection = plain(server.host, server.port, timeout=TIMEOUT)
        try:
            if server.scheme == "smtp":
                connection.starttls(context=self._context)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _refusal(code: int, reason: str) -> TemporaryChannelError | PermanentChannelError:
    if code in _NO_LOGIN:
        return TemporaryChannelError("credentials")
    return PermanentChannelError(reason) if code >= _PERMANENT else TemporaryChannelError("busy")


def compose(message: Outgoing, sender: str, picture: bytes | None) -> EmailMessage:
    """Return the message as it goes to the server."""
    parameters, domain = message.personal.parameters, sender.rpartition("@")[2]
    about = parameters.get("number") or parameters.get("reference") or ""
    letter = EmailMessage()
    letter["Subject"] = f"e-Pass {about}".strip()
    letter["From"] = f"e-Pass <{sender}>"
    letter["To"] = Address(addr_spec=message.personal.to)
    letter["Date"] = formatdate()
    letter["Message-ID"] = f"<{message.id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["Content-Language"] = message.language
    letter.set_content(message.text)
    shown = html.escape(message.text)
    if link := html.escape(parameters.get("link") or parameters.get("url") or ""):
        shown = shown.replace(link, f'<a href="{link}">{link}</a>', 1)
    image = '<p><img src="cid:pass@epass" alt="QR"></p>' if picture else ""
    letter.add_alternative(
        f'<!doctype html><html lang="{message.language}"><body><p>{shown}</p>{image}</body></html>',
        subtype="html",
    )
    if picture is not None:
        _, shown_part = letter.iter_parts()
        shown_part.add_related(picture, "image", "png", cid="<pass@epass>", filename="pass.png")
    if message.personal.visits:
        letter.add_attachment(calendar(message), maintype="text", subtype="calendar", filename="visit.ics")
    return letter


def calendar(message: Outgoing) -> bytes:
    """Return the days of the visit as a calendar.

    It names nobody and has neither link nor pass number, since people share calendars. Its events are those
    of the file on the page of the pass, by the same IDs.
    """
    parameters = message.personal.parameters
    reference = parameters.get("reference", str(message.id))
    made = Calendar()
    made.add("version", "2.0")
    made.add("prodid", "-//Government of Punjab//e-Pass//EN")
    for number, (start, end) in enumerate(message.personal.visits):
        event = Event()
        event.add("uid", f"{reference}{f'-{number + 1}' if number else ''}@e-pass")
        event.add("dtstamp", now())
        event.add("dtstart", start.astimezone(INDIA))
        event.add("dtend", end.astimezone(INDIA))
        event.add("summary", templates.visit(message.language))
        event.add("location", parameters.get("site", ""))
        made.add_component(event)
    made.add_missing_timezones()
    content: bytes = made.to_ical()
    return content
