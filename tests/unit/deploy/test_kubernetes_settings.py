"""``deploy/kubernetes``: each process gets the settings and the secrets that it needs, and no others."""

import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from contracts.subscriptions import SERVICES
from deploy.kubernetes import secrets
from deploy.local.access import READERS
from deploy.local.services import COMMANDS
from services.chassis.runtime.settings import Section, ServiceSettings
from services.notify.settings import SenderSettings
from services.ops.grants import ROLES, role_of
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import SERVICES as SERVICE_SETTINGS
from tests.unit.deploy.kubernetes import (
    BOX,
    POD,
    SETTINGS,
    Checks,
    Manifest,
    Manifests,
    changed,
    container_of,
    contents,
    environment_of,
    labels_of,
    name_of,
    pod_of,
    secret_keys,
    secret_values,
    with_kustomize,
)

pytestmark = with_kustomize
checks = Checks()


def mounted(workload: Manifest) -> dict[str, str]:
    """Return the files in the folder of secrets of a workload."""
    found: dict[str, str] = {}
    for name, keys in secret_keys(workload).items():
        if name.endswith("-ca"):  # of an authority, in a folder of its own
            continue
        content = secret_values().get(name, {})
        found |= {key: content.get(key, "") for key in (content if keys is None else keys)}
    return found


@checks.finds(
    {
        "a setting that is not there": changed(
            "Deployment", "relay", f"{BOX}.env.EPASS_HEALTH_HOST.name", "EPASS_HEALTH_HOTS"
        ),
        "a setting of another": changed(
            "Deployment", "relay", f"{BOX}.env.EPASS_HEALTH_HOST.name", "EPASS_OTP_MINUTES"
        ),
        "the secret of another": changed(
            "Deployment", "verify-rpc", f"{POD}.volumes.secrets.secret.secretName", "relay"
        ),
        "no secret": changed("Job", "topology", f"{POD}.volumes.secrets.secret.secretName", "nobody"),
        "more than a job needs": changed(
            "Job", "migrate-verify", f"{POD}.volumes.secrets.secret", {"secretName": "verify"}
        ),
        "links that lead elsewhere": changed(
            "Deployment", "sender", f"{BOX}.env.EPASS_PUBLIC_URL.value", "http://127.0.0.1:8080"
        ),
    }
)
def every_process_gets_the_settings_that_it_needs_and_no_others(manifests: Manifests) -> Iterator[str]:
    for one in manifests.workloads():
        environment, files = environment_of(one), mounted(one)
        kinds = SETTINGS[labels_of(one)["process"]]
        fields = {f"EPASS_{field.upper()}" for kind in kinds for field in kind.model_fields}
        unknown = {*environment, *files} - fields - {"EPASS_SECRETS_DIR"}
        yield from (f"{name_of(one)} does not read {name}" for name in unknown)
        yield from (f"{name_of(one)} has {name} twice" for name in environment.keys() & files.keys())
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, environment, clear=True):
            for name, value in environment.items():
                if value.startswith("/run/tls/"):
                    os.environ[name] = __file__  # any file: test_kubernetes_encryption.py has what is there
            for name, value in files.items():
                Path(folder, name).write_text(value)
            for kind in kinds:
                try:
                    read = kind(_secrets_dir=folder)  # type: ignore[call-arg]  # pydantic-settings' own way
                except ValidationError as error:
                    for item in error.errors():
                        yield f"{name_of(one)}: {item['msg']} {item['loc']}"
                else:
                    yield from (f"{name_of(one)}: {problem}" for problem in unwanted(read, manifests))


@checks.finds(
    {
        "a job that keeps its own number of months": changed(
            "Job", "migrate-verify", f"{BOX}.env.EPASS_SECRETS_DIR.name", "EPASS_RECORDS_KEPT_MONTHS"
        ),
        "months that nobody drops": changed("ConfigMap", "settings", "data.EPASS_RECORDS_KEPT_MONTHS", None),
        "a process without them": changed("Deployment", "sender", f"{BOX}.envFrom", None),
        "a command without them": changed(
            "CronJob", "administrator", f"spec.jobTemplate.{BOX}.envFrom", None
        ),
        "a setting that nobody has": changed("ConfigMap", "settings", "data.EPASS_COLOUR", "red"),
    }
)
def every_pod_gets_the_settings_of_the_site(manifests: Manifests) -> Iterator[str]:
    settings = manifests.one("ConfigMap", "settings")["data"]
    known = {
        f"EPASS_{field.upper()}"
        for kinds in SETTINGS.values()
        for kind in kinds
        for field in kind.model_fields
    }
    yield from (f"{name} is no setting" for name in settings.keys() - known)
    if "EPASS_RECORDS_KEPT_MONTHS" not in settings:
        yield "months are never dropped"
    for one in manifests.workloads():
        if container_of(one).get("envFrom") != [{"configMapRef": {"name": "settings"}}]:
            yield f"{name_of(one)} does not read them"
        if "EPASS_RECORDS_KEPT_MONTHS" in environment_of(one):
            yield f"{name_of(one)} keeps its own number of months"


@checks.finds(
    {
        "no registrations": changed("Deployment", "sender", f"{BOX}.volumeMounts.site-files", None),
        "texts of nobody": changed("Deployment", "gateway", f"{POD}.volumes.site-texts", None),
    }
)
def whoever_reads_a_file_of_the_site_sees_where_it_is(manifests: Manifests) -> Iterator[str]:
    for process, name, place in (
        ("sender", "site-files", "/etc/epass"),
        ("gateway", "site-texts", "/etc/epass/texts"),
    ):
        one = manifests.one("Deployment", process)
        if {"name": name, "mountPath": place, "readOnly": True} not in container_of(one)["volumeMounts"]:
            yield f"{process} does not see {place}"
        if {"name": name, "configMap": {"name": name, "optional": True}} not in pod_of(one)["volumes"]:
            yield f"{name} is not the ConfigMap, or has to exist"


def unwanted(settings: Section, manifests: Manifests) -> Iterator[str]:
    """Yield what is wrong with the values of settings in production."""
    host = manifests.one("HTTPRoute", "gateway")["spec"]["hostnames"][0]
    if getattr(settings, "local_mode", False):
        yield "local mode"
    if getattr(settings, "public_url", f"https://{host}") != f"https://{host}":
        yield "links lead elsewhere"
    if not getattr(settings, "trusted_proxies", "some"):
        yield "the address of a caller is that of the proxy"
    for addresses in getattr(settings, "trusted_proxies", ()):
        if ip_network(addresses).prefixlen < 16:
            yield f"many may be among {addresses}, and claim any address"


@checks.finds(
    {
        "a pool that is too small": changed(
            "Deployment", "verify-rpc", f"{BOX}.env.EPASS_DATABASE_POOL.value", "20"
        )
    }
)
def every_worker_has_a_connection_to_its_database(manifests: Manifests) -> Iterator[str]:
    for one in manifests.processes():
        labels, pool = labels_of(one), int(environment_of(one).get("EPASS_DATABASE_POOL", 0))
        if "part" in labels and pool != workers(SERVICE_SETTINGS[labels["process"]], labels["part"]):
            yield f"{name_of(one)} has a pool of {pool}"


def workers(kind: type[ServiceSettings], part: str) -> int:
    names = ["rpc_workers"] if part == "rpc" else ["event_workers", "urgent_workers"]
    return sum(kind.model_fields[name].default for name in names)


def readers(manifests: Manifests) -> set[tuple[str, str, tuple[str, ...]]]:
    """Return who reads which Secret, and which of its keys alone; no key stands for all."""
    found = {
        (name_of(one), secret, tuple(keys or ()))
        for one in manifests.workloads()
        for secret, keys in secret_keys(one).items()
    }
    for one in manifests.of("TriggerAuthentication"):
        found |= {("KEDA", item["name"], (item["key"],)) for item in one["spec"]["secretTargetRef"]}
    for role in manifests.one("Cluster", "database")["spec"]["managed"]["roles"]:
        found.add((f"role {role['name']}", role["passwordSecret"]["name"], ()))
    pod = manifests.one("RabbitmqCluster", "broker")["spec"]["override"]["statefulSet"]["spec"]["template"]
    found |= {
        ("broker", volume["secret"]["secretName"], ())
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    counters = manifests.one("Deployment", "limits")["spec"]["template"]["spec"]
    found |= {
        ("counters", volume["secret"]["secretName"], ())
        for volume in counters["volumes"]
        if "secret" in volume
    }
    for listener in manifests.one("Gateway", "public")["spec"]["listeners"]:
        certificates = listener.get("tls", {}).get("certificateRefs", [])
        found |= {("way in", one["name"], ()) for one in certificates}
    return found


def expected_readers() -> set[tuple[str, str, tuple[str, ...]]]:
    parts = [(process, f"{process}-{part}") for process in SERVICES for part in ("rpc", "events")]
    parts += [(process, process) for process in COMMANDS if process not in SERVICES]
    pods = [
        *(f"Deployment {name}" for _, name in parts),
        *(f"Job migrate-{one}" for one in SERVICES),
        *("Job topology", "CronJob administrator", "CronJob import-logins"),
    ]
    return {
        *((f"Deployment {name}", process, ()) for process, name in parts),
        *((f"Job migrate-{one}", f"migrate-{one}", ("EPASS_DATABASE_URL",)) for one in SERVICES),
        *((f"role {role}", secrets.of_role(role), ()) for role in (*SERVICES, *ROLES, *READERS)),
        ("Job topology", "administrator", ("EPASS_BROKER_URLS",)),
        ("CronJob administrator", "administrator", ()),
        ("CronJob import-logins", "import-logins", ()),
        *((f"Deployment {name}", f"{process}-tls", ()) for process, name in parts),
        *((who, authority, ("ca.crt",)) for who in pods for authority in ("inside-ca", "database-ca")),
        ("KEDA", "keda", ("host",)),
        ("KEDA", "keda", ("tls",)),
        ("KEDA", "inside-ca", ("ca.crt",)),
        ("broker", "broker-definitions", ()),
        ("broker", "broker-tls", ()),
        ("counters", "limits", ()),
        ("counters", "limits-tls", ()),
        ("way in", "public-tls", ()),
    }


@checks.finds(
    {
        "the same keys of another": changed(
            "Deployment", "application-rpc", f"{POD}.volumes.secrets.secret.secretName", "approval"
        ),
        "all of the administrator's": changed("Job", "topology", f"{POD}.volumes.secrets.secret.items", None),
        "a secret that is not listed": changed(
            "Gateway", "public", "spec.listeners.https.tls.certificateRefs.0.name", "epass-tls"
        ),
    }
)
def nobody_reads_the_secret_of_another(manifests: Manifests) -> Iterator[str]:
    found, expected = readers(manifests), expected_readers()
    yield from (f"{who} reads {keys} of {secret}" for who, secret, keys in found - expected)
    yield from (f"{who} does not read {secret}" for who, secret, _ in expected - found)


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()


def test_the_page_of_installation_lists_every_secret_and_no_other() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    table = page.split("| Secret |", 1)[1].split("\n\n", 1)[0]
    listed = [
        name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1:2][0])
    ]
    certificates = {f"{name}-tls" for name in (*secrets.access.WATCHED, "broker", "limits", "public")}
    assert sorted(listed) == sorted([*secret_values(), *certificates, "inside-ca", "database-ca"])
    assert {secret for _, secret, _ in expected_readers()} == set(listed)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, dict[str, str]]]:
    """Return what prints the Secrets, with more in its environment, and returns their contents."""

    def make(**environment: str) -> dict[str, dict[str, str]]:
        printed = io.StringIO()
        monkeypatch.setattr(sys, "stdout", printed)
        secrets.main(tmp_path / "secrets.json", environment)
        items = json.loads(printed.getvalue())["items"]
        assert {item["metadata"]["namespace"] for item in items} == {secrets.NAMESPACE}
        return contents(items)

    return make


def test_secrets_that_are_made_again_are_the_same_and_only_their_owner_may_read_them(made, tmp_path) -> None:
    assert made() == made()
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_setting_of_a_vendor_stays_until_an_empty_one_takes_it_away(made, capsys) -> None:
    """Kubernetes drops what is not in `data` any more; what was in `stringData` stayed for ever."""
    told = {"EPASS_SMS_URL": "https://sms.example", "EPASS_SMS_TOKEN": "of the vendor"}
    first = made(**told)
    assert told.items() <= first["sender"].items()
    assert capsys.readouterr().err == ""

    assert made() == first, "an upgrade from a shell without the variables"
    said = capsys.readouterr().err
    assert all(name in said for name in told)
    assert "of the vendor" not in said

    without = made(EPASS_SMS_TOKEN="")["sender"]
    assert ("EPASS_SMS_URL" in without, "EPASS_SMS_TOKEN" in without) == (True, False)
    assert "EPASS_SMS_TOKEN" not in made()["sender"]


def test_the_vendors_are_known_to_the_sender_and_their_webhooks_to_notify(made) -> None:
    given = dict.fromkeys(secrets.VENDORS, "https://sms.example")
    content = made(**given, EPASS_OTP_SECRET="not a vendor's")
    told = {name: own for name, own in content.items() if "https://sms.example" in own.values()}
    assert set(told) == {"exporter", "gateway", "notify", "sender"}
    of_exporter = {name for name, value in told["exporter"].items() if value == "https://sms.example"}
    assert of_exporter == set(secrets.MAIL), "it mails the heads of the audit logs"
    of_gateway = {name for name, value in told["gateway"].items() if value == "https://sms.example"}
    assert of_gateway == {"EPASS_SMTP_URL"}, "where it is, and no password: email is offered"
    of_notify = {name for name, value in told["notify"].items() if value == "https://sms.example"}
    assert of_notify == set(secrets.WEBHOOKS), "what it checks when a vendor reports"
    assert {name.removeprefix("EPASS_").lower() for name in given} <= set(SenderSettings.model_fields)
    assert "not a vendor's" not in json.dumps(content)


def test_each_user_of_the_broker_and_each_role_has_a_password_that_only_its_own_secrets_hold(made) -> None:
    content = made()
    users = {
        user["name"]: user for user in json.loads(content["broker-definitions"]["definitions.json"])["users"]
    }
    for process in secrets.PROCESSES:
        if "EPASS_BROKER_URLS" in content[process]:
            address = urlsplit(content[process]["EPASS_BROKER_URLS"])
            salted = base64.b64decode(users[address.username]["password_hash"])
            assert hashlib.sha256(salted[:4] + address.password.encode()).digest() == salted[4:]
            holders = [name for name, own in content.items() if address.password in json.dumps(own)]
            expected = [process, "keda"] if process == "exporter" else [process]
            assert (address.username, holders) == (process, expected)
    for role in (*SERVICES, *ROLES, *READERS):
        password = content[secrets.of_role(role)]["password"]
        holders = {name for name, own in content.items() if password in json.dumps(own)}
        readers_of = {
            **{role_of(service): {service} for service in SERVICES},
            **{service: {f"migrate-{service}"} for service in SERVICES},
            "relay": {"relay"},
            "accounts_app": {"accounts", "import-logins"},
            "notify_app": {"notify", "sender"},
            "ops": {"exporter", "administrator", "import-logins"},
        }[role]
        assert holders == {secrets.of_role(role), *readers_of}
