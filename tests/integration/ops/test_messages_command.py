"""`epass messages`: a message to try a vendor with, and the texts to register."""

import json
from pathlib import Path

from click.testing import CliRunner

from services.notify import commands
from services.notify.domain import templates
from services.ops.cli import main
from tests.support.factories.notify import MOBILE
from tests.support.factories.registered_texts import registration_file
from tests.support.vendors.mobile_seva import MobileSeva
from tests.support.vendors.whatsapp import WhatsApp

DATABASE = {"EPASS_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/nowhere"}


def run(*arguments: str, **settings: object) -> tuple[int, str]:
    environment = DATABASE | {f"EPASS_{name.upper()}": str(value) for name, value in settings.items()}
    result = CliRunner(env=environment).invoke(main, ["messages", *arguments])
    return result.exit_code, result.output


def test_a_message_is_sent_and_what_came_back_is_printed(tmp_path: Path) -> None:
    with MobileSeva() as vendor:
        vendor.keep_alive = False
        account = {
            "sms_vendor": "mobile_seva",
            "sms_url": vendor.url,
            "sms_user": vendor.user,
            "sms_password": vendor.password,
            "sms_token": vendor.secure_key,
            "sms_registrations": registration_file(tmp_path),
        }
        code, said = run("test", "--to", MOBILE, "--json", **account)
        assert code == 0, said
        printed = json.loads(said)
        assert printed["vendor"] == "mobile_seva"
        assert printed["provider_id"].endswith(vendor.user)
        assert "TEST0000" in vendor.phone[0].text
        vendor.faults.answers.append((200, b"ERROR : 403 no credits"))
        code, said = run("test", "--to", MOBILE, "--purpose", "otp", **account)
        assert (code, "not accepted: account" in said) == (2, True)


def test_a_pass_by_whatsapp_has_a_code_that_opens_nothing() -> None:
    with WhatsApp() as vendor:
        vendor.keep_alive = False
        given = {"whatsapp_url": vendor.url, "whatsapp_token": vendor.token}
        code, said = run("test", "--to", MOBILE, "--channel", "whatsapp", **given)
        assert (code, "wamid." in said) == (0, True)
        assert vendor.phone[0].picture is not None
        assert vendor.phone[0].button == f"p/{commands.LINK_CODE}", "as of a pass: Meta refuses an empty one"


def test_a_channel_without_a_vendor_is_named() -> None:
    public = {"local_mode": "false", "public_url": "https://epass.example"}
    for settings in (public, {"local_mode": "true"}):  # the phone of local mode is no vendor
        code, said = run("test", "--to", MOBILE, **settings)
        assert (code, "no vendor is connected for sms" in said) == (2, True)


def test_every_text_is_printed_as_its_vendor_writes_a_variable() -> None:
    for form, written in (("dlt", "{#numeric#}"), ("msg91", "##code##"), ("whatsapp", "{{reference}}")):
        code, said = run("texts", "--for", form)
        assert (code, written in said) == (0, True), form
        assert f"version {templates.find('otp', 'pa').version}" in said
