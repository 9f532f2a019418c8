"""The jobs of ``deploy/compose.yaml`` that prepare PostgreSQL. Repeating one changes nothing.

Usage: python -m deploy.compose.databases create|migrate PASSWORDS

``create`` makes, as superuser, the roles, and a database for each service. ``migrate`` brings, as their
owners, all databases to the newest schema, and grants the other roles what they need. PASSWORDS is the file
that ``make secrets`` made.
"""

import json
import sys
from pathlib import Path

import psycopg

from contracts.subscriptions import SERVICES
from deploy.compose.secrets import DATABASE_SERVER, SUPERUSER
from deploy.local import access
from services.chassis.runtime.settings import RetentionSettings, read
from services.ops.migrations import upgrade


class Server:
    """The database server of the compose file.

    Args:
        passwords: of its roles.
    """

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def create(self) -> None:
        """Create the database of each service, its owner, its own role, and those of relay and ops."""
        for service in SERVICES:
            access.create_database(
                self._connect_as_superuser, service, self._passwords.__getitem__, *access.READERS
            )

    def migrate(self) -> None:
        """Migrate each database and grant the other roles their rights, all as the database's owner.

        Months that ended before the records are dropped. The job reads the file of settings that the services
        read, so it has their default: it cannot drop what they were told to keep.
        """
        months = read(RetentionSettings).records_kept_months
        for service in SERVICES:
            upgrade(service, self._url("postgresql+psycopg", service, service), months)
        access.grant_rights(self._connect_as_owner)

    def _connect_as_superuser(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return self._connect(SUPERUSER, database)

    def _connect_as_owner(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return self._connect(database, database)

    def _connect(self, role: str, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self._url("postgresql", role, database), autocommit=True, connect_timeout=5)

    def _url(self, scheme: str, role: str, database: str) -> str:
        return f"{scheme}://{role}:{self._passwords[role]}@{DATABASE_SERVER}/{database}"


def main(command: str, passwords: Path) -> None:
    """Run one of the two jobs."""
    server = Server(json.loads(passwords.read_text()))
    {"create": server.create, "migrate": server.migrate}[command]()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
