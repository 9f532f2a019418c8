"""What each role may do in each database: every right of every role on every table is tried."""

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import errors, sql

from contracts.subscriptions import SERVICES
from deploy.local import access
from services.ops import grants, migrations
from tests.integration.attacks.stolen import is_denied
from tests.support.stack.backends import TestStack
from tests.support.stack.databases import Databases

ADDED_ONLY = {
    *((service, "outbox") for service in SERVICES),
    ("application", "timeline"), ("application", "revisions"),
    ("application", "breaches"), ("application", "breach_notices"),
    ("approval", "forwardings"), ("approval", "directory_history"), ("approval", "directory_announcements"),
    ("verify", "erased_applications"),
}  # fmt: skip
"""History: a service adds rows, and does nothing else."""
BLANKED = {
    ("approval", "decisions"): {"note", "days_reason", "reopened_at"},
    ("verify", "scans"): {"told", "reason"},
}
"""History of which a service changes these columns: to erase what people wrote, or as an event goes out."""
NUMBERED = {"outbox", "audit_log", "scans"}
"""Tables whose ``position`` comes from a sequence alone."""
NEVER_DELETED = {
    ("accounts", "logins"), ("accounts", "signing_keys"),
    ("application", "applications"), ("application", "passes"),
    ("approval", "reviews"), ("approval", "closures"), ("approval", "delegations"),
    ("approval", "heard_applications"), ("approval", "watchlist_entries"),
    ("issuance", "passes"), ("issuance", "applications"), ("issuance", "signing_keys"),
    ("notify", "applications"), ("notify", "passes"),
    ("verify", "passes"),
}  # fmt: skip
"""Tables whose rows change and stay."""
FORBIDDEN = (
    "create table mine (id int)",
    "create temporary table mine (id int)",
    "create schema mine",
    "create view mine as select 1",
    "create sequence mine",
    "create type mine as enum ('a')",
    "create function mine() returns int language sql as 'select 1'",
    "create role mine",
    "alter table outbox add column mine int",
    "alter table outbox disable trigger all",
    "alter table outbox owner to current_user",
    "alter schema public owner to current_user",
    "create index mine on outbox (type)",
    "drop table inbox",
    "drop schema public cascade",
    "lock table alembic_version in access exclusive mode",
    "copy (select 1) to program 'true'",
    "set session_replication_role = 'replica'",
)
"""What no role that a process runs as may do."""


@pytest.fixture(scope="module")
def stack_with_tables(stack: TestStack, _databases: Databases) -> TestStack:
    for service in SERVICES:
        _databases[service]
    stack.grant_rights()
    return stack


def connect(stack: TestStack, role: str, service: str) -> psycopg.Connection:
    url = stack.database_url(role, service).replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(url, autocommit=True)


@pytest.fixture(params=SERVICES)
def own(
    request: pytest.FixtureRequest, stack_with_tables: TestStack
) -> Iterator[tuple[str, psycopg.Connection]]:
    """Return a service and a connection for the role that it runs as."""
    with connect(stack_with_tables, grants.role_of(request.param), request.param) as connection:
        yield request.param, connection


def tables(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the columns of each table, those of partitions left out."""
    rows = connection.execute(
        "select relname, array_agg(attname::text) from pg_class join pg_attribute on attrelid = pg_class.oid "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition "
        "and attnum > 0 and not attisdropped group by 1"
    ).fetchall()
    return dict(rows)


def changed_columns(connection: psycopg.Connection, table: str, columns: list[str]) -> set[str]:
    """Return the columns that the role may change."""
    return {
        one
        for one in columns
        if not is_denied(connection, f'update {table} set "{one}" = default where false')
    }


def rights_on(connection: psycopg.Connection, table: str, columns: list[str]) -> dict[str, object]:
    """Return each right on a table, found by trying it; that of UPDATE by its columns."""
    given = next(one for one in columns if table not in NUMBERED or one != "position")
    trigger = (
        f"create trigger mine after insert on {table} execute function suppress_redundant_updates_trigger()"
    )
    tries = {
        "SELECT": f"select * from {table} where false",
        "INSERT": f'insert into {table} ("{given}") overriding system value select null where false',
        "DELETE": f"delete from {table} where false",
        "TRUNCATE": f"truncate {table}",
        "TRIGGER": trigger,
        "ALTER": f"alter table {table} add column mine int",
        "DROP": f"drop table {table} cascade",
    }
    found: dict[str, object] = {
        name: not is_denied(connection, statement) for name, statement in tries.items()
    }
    # Nobody without a schema of their own can try this one: it needs a second table.
    references = connection.execute("select has_any_column_privilege(%s, 'REFERENCES')", [table]).fetchone()
    assert references is not None
    return found | {"REFERENCES": references[0], "UPDATE": changed_columns(connection, table, columns)}


def expected(rights: str | None, columns: list[str]) -> dict[str, object]:
    """Return what `rights_on` finds where a role has the rights of one line of the table; None: no right."""
    changed = set(columns) if re.search(r"UPDATE(?! \()", rights or "") else set()
    if of_columns := re.search(r"UPDATE \((.*?)\)", rights or ""):
        changed = set(of_columns[1].split(", "))
    return {
        "SELECT": rights is not None,
        "INSERT": "INSERT" in (rights or ""),
        "UPDATE": changed,
        "DELETE": "DELETE" in (rights or ""),
        **dict.fromkeys(("TRUNCATE", "TRIGGER", "ALTER", "DROP", "REFERENCES"), False),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_each_table_has_a_line_that_says_what_its_service_may_do(stack_with_tables, service) -> None:
    """Whoever adds a table decides it in `grants.RIGHTS`."""
    with connect(stack_with_tables, service, service) as owner:
        assert set(tables(owner)) == set(grants.RIGHTS[service])


def test_what_a_later_release_has_granted_stays_until_that_release_is_no_longer_there(
    stack_with_tables: TestStack,
) -> None:
    """This is the way back. Controls are revisions that no next release has, and that of this release."""
    with connect(stack_with_tables, "verify", "verify") as owner:
        (revision,) = owner.execute("select version_num from alembic_version").fetchone()
        owner.execute("create table added_later (id int)")
        try:
            for found, stays in (
                (f"{int(revision) + 1:04}", True),
                ("9999", False),
                ("zzzz", False),
                (revision, False),
            ):
                owner.execute("update alembic_version set version_num = %s", [found])
                owner.execute("grant select on added_later to verify_app")
                migrations.grant("verify", owner)
                may = "select has_table_privilege('verify_app', 'added_later', 'SELECT')"
                assert owner.execute(may).fetchone() == (stays,)
        finally:
            owner.execute("update alembic_version set version_num = %s", [revision])
            owner.execute("drop table added_later")


def test_a_service_has_the_rights_of_its_line_and_no_other(own) -> None:
    service, connection = own
    for table, columns in tables(connection).items():
        found = rights_on(connection, table, columns)
        assert found == expected(grants.RIGHTS[service].get(table), columns), table


def test_no_service_gives_a_position_that_a_sequence_gives(own) -> None:
    _, connection = own
    for table in NUMBERED & tables(connection).keys():
        insert = f"insert into {table} (position) overriding system value select 1 where false"
        assert is_denied(connection, insert), table


def test_history_is_neither_changed_nor_deleted_by_the_service_that_writes_it(own) -> None:
    service, connection = own
    found = {(service, table): columns for table, columns in tables(connection).items()}
    history = ADDED_ONLY | BLANKED.keys() | NEVER_DELETED
    assert {where for where in history if where[0] == service} <= found.keys()
    for (_, table), columns in found.items():
        where = (service, table)
        if where in ADDED_ONLY | BLANKED.keys():
            assert changed_columns(connection, table, columns) == BLANKED.get(where, set()), where
        if where in history:
            assert is_denied(connection, f"delete from {table} where false"), where


def test_a_month_of_history_is_reached_through_its_table_alone(own) -> None:
    _, connection = own
    months = connection.execute(
        "select oid::regclass::text from pg_class where relispartition and relkind = 'r'"
    )
    for (month,) in months.fetchall():
        for statement in ("select from {}", "delete from {} where false", "truncate {}", "drop table {}"):
            assert is_denied(connection, statement.format(month)), month


@pytest.mark.parametrize("role", ["service", "relay", "ops"])
@pytest.mark.parametrize("service", SERVICES)
def test_no_role_of_a_process_owns_makes_or_drops_anything(stack_with_tables, service, role) -> None:
    name = grants.role_of(service) if role == "service" else role
    with connect(stack_with_tables, name, service) as connection:
        of_others = [f"set role {one}" for one in (*SERVICES, "postgres")]
        passwords = [f"alter role {one} password 'mine'" for one in (*SERVICES, "postgres")]
        tried = [*FORBIDDEN, *of_others, *passwords]
        assert [statement for statement in tried if not is_denied(connection, statement)] == []
        owned = "select count(*) from pg_class where relowner = current_user::regrole"
        assert connection.execute(owned).fetchone() == (0,)
        is_more = "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication"
        (more,) = connection.execute(f"{is_more} from pg_roles where rolname = current_user").fetchall()
        member = connection.execute(
            "select count(*) from pg_auth_members where member = current_user::regrole"
        ).fetchone()
        assert (more, member) == ((False,), (0,))


def test_no_service_enters_the_database_of_another(stack_with_tables: TestStack) -> None:
    for service in SERVICES:
        for other in set(SERVICES) - {service}:
            with pytest.raises(psycopg.OperationalError, match="CONNECT"):
                connect(stack_with_tables, grants.role_of(service), other)


@pytest.mark.parametrize("service", SERVICES)
def test_the_relay_marks_events_as_sent_and_changes_nothing_else(stack_with_tables, service) -> None:
    with connect(stack_with_tables, "relay", service) as relay:
        for table, columns in tables(relay).items():
            found = rights_on(relay, table, columns)
            if table == "outbox":
                assert found == expected("UPDATE (sent_at), DELETE", columns)
            elif table == "destructive_jobs":
                assert found == expected("INSERT, UPDATE", columns)
            elif table == "inbox":
                assert is_denied(relay, "select seen_at from inbox")
                assert not is_denied(relay, "select consumer, event_id from inbox")
                assert found == expected(None, columns)
            else:
                assert found == expected(None, columns), table


@pytest.mark.parametrize("service", SERVICES)
def test_the_relay_records_its_own_job_and_no_other(stack_with_tables, service) -> None:
    add = "insert into destructive_jobs (job, ran_at) values ('{}', now())"
    again = " on conflict (job) do update set ran_at = excluded.ran_at"
    with connect(stack_with_tables, grants.role_of(service), service) as own:
        own.execute(add.format("housekeeping") + again)
    with connect(stack_with_tables, "relay", service) as relay, relay.transaction(force_rollback=True):
        for _ in range(2):
            assert relay.execute(add.format("purge_outbox") + again).rowcount == 1
        for statement in (
            add.format("purge"),
            add.format("housekeeping") + again,
            "update destructive_jobs set job = 'purge' where job = 'purge_outbox'",
        ):
            assert is_denied(relay, statement), statement
        assert relay.execute("update destructive_jobs set ran_at = now()").rowcount == 1
        assert relay.execute("select max(ran_at) from destructive_jobs").fetchone() != (None,)


NOT_STORED = (
    ("j" * 61, "2026-01-01", "leap", "five days"),
    ("purge", "2026-01-01", None, None),
    ("purge", "2026-01-01", "leap", None),
    ("purge", "2026-01-01", "no reason", "five days"),
    ("purge", "2026-01-01", "leap", "d" * 201),
    ("purge", "infinity", "leap", "five days"),
    ("purge", "-infinity", "leap", "five days"),
)


def test_no_role_stores_of_a_job_what_the_exporter_cannot_read(stack_with_tables) -> None:
    insert = "insert into destructive_jobs (job, refused_at, reason, detail) values (%s, %s, %s, %s)"
    with connect(stack_with_tables, "verify_app", "verify") as own:
        for row in NOT_STORED:
            with pytest.raises(errors.CheckViolation):
                own.execute(insert, row)


@pytest.mark.parametrize("service", SERVICES)
def test_the_role_of_operations_reads_what_it_counts_and_changes_nothing(stack_with_tables, service) -> None:
    with connect(stack_with_tables, "ops", service) as ops:
        for table, columns in tables(ops).items():
            allows = "UPDATE (allowed_at, allowed_by)" if table == "destructive_jobs" else None
            readable = set(filter(None, grants.READABLE[service].get(table, "").split(", ")))
            whole = {"SELECT": True} if readable == set(columns) else {}
            assert rights_on(ops, table, columns) == expected(allows, columns) | whole, table
            read = {one for one in columns if not is_denied(ops, f'select "{one}" from {table} where false')}
            assert read == readable, table


@pytest.mark.parametrize("role", ["relay", "issuance_app"])
def test_a_right_that_a_role_had_before_is_taken_back(stack_with_tables: TestStack, role: str) -> None:
    """As an earlier version, or a hand, has granted it."""
    with connect(stack_with_tables, "issuance", "issuance") as owner:
        owner.execute(f"grant update, trigger on outbox to {role}")
    with connect(stack_with_tables, role, "issuance") as connection:
        assert not is_denied(connection, "update outbox set data = '{}' where false")
        stack_with_tables.grant_rights()
        assert is_denied(connection, "update outbox set data = '{}' where false")
        assert not rights_on(connection, "outbox", ["data"])["TRIGGER"]


END = "(%s at time zone 'Asia/Kolkata' + interval '{}') at time zone 'Asia/Kolkata'"
"""An end of a month that begins when one does in India."""


def test_a_service_adds_the_next_month_of_a_partitioned_table_and_no_other(own) -> None:
    _, connection = own
    with pytest.raises(errors.RaiseException):
        connection.execute("select add_month('outbox', now(), now() + interval '1 month')")
    parents = connection.execute(
        "select relname from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace"
    ).fetchall()
    for (parent,) in parents:
        for length in ("1 month", "9 years"):
            statement = sql.SQL("select add_month({}, now(), now() + interval {})")
            with pytest.raises(errors.RaiseException):
                connection.execute(statement.format(sql.Literal(parent), sql.Literal(length)))
    assert ("audit_log",) in parents
    reach = connection.execute("""
        select max(substring(pg_get_expr(relpartbound, oid) from $$TO \\('([^']+)'\\)$$)::timestamptz)
        from pg_class where oid in (select inhrelid from pg_inherits where inhparent = 'audit_log'::regclass)
    """).fetchone()
    for length in ("1 second", "27 days", "32 days", "-1 month", "1 month -1 second", "1 month 1 second"):
        with pytest.raises(errors.RaiseException):
            connection.execute(f"select add_month('audit_log', %s, {END.format(length)})", reach * 2)
    with connection.transaction(force_rollback=True):
        connection.execute(f"select add_month('audit_log', %s, {END.format('1 month')})", reach * 2)


def test_a_service_adds_to_its_audit_log_and_gives_no_position_twice(own) -> None:
    _, connection = own
    assert not is_denied(connection, "select nextval('audit_log_positions')")
    assert is_denied(connection, "select setval('audit_log_positions', 1)")
    for table in ("audit_log", "audit_seals", "audit_heads"):
        assert is_denied(connection, f"delete from {table} where false"), table


@pytest.mark.parametrize("role", ["relay", "ops"])
def test_only_the_service_calls_the_functions_of_the_owner(stack_with_tables: TestStack, role: str) -> None:
    with connect(stack_with_tables, role, "approval") as connection:
        assert is_denied(connection, "select delete_reviews('{}')")
        assert is_denied(connection, "select add_month('outbox', now(), now())")


def test_the_rights_may_be_granted_again_while_the_services_run(stack_with_tables: TestStack) -> None:
    """Each service's rights are one statement: a service never lacks one meanwhile."""
    for service in SERVICES:
        assert len(list(grants.of_service(service))) == 1
    stack_with_tables.grant_rights()


@pytest.fixture
def server_of_before(stack: TestStack) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Connect as superuser to a server with a database, `spare`, as 0.9.0 made one: its owner ran on it."""

    def superuser(database: str) -> psycopg.Connection:
        return connect(stack, "postgres", database)

    with superuser("postgres") as connection:
        connection.execute("create role spare login password 'known to the old processes'")
        connection.execute("create database spare owner spare")
    yield superuser
    with superuser("postgres") as connection:
        connection.execute("drop database spare")
        connection.execute("drop role spare, spare_app")


def test_a_server_of_before_gets_the_new_role_and_later_the_owner_another_password(
    stack: TestStack, server_of_before: Callable[[str], psycopg.Connection]
) -> None:
    def enters(role: str, password: str) -> bool:
        url = stack.database_url("postgres", "spare").replace("postgresql+psycopg://", "postgresql://")
        try:
            psycopg.connect(url, user=role, password=password).close()
        except psycopg.OperationalError:
            return False
        return True

    old, new = (
        {"spare": "known to the old processes", "spare_app": "new"},
        {"spare": "changed", "spare_app": "new"},
    )
    access.create_database(server_of_before, "spare", old.__getitem__)
    assert [enters(*login) for login in old.items()] == [True, True]
    access.create_database(server_of_before, "spare", new.__getitem__)
    assert [enters(*login) for login in new.items()] == [True, True]
    assert not enters("spare", old["spare"])
