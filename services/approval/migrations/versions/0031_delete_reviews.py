"""Reviews are deleted only if nothing of theirs is of the last year, not only no decision."""

from alembic import op

revision = "0031"
down_revision = "0030"
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
          )
          or exists (select from decisions where review_id = any(old) and decided_at > year_ago)
          or exists (select from forwardings where review_id = any(old) and forwarded_at > year_ago)
          or exists (select from first_approvals where review_id = any(old) and approved_at > year_ago)
          or exists (
            select from watchlist_matches
            where review_id = any(old) and greatest(found_at, settled_at) > year_ago
          )
          or exists (select from bookings where review_id = any(old) and day > year_ago::date)
          then
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
