"""The real database of each service, for tests."""

from collections.abc import Iterator, Mapping

from sqlalchemy import text

from contracts.subscriptions import SERVICES
from services.chassis.db.database import Database
from services.chassis.runtime.settings import ServiceSettings
from services.ops.migrations import upgrade
from tests.support.backends import TestStack
from tests.support.settings import EVENT_KEY_SEEDS, make_settings


class Databases(Mapping[str, Database]):
    """Each service's database, migrated when first asked for and emptied before each test that uses it."""

    def __init__(self, stack: TestStack) -> None:
        self._stack = stack
        self._open: dict[str, Database] = {}
        self._clean: set[str] = set()

    def __getitem__(self, service: str) -> Database:
        if service not in self._open:
            url = self._stack.database_url(service)
            upgrade(service, url)
            key = EVENT_KEY_SEEDS[service]
            self._open[service] = Database.of(
                make_settings(ServiceSettings, database_url=url, database_pool=40, event_key=key)
            )
        if service not in self._clean:
            self._empty(service)
        return self._open[service]

    def _empty(self, service: str) -> None:
        with self._open[service].transaction() as session:
            query = (
                "select quote_ident(tablename) from pg_tables "
                "where schemaname = 'public' and tablename <> 'alembic_version'"
            )
            tables = session.execute(text(query)).scalars().all()
            session.execute(text(f"truncate {', '.join(tables)} restart identity cascade"))
        self._clean.add(service)

    def forget_cleanliness(self) -> None:
        """Begin a new test: empty each database again before it is used."""
        self._clean.clear()

    def close(self) -> None:
        for database in self._open.values():
            database.close()

    def __iter__(self) -> Iterator[str]:
        return iter(SERVICES)

    def __len__(self) -> int:
        return len(SERVICES)
