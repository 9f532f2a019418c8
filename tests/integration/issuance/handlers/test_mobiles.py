"""A pass goes with the number of its applicant, whichever comes first."""

from itertools import permutations
from uuid import uuid4

import pytest

from contracts.errors import NotFound
from contracts.rpc.issuance import PassNumber
from services.chassis.db.database import Database
from services.issuance.handlers import views
from services.issuance.models import ApplicationRow
from tests.support.factories.issuance import (
    MOBILE,
    NOW,
    SETTINGS,
    applicant,
    approved,
    calling,
    citizen,
    deliver,
    erased,
    issue,
    mobile_changed,
    published,
    rows,
)

NEW, NEWEST = "+919811122233", "+919811144455"


@pytest.fixture
def database(databases) -> Database:
    return databases["issuance"]


def sees(database: Database, number: str, mobile: str) -> bool:
    with database.transaction() as session:
        try:
            views.view(PassNumber(number=number), calling(citizen(mobile)), session, NOW, SETTINGS)
        except NotFound:
            return False
    return True


def test_the_pass_is_the_new_numbers_and_no_more_the_one_befores(database: Database) -> None:
    approval = approved()
    number = issue(database, approval).number
    assert (sees(database, number, MOBILE), sees(database, number, NEW)) == (True, False)
    deliver(database, mobile_changed(approval, NEW), seq=2)
    assert (sees(database, number, MOBILE), sees(database, number, NEW)) == (False, True)


def test_in_any_order_the_newest_number_has_the_pass(database: Database) -> None:
    for order in permutations(range(3)):
        approval = approved()
        events = [
            (approval, 1),
            (mobile_changed(approval, NEW), 2),
            (mobile_changed(approval, NEWEST, NEW), 3),
        ]
        for event, seq in (events[number] for number in order):
            deliver(database, event, seq=seq)
        (row,) = rows(database, approval.application_id)
        assert row.personal is not None
        assert row.personal.applicant.mobile == NEWEST, order


def test_a_pass_of_an_approval_with_the_number_before_is_published_with_the_new_one(
    database: Database,
) -> None:
    approval = approved(person=applicant(mobile=None), deliver_by="printed")
    deliver(database, mobile_changed(approval, NEW, None), seq=2)
    deliver(database, approval)
    (event,) = published(database)
    assert (event.personal.applicant.mobile, event.deliver_by) == (NEW, "sms")


def test_an_erasure_forgets_the_number_and_a_late_change_brings_none_back(database: Database) -> None:
    approval = approved()
    issue(database, approval)
    deliver(database, mobile_changed(approval, NEW), seq=2)
    deliver(database, erased(approval))
    deliver(database, mobile_changed(approval, NEWEST), uuid4(), seq=3)
    with database.transaction() as session:
        known = session.get_one(ApplicationRow, approval.application_id)
        assert known.mobile is None
    assert rows(database)[0].personal is None
