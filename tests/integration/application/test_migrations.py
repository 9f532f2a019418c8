"""What an upgrade makes of the timelines that an older version stored."""

from datetime import timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from tests.support.databases import owner_of
from tests.support.paths import ROOT

OLD_INSERT = text("""
insert into timeline (event_id, application_id, at, what, facts)
values (:event, :event, :at, 'entered', '{"gate": "PCS1-G1"}') on conflict do nothing returning event_id
""")
"""As the version before partitions records an entry; it runs on during the upgrade."""


def test_entries_stay_where_they_are_and_each_event_has_one(databases) -> None:
    """The history up to revision 0013, in a schema of its own, with rows as that version stored them."""
    url = owner_of(databases["application"]).engine.url.render_as_string(hide_password=False)
    url += f"{'&' if '?' in url else '?'}options={quote('-csearch_path=before')}"
    engine, config, at = create_engine(url), Config(), now()
    config.set_main_option("script_location", str(ROOT / "services/application/migrations"))
    config.attributes["url"] = url
    old, recent = uuid4(), uuid4()

    def record(event: UUID, ago: timedelta) -> bool:
        with engine.begin() as connection:
            return connection.execute(OLD_INSERT, {"event": event, "at": at - ago}).first() is not None

    def ask(query: str) -> list[object]:
        with engine.begin() as connection:
            return list(connection.scalars(text(query)))

    with engine.begin() as connection:
        connection.execute(text("create schema before"))
    try:
        command.upgrade(config, "0013")
        with engine.begin() as connection:  # an application has fifty columns, of which none matters here
            connection.execute(text("alter table timeline drop constraint timeline_application_id_fkey"))
        assert record(old, timedelta(days=800))
        assert record(recent, timedelta())
        before = ask("select to_jsonb(timeline)::text from timeline order by at")
        file = ask("select pg_relation_filenode('timeline')")
        upgrade("application", url)
        assert ask("select to_jsonb(timeline)::text from timeline order by at") == before
        first = "select inhrelid from pg_inherits where inhparent = 'timeline'::regclass order by 1 limit 1"
        assert ask(f"select pg_relation_filenode(({first}))") == file, "no row was copied"
        assert not record(old, timedelta(days=800))
        assert not record(recent, timedelta())
        assert record(uuid4(), -timedelta(days=40))
        assert ask("select count(*) from timeline") == [3]
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop schema before cascade"))
        engine.dispose()
