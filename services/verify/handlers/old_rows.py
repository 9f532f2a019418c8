"""What verify deletes by the clock."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from services.chassis.db import batches
from services.chassis.db.database import Database
from services.chassis.db.destructive_jobs import Portion
from services.verify.handlers import help_calls, incidents, number_tries, previews, scan_records


def delete_old(db: Database, now: datetime) -> None:
    """Delete tries and previews that count no more, and unrepeated nonces."""
    for delete_some in (number_tries.delete_old, previews.delete_old, scan_records.delete_old_nonces):
        batches.run(db, partial(delete_some, now=now))


def old_records(now: datetime, records_kept_months: int) -> Sequence[Portion]:
    """Return the incidents and the calls for help that are kept no longer."""
    return incidents.old(now, records_kept_months), help_calls.old(now, records_kept_months)


def delete_old_records(db: Database, now: datetime, records_kept_months: int) -> None:
    """Delete incidents and calls for help that are kept no longer."""
    for delete_some in (incidents.delete_old, help_calls.delete_old):
        batches.run(db, partial(delete_some, now=now, months=records_kept_months))
