"""The nonces of scans in a table of their own, which each insert of a scan fills.

A partitioned table has no unique key without its month. Also the version before this one stores its scans so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_RECORD = """
create function record_nonce() returns trigger language plpgsql as $$
begin
  insert into scan_nonces (scanned_by, nonce, recorded_at)
  values (new.scanned_by, new.nonce, new.recorded_at) on conflict do nothing;
  if found then return new; end if;
  return null;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "scan_nonces",
        sa.Column("scanned_by", sa.Text, primary_key=True),
        sa.Column("nonce", sa.Text, primary_key=True),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("scan_nonces_age", "scan_nonces", ["recorded_at"])
    op.execute(_RECORD)
    op.execute(
        "create trigger record_nonce before insert on scans for each row execute function record_nonce()"
    )
