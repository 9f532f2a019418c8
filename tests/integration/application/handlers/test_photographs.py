"""The photograph of a walk-in: sealed, shown to counter and gates of its site, erased with the visit."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy import select

from contracts.errors import InvalidInput, NotFound
from contracts.events import DirectoryChanged
from contracts.rpc.application import ReferenceOnly
from services.application.handlers import photographs, scheduled_jobs
from services.application.models import PhotographRow
from tests.support.factories.application import (
    NOW,
    Desk,
    Elsewhere,
    applicant_call,
    counter_form,
    photograph,
    reception_call,
    site,
)


@pytest.fixture
def taking(desk: Desk) -> Desk:
    """Return the service with a site that takes photographs."""
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    return desk


def view(desk: Desk, reference: str, call):
    with desk.database.transaction() as session:
        return photographs.view(ReferenceOnly(reference=reference), call, session).jpeg


def stored(desk: Desk) -> list[str]:
    with desk.database.transaction() as session:
        return list(session.scalars(select(PhotographRow.sealed)))


def test_the_counter_and_the_gates_of_the_site_see_it_and_nobody_else(taking: Desk) -> None:
    reference = taking.submit_at_counter(counter_form(photograph=photograph(), mobile="9876543210")).reference
    assert base64.b64decode(view(taking, reference, reception_call())).startswith(b"\xff\xd8")
    assert view(taking, reference, reception_call(login="SEC-0001", role="security"))
    for other in (
        reception_call(site="S2"),
        reception_call(site="S2", role="security"),
        reception_call(site=None, role="security"),
        reception_call(role="department"),
        applicant_call("+919876543210"),
    ):
        with pytest.raises(NotFound):
            view(taking, reference, other)


def test_a_photograph_is_sealed_and_in_no_event(taking: Desk) -> None:
    taking.submit_at_counter(counter_form(photograph=photograph()))
    [sealed] = stored(taking)
    assert "/9j/" not in sealed, "the beginning of every JPEG in base64"
    assert all("/9j/" not in event.model_dump_json() for event in taking.published())


def test_a_repeat_stores_one(taking: Desk) -> None:
    request = counter_form(photograph=photograph())
    answers = {taking.submit_at_counter(request, reception_call(key="one")).reference for _ in range(2)}
    assert (len(answers), len(stored(taking))) == (1, 1)


def test_a_walk_in_needs_no_photograph(taking: Desk) -> None:
    reference = taking.submit_at_counter(counter_form()).reference
    assert stored(taking) == []
    with pytest.raises(NotFound):
        view(taking, reference, reception_call())


@pytest.mark.parametrize(
    ("wanted", "given", "code"),
    [(True, "bm90IGEgcGljdHVyZQ==", "not_a_photograph"), (False, photograph(), "photograph_not_wanted")],
    ids=["no picture", "a site that takes none"],
)
def test_a_refused_photograph_changes_nothing(desk: Desk, wanted: bool, given: str, code: str) -> None:
    desk.receive(DirectoryChanged(site=site(photograph=wanted)))
    before = len(desk.published())
    with pytest.raises(InvalidInput) as refused:
        desk.submit_at_counter(counter_form(photograph=given))
    assert [(one.field, one.code) for one in refused.value.body.fields] == [("photograph", code)]
    assert (stored(desk), len(desk.published())) == ([], before)


def test_it_is_erased_with_the_people_of_the_visit(taking: Desk) -> None:
    reference = taking.submit_at_counter(counter_form(photograph=photograph())).reference
    with taking.database.transaction() as session:
        scheduled_jobs.erase_personal_data(taking.row(reference).id, session, NOW + timedelta(days=400))
    assert stored(taking) == []


def test_a_site_may_keep_photographs_for_a_shorter_time_than_people(taking: Desk) -> None:
    made = [taking.submit_at_counter(counter_form(photograph=photograph())).reference for _ in range(2)]
    taking.receive(Elsewhere.of(taking.row(made[0])).rejected())

    def deleted(days: int, kept: int) -> int:
        with taking.database.transaction() as session:
            return photographs.delete_old(session, NOW + timedelta(days=days), kept)

    assert [deleted(31, 60), deleted(31, 20), deleted(31, 20)] == [0, 1, 0]
    assert len(stored(taking)) == 1, "that of an application which nobody has decided"
    assert taking.row(made[0]).name, "the people stay"
