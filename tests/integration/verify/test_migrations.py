"""What an upgrade makes of the scans that an older version stored."""

from datetime import timedelta
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from tests.support.paths import ROOT

OLD_INSERT = text("""
insert into scans (id, site, gate, direction, verdict, count, inside, marks, scanned_at, recorded_at,
  scanned_by, nonce, body_hmac, told)
values (gen_random_uuid(), 'PCS1', 'PCS1-G1', 'entry', 'unknown_pass', 0, 0, '{}', :at, :at, 'SEC-0001',
  :nonce, '', false)
on conflict on constraint scans_once do nothing returning id
""")
"""As the version before partitions stores a scan; it runs on during the upgrade."""


def test_scans_stay_where_they_are_and_a_nonce_stays_used_in_every_month(databases) -> None:
    """The history up to revision 0008, in a schema of its own, with rows as that version stored them."""
    url = databases["verify"].engine.url.render_as_string(hide_password=False)
    url += f"{'&' if '?' in url else '?'}options={quote('-csearch_path=before')}"
    engine, config, at = create_engine(url), Config(), now()
    config.set_main_option("script_location", str(ROOT / "services/verify/migrations"))
    config.attributes["url"] = url

    def store(nonce: str, **ago: int) -> bool:
        with engine.begin() as connection:
            return (
                connection.execute(OLD_INSERT, {"at": at - timedelta(**ago), "nonce": nonce}).first()
                is not None
            )

    def ask(query: str) -> list[object]:
        with engine.begin() as connection:
            return list(connection.scalars(text(query)))

    with engine.begin() as connection:
        connection.execute(text("create schema before"))
    try:
        command.upgrade(config, "0008")
        assert all([store("long ago", days=800), store("recent", days=20), store("now")])
        with engine.begin() as connection:
            connection.execute(text("grant select (verdict) on scans to ops"))
        before = ask("select to_jsonb(scans)::text from scans order by nonce")
        file = ask("select pg_relation_filenode('scans')")
        upgrade("verify", url)
        assert ask("select to_jsonb(scans)::text from scans order by nonce") == before
        first = "select inhrelid from pg_inherits where inhparent = 'scans'::regclass order by 1 limit 1"
        assert ask(f"select pg_relation_filenode(({first}))") == file, "no row was copied"
        assert ask("select has_column_privilege('ops', 'scans', 'verdict', 'select')") == [True]
        assert ask("select has_column_privilege('ops', 'scans', 'reason', 'select')") == [False]
        assert [store("now"), store("recent"), store("now", days=-40), store("new", days=-40)] == [
            False, False, False, True,
        ]  # fmt: skip
        assert ask("select count(*) from scans") == [4]
        assert ask("select count(*) > 1 from pg_inherits where inhparent = 'scans'::regclass") == [True]
        upgrade("verify", url)
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop schema before cascade"))
        engine.dispose()
