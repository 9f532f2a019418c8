"""No new scan is without a position: no seal could name it. Scans of before 0015 stay without one."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # a constraint would be asked when an old scan is erased, too
    op.execute("""
        create or replace function refuse_scan_without_position() returns trigger language plpgsql as $$
        begin
          raise not_null_violation using message = 'a scan without a position cannot be sealed';
        end $$
    """)
    op.execute("""
        create or replace trigger scan_has_position before insert on scans for each row
        when (new.position is null) execute function refuse_scan_without_position()
    """)
