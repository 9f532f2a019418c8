"""Scans by month."""

from alembic import op

from services.chassis.db.partitioning import partition

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        insert into scan_nonces (scanned_by, nonce, recorded_at)
        select scanned_by, nonce, recorded_at from scans where recorded_at > now() - interval '40 days'
        on conflict do nothing
    """)
    partition(
        "scans",
        "recorded_at",
        {
            "scans_pkey": ("primary key", "id, recorded_at"),
            "scans_once": ("unique", "scanned_by, nonce, recorded_at"),
        },
        {
            "scans_of_pass": "(pass_number, recorded_at)",
            "scans_untold": "(pass_number) where not told and pass_number is not null",
        },
        {"record_nonce": "before insert on {table} for each row execute function record_nonce()"},
    )
