"""The photograph of a walk-in: sealed, shown to counter and gates of its site, erased with the visit."""

import base64
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.events import ApplicationSubmitted, DirectoryChanged, VisitorPhotographed
from contracts.rpc.photographs import PROVED_FOR, PhotographQuestion, TakePhotograph, proof_of
from services.application.handlers import applications, photographs, scheduled_jobs
from services.application.models import PhotographRow
from services.chassis.db.database import personal_keys_of
from tests.support.factories.application import (
    MONDAY,
    NOW,
    Desk,
    Elsewhere,
    applicant_call,
    counter_form,
    form,
    photograph,
    reception_call,
    site,
    slot,
)

LAST = NOW.date() + timedelta(days=120)


@pytest.fixture
def taking(desk: Desk) -> Desk:
    """Return the service with a site that takes photographs."""
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    return desk


def view(desk: Desk, reference: str, call, proof: str = ""):
    with desk.database.transaction() as session:
        asked = PhotographQuestion(reference=reference, proof=proof)
        return photographs.view(asked, call, session, NOW).jpeg


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
        reception_call(role="ado", site=None),
        applicant_call("+919876543210"),
    ):
        with pytest.raises(NotFound):
            view(taking, reference, other)


def test_the_ado_branch_sees_only_those_to_which_approval_has_led_it(taking: Desk) -> None:
    one, other = (
        taking.submit_at_counter(counter_form(photograph=photograph()), reception_call(key=key)).reference
        for key in ("one", "other")
    )
    with taking.database.transaction() as session:
        keys = personal_keys_of(session)
    of = taking.row(one).id
    proof, ado = proof_of(keys, of, "ADO-0001", NOW), partial(reception_call, role="ado", site=None)
    assert view(taking, one, ado(login="ADO-0001"), proof)
    for reference, call, given in (
        (other, ado(login="ADO-0001"), proof),
        (one, ado(login="ADO-0002"), proof),
        (one, ado(login="ADO-0001", site="S2"), proof),
        (one, reception_call(login="ADO-0001", role="department"), proof),
        (one, ado(login="ADO-0001"), proof_of(keys, of, "ADO-0001", NOW - PROVED_FOR)),
        (one, ado(login="ADO-0001"), keys.seal(of, {"mobile": "9876543210"})),
    ):
        with pytest.raises(NotFound):
            view(taking, reference, call, given)


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


def take(desk: Desk, reference: str, call=None, given=None) -> None:
    with desk.database.transaction() as session:
        request = TakePhotograph(reference=reference, photograph=given or photograph())
        photographs.take(request, call or reception_call(), session, desk.moment())


def apply_weekly(desk: Desk) -> str:
    asked = form(companions=[], weekly_until=LAST.isoformat())
    with desk.database.transaction() as session:
        return applications.submit(
            asked, applicant_call(), session, desk.moment(), furthest_days=30, rate_limits=False,
            standing_passes=3,
        ).reference  # fmt: skip


def test_whoever_comes_each_week_says_so_and_is_photographed_at_the_reception(taking: Desk) -> None:
    reference = apply_weekly(taking)
    (sent,) = [event for event in taking.published() if isinstance(event, ApplicationSubmitted)]
    assert sent.weekly_until == LAST
    shown = taking.view(reference, reception_call())
    assert (shown.weekly_until, shown.needs_photograph) == (LAST, True)
    for other in (reception_call(site="S2"), reception_call(role="department")):
        with pytest.raises(NotFound):
            take(taking, reference, other)
    take(taking, reference)
    take(taking, reference)
    assert not taking.view(reference, reception_call()).needs_photograph
    assert len(stored(taking)) == 1, "another one takes its place"
    told = [event for event in taking.published() if isinstance(event, VisitorPhotographed)]
    assert {event.reference for event in told} == {reference}
    elsewhere = Elsewhere.of(taking.row(reference))
    taking.amend(reference, preferred=[slot(day=MONDAY + timedelta(days=3))])
    assert taking.view(reference, reception_call()).weekly_until == LAST, "other dates change nothing else"
    for happens, code in (
        (lambda: taking.receive(elsewhere.approved()), "photograph_approved"),
        (lambda: taking.cancel(reference), "cannot_photograph"),
    ):
        happens()
        with pytest.raises(Conflict) as refused:
            take(taking, reference)
        assert refused.value.body.code == code


def test_who_comes_each_week_is_not_turned_away_when_the_first_day_passes_before_two_have_approved(
    taking: Desk,
) -> None:
    apply_weekly(taking)
    first_day_ends = NOW + timedelta(days=1, hours=1)
    for days, expired in ((0, 0), (13, 0), (14, 1)):
        with taking.database.transaction() as session:
            later = first_day_ends + timedelta(days=days)
            assert scheduled_jobs.expire_undecided(session, later) == expired, days


def test_at_the_counter_the_photograph_comes_with_the_wish(taking: Desk) -> None:
    facts = {"companions": [], "weekly_until": LAST.isoformat()}

    def send(**more):
        with taking.database.transaction() as session:
            return applications.submit_at_counter(
                counter_form(**facts, **more), reception_call(), session, taking.moment(),
                furthest_days=30, standing_passes=3,
            ).reference  # fmt: skip

    with pytest.raises(InvalidInput) as refused:
        send()
    assert refused.value.body.fields[0].code == "photograph_needed"
    assert not taking.view(send(photograph=photograph()), reception_call()).needs_photograph
