"""An exporter does not start with a witness that nobody can reach, or to whom others could listen."""

import pytest

from services.chassis.runtime.settings import WrongSettings, read
from services.ops.settings import WitnessSettings

MAIL = {
    "WITNESS_MAIL": "auditor@example.in",
    "SMTP_URL": "smtps://mail.example",
    "SMTP_SENDER": "e@example.in",
}
STORE = {
    "WITNESS_STORE_URL": "https://store.example/bucket",
    "WITNESS_STORE_KEY_ID": "key",
    "WITNESS_STORE_SECRET": "secret",
}
WRONG = {
    "a mailbox without a mail server": ({**MAIL, "SMTP_URL": ""}, "WITNESS_MAIL"),
    "a mailbox that is none": ({**MAIL, "WITNESS_MAIL": "auditor"}, "WITNESS_MAIL"),
    "mail without encryption": ({**MAIL, "SMTP_URL": "smtp-plain://mail.example"}, "SMTP_URL"),
    "a store in clear text": ({**STORE, "WITNESS_STORE_URL": "http://store.example/b"}, "WITNESS_STORE_URL"),
    "a store without a key": ({**STORE, "WITNESS_STORE_SECRET": ""}, "WITNESS_STORE_URL"),
}


def read_with(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> WitnessSettings:
    for name, value in {"LOCAL_MODE": "false", **given}.items():
        monkeypatch.setenv(f"EPASS_{name}", value)
    return read(WitnessSettings)


def test_a_mailbox_and_a_store_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(monkeypatch, {**MAIL, **STORE})
    assert settings.witness_mail == ("auditor@example.in",)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    given, named = WRONG[case]
    with pytest.raises(WrongSettings, match=f"EPASS_{named} "):
        read_with(monkeypatch, given)
