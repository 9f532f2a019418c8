"""The Secrets of ``deploy/kubernetes``: one for each process, and those of the servers.

Usage: python -m deploy.kubernetes.secrets FILE | kubectl apply -f -

FILE holds every secret, and only its owner may read it. It is made if it is missing; what is in it stays as
it is. The vendors' addresses and tokens come from the environment (`VENDORS`), since they are made elsewhere,
and are kept in FILE: a variable that is missing changes nothing, an empty one takes its setting away.
"""

import base64
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.subscriptions import SERVICES
from deploy.local import access
from deploy.local.access import MIGRATE, READERS, Credentials
from deploy.local.permissions import PERMISSIONS, definitions
from deploy.local.secrets import SecretStore
from services.ops.grants import ROLES

NAMESPACE = "epass"
BROKER = f"broker.{NAMESPACE}.svc"
DATABASE_SERVER = f"database-rw.{NAMESPACE}.svc:5432"
LIMITS_STORE = f"limits.{NAMESPACE}.svc:6380"
"""The Services that the two operators make, of the whole broker and of the primary; and that of the counters.

They have their namespace in them, because KEDA asks the broker from another one. That of the broker has no
port: with a CA (``EPASS_BROKER_CA``) it is the one of TLS, 5671.
"""
PROCESSES = (*access.PROCESSES, *(f"{MIGRATE}{service}" for service in SERVICES))
WEBHOOKS = ("EPASS_SMS_WEBHOOK_SECRET", "EPASS_WHATSAPP_APP_SECRET", "EPASS_WHATSAPP_VERIFY_TOKEN")
"""What the vendors' webhooks show; notify checks it."""
OFFERED = ("EPASS_SMTP_URL",)
"""By which the gateway knows what it may offer."""
MAIL = ("EPASS_SMTP_URL", "EPASS_SMTP_USER", "EPASS_SMTP_PASSWORD", "EPASS_SMTP_SENDER")
WITNESS = (
    "EPASS_WITNESS_MAIL", "EPASS_WITNESS_STORE_URL", "EPASS_WITNESS_STORE_REGION",
    "EPASS_WITNESS_STORE_KEY_ID", "EPASS_WITNESS_STORE_SECRET", "EPASS_WITNESS_STORE_DAYS",
)  # fmt: skip
"""Where the exporter sends the heads of the audit logs."""
VENDORS = (
    "EPASS_SMS_VENDOR", "EPASS_SMS_URL", "EPASS_SMS_TOKEN", "EPASS_SMS_USER", "EPASS_SMS_PASSWORD",
    "EPASS_SMS_REPORTS_URL", "EPASS_SMS_REGISTRATIONS", "EPASS_SMS_FIELDS", "EPASS_WHATSAPP_URL",
    "EPASS_WHATSAPP_TOKEN", *MAIL, *WEBHOOKS,
)  # fmt: skip


def manifests(store: SecretStore, vendors: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the Secrets.

    Args:
        store: holds what is random.
        vendors: settings of the sender, as far as they are given; notify gets those of `WEBHOOKS`, the
            gateway those of `OFFERED`, the exporter those of `MAIL` and `WITNESS`.
    """
    credentials = Credentials.at(
        store,
        broker=BROKER,
        database_server=DATABASE_SERVER,
        limits_store=LIMITS_STORE,
        options="?sslmode=require",
        limits_scheme="valkeys",
    )
    for process in PROCESSES:
        given = {"sender": VENDORS, "notify": WEBHOOKS, "gateway": OFFERED, "exporter": (*MAIL, *WITNESS)}
        names = given.get(process, ())
        of_vendors = {name: vendors[name] for name in names if name in vendors}
        yield secret(process, "Opaque", {**credentials.of(process), **of_vendors})
    for role in (*SERVICES, *ROLES, *READERS):
        login = {"username": role, "password": store.password(f"database {role}")}
        yield secret(of_role(role), "kubernetes.io/basic-auth", login)
    # KEDA believes the address alone, and reads our CA from another Secret
    url = credentials.broker_url("exporter").replace("amqp://", "amqps://")
    yield secret("keda", "Opaque", {"host": url, "tls": "enable"})
    yield secret("limits", "Opaque", {"valkey.conf": f"requirepass {store.password('valkey')}\n"})
    users = definitions({user: store.password(f"broker {user}") for user in PERMISSIONS})
    yield secret("broker-definitions", "Opaque", {"definitions.json": json.dumps(users)})


def of_role(role: str) -> str:
    """Return the name of the Secret with the password of a role of the database server."""
    return f"database-{role.replace('_', '-')}"


def secret(name: str, kind: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return a Secret.

    Its values are in ``data``: what `kubectl apply` finds in ``stringData`` it writes each time, and a value
    that is not there any more would stay.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": kind,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def main(file: Path, environment: Mapping[str, str]) -> None:
    """Print the Secrets as one JSON document, which `kubectl` reads; say which settings FILE had."""
    store = SecretStore(file)
    given = {name: store.given(name, environment.get(name)) for name in (*VENDORS, *WITNESS)}
    vendors = {name: value for name, value in given.items() if value}
    if kept := [name for name in vendors if name not in environment]:
        sys.stderr.write(f"kept from {file}: {', '.join(kept)}\n")
    print_list(manifests(store, vendors))


def print_list(items: Iterable[dict[str, Any]]) -> None:
    """Print objects as one of them."""
    json.dump({"apiVersion": "v1", "kind": "List", "items": list(items)}, sys.stdout, indent=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ)
