"""The Secrets of ``deploy/kubernetes``: one for each process, and those of the servers.

Usage: python -m deploy.kubernetes.secrets FILE [NAMESPACE] | kubectl apply -f -

They are for the namespace that FILE names; a new one names NAMESPACE (epass). FILE holds every secret, and
only its owner may read it. It is made if it is missing; what is in it stays as it is. The vendors'
addresses and tokens come from the environment (`VENDORS`), since they are made elsewhere, and are kept in
FILE: a variable that is missing changes nothing, an empty one takes its setting away.
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
port: with a CA (``EPASS_BROKER_CA``) it is the one of TLS, 5671. `in_namespace` gives those of another cell.
"""
PROCESSES = (*access.PROCESSES, *(f"{MIGRATE}{service}" for service in SERVICES))
WEBHOOKS = (
    "EPASS_SMS_WEBHOOK_SECRET", "EPASS_SMS_REPLY_SECRET", "EPASS_WHATSAPP_APP_SECRET",
    "EPASS_WHATSAPP_VERIFY_TOKEN",
)  # fmt: skip
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


def in_namespace(address: str, namespace: str) -> str:
    """Return the address in another namespace of what has this one in `NAMESPACE`."""
    return address.replace(f".{NAMESPACE}.", f".{namespace}.")


def manifests(
    store: SecretStore, vendors: Mapping[str, str], namespace: str = NAMESPACE
) -> Iterator[dict[str, Any]]:
    """Yield the Secrets.

    Args:
        store: holds what is random.
        vendors: settings of the sender, as far as they are given; notify gets those of `WEBHOOKS`, the
            gateway those of `OFFERED`, the exporter those of `MAIL` and `WITNESS`.
        namespace: for which they are.
    """
    credentials = Credentials.at(
        store,
        broker=in_namespace(BROKER, namespace),
        database_server=in_namespace(DATABASE_SERVER, namespace),
        limits_store=in_namespace(LIMITS_STORE, namespace),
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
        "metadata": {"name": name},
        "type": kind,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def opened(file: Path, namespace: str | None = None) -> tuple[SecretStore, str]:
    """Return the secrets of a file, and the namespace that they are for.

    End if another one is asked for: with the same keys, a pass of one cell would open the gates of another.
    """
    new = NAMESPACE if file.exists() else namespace or NAMESPACE
    store = SecretStore(file)
    own = store.made("namespace", lambda: new)
    if namespace not in {None, own}:
        sys.exit(f"{file} has the secrets of {own}; {namespace} needs a file of its own")
    return store, own


def main(file: Path, environment: Mapping[str, str], *asked: str) -> None:
    """Print the Secrets as one JSON document, which `kubectl` reads; say which settings FILE had."""
    store, namespace = opened(file, *asked)
    given = {name: store.given(name, environment.get(name)) for name in (*VENDORS, *WITNESS)}
    vendors = {name: value for name, value in given.items() if value}
    if kept := [name for name in vendors if name not in environment]:
        sys.stderr.write(f"kept from {file}: {', '.join(kept)}\n")
    print_list(manifests(store, vendors, namespace), namespace)


def print_list(items: Iterable[dict[str, Any]], namespace: str) -> None:
    """Print objects of a namespace as one of them."""
    found = [{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in items]
    json.dump({"apiVersion": "v1", "kind": "List", "items": found}, sys.stdout, indent=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ, *sys.argv[2:])
