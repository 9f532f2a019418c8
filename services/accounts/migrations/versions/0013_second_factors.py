"""Second factors, their recovery codes, and sign-ins that have proved the password and not yet the factor."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0013"
down_revision = "accounts_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.TIMESTAMP(timezone=True)
    op.add_column("sessions", sa.Column("factor_at", instant))
    op.create_table(
        "second_factors",
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), primary_key=True),
        sa.Column("secret_sealed", sa.Text, nullable=False),
        sa.Column("enrolled_at", instant, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), nullable=False),
        sa.Column("used_at", instant),
    )
    op.create_index("recovery_codes_login_id", "recovery_codes", ["login_id"])
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.CheckConstraint("purpose in ('code', 'enrol', 'replace')", name="sign_ins_purpose"),
    )
    op.create_index("sign_ins_login_id", "sign_ins", ["login_id"])
    op.create_index("sign_ins_made_at", "sign_ins", ["made_at"])
    op.create_table(
        "factor_rules",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("roles", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
    )
