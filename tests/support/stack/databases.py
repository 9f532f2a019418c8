"""The real database of each service, for tests."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Executable, text
from sqlalchemy.orm import Session

from contracts.subscriptions import SERVICES
from services.chassis.db.database import Database
from services.chassis.runtime.settings import ServiceSettings
from services.ops import grants
from services.ops.migrations import upgrade
from tests.support.stack.backends import TestStack
from tests.support.stack.settings import EVENT_KEY_SEEDS, make_settings

_OWNED: dict[str, Database] = {}
_WRITTEN = text(
    """
    select quote_ident(relname) from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname <> 'alembic_version'
      and (
        pg_relation_size(oid) > 0
        or exists (select from pg_partition_tree(oid) where pg_relation_size(relid) > 0)
        or exists (
          select from pg_depend join pg_sequence on seqrelid = objid
          where refobjid = pg_class.oid and deptype in ('a', 'i')
            and pg_sequence_last_value(seqrelid) is not null
        )
      )
    order by 1
    """
)
"""The tables that have been written to since they were truncated, also those whose rows are gone."""


def owner_of(database: Database) -> Database:
    """Return the same database for the role that owns it: for what only a migration does, or nobody."""
    return _OWNED[str(database.engine.url.database)]


def execute(database: Database, statement: str | Executable, **values: object) -> None:
    """Carry a statement out in a transaction of its own."""
    with database.transaction() as session:
        session.execute(text(statement) if isinstance(statement, str) else statement, values or None)


class Databases(Mapping[str, Database]):
    """Each service's database, for the role that the service runs as: so it has the rights that it has there.

    It is migrated when first asked for, and emptied before each test that uses it.
    """

    def __init__(self, stack: TestStack) -> None:
        self._stack = stack
        self._open: dict[str, Database] = {}
        self._clean: set[str] = set()

    def __getitem__(self, service: str) -> Database:
        if service not in self._open:
            owned = self._stack.database_url(service)
            upgrade(service, owned)
            _OWNED[service] = Database(owned, pool=5)
            with _OWNED[service].engine.begin() as owner:
                for statement in grants.of_service(service):
                    owner.execute(text(statement))
            url = self._stack.database_url(grants.role_of(service), service)
            key = EVENT_KEY_SEEDS[service]
            self._open[service] = Database.of(
                make_settings(ServiceSettings, database_url=url, database_pool=40, event_key=key)
            )
        if service not in self._clean:
            self._empty(service)
        return self._open[service]

    def _empty(self, service: str) -> None:
        """Truncate the tables that have been written to; of 40 a test uses a few."""
        with _OWNED[service].transaction() as session:
            if written := session.scalars(_WRITTEN).all():
                session.execute(text(f"truncate {', '.join(written)} restart identity cascade"))
        self._clean.add(service)

    def forget_cleanliness(self) -> None:
        """Begin a new test: empty each database again before it is used."""
        self._clean.clear()

    def close(self) -> None:
        for database in (*self._open.values(), *_OWNED.values()):
            database.close()

    def __iter__(self) -> Iterator[str]:
        return iter(SERVICES)

    def __len__(self) -> int:
        return len(SERVICES)


def tables_of(session: Session) -> Sequence[str]:
    """Return the tables of a database that its service may read; partitions are read through their table."""
    readable = """
      select quote_ident(tablename) from pg_tables
      where schemaname = 'public' and has_table_privilege(format('%I.%I', schemaname, tablename), 'select')
      order by 1
    """
    return session.scalars(text(readable)).all()


def content_of(session: Session) -> str:
    """Return all rows of a database that its service may read, as text."""
    tables = tables_of(session)
    return "\n".join(str(session.execute(text(f"select * from {table}")).all()) for table in tables)
