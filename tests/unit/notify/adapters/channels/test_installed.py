"""Which channels an installation has, and which settings it refuses to start with."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.chassis.runtime.settings import WrongSettings
from services.notify.adapters.channels import Deadline, PermanentChannelError
from services.notify.adapters.channels.http_gateway import gateway_client
from services.notify.adapters.channels.installed import channels_of, receipt_sources_of, report_services_of
from services.notify.settings import NotifySettings, SenderSettings
from tests.support.factories.notify import PUBLIC
from tests.support.factories.registered_texts import registration_file
from tests.support.stack.settings import make_settings


def names(**given: Any) -> dict[str, tuple[str, bool]]:
    channels = channels_of(make_settings(SenderSettings, **given))
    return {kind: (channel.name, channel.gives_receipts) for kind, channel in channels.items()}


def test_in_local_mode_the_phone_page_serves_what_has_no_address() -> None:
    assert names(local_mode=True, sms_url="http://127.0.0.1:1") == {
        "sms": ("sms_gateway", False),
        "whatsapp": ("local", False),
        "email": ("local", False),
    }


def test_a_channel_without_an_address_is_not_offered(tmp_path: Path) -> None:
    assert names(**PUBLIC) == {}
    given = {"sms_url": "https://sms.example", "sms_registrations": registration_file(tmp_path)}
    assert names(**PUBLIC, **given, sms_vendor="mobile_seva") == {"sms": ("mobile_seva", False)}
    assert names(**PUBLIC, smtp_url="smtps://mail.example", smtp_sender="a@b.in") == {
        "email": ("smtp", False)
    }


def test_receipts_are_expected_of_a_vendor_whose_secret_is_set(tmp_path: Path) -> None:
    given = {"sms_url": "https://sms.example", "sms_registrations": registration_file(tmp_path)}
    whatsapp = {"whatsapp_url": "https://graph.example/messages"}
    secrets = {"sms_webhook_secret": "s" * 32, "whatsapp_app_secret": "a"}
    assert names(**PUBLIC, **given, **whatsapp, sms_vendor="msg91") == {
        "sms": ("msg91", False),
        "whatsapp": ("whatsapp_cloud", False),
    }
    assert names(**PUBLIC, **given, **whatsapp, **secrets, sms_vendor="msg91") == {
        "sms": ("msg91", True),
        "whatsapp": ("whatsapp_cloud", True),
    }
    seva = {**given, "sms_vendor": "mobile_seva", "sms_reports_url": "https://sms.example/csvreport"}
    assert names(**PUBLIC, **seva) == {"sms": ("mobile_seva", True)}
    assert set(report_services_of(make_settings(SenderSettings, **PUBLIC, **seva))) == {"mobile_seva"}
    assert report_services_of(make_settings(SenderSettings, **PUBLIC, **given, sms_vendor="msg91")) == {}
    assert set(receipt_sources_of(make_settings(NotifySettings, **secrets))) == {"sms", "whatsapp"}
    replying = make_settings(
        NotifySettings, **secrets, sms_reply_to="EPASS 9220012345", sms_reply_secret="r" * 32
    )
    shown = {"x-webhook-secret": "s" * 32}
    assert receipt_sources_of(replying)["sms"].verify(shown, b"")
    assert not receipt_sources_of(replying)["sms_replies"].verify(shown, b""), "the vendor of reports has it"
    assert set(receipt_sources_of(replying)) == {"sms", "sms_replies", "whatsapp"}
    assert receipt_sources_of(make_settings(NotifySettings)) == {}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"sms_url": "http://sms.example"}, "EPASS_SMS_URL .*https://"),
        ({"sms_reply_to": "EPASS 9220012345"}, "EPASS_SMS_REPLY_TO .*without EPASS_SMS_REPLY_SECRET"),
        (
            {"sms_reply_secret": "s" * 32, "sms_webhook_secret": "s" * 32},
            "EPASS_SMS_REPLY_SECRET .*it is EPASS_SMS_WEBHOOK_SECRET",
        ),
        ({"sms_reply_to": "EPASS", "sms_reply_secret": "s" * 32}, "EPASS_SMS_REPLY_TO .*no number"),
        ({"sms_reply_fields": ("number=from",)}, "EPASS_SMS_REPLY_FIELDS .*there is no field number"),
        ({"whatsapp_url": "https://10.0.0.7/messages"}, "EPASS_WHATSAPP_URL .*private"),
        ({"whatsapp_url": "https://[::1]/messages"}, "EPASS_WHATSAPP_URL .*private"),
        ({"sms_url": "https://169.254.169.254/"}, "EPASS_SMS_URL .*private"),
        ({"sms_url": "https://vault.internal/"}, "EPASS_SMS_URL .*private"),
        ({"smtp_url": "smtp-plain://mail.example", "smtp_sender": "a@b.in"}, "EPASS_SMTP_URL .*encrypted"),
        ({"smtp_url": "smtps://10.0.0.7:465", "smtp_sender": "a@b.in"}, "EPASS_SMTP_URL .*private"),
        ({"smtp_url": "smtp://mail.internal", "smtp_sender": "a@b.in"}, "EPASS_SMTP_URL .*private"),
        ({"smtp_url": "mail.example", "smtp_sender": "a@b.in"}, "EPASS_SMTP_URL "),
        ({"smtp_url": "smtps://mail.example"}, "EPASS_SMTP_SENDER "),
        ({"sms_url": "https://sms.example", "sms_vendor": "msg91"}, "EPASS_SMS_REGISTRATIONS "),
        (
            {"sms_reports_url": "https://10.0.0.7/", "sms_vendor": "mobile_seva"},
            "EPASS_SMS_REPORTS_URL .*priv",
        ),
        ({"sms_reports_url": "https://sms.example/"}, "EPASS_SMS_REPORTS_URL .*not asked"),
    ],
)
def test_outside_local_mode_a_vendor_is_on_the_internet_and_encrypted(
    given: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        make_settings(SenderSettings, **PUBLIC, **given)


CHAINS = ("EPASS_CHAIN_CODE", "EPASS_CHAIN_PASS", "EPASS_CHAIN_STATUS")


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("written", ["", "  ", ","])
def test_an_empty_chain_keeps_the_sender_from_starting(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str
) -> None:
    """It would be the default chain, and whoever wrote it may have wanted none."""
    monkeypatch.setenv(name, written)
    with pytest.raises(ValidationError, match="none sends on the chosen channel alone"):
        make_settings(SenderSettings, **PUBLIC)


@pytest.mark.parametrize("name", CHAINS)
def test_none_is_a_chain_without_steps(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, " none ")
    settings = make_settings(SenderSettings, **PUBLIC)
    assert getattr(settings, name.removeprefix("EPASS_").lower()) == ()
    monkeypatch.setenv(name, "none,sms:45")
    with pytest.raises(ValidationError, match="is not like whatsapp:120"):
        make_settings(SenderSettings, **PUBLIC)


@pytest.mark.parametrize("where", [PUBLIC, {"local_mode": True}], ids=["public", "local"])
def test_a_text_that_is_not_registered_keeps_the_sender_from_starting(
    tmp_path: Path, where: dict[str, Any]
) -> None:
    path = registration_file(tmp_path, otp='[otp]\nversion = 1\npa = "1307"')
    given = {"sms_url": "https://sms.example", "sms_vendor": "mobile_seva", "sms_registrations": path}
    with pytest.raises(WrongSettings, match=r"otp\.pa, otp\.hi, otp\.en$"):
        names(**where, **given)


def test_a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent() -> None:
    client = gateway_client(1, public_only=True)
    with pytest.raises(PermanentChannelError, match=r"^private_address$"):
        client.post("https://localhost:9/", {}, Deadline(), json={})
