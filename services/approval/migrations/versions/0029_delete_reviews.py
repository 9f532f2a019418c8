"""The one way in which old reviews are deleted: the role of the service may delete no decision by itself."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create or replace function delete_reviews(old uuid[]) returns void
        language plpgsql security definer set search_path from current as $$
        declare year_ago timestamptz := now() - interval '1 year';
        begin
          if exists (
            select from reviews left join heard_applications using (application_id)
            where id = any(old) and (erased_at is null or submitted_at > year_ago or waiting_since > year_ago)
          ) or exists (select from decisions where review_id = any(old) and decided_at > year_ago) then
            raise exception 'a review with people, or one of the last year, is not deleted';
          end if;
          delete from watchlist_matches where review_id = any(old);
          delete from first_approvals where review_id = any(old);
          delete from bookings where review_id = any(old);
          delete from forwardings where review_id = any(old);
          delete from decisions where review_id = any(old);
          delete from reviews where id = any(old);
        end $$
    """)
