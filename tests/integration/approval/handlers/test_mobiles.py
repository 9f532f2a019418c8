"""A decision is told to the number that the applicant has now."""

from itertools import permutations

import pytest

from contracts.events import PassRejected
from contracts.rpc.approval.decisions import Reject
from services.approval.handlers import decisions
from services.approval.handlers.event_handlers import UnknownApplication
from services.chassis.db.database import Database
from tests.support.factories.approval import (
    NOW,
    amended,
    by,
    deliver,
    desk,
    erased,
    everything,
    fill_directory,
    mobile_changed,
    published,
    review_id_of,
    submitted,
)

NEW, NEWEST = "+919811122233", "+919811144455"


@pytest.fixture
def database(databases) -> Database:
    fill_directory(databases["approval"])
    return databases["approval"]


def told(database: Database, application_id: object) -> str | None:
    """Reject the application, and return to which number that goes."""
    with database.transaction() as session:
        request = Reject(review_id=review_id_of(database, application_id), reason="duplicate")  # type: ignore[arg-type]
        decisions.reject(request, by(desk()), session, NOW)
    event = published(database, PassRejected)[-1]
    assert isinstance(event, PassRejected)
    return event.personal.contact.mobile


def test_a_change_that_comes_before_the_application_waits_for_it(database: Database) -> None:
    with pytest.raises(UnknownApplication):
        deliver(database, mobile_changed(submitted(), NEW), seq=2)


def test_in_any_order_the_newest_number_is_told(database: Database) -> None:
    for order in permutations(range(3)):
        first = submitted()
        deliver(database, first)
        person = first.personal.applicant.model_copy(update={"mobile": NEW})
        revised = amended(first, personal=first.personal.model_copy(update={"applicant": person}))
        events = [(mobile_changed(first, NEW), 2), (revised, 3), (mobile_changed(first, NEWEST), 4)]
        for event, seq in (events[number] for number in order):
            deliver(database, event, seq=seq)
        assert told(database, first.application_id) == NEWEST, order


def test_details_that_are_newer_than_a_change_count(database: Database) -> None:
    """They have the number of that time: a late change must not bring an older one back."""
    first = submitted()
    deliver(database, first)
    person = first.personal.applicant.model_copy(update={"mobile": NEWEST})
    deliver(database, amended(first, personal=first.personal.model_copy(update={"applicant": person})), seq=4)
    deliver(database, mobile_changed(first, NEW), seq=2)
    assert told(database, first.application_id) == NEWEST


def test_a_change_that_comes_twice_changes_nothing_more(database: Database) -> None:
    first = submitted()
    deliver(database, first)
    deliver(database, mobile_changed(first, NEW), seq=2)
    before = everything(database)
    deliver(database, mobile_changed(first, NEW), seq=2)
    assert everything(database) == before


def test_a_late_change_brings_no_number_back_after_an_erasure(database: Database) -> None:
    first = submitted()
    deliver(database, first)
    deliver(database, erased(first), seq=2)
    before = everything(database)
    deliver(database, mobile_changed(first, NEW), seq=3)
    assert everything(database) == before
