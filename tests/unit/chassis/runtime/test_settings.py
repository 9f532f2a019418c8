"""Settings: one frozen object for each process, made of what that process needs."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from contracts.events import StatusListSigned
from contracts.model import MOST_DAYS
from services.chassis.runtime.settings import (
    DatabaseSettings,
    Section,
    ServiceSettings,
    VisitSettings,
    WrongSettings,
    read,
)
from services.gateway.settings import GatewaySettings
from services.ops.settings import (
    BrokerCommandSettings,
    DatabaseCommandSettings,
    DirectoryCommandSettings,
    InvariantsCommandSettings,
    KeyCommandSettings,
    LoginImportSettings,
    OutboxCommandSettings,
)
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import (
    EVENT_KEY_SEEDS,
    EVENT_KEYS,
    PROCESSES,
    REQUIRED,
    SERVICES,
    make_settings,
)

COMMANDS = [
    DatabaseSettings,
    DatabaseCommandSettings,
    KeyCommandSettings,
    BrokerCommandSettings,
    DirectoryCommandSettings,
    LoginImportSettings,
    OutboxCommandSettings,
    InvariantsCommandSettings,
]
EXAMPLE = ROOT / "deploy" / ".env.example"
NEEDED = [
    pytest.param(kind, name, id=f"{kind.__name__}-{name}")
    for kind in (*PROCESSES.values(), *COMMANDS)
    for name, field in kind.model_fields.items()
    if field.is_required()
]
FROM_OTHERS = {
    "database_url",
    "directory_database_url",
    "sms_token",
    "sms_password",
    "whatsapp_token",
    "whatsapp_app_secret",
    "smtp_password",
    "witness_store_secret",
    "limits_store",
    "event_key",
}
"""Secrets whose length others decide, addresses with one, and keys of another kind."""
SECRETS = [
    pytest.param(kind, name, id=f"{kind.__name__}-{name}")
    for kind in (*PROCESSES.values(), *COMMANDS)
    for name, field in kind.model_fields.items()
    if field.annotation is SecretStr and name not in FROM_OTHERS
]
KEYS = [
    pytest.param(kind, name, id=f"{kind.__name__}-{name}")
    for kind in (*PROCESSES.values(), *COMMANDS)
    for name in kind.model_fields
    if name.endswith("_keys") and name != "event_keys"
]


@pytest.fixture(autouse=True)
def _no_settings_of_the_test_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(f"EPASS_{name.upper()}", raising=False)


def written(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def set_required(kind: type[Section], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in kind.model_fields.items():
        if field.is_required():
            monkeypatch.setenv(f"EPASS_{name.upper()}", written(REQUIRED[name]))


def readers(name: str) -> set[str]:
    """Return the words by which the example file names the processes that read a setting."""
    found = {process for process, kind in PROCESSES.items() if name in kind.model_fields}
    if found == set(PROCESSES):
        return {"each process"}
    if set(SERVICES) <= found:
        found = found - set(SERVICES) | {"each service"}
    if any(name in kind.model_fields for kind in COMMANDS):
        found.add("commands")
    return found


def example() -> dict[str, set[str]]:
    """Return the settings of the example file, each with who reads it."""
    pattern = r"^# \[(.+?)\].*\n(?:# .*\n)*(EPASS_[A-Z0-9_]+)="
    return {
        name: set(words.split(", ")) for words, name in re.findall(pattern, EXAMPLE.read_text(), re.MULTILINE)
    }


def test_every_setting_stands_in_the_example_file_and_nothing_else_does() -> None:
    names = {name for kind in (*PROCESSES.values(), *COMMANDS) for name in kind.model_fields}
    assert set(example()) == {f"EPASS_{name.upper()}" for name in names} | {"EPASS_SECRETS_DIR"}


def test_the_example_file_names_the_processes_that_read_each_setting() -> None:
    for name, words in example().items():
        if name != "EPASS_SECRETS_DIR":
            assert (name, words) == (name, readers(name.removeprefix("EPASS_").lower()))


def differing(example_file: str) -> set[str]:
    """Return the settings of an example file that have another value there than their default.

    A setting without a default, or with several in several processes, is empty there.
    """
    found = set()
    for name, text in re.findall(r"^EPASS_(\w+)=(.*)$", example_file, re.MULTILINE):
        kinds = [kind for kind in (*PROCESSES.values(), *COMMANDS) if name.lower() in kind.model_fields]
        fields = [kind.model_fields[name.lower()] for kind in kinds]
        defaults = {one.get_default(call_default_factory=True) for one in fields if not one.is_required()}
        if text:
            value = Annotated[fields[0].annotation, Field(), *fields[0].metadata]
            is_default = defaults == {TypeAdapter(value).validate_python(text)}
        else:
            is_default = len({one for one in defaults if one}) != 1
        if not is_default:
            found.add(name)
    return found


def test_the_example_file_has_the_default_of_each_setting() -> None:
    assert differing(EXAMPLE.read_text()) == set()


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("EPASS_ATTEMPTS=8", "EPASS_ATTEMPTS=9"),
        ("EPASS_PREFETCH=64", "EPASS_PREFETCH="),
        ("EPASS_RETRY_DELAYS=1,5,30,300", "EPASS_RETRY_DELAYS=1,5,30"),
        ("EPASS_SMTP_SENDER=", "EPASS_SMTP_SENDER=epass@example.org"),
    ],
)
def test_control_another_default_in_the_example_file_is_found(line: str, other: str) -> None:
    changed = re.sub(f"^{line}$", other, EXAMPLE.read_text(), flags=re.MULTILINE)
    assert differing(changed) - differing(EXAMPLE.read_text()) == {line[6:].partition("=")[0]}


@pytest.mark.parametrize(("kind", "name"), NEEDED)
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "empty"])
def test_a_process_does_not_start_without_what_it_needs_and_names_it(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section], name: str, missing: bool
) -> None:
    set_required(kind, monkeypatch)
    read(kind)
    if missing:
        monkeypatch.delenv(f"EPASS_{name.upper()}")
    else:
        monkeypatch.setenv(f"EPASS_{name.upper()}", "")
    with pytest.raises(WrongSettings) as stopped:
        read(kind)
    assert str(stopped.value) == f"EPASS_{name.upper()} is missing"


@pytest.mark.parametrize(("kind", "name"), SECRETS)
def test_a_secret_of_our_own_is_too_long_to_be_guessed(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section], name: str
) -> None:
    set_required(kind, monkeypatch)
    monkeypatch.setenv(f"EPASS_{name.upper()}", "x" * 32)
    read(kind)
    monkeypatch.setenv(f"EPASS_{name.upper()}", "x" * 31)
    with pytest.raises(WrongSettings, match=f"^EPASS_{name.upper()} is wrong: .* fewer than 32") as stopped:
        read(kind)
    assert "xx" not in str(stopped.value)


@pytest.mark.parametrize(("kind", "name"), KEYS)
def test_what_is_no_key_is_found_at_the_start_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section], name: str
) -> None:
    set_required(kind, monkeypatch)
    good, wrong = Fernet.generate_key().decode(), "hunter2" * 6
    monkeypatch.setenv(f"EPASS_{name.upper()}", f"{good},{good}")
    read(kind)
    monkeypatch.setenv(f"EPASS_{name.upper()}", f"{good},{wrong}")
    with pytest.raises(WrongSettings, match=f"^EPASS_{name.upper()} is wrong: .* no Fernet key") as stopped:
        read(kind)
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize(
    ("name", "good", "wrong", "why"),
    [
        ("event_key", EVENT_KEY_SEEDS["verify"], "hunter2" * 6, "base64url of 32 bytes"),
        ("event_keys", ",".join(EVENT_KEYS), f"{EVENT_KEYS[0]},accounts:hunter2", "not service:key"),
        ("event_keys", EVENT_KEYS[0], EVENT_KEYS[0].replace("accounts", "hunter2"), "not service:key"),
    ],
)
def test_what_is_no_key_of_events_is_found_at_the_start_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, good: str, wrong: str, why: str
) -> None:
    set_required(SERVICES["verify"], monkeypatch)
    monkeypatch.setenv(f"EPASS_{name.upper()}", good)
    read(SERVICES["verify"])
    monkeypatch.setenv(f"EPASS_{name.upper()}", wrong)
    with pytest.raises(WrongSettings, match=f"^EPASS_{name.upper()} is wrong: .* {why}") as stopped:
        read(SERVICES["verify"])
    assert "hunter2" not in str(stopped.value)


def test_a_list_of_nothing_but_commas_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", " , ")
    with pytest.raises(WrongSettings, match=r"^EPASS_BROKER_URLS is missing$"):
        read(BrokerCommandSettings)


def test_an_empty_secret_file_counts_as_missing(tmp_path) -> None:
    (tmp_path / "EPASS_DATABASE_URL").write_text("\n")
    with pytest.raises(ValidationError, match="database_url"):
        DatabaseSettings(_secrets_dir=tmp_path)  # type: ignore[call-arg]  # pydantic-settings' own way
    (tmp_path / "EPASS_DATABASE_URL").write_text("postgresql://\n")
    assert DatabaseSettings(_secrets_dir=tmp_path).database_url == SecretStr("postgresql://")  # type: ignore[call-arg]


def test_a_secret_that_is_a_file_cannot_be_replaced_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Settings that all pods of an installation share come by the environment, and it would win."""
    monkeypatch.setitem(DatabaseSettings.model_config, "secrets_dir", str(tmp_path))  # type: ignore[typeddict-item]
    (tmp_path / "EPASS_DATABASE_URL").write_text("postgresql://file\n")
    assert read(DatabaseSettings).database_url == SecretStr("postgresql://file")
    monkeypatch.setenv("EPASS_DATABASE_URL", "")
    read(DatabaseSettings)
    monkeypatch.setenv("EPASS_DATABASE_URL", "postgresql://hunter2")
    with pytest.raises(WrongSettings, match=r"^EPASS_DATABASE_URL is wrong: .* keep one of them$") as stopped:
        read(DatabaseSettings)
    assert "hunter2" not in str(stopped.value)
    (tmp_path / "EPASS_DATABASE_URL").write_text("\n")
    read(DatabaseSettings)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(
        WrongSettings, match=r"^EPASS_BROKER_URLS is missing; EPASS_OPS_DATABASE_URLS is missing$"
    ):
        read(InvariantsCommandSettings)


@pytest.mark.parametrize(
    ("name", "value"), [("EPASS_RETRY_DELAYS", "1,hunter2"), ("EPASS_BROKER_HEARTBEAT", "hunter2")]
)
def test_a_wrong_value_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a")
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings, match=f"^{name} is wrong: ") as stopped:
        read(BrokerCommandSettings)
    assert "hunter2" not in str(stopped.value)


def test_no_visit_may_be_so_far_ahead_that_its_revocation_is_no_longer_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EPASS_FURTHEST_DAYS", "37")
    assert read(VisitSettings).furthest_days + MOST_DAYS + 1 <= StatusListSigned.live_for.days
    monkeypatch.setenv("EPASS_FURTHEST_DAYS", "38")
    with pytest.raises(WrongSettings, match=r"^EPASS_FURTHEST_DAYS is wrong: "):
        read(VisitSettings)


LISTENERS = [
    pytest.param(kind, name, id=f"{process}-{name}")
    for process, kind in PROCESSES.items()
    for name in kind.model_fields
    if name.endswith("_host")
]


@pytest.mark.parametrize(("kind", "name"), LISTENERS)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example"])
def test_local_mode_is_for_loopback_addresses_alone(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section], name: str, host: str
) -> None:
    set_required(kind, monkeypatch)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "true")
    for own in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        monkeypatch.setenv(f"EPASS_{name.upper()}", own)
        read(kind)
    monkeypatch.setenv(f"EPASS_{name.upper()}", host)
    with pytest.raises(WrongSettings, match=f"^EPASS_{name.upper()} is wrong: in local mode"):
        read(kind)
    monkeypatch.setenv("EPASS_LOCAL_MODE_IN_CONTAINER", "true")
    read(kind)


@pytest.mark.parametrize("process", ["gateway", "notify", "sender"])
@pytest.mark.parametrize("url", [None, "http://epass.example", "epass.example"])
def test_in_production_nothing_is_served_or_linked_to_over_plain_http(
    monkeypatch: pytest.MonkeyPatch, process: str, url: str | None
) -> None:
    kind = PROCESSES[process]
    set_required(kind, monkeypatch)
    monkeypatch.setenv("EPASS_TRUSTED_PROXIES", "none")
    if url is not None:
        monkeypatch.setenv("EPASS_PUBLIC_URL", url)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "true")
    read(kind)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "false")
    with pytest.raises(WrongSettings, match=r"^EPASS_PUBLIC_URL is wrong: outside local mode"):
        read(kind)
    monkeypatch.setenv("EPASS_PUBLIC_URL", "https://epass.example")
    read(kind)


@pytest.mark.parametrize("undecided", [None, "", " , "])
def test_a_gateway_in_production_is_told_which_proxies_it_may_believe(
    monkeypatch: pytest.MonkeyPatch, undecided: str | None
) -> None:
    set_required(GatewaySettings, monkeypatch)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "false")
    monkeypatch.setenv("EPASS_PUBLIC_URL", "https://epass.example")
    if undecided is not None:
        monkeypatch.setenv("EPASS_TRUSTED_PROXIES", undecided)
    with pytest.raises(WrongSettings, match=r"^EPASS_TRUSTED_PROXIES is wrong: .*, or none$"):
        read(GatewaySettings)
    for decided, believed in (("none", ()), ("10.0.0.0/8, 10.1.1.1", ("10.0.0.0/8", "10.1.1.1"))):
        monkeypatch.setenv("EPASS_TRUSTED_PROXIES", decided)
        assert read(GatewaySettings).trusted_proxies == believed


LIMITED = [kind for kind in PROCESSES.values() if "rate_limits" in kind.model_fields]


@pytest.mark.parametrize("kind", LIMITED)
def test_in_production_nobody_switches_the_rate_limits_off(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section]
) -> None:
    set_required(kind, monkeypatch)
    monkeypatch.setenv("EPASS_PUBLIC_URL", "https://epass.example")
    monkeypatch.setenv("EPASS_TRUSTED_PROXIES", "none")
    monkeypatch.setenv("EPASS_RATE_LIMITS", "false")
    monkeypatch.setenv("EPASS_LOCAL_MODE", "true")
    read(kind)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "false")
    with pytest.raises(WrongSettings, match=r"^EPASS_RATE_LIMITS is wrong: outside local mode they apply$"):
        read(kind)
    monkeypatch.setenv("EPASS_RATE_LIMITS", "true")
    read(kind)


@pytest.mark.parametrize("process", ["gateway", "sender"])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("x", "not smtps://host:port"),
        ("https://mail.example", "not smtps://host:port"),
        ("smtps://", "not smtps://host:port"),
        ("smtps://mail.example:hunter2", "not smtps://host:port"),
        ("smtps://hunter2:hunter2@mail.example", "settings of their own"),
        ("SMTP-plain://mail.example", "encrypted"),
    ],
)
def test_the_gateway_and_the_sender_refuse_what_is_no_address_of_a_mail_server_and_do_not_quote_it(
    monkeypatch: pytest.MonkeyPatch, process: str, address: str, why: str
) -> None:
    kind = PROCESSES[process]
    set_required(kind, monkeypatch)
    for name, value in (("PUBLIC_URL", "https://epass.example"), ("TRUSTED_PROXIES", "none"),
                        ("LOCAL_MODE", "false"), ("SMTP_SENDER", "passes@epass.example")):  # fmt: skip
        monkeypatch.setenv(f"EPASS_{name}", value)
    monkeypatch.setenv("EPASS_SMTP_URL", "smtps://mail.example:465")
    read(kind)
    monkeypatch.setenv("EPASS_SMTP_URL", address)
    with pytest.raises(WrongSettings, match=f"^EPASS_SMTP_URL is wrong: .*{why}") as stopped:
        read(kind)
    assert "hunter2" not in str(stopped.value)


def test_all_that_does_not_go_together_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_required(GatewaySettings, monkeypatch)
    monkeypatch.setenv("EPASS_LOCAL_MODE", "false")
    with pytest.raises(
        WrongSettings, match=r"^EPASS_PUBLIC_URL is wrong: .*; EPASS_TRUSTED_PROXIES is wrong"
    ):
        read(GatewaySettings)


@pytest.fixture
def pem(tmp_path: Path) -> dict[str, str]:
    """Return the settings of TLS, with files that exist."""
    names = [
        f"EPASS_{server}_{part}" for server in ("BROKER", "DATABASE") for part in ("CA", "CERTIFICATE", "KEY")
    ]
    for name in names:
        (tmp_path / name).touch()
    return {name: str(tmp_path / name) for name in names}


@pytest.mark.parametrize("kind", [*PROCESSES.values(), *COMMANDS], ids=lambda kind: kind.__name__)
def test_with_a_ca_every_address_of_a_broker_or_a_database_asks_for_tls(
    monkeypatch: pytest.MonkeyPatch, kind: type[Section], pem: dict[str, str]
) -> None:
    set_required(kind, monkeypatch)
    for name in kind.model_fields:
        if name.endswith("broker_urls"):
            monkeypatch.setenv(
                f"EPASS_{name.upper()}",
                "amqp://one:p%40ss@a:5671/epass?no_verify_ssl=1,amqp://one:p%40ss@b/epass",
            )
        elif name.endswith(("database_url", "database_urls")):
            weaker = "postgresql+psycopg://one:p%40ss@/issuance?host=a%2Cb&sslmode=disable"
            monkeypatch.setenv(f"EPASS_{name.upper()}", weaker)
    for name, file in pem.items():
        monkeypatch.setenv(name, file)
    addresses: list[str] = []
    for _, value in read(kind):
        texts = (value.get_secret_value(),) if isinstance(value, SecretStr) else value
        if isinstance(texts, tuple):
            addresses += [one for one in texts if "://" in str(one)]
    assert addresses
    for address in addresses:
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.scheme == "amqps":
            files = {name: pem[f"EPASS_BROKER_{part}"] for name, part in
                     (("cafile", "CA"), ("certfile", "CERTIFICATE"), ("keyfile", "KEY"))}  # fmt: skip
            assert (query, parts.path, parts.password) == (files, "/epass", "p%40ss")
        else:
            files = {name: pem[f"EPASS_DATABASE_{part}"] for name, part in
                     (("sslrootcert", "CA"), ("sslcert", "CERTIFICATE"), ("sslkey", "KEY"))}  # fmt: skip
            assert parts.scheme == "postgresql+psycopg"
            assert query == {"host": "a,b", "sslmode": "verify-full", **files}


@pytest.mark.parametrize("server", ["BROKER", "DATABASE"])
@pytest.mark.parametrize(
    ("given", "wrong"),
    [(["CERTIFICATE", "KEY"], "CA"), (["CA", "KEY"], "KEY"), (["CA", "CERTIFICATE"], "CERTIFICATE")],
)
def test_half_of_what_tls_needs_stops_the_process(
    monkeypatch: pytest.MonkeyPatch, pem: dict[str, str], server: str, given: list[str], wrong: str
) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a")
    for part in given:
        monkeypatch.setenv(f"EPASS_{server}_{part}", pem[f"EPASS_{server}_{part}"])
    with pytest.raises(WrongSettings, match=f"^EPASS_{server}_{wrong} is wrong: "):
        read(BrokerCommandSettings)


def test_a_ca_whose_file_is_missing_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a")
    monkeypatch.setenv("EPASS_BROKER_CA", "/nowhere/ca.pem")
    with pytest.raises(WrongSettings, match=r"^EPASS_BROKER_CA is wrong: "):
        read(BrokerCommandSettings)


@pytest.mark.parametrize("kind", PROCESSES.values())
def test_settings_cannot_be_changed(kind: type[Section]) -> None:
    with pytest.raises(ValidationError):
        make_settings(kind).log_level = "DEBUG"  # type: ignore[attr-defined]  # that it is not allowed is the point


@pytest.mark.parametrize("kind", SERVICES.values())
def test_no_worker_waits_for_a_connection_that_another_holds(kind: type[ServiceSettings]) -> None:
    settings = make_settings(kind)
    assert settings.database_pool >= settings.rpc_workers + settings.event_workers + settings.urgent_workers


def test_processes_are_spread_over_the_nodes_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = ("amqp://a", "amqp://b", "amqp://c")
    monkeypatch.setenv("EPASS_BROKER_URLS", ",".join(nodes))
    orders = [read(BrokerCommandSettings).broker_urls for _ in range(200)]
    assert {order[0] for order in orders} == {*nodes}
    assert all(sorted(order) == [*nodes] for order in orders)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a, amqp://b")
    monkeypatch.setenv("EPASS_RETRY_DELAYS", "1,2.5")
    settings = read(BrokerCommandSettings)
    assert {*settings.broker_urls} == {"amqp://a", "amqp://b"}
    assert settings.retry_delays == (1.0, 2.5)
