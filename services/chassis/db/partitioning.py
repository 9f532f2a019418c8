"""The step of a migration that makes a large table a partitioned one (see `partitions`)."""

from collections.abc import Mapping
from types import MappingProxyType

from alembic import op
from sqlalchemy import Connection, text

from contracts.model import IST
from services.chassis.db.migrate import create_index
from services.chassis.db.retention import month_start


def partition(
    table: str,
    column: str,
    constraints: Mapping[str, tuple[str, str]],
    indexes: Mapping[str, str],
    triggers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Make a table of a migration a partitioned one, whose first partition is the table as it was.

    No row is copied, and others read and write meanwhile, but for a moment at the end. What the migration did
    before is committed; it can be repeated.

    Args:
        table: its name.
        column: the instant by whose month rows are kept apart.
        constraints: the name of each ``primary key`` or ``unique`` constraint → that kind and its columns,
            which must include ``column``. They replace those of the same name.
        indexes: the name of each other index → the rest of its definition, from the columns on.
        triggers: the name of each trigger → its definition, ``before insert … for each row`` and so on, with
            ``{table}`` for the table's name.
    """
    bind = op.get_bind()
    newest = bind.execute(text(f"select max({column}) from {table}")).scalar()  # noqa: S608  our own names
    week = bind.execute(text("select now() + interval '7 days'")).scalar_one()
    until = month_start(max(newest or week, week), 1)
    old = f"{table}_until_{until.astimezone(IST):%Y_%m}"
    for name, (_, columns) in constraints.items():
        create_index(f"{old}_{name}", f"{table} ({columns})", unique=True)
    with op.get_context().autocommit_block():
        op.execute(f"alter table {table} drop constraint if exists {table}_until")
        op.execute(
            f"alter table {table} add constraint {table}_until "
            f"check ({column} < '{until.isoformat()}') not valid"
        )
        op.execute(f"alter table {table} validate constraint {table}_until")
    op.execute(f"alter table {table} rename to {old}")
    for name, (kind, _) in constraints.items():
        op.execute(f"alter table {old} drop constraint {name}")
        op.execute(f"alter table {old} add {kind} using index {old}_{name}")
    for name in indexes:
        op.execute(f"alter index {name} rename to {old}_{name}")
    op.execute(f"create table {table} (like {old} including defaults) partition by range ({column})")
    for name, (kind, columns) in constraints.items():
        op.execute(f"alter table {table} add constraint {name} {kind} ({columns})")
    for name, definition in indexes.items():
        op.execute(f"create index {name} on {table} {definition}")
    for name, definition in triggers.items():
        op.execute(f"drop trigger {name} on {old}")
        op.execute(f"create trigger {name} {definition.format(table=table)}")
    _copy_grants(bind, old, table)
    bounds = f"from (minvalue) to ('{until.isoformat()}')"
    op.execute(f"alter table {table} attach partition {old} for values {bounds}")


def _copy_grants(connection: Connection, old: str, new: str) -> None:
    """Let those read the columns of a table who may read them in another, which is then read through it."""
    granted = connection.execute(
        text("""
        select column_name, grantee from information_schema.column_privileges
        where table_schema = current_schema() and table_name = :old
          and privilege_type = 'SELECT' and grantee <> current_user
        """),
        {"old": old},
    )
    for column, role in granted.all():
        connection.execute(text(f'grant select ("{column}") on {new} to "{role}"'))
        connection.execute(text(f'revoke select ("{column}") on {old} from "{role}"'))  # noqa: S608  our own names
