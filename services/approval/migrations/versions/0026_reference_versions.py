"""The version of what rarely changes, so that each process keeps it in memory and knows when it is old.

Each statement that changes one of these tables replaces the tokens that no other transaction holds by a new
random one. Nobody waits for anybody, and the tokens that a transaction sees never were the same with other
rows: the token of the last change is among them until a later change has replaced it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

CHANGES = {
    "sites": "insert or update or delete or truncate",
    "gates": "insert or update or delete or truncate",
    "site_hours": "insert or update or delete or truncate",
    "closed_days": "insert or update or delete or truncate",
    "departments": "insert or update or delete or truncate",
    "department_sites": "insert or update or delete or truncate",
    "officers": "insert or update or delete or truncate",
    "capacities": "insert or update or delete or truncate",
    "delegations": "insert or update or delete or truncate",
    "closures": "insert or update of department, day, reason, lifted_at or delete or truncate",
    "watchlist_entries": "insert or update of traits, confirmed_at, ended_at or delete or truncate",
}


def upgrade() -> None:
    op.create_table(
        "reference_versions",
        sa.Column("token", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    )
    op.execute("""
        create function change_reference_version() returns trigger language plpgsql as $$
        begin
          delete from reference_versions
          where token in (select token from reference_versions for update skip locked);
          insert into reference_versions default values;
          return null;
        end $$
    """)
    op.execute("insert into reference_versions default values")  # what is there has a version, too
    for table, changes in CHANGES.items():
        op.execute(f"""
            create trigger reference_version after {changes} on {table}
            for each statement execute function change_reference_version()
        """)
