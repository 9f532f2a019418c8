"""What the command line runs here: the texts to register, and a message to try a vendor with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Literal, get_args
from uuid import uuid4

from contracts.model import IST, SHORT_LINK, DeliverBy, Language
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.time_words import short_time, time_of_day
from services.notify.adapters.channels import Channel, Outgoing, PermanentChannelError, TemporaryChannelError
from services.notify.domain import templates
from services.notify.domain.message_builders import status_link
from services.notify.domain.messages import TOKEN, VISITS, Personal, Purpose
from services.notify.settings import SenderSettings

Form = Literal["dlt", "msg91", "whatsapp"]
"""How a vendor writes a variable: ``{#alphanumeric#}``, ``##number##``, ``{{number}}``."""


PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


Category = Literal["authentication", "utility"]
"""Meta's, of a template."""
EXAMPLE_URL = "https://epass.example.gov.in"
LINK_CODE = "0" * 22
"""That of a pass that nobody has issued."""


@dataclass(frozen=True)
class Text:
    """A text as it is registered with a vendor, in one language; what follows ``text`` is for WhatsApp."""

    name: str
    version: int
    language: Language
    text: str
    category: Category | None = None
    header: Literal["image"] | None = None
    button: str | None = None
    """The words of the button that opens the link."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """A value of each variable: Meta wants to see one."""


def texts(form: Form, *, replies: bool = False) -> Iterator[Text]:
    """Yield every text in the form in which a vendor registers it; with replies, as it asks for them.

    At WhatsApp a pass has two templates: with a picture, where a button stands for the link, and without.
    Meta writes the text of one-time codes itself.
    """
    for purpose in PURPOSES:
        for language in get_args(Language):
            template = templates.find(purpose, language)
            if replies:
                template = template.taking_replies()
            if form != "whatsapp":
                text = template.render({one: _written(one, form) for one in template.placeholders})
                yield Text(purpose, template.version, language, text)
                continue
            name, version = template.whatsapp_template, template.whatsapp_version
            if purpose == "otp":
                yield Text(name, version, language, "(Meta writes it)", "authentication")
            else:
                yield _whatsapp_text(name, version, language, template.whatsapp)
            if name := template.whatsapp_picture_template:
                shorter = _whatsapp_text(name, version, language, template.whatsapp_picture)
                yield replace(shorter, header="image", button=template.whatsapp_button)


def _whatsapp_text(name: str, version: int, language: Language, text: str) -> Text:
    invented = _invented(language, EXAMPLE_URL)
    examples = {one: value for one, value in invented.items() if f"{{{one}}}" in text}
    written = text.format_map({one: f"{{{{{one}}}}}" for one in examples})
    return Text(name, version, language, written, "utility", examples=examples)


def _written(variable: str, form: Form) -> str:
    return templates.VARIABLES[variable] if form == "dlt" else f"##{variable}##"


@dataclass(frozen=True)
class Tried:
    """What came back of a message: the vendor's ID and the segments, or the reason of a failure."""

    vendor: str
    seconds: float
    provider_id: str | None = None
    parts: int = 0
    error: str | None = None
    may_have_arrived: bool = False


def try_channel(
    channel: Channel, kind: DeliverBy, to: str, purpose: Purpose, language: Language, options: SenderSettings
) -> Tried:
    """Send one message with invented facts; the QR code of its pass opens nothing."""
    reply_to, public_url = options.sms_reply_to if kind == "sms" else "", options.public_url
    template, answers = templates.find_for_sms(purpose, language, reply_to)
    parameters = {**_invented(language, public_url), **answers}
    shown = {name: parameters[name] for name in (*template.placeholders, "reference")}
    if purpose == "pass_issued":
        shown |= {TOKEN: parameters[TOKEN], VISITS: parameters[VISITS]}
    link = f"{public_url.rstrip('/')}/p/{LINK_CODE}" if purpose == "pass_issued" else None
    personal = Personal(to, None, shown, link)
    message = Outgoing(uuid4(), purpose, kind, language, personal, template, template.render(shown))
    began = monotonic()
    try:
        receipt = channel.send(message)
    except TemporaryChannelError as error:
        seconds = monotonic() - began
        return Tried(channel.name, seconds, error=error.reason, may_have_arrived=error.may_have_arrived)
    except PermanentChannelError as error:
        return Tried(channel.name, monotonic() - began, error=error.reason)
    return Tried(channel.name, monotonic() - began, receipt.provider_id, receipt.parts)


def _invented(language: Language, public_url: str) -> dict[str, str]:
    """Return a value for every variable of every text."""
    day, start, end = date(2030, 1, 2), time(10), time(12)
    hours = (datetime.combine(day, hour, IST).isoformat() for hour in (start, end))
    return {
        "code": "000000",
        "number": "TEST0000",
        "reference": "PCS-TEST-0000",
        "login_id": "TEST-0000",
        "by": "TEST-0000",
        "what": templates.reason("login_issued", language, "access"),
        "reason": templates.grounds("security", language),  # one of every text with a reason
        "department": "e-Pass",
        "site": templates.site("PCS1", {}, language),
        "gate": "1",
        "date": templates.day(day),
        "days": templates.days([day, day + timedelta(days=1)], language),
        "start": time_of_day(start, language),
        "end": time_of_day(end, language),
        "since": templates.moment(datetime.combine(day, start, IST), language),
        "until": short_time(end, language),
        "room": templates.room("402", language),
        "documents": templates.documents(None, language),
        "url": status_link("PCS-TEST-0000", language, public_url),
        "link": f"{public_url.rstrip('/')}/q/{LINK_CODE[:SHORT_LINK]}",
        TOKEN: "e-Pass: this code opens nothing",
        VISITS: "/".join(hours),
    }
