"""What is refused, and all that is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from contracts.errors import ContractError
from services.application.handlers import applications
from services.application.models import RevisionRow
from services.chassis.db.tables import idempotency_keys, inbox, outbox
from tests.support.factories.application import Desk


def refused(
    desk: Desk, error: type[ContractError], command: Callable[[], Any], code: str = ""
) -> ContractError:
    """Return the error, after a check that it left no row, no event and no key behind."""
    before = desk.counts(), everything(desk)
    with pytest.raises(error) as raised:
        command()
    assert (desk.counts(), everything(desk)) == before
    assert not code or raised.value.body.code == code
    return raised.value


def everything(desk: Desk) -> list[Any]:
    with desk.database.transaction() as session:
        tables = (idempotency_keys, outbox, inbox, RevisionRow.__table__)
        counts = [session.scalar(select(func.count()).select_from(table)) for table in tables]
        return [*counts, session.execute(select(applications.models.ApplicationRow.__table__)).all()]
