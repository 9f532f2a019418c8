"""A database of the tests is emptied before each test that uses it: `tests.support.stack.databases`."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.verify.models import NonceRow, SiteRow
from tests.support.stack.databases import Databases, owner_of

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize("is_kept", [True, False], ids=["rows that are there", "rows that were deleted"])
def test_a_test_finds_neither_rows_nor_pages_of_the_test_before(
    databases: Databases, *, is_kept: bool
) -> None:
    with databases["verify"].transaction() as session:
        session.add(SiteRow(code="PCS1", seq=1, gates=[]))
        session.add(NonceRow(scanned_by="GAT-0001", nonce="one", recorded_at=NOW))
    if not is_kept:
        with owner_of(databases["verify"]).transaction() as session:
            session.execute(text("delete from sites"))
            session.execute(text("delete from scan_nonces"))
    assert _pages(databases) > 0
    databases.forget_cleanliness()
    assert _pages(databases) == 0


def _pages(databases: Databases) -> int:
    sizes = "select pg_relation_size('sites') + pg_relation_size('scan_nonces')"
    with databases["verify"].transaction() as session:
        return int(session.execute(text(sizes)).scalar_one())
