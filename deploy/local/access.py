"""What each process may reach: its settings, its database, and the rights of relay and ops in the databases.

This module does not know how broker and database server are run: it gets functions that return an address or
a connection, so that the same code serves private processes and containers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
from psycopg import sql

from contracts.subscriptions import SERVICES
from deploy.local.permissions import VHOST
from deploy.local.secrets import SecretStore
from services.chassis.tokens.signing_key import SigningKey
from services.ops import grants, migrations

WITH_KEYS = ("accounts", "issuance")
WITH_COMMITMENT = ("issuance", "verify")
WITH_PUBLIC_URL = ("gateway", "notify", "sender")
PROCESSES = (*SERVICES, "relay", "sender", "gateway", "exporter", "administrator", "import-logins")
"""What has credentials of its own in every installation."""
WATCHED = (*SERVICES, "relay", "sender", "gateway", "exporter")
"""Processes at which the exporter looks."""
READERS = ("relay", "ops")
"""Roles that may connect to every database."""
MIGRATE = "migrate-"
"""With the name of a service: who migrates its database, as its owner."""


class DatabaseUrl(Protocol):
    """A function that returns the address of a database, by default of the role's own."""

    def __call__(self, role: str, database: str | None = None) -> str: ...


Connect = Callable[[str], "psycopg.Connection[tuple[object, ...]]"]
"""Opens a database by its name. Each statement is a transaction of its own."""


@dataclass(frozen=True)
class Credentials:
    """What is secret among the settings of the processes around one broker and one database server.

    Args:
        broker_url: the AMQP address for one of the users in ``permissions.PERMISSIONS``.
        database_url: see ``DatabaseUrl``.
        secret_store: every secret, created on first use.
        limits_store: where all gateways count for rate limits; empty if each counts for itself.
    """

    broker_url: Callable[[str], str]
    database_url: DatabaseUrl
    secret_store: SecretStore
    limits_store: str = field(default="", kw_only=True)

    @classmethod
    def at(
        cls,
        store: SecretStore,
        *,
        broker: str,
        database_server: str,
        limits_store: str,
        options: str = "",
        limits_scheme: str = "valkey",
    ) -> "Credentials":
        """Return the credentials of an installation, by the ``host:port`` of its servers.

        ``options`` end each address of a database.
        """

        def broker_url(user: str) -> str:
            return f"amqp://{user}:{store.password(f'broker {user}')}@{broker}/{VHOST}"

        def database_url(role: str, database: str | None = None) -> str:
            login = f"{role}:{store.password(f'database {role}')}"
            return f"postgresql+psycopg://{login}@{database_server}/{database or role}{options}"

        limits = f"{limits_scheme}://:{store.password('valkey')}@{limits_store}"
        return cls(broker_url, database_url, store, limits_store=limits)

    def of(self, name: str) -> dict[str, str]:  # noqa: PLR0911  one for each kind of process
        """Return the keys of one process, and its addresses, which hold passwords, as settings (``EPASS_…``).

        Each process gets only what it needs; the settings classes explain the meanings.

        Args:
            name: a service, ``sender``, ``relay``, ``gateway``, ``exporter``, or for commands
                ``administrator``, ``import-logins``, and ``migrate-`` with a service.
        """
        if name in SERVICES:
            return self._of_service(name)
        if name.startswith(MIGRATE):
            return {"EPASS_DATABASE_URL": self.database_url(name.removeprefix(MIGRATE))}
        if name == "import-logins":
            accounts = self._of_service("accounts")
            kept = ("EPASS_DATABASE_URL", "EPASS_PERSONAL_KEYS", "EPASS_EVENT_KEY", "EPASS_PASSWORD_SECRET")
            directory = {"EPASS_DIRECTORY_DATABASE_URL": self.database_url("ops", "approval")}
            return {setting: accounts[setting] for setting in kept} | directory
        if name == "sender":
            return {
                "EPASS_DATABASE_URL": self.database_url(grants.role_of("notify"), "notify"),
                "EPASS_PERSONAL_KEYS": self.secret_store.fernet("personal"),
                "EPASS_EVENT_KEY": self._event_key_ring("notify")[0],
            }
        if name == "relay":
            urls = ",".join(self.database_url("relay", service) for service in SERVICES)
            return {"EPASS_BROKER_URLS": self.broker_url("relay"), "EPASS_RELAY_DATABASE_URLS": urls}
        if name == "gateway":
            shared = {"EPASS_LIMITS_STORE": self.limits_store} if self.limits_store else {}
            return shared | {
                "EPASS_BROKER_URLS": self.broker_url("gateway"),
                "EPASS_EVENT_KEYS": self._event_keys(),
                "EPASS_IDEMPOTENCY_SECRET": self.secret_store.password("idempotency gateway"),
                "EPASS_ANSWERS_KEYS": self.secret_store.fernet("answers"),
                "EPASS_OPS_TOKEN": self.secret_store.password("ops token"),
            }
        if name in {"exporter", "administrator"}:
            urls = ",".join(self.database_url("ops", service) for service in SERVICES)
            own = {"EPASS_BROKER_URLS": self.broker_url(name), "EPASS_OPS_DATABASE_URLS": urls}
            return own | (self._of_interface() if name == "exporter" else {})
        raise KeyError(name)

    def _of_interface(self) -> dict[str, str]:
        return {
            "EPASS_EVENT_KEYS": self._event_keys(),
            "EPASS_OPS_BROKER_URLS": self.broker_url("ops"),
            "EPASS_OPS_TOKEN": self.secret_store.password("ops token"),
        }

    def _of_service(self, name: str) -> dict[str, str]:
        own = {
            "EPASS_DATABASE_URL": self.database_url(grants.role_of(name), name),
            "EPASS_BROKER_URLS": self.broker_url(name),
            "EPASS_PERSONAL_KEYS": self.secret_store.fernet("personal"),
            "EPASS_EVENT_KEY": self._event_key_ring(name)[0],
            "EPASS_EVENT_KEYS": self._event_keys(),
            "EPASS_IDEMPOTENCY_SECRET": self.secret_store.password(f"idempotency {name}"),
        }
        if name in WITH_KEYS:
            own["EPASS_KEY_ENCRYPTION_KEYS"] = self.secret_store.fernet(f"key encryption {name}")
        if name in WITH_COMMITMENT:
            own["EPASS_COMMITMENT_MASTER"] = self.secret_store.password("commitment master")
        if name == "accounts":
            own["EPASS_OTP_SECRET"] = self.secret_store.password("otp")
            own["EPASS_PASSWORD_SECRET"] = self.secret_store.password("first passwords")
        return own

    def _event_key_ring(self, service: str) -> list[str]:
        """Return a service's keys of events: it signs with the first, and all of them are believed."""
        return self.secret_store.password(f"event key {service}").split(",")

    def _event_keys(self) -> str:
        """Return the public halves of all services' keys of events."""
        rings = {one: self._event_key_ring(one) for one in SERVICES}
        return ",".join(
            f"{one}:{SigningKey.from_seed(seed).public.x}" for one, ring in rings.items() for seed in ring
        )


@dataclass(frozen=True)
class Environment(Credentials):
    """All settings of the processes on one machine, in local mode.

    Args:
        ports: of each process's health endpoint, by name.
        gateway_port: on which the gateway listens.
    """

    ports: Mapping[str, int]
    gateway_port: int

    def of(self, name: str) -> dict[str, str]:
        """Return the settings (``EPASS_…``) of one process; see `Credentials.of`."""
        own = {"EPASS_LOCAL_MODE": "true"}
        if name in WITH_PUBLIC_URL:
            own["EPASS_PUBLIC_URL"] = f"http://127.0.0.1:{self.gateway_port}"
        if name == "application":
            own["EPASS_KEPT_AT_LEAST_DAYS"] = "0"
        if name == "exporter":
            watched = {one: port for one, port in self.ports.items() if one in WATCHED}
            own["EPASS_OPS_PORT"] = str(self.ports["ops"])
            own["EPASS_OPS_PROCESSES"] = ",".join(
                f"{one}=http://127.0.0.1:{port}"
                for one, port in {**watched, "gateway": self.gateway_port}.items()
            )
        if name == "gateway":
            own["EPASS_GATEWAY_PORT"] = str(self.gateway_port)
            own["EPASS_OPS_URL"] = f"http://127.0.0.1:{self.ports['ops']}"
        elif name in self.ports:
            own["EPASS_HEALTH_PORT"] = str(self.ports[name])
        return own | super().of(name)


def create_database(connect: Connect, name: str, password: Callable[[str], str], *readers: str) -> None:
    """Create a database that is owned by a role of the same name, and the roles that it lets in.

    Only the role that the service runs as and ``readers`` may connect besides the owner. Repeating it changes
    nothing but passwords, if there are others now.

    Args:
        connect: as the server's superuser.
        name: of the service, its database and its owner.
        password: returns the password of a role.
        readers: other roles.
    """
    with connect("postgres") as connection:
        others = (grants.role_of(name), *readers)
        for role in (name, *others):
            _create_role(connection, role, password(role))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        for role in others:
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(name), sql.Identifier(role)
                )
            )


def _create_role(connection: "psycopg.Connection[tuple[object, ...]]", role: str, password: str) -> None:
    """Create a role, or give it that password."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    statement = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))


def grant_rights(connect: Connect) -> None:
    """Give each role its rights in each database; call it again after each migration.

    Args:
        connect: opens a service's database as its owner or the superuser.
    """
    for service in SERVICES:
        with connect(service) as connection:
            migrations.grant(service, connection)
