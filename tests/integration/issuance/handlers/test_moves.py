"""A visit that takes place on another day: a new pass for it, and today's is over."""

import pytest

from contracts.events import PassIssued, PassRevoked, VisitMoved
from contracts.model import Slot
from services.chassis.db.database import Database
from services.issuance.handlers import passes
from tests.support.factories.envelopes import example
from tests.support.factories.issuance import (
    NOW,
    SETTINGS,
    approved,
    cancelled,
    deliver,
    erased,
    issue,
    published,
    rows,
    withdrawn,
)

LATER = Slot.model_validate({"date": "2026-12-31", "from": "14:00", "to": "15:00"})


def hear(database: Database, approval, **changes) -> None:
    event = example(VisitMoved, approval, **{"revision": approval.revision, "slot": LATER, **changes})
    with database.transaction() as session:
        passes.move(event, session, NOW, SETTINGS)


def test_the_pass_is_replaced_by_one_for_the_other_day_and_its_visitor_is_told_of_one_alone(
    database: Database,
) -> None:
    approval = approved()
    old = issue(database, approval)
    hear(database, approval)
    first, second = rows(database)
    assert (first.number, first.revocation, second.visit.slot) == (old.number, "day_closed", LATER)
    assert second.visit.model_copy(update={"slot": old.visit.slot}) == old.visit, "nothing else changes"
    assert second.personal == old.personal
    _, revoked, again = published(database)
    assert isinstance(revoked, PassRevoked)
    assert isinstance(again, PassIssued)
    assert (revoked.reason, again.replaces, again.slot) == ("day_closed", None, LATER)
    assert again.valid_from < again.valid_to == again.ends_at
    assert again.valid_from.date() == LATER.day


@pytest.mark.parametrize("ending", [cancelled, erased, withdrawn])
def test_what_has_ended_gets_no_other_day(database: Database, ending) -> None:
    approval = approved()
    issue(database, approval)
    deliver(database, ending(approval))
    hear(database, approval)
    assert len(rows(database)) == 1


def test_a_day_for_a_pass_that_is_not_here_yet_is_retried_and_one_of_a_revision_before_is_over(
    database: Database,
) -> None:
    approval = approved()
    with pytest.raises(passes.UnknownApproval):
        hear(database, approval)
    issue(database, approval.model_copy(update={"revision": 2}))
    hear(database, approval)
    assert len(rows(database)) == 1
