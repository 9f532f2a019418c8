"""The indexes of chains; an event may have a message of a purpose on each channel."""

from alembic import op

from services.chassis.db import migrate

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrate.create_index(
        "messages_event_id_purpose_channel", "messages (event_id, purpose, channel)", unique=True
    )
    migrate.create_index("messages_next", "messages (next_at) where next_at is not null")
    migrate.create_index("messages_provider_id", "messages (provider_id) where provider_id is not null")
    migrate.create_index("messages_recipient", "messages (recipient, tried_at) where tried_at is not null")
    migrate.create_index("messages_undelivered", "messages (undelivered_at) where undelivered_at is not null")
    op.execute("alter table messages drop constraint if exists messages_event_id_purpose_key")
