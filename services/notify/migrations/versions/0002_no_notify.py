"""Only a one-time code notifies at commit: the relay and the other messages are polled for."""

from alembic import op

from services.chassis.db.tables import drop_relay_trigger

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAKE_FOR_CODES = """
create or replace function wake_sender() returns trigger language plpgsql as $$
begin
  if exists (select from added where lane = 'otp' and state = 'queued') then
    perform pg_notify('messages', 'otp');
  end if;
  return null;
end $$
"""


def upgrade() -> None:
    drop_relay_trigger(op.get_bind())
    op.execute(WAKE_FOR_CODES)
