"""Messages as a channel receives them."""

from collections.abc import Mapping
from uuid import uuid4

from contracts.model import DeliverBy, Language
from services.notify.adapters.channels import Outgoing
from services.notify.domain import templates
from services.notify.domain.messages import TOKEN, VISITS, Personal, Purpose
from tests.support.factories.notify import LINK_CODE, MOBILE, PUBLIC_URL

TOKEN_OF_A_PASS = "eyJ" + "abcdEFGH0123456789-_" * 18
PASS = {
    "number": "7K3M9QW4",
    "reference": "PCS-7K3M-9QW4",
    "date": "01-12-2026",
    "start": "10:00",
    "end": "12:00",
    "gate": "1",
    "link": f"{PUBLIC_URL}/p/{LINK_CODE}",
    VISITS: "2026-12-01T10:00:00+05:30/2026-12-01T12:00:00+05:30",
    TOKEN: TOKEN_OF_A_PASS,
}
CODE = {"code": "482917", "until": "14:35"}


def outgoing(
    purpose: Purpose, parameters: Mapping[str, str], language: Language = "pa", *, to: str = MOBILE,
    channel: DeliverBy = "sms",
) -> Outgoing:  # fmt: skip
    """Return a message to a person."""
    template = templates.find(purpose, language)
    personal = Personal(to, to, parameters, parameters.get("link"))
    return Outgoing(uuid4(), purpose, channel, language, personal, template, template.render(parameters))


def a_pass(
    language: Language = "pa", *, to: str = MOBILE, channel: DeliverBy = "whatsapp", **changes: str
) -> Outgoing:
    """Return the message with a pass, with its QR code."""
    site = templates.site("PCS1", {}, language)
    return outgoing("pass_issued", {**PASS, "site": site, **changes}, language, to=to, channel=channel)


def a_code(language: Language = "pa", *, to: str = MOBILE, channel: DeliverBy = "sms") -> Outgoing:
    """Return the message with a one-time code."""
    return outgoing("otp", CODE, language, to=to, channel=channel)
