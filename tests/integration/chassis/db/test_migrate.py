"""Migrations make the schema that the models describe, one by one; one that fails can be repeated."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from contracts.subscriptions import SERVICES
from services.chassis.db import destructive_jobs, migrate, tables
from services.chassis.db.retention import month_start
from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.running import eventually


def test_migrations_make_the_tables_that_the_models_describe(databases) -> None:
    months: set[str] = set()
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _: (kind, name in months) != ("table", True),
    }
    for service in SERVICES:
        models = import_module(f"services.{service}.models")
        with databases[service].engine.connect() as connection:
            months |= set(connection.scalars(text("select relname from pg_class where relispartition")))
            context = MigrationContext.configure(connection, opts=options)
            found = compare_metadata(context, [models.Base.metadata, tables.metadata])
        # Alembic reads no default of a column that owns its sequence.
        found = [one for one in found if one[0][:1] + one[0][3:4] != ("modify_default", "position")]
        assert found == [], f"{service}; a set of words stands in `type_annotation_map` of `models/base.py`"


class History:
    """A history of migrations in a schema of its own: each one is a statement."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.engine: Engine = create_engine(url)
        (folder / "versions").mkdir()
        environment = "from services.chassis.db.migrate import run_environment\n\nrun_environment()\n"
        (folder / "env.py").write_text(environment)

    def write(self, *statements: str) -> None:
        for number, statement in enumerate(statements, 101):
            before = f"{number - 1:04}" if number > 101 else None
            (self.folder / "versions" / f"{number:04}_{number}.py").write_text(
                f"from alembic import op\n\nrevision = '{number:04}'\ndown_revision = {before!r}\n\n\n"
                f"def upgrade() -> None:\n    op.execute({statement!r})\n"
            )

    def upgrade(self, kept_months: int | None = None) -> None:
        migrate.upgrade(self.folder, self.url, kept_months)

    @property
    def refusal(self) -> list[object]:
        return self.rows("select reason from destructive_jobs where job = 'drop_months'")

    @property
    def months(self) -> list[object]:
        return self.rows(f"select to_regclass('{MONTH}')::text")

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def rows(self, query: str) -> list[object]:
        with self.engine.connect() as connection:
            return list(connection.scalars(text(query)))


@pytest.fixture
def history(databases, stack, tmp_path: Path) -> Iterator[History]:
    execute(owner_of(databases["verify"]), "create schema migrated")
    url = make_url(stack.database_url("verify")).update_query_dict({"options": "-csearch_path=migrated"})
    there = History(tmp_path, url.render_as_string(hide_password=False))
    yield there
    there.engine.dispose()
    execute(owner_of(databases["verify"]), "drop schema migrated cascade")


def test_a_migration_that_fails_leaves_the_ones_before_it_and_is_repeated(history: History) -> None:
    history.write("create table things (id int)", "alter table no_such_table add column name text")
    with pytest.raises(ProgrammingError):
        history.upgrade()
    assert history.rows("select version_num from alembic_version") == ["0101"]
    history.write("create table things (id int)", "alter table things add column name text")
    history.upgrade()
    assert history.rows("select version_num from alembic_version") == ["0102"]


def test_a_database_of_an_unknown_release_is_refused_and_stays_as_it_is(history: History) -> None:
    """The control is the revision that this history knows."""
    history.write("create table things (id int)")
    history.run(
        "create table alembic_version (version_num text); insert into alembic_version values ('0036')"
    )
    with pytest.raises(migrate.UnknownRevision, match=r"revision 0036 .*before 0\.18\.0"):
        history.upgrade()
    assert history.rows("select relname from pg_class where relnamespace = 'migrated'::regnamespace") == [
        "alembic_version"
    ]
    assert history.rows("select version_num from alembic_version") == ["0036"]
    history.run("drop table alembic_version")
    history.upgrade()
    history.upgrade()
    assert history.rows("select version_num from alembic_version") == ["0101"]


def test_the_database_of_a_later_release_stays_as_it_is(history: History) -> None:
    history.write("create table things (id int)", "alter table things add column name text")
    history.upgrade()
    (history.folder / "versions" / "0102_102.py").unlink()
    history.upgrade()
    assert history.rows("select version_num from alembic_version") == ["0102"]


def test_an_index_whose_creation_was_interrupted_is_made_anew(history: History) -> None:
    history.run("create table things (id int); insert into things values (1), (1)")
    folder = history.folder / "versions"
    (folder / "0001_1.py").write_text(
        "from services.chassis.db.migrate import create_index\n\nrevision, down_revision = '0001', None\n\n\n"
        "def upgrade() -> None:\n    create_index('things_id', 'things (id)', unique=True)\n"
    )
    valid = "select indisvalid from pg_index where indexrelid = 'migrated.things_id'::regclass"
    with pytest.raises(IntegrityError):
        history.upgrade()
    assert history.rows(valid) == [False]
    history.run("truncate things")
    history.upgrade()
    assert history.rows(valid) == [True]


def test_reference_data_have_a_version_from_the_start_and_a_dropped_guard_comes_back(
    history: History,
) -> None:
    """Otherwise no reference data would be kept in memory until the first change."""
    upgrade("approval", history.url)
    assert history.rows("select count(*) from reference_versions") == [1]
    history.run("drop trigger check_seal on audit_seals")
    upgrade("approval", history.url)
    guard = (
        "select tgenabled from pg_trigger where tgname = 'check_seal' and tgrelid = 'audit_seals'::regclass"
    )
    assert history.rows(guard) == ["O"]


def wait_for_others(started: Barrier) -> None:
    """Let no process begin before all have started: a busy machine needs longer than a migration waits."""
    started.wait()


@long
def test_processes_that_migrate_at_once_run_each_migration_once(history: History) -> None:
    history.write("insert into things values (1), (2)")
    running = """
        select pid from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          and query like '%pg_try_advisory_lock%'
    """
    waiting = (
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    with history.engine.begin() as user:
        user.execute(text("create table things (id int)"))
    spawn = get_context("spawn")
    with ProcessPoolExecutor(4, spawn, initializer=wait_for_others, initargs=(spawn.Barrier(4),)) as pool:
        with history.engine.begin() as user:
            user.execute(text("lock table things"))
            runs = [pool.submit(migrate.upgrade, history.folder, history.url) for _ in range(4)]
            eventually(
                lambda: len(history.rows(running)) == 4 and len(history.rows(waiting)) == 1,
                "one of them waits for the table, the others for their turn",
                seconds=60,
            )
        for run in runs:
            run.result()
    assert history.rows("select id from things order by id") == [1, 2]


def test_a_migration_does_not_hold_up_requests_behind_a_table_that_is_in_use(
    history: History, monkeypatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "50ms")
    with history.engine.begin() as user:
        user.execute(text("create table things (id int)"))
    history.write("select 1", "alter table things add column name text")
    with history.engine.begin() as user:
        user.execute(text("select * from things"))
        with pytest.raises(OperationalError, match="lock timeout"):
            history.upgrade()
    history.upgrade()
    assert history.rows("select name from things") == []


MONTH = "visits_until_the_last_year"
ENDED = f"{month_start(now(), -13):%Y-%m-%d} 00:00+05:30"
VISITS = (
    "create table visits (at timestamptz not null) partition by range (at)",
    f"create table {MONTH} partition of visits for values from (minvalue) to ('{ENDED}')",
)


@pytest.fixture
def visits(history: History) -> History:
    """A table with a month that ended 13 months ago, in a database that knows of a recent event."""
    history.write(*VISITS)
    history.upgrade()
    chassis = [tables.outbox, tables.destructive_jobs]
    tables.metadata.create_all(history.engine, tables=chassis)
    history.run("insert into destructive_jobs (job, ran_at) values ('purge', now())")
    return history


def test_a_migration_drops_the_months_that_ended_before_those_that_are_kept(visits: History) -> None:
    """Of those that it was told nothing about it drops none."""
    visits.upgrade()
    visits.upgrade(14)
    assert visits.months == [MONTH]
    visits.upgrade(13)
    assert visits.months == [None]


def test_a_migration_by_a_wrong_clock_drops_no_month_and_ends_well(
    visits: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = now() + timedelta(days=400)
    for module in (migrate, destructive_jobs):
        monkeypatch.setattr(module, "now", lambda: ahead)
    visits.upgrade(24)
    assert visits.months == [MONTH]
    assert visits.refusal == ["clock"]


def test_a_migration_drops_no_month_by_a_mark_that_is_old_or_still_to_come(visits: History) -> None:
    """Both clocks may be wrong; the control is that the permission lets it go."""
    visits.run("update destructive_jobs set ran_at = now() + interval '170 days'")
    visits.upgrade(13)
    assert (visits.months, visits.refusal) == ([MONTH], ["leap"])
    visits.run("update destructive_jobs set ran_at = now() - interval '60 days'")
    visits.upgrade(24)
    assert (visits.months, visits.refusal) == ([MONTH], [None]), "no month is to be dropped"
    visits.upgrade(13)
    assert (visits.months, visits.refusal) == ([MONTH], ["leap"])
    visits.run("update destructive_jobs set allowed_at = now(), allowed_by = 'OPS-0001'")
    visits.upgrade(13)
    assert (visits.months, visits.refusal) == ([None], [None])
