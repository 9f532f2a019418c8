"""What the relay and operations may change in each database: when an event was sent, and nothing."""

import psycopg
import pytest
from psycopg import errors

from contracts.subscriptions import SERVICES
from tests.support.backends import TestStack
from tests.support.databases import Databases


@pytest.fixture(scope="module")
def stack_with_tables(stack: TestStack, _databases: Databases) -> TestStack:
    for service in SERVICES:
        _databases[service]
    stack.grant_relay()
    stack.grant_ops()
    return stack


def connect(stack: TestStack, role: str, service: str) -> psycopg.Connection:
    url = stack.database_url(role, service).replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(url, autocommit=True)


def tables(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the columns of each table, those of partitions left out."""
    rows = connection.execute(
        "select relname, array_agg(attname::text) from pg_class join pg_attribute on attrelid = pg_class.oid "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition "
        "and attnum > 0 and not attisdropped group by 1"
    ).fetchall()
    return dict(rows)


def denied(connection: psycopg.Connection, statement: str) -> bool:
    """Return whether a statement, which would find no row, is refused for want of a right."""
    try:
        connection.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except psycopg.Error:  # for another reason: the rights were found to suffice
        return False
    return False


def changed_columns(connection: psycopg.Connection, table: str, columns: list[str]) -> set[str]:
    """Return the columns that the role may change."""
    return {
        one for one in columns if not denied(connection, f'update {table} set "{one}" = default where false')
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_relay_marks_events_as_sent_and_changes_nothing_else(stack_with_tables, service) -> None:
    with connect(stack_with_tables, "relay", service) as relay:
        for table, columns in tables(relay).items():
            allowed = changed_columns(relay, table, columns)
            assert allowed == ({"sent_at"} if table == "outbox" else set()), table
            assert denied(relay, f"insert into {table} default values"), table
            assert denied(relay, f"truncate {table}"), table
            assert denied(relay, f"delete from {table} where false") == (table != "outbox"), table
            assert denied(relay, f"select from {table} where false") == (table not in {"outbox", "inbox"})
        assert denied(relay, "create table mine (id int)")
        assert denied(relay, "alter table outbox add column mine int")


@pytest.mark.parametrize("service", SERVICES)
def test_the_role_of_operations_changes_nothing(stack_with_tables, service) -> None:
    with connect(stack_with_tables, "ops", service) as ops:
        for table, columns in tables(ops).items():
            assert changed_columns(ops, table, columns) == set(), table
            assert denied(ops, f"insert into {table} default values"), table
            assert denied(ops, f"delete from {table} where false"), table
        assert denied(ops, "create table mine (id int)")


def test_a_right_that_the_relay_had_before_is_taken_back(stack_with_tables: TestStack) -> None:
    """As an installation of an earlier version has granted it."""
    with connect(stack_with_tables, "issuance", "issuance") as owner:
        owner.execute("grant update, insert on outbox to relay")
    with connect(stack_with_tables, "relay", "issuance") as relay:
        assert not denied(relay, "update outbox set data = '{}' where false")
        stack_with_tables.grant_relay()
        assert denied(relay, "update outbox set data = '{}' where false")
        assert denied(relay, "insert into outbox default values")
