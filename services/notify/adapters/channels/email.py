"""Email by SMTP (RFC 5321), always encrypted (RFC 8314), with the QR in the text and the visit as a file.

The text is the same as everywhere; a pass shows its picture below it, inside the message and not from a
server, and has the visit as ``visit.ics`` (RFC 5545) for the reader's calendar. ``Message-ID`` is made of our
ID, so that a mail program shows a message once that was sent twice. A server's yes means that it took the
message over: what happens later it tells by a letter to the sender, which nobody reads, so there are no
receipts.
"""

import html
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.domain import templates
from services.notify.domain.messages import Personal

TIMEOUT = 10.0
"""In seconds, of each step."""
INDIA = ZoneInfo("Asia/Kolkata")
"""By name: a calendar needs the zone, not only its offset."""
Scheme = Literal["smtp", "smtps", "smtp-plain"]
_PORTS: Mapping[Scheme, int] = {"smtp": 587, "smtps": 465, "smtp-plain": 25}
_PERMANENT = 500
"""Replies from here on are final (RFC 5321, 4.2.1)."""


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
        context: what a certificate is checked against; the authorities of the system by default.
    """

    name = "smtp"
    gives_receipts = False

    def __init__(
        self,
        server: MailServer,
        draw: Callable[[Personal], bytes | None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._draw = draw
        self._context = context or ssl.create_default_context()

    def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the server.

        Raises:
            TemporaryChannelError: ``unreachable``, ``timeout``, ``busy`` or ``credentials``.
            PermanentChannelError: ``bad_address`` or ``refused``.
        """
        letter = compose(message, self._server.sender, self._draw(message.personal))
        try:
            connection = self._connect()
        except TimeoutError:
            raise TemporaryChannelError("timeout") from None
        except smtplib.SMTPAuthenticationError:
            raise TemporaryChannelError("credentials") from None
        except (OSError, smtplib.SMTPException):
            raise TemporaryChannelError("unreachable") from None
        try:
            connection.send_message(letter)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refusal(code, "bad_address") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, "refused") from None
        except (OSError, smtplib.SMTPException):  # it may have had all of it
            raise TemporaryChannelError("timeout", may_have_arrived=True) from None
        finally:
            connection.close()
        return Receipt(letter["Message-ID"])

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            connection = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=self._context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
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
    return PermanentChannelError(reason) if code >= _PERMANENT else TemporaryChannelError("busy")


def compose(message: Outgoing, sender: str, picture: bytes | None) -> EmailMessage:
    """Return the message as it goes to the server."""
    parameters, domain = message.personal.parameters, sender.rpartition("@")[2]
    about = parameters.get("number") or parameters.get("reference") or ""
    letter = EmailMessage()
    letter["Subject"] = f"e-Pass {about}".strip()
    letter["From"] = f"e-Pass <{sender}>"
    letter["To"] = message.personal.to
    letter["Date"] = formatdate()
    letter["Message-ID"] = f"<{message.id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["Content-Language"] = message.language
    letter.set_content(message.text)
    shown = html.escape(message.text)
    for link in {parameters.get("link"), parameters.get("url")} - {None, ""}:
        escaped = html.escape(str(link))
        shown = shown.replace(escaped, f'<a href="{escaped}">{escaped}</a>')
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
