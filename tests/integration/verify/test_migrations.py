"""What an upgrade makes of the scans and passes that an older version stored."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from tests.support.databases import owner_of
from tests.support.paths import ROOT

OLD_INSERT = text("""
insert into scans (id, site, gate, direction, verdict, count, inside, marks, scanned_at, recorded_at,
  scanned_by, nonce, body_hmac, told)
values (gen_random_uuid(), 'PCS1', 'PCS1-G1', 'entry', 'unknown_pass', 0, 0, '{}', :at, :at, 'SEC-0001',
  :nonce, '', false)
on conflict on constraint scans_once do nothing returning id
""")
"""As the version before partitions stores a scan; it runs on during the upgrade."""


class Before:
    """The history of verify up to an earlier revision, in a schema of its own."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}{'&' if '?' in url else '?'}options={quote('-csearch_path=before')}"
        self.engine, self.config = create_engine(self.url), Config()
        self.config.set_main_option("script_location", str(ROOT / "services/verify/migrations"))
        self.config.attributes["url"] = self.url

    def upgrade_to(self, revision: str) -> None:
        command.upgrade(self.config, revision)

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def ask(self, query: str) -> list[object]:
        with self.engine.begin() as connection:
            return list(connection.scalars(text(query)))


@pytest.fixture
def before(databases) -> Iterator[Before]:
    before = Before(owner_of(databases["verify"]).engine.url.render_as_string(hide_password=False))
    before.run("create schema before")
    yield before
    before.run("drop schema before cascade")
    before.engine.dispose()


def test_a_site_whose_supervisors_have_or_had_a_pin_goes_on_to_demand_one(before: Before) -> None:
    before.upgrade_to("0025")
    before.run(
        "insert into supervisors (login_id, site, named_by, named_at, pin_set_at) values"
        " ('SEC-0001', 'PCS1', 'ADO-0001', now(), now()), ('SEC-0002', 'PCS1', 'ADO-0001', now(), now()),"
        " ('SEC-0003', 'PCS2', 'ADO-0001', now(), null)"
    )
    before.upgrade_to("0026")
    assert before.ask("select site from supervisor_rules where demanded and decided_by is null") == ["PCS1"]


def test_scans_stay_where_they_are_and_a_nonce_stays_used_in_every_month(before: Before) -> None:
    at, ask = now(), before.ask

    def store(nonce: str, **ago: int) -> bool:
        with before.engine.begin() as connection:
            return (
                connection.execute(OLD_INSERT, {"at": at - timedelta(**ago), "nonce": nonce}).first()
                is not None
            )

    before.upgrade_to("0008")
    assert all([store("long ago", days=800), store("recent", days=20), store("now")])
    before.run("grant select (verdict) on scans to ops")
    newer = "array['position', 'supervisor', 'sent_by']"
    without_newer = f"select (to_jsonb(scans) - {newer})::text from scans order by nonce"
    scans = ask(without_newer)
    file = ask("select pg_relation_filenode('scans')")
    upgrade("verify", before.url)
    assert ask(without_newer) == scans
    first = "select inhrelid from pg_inherits where inhparent = 'scans'::regclass order by 1 limit 1"
    assert ask(f"select pg_relation_filenode(({first}))") == file, "no row was copied"
    assert ask("select has_column_privilege('ops', 'scans', 'verdict', 'select')") == [True]
    assert ask("select has_column_privilege('ops', 'scans', 'reason', 'select')") == [False]
    assert [store("now"), store("recent"), store("now", days=-40), store("new", days=-40)] == [
        False, False, False, True,
    ]  # fmt: skip
    assert ask("select count(*) from scans") == [4]
    assert ask("select count(*) > 1 from pg_inherits where inhparent = 'scans'::regclass") == [True]
    upgrade("verify", before.url)


def test_an_upgrade_dates_passes_that_are_known_by_their_tokens_and_writes_no_row(before: Before) -> None:
    """A scan of that moment would wait for an update of all rows, which holds the lock of the new column."""
    before.upgrade_to("0012")
    before.run("insert into passes (number) values ('EARLIER')")
    row = before.ask("select xmin::text from passes")
    upgrade("verify", before.url)
    assert before.ask("select xmin::text from passes") == row
    before.run("insert into passes (number) values ('LATER, BY AN EVENT')")
    assert before.ask("select known_since <= now() from passes order by number") == [True, None]
