"""A sender that looks for messages of one vendor does not read all that wait for another one."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.chassis.db.database import Database
from services.notify.handlers import leases
from tests.support.stack.databases import execute, owner_of

WAITING = 20_000
FILL = text("""
insert into messages (
  id, event_id, purpose, lane, channel, language, state, due_at, attempts, possible_duplicates,
  correlation_id, created_at
)
select gen_random_uuid(), gen_random_uuid(), 'pass_issued', 'normal', 'whatsapp', 'pa', 'queued',
       now() - interval '1 hour', 0, 0, '', now()
from generate_series(1, :waiting)
""")
LOOK = {"lanes": ["otp", "normal", "bulk"], "most": 20, "seconds": 30.0, "gap": None, "channels": ["email"]}
READS_ALL = "Seq Scan on messages "


@pytest.fixture
def db(databases) -> Database:
    owner = owner_of(databases["notify"])
    with owner.transaction() as session:
        session.execute(text("set local statement_timeout = 0"))
        session.execute(FILL, {"waiting": WAITING})
    execute(owner, "analyze messages")
    return owner


def plan(session: Session) -> str:
    explain = text(f"explain {leases._LEASE.text}")
    return "\n".join(session.execute(explain, {**LOOK, "lease": uuid4()}).scalars())


def test_who_looks_for_emails_reads_no_message_for_whatsapp(db: Database) -> None:
    with db.transaction() as session:
        found = plan(session)
    assert "messages_due_by_channel" in found
    assert READS_ALL not in found


def test_control_without_the_index_all_messages_that_wait_are_read(db: Database) -> None:
    with db.transaction() as session:
        session.execute(text("drop index messages_due_by_channel"))
        found = plan(session)
        session.rollback()
    assert READS_ALL in found or "messages_due on" in found
