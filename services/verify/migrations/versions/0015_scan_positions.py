"""Positions of scans, by which the seals of the audit log name them. Earlier scans have none."""

from alembic import op
from sqlalchemy import text

from services.chassis.db.migrate import create_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():  # no scan waits for more than one of these moments
        op.execute("create sequence if not exists scan_positions")
        op.execute("alter table scans add column if not exists position bigint")
        op.execute("alter table scans alter column position set default nextval('scan_positions')")
        op.execute("alter sequence scan_positions owned by scans.position")
        op.execute("create index if not exists scans_position on only scans (position)")
    without = """
        select inhrelid::regclass::text from pg_inherits
        where inhparent = 'scans'::regclass and not exists (
          select from pg_index where indrelid = inhrelid and indexrelid in (
            select own.inhrelid from pg_inherits own where own.inhparent = 'scans_position'::regclass))
    """
    for month in op.get_bind().scalars(text(without)).all():
        create_index(f"{month}_position", f"{month} (position)")
        op.execute(f"alter index scans_position attach partition {month}_position")
