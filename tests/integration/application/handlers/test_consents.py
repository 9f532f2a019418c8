"""Consent is given with a form, shown, and withdrawn; a child has a guardian and no photograph."""

from datetime import timedelta

import pytest

from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.events import ApplicationCancelled, ApplicationSubmitted, DirectoryChanged
from contracts.model import Basis
from contracts.rpc.application import Acknowledged, ReferenceOnly
from contracts.rpc.call import Call
from contracts.rpc.own_data import Consent, OwnDataQuestion
from services.application.handlers import applications, consents, own_data, scheduled_jobs
from services.application.models import PhotographRow
from services.application.settings import ApplicationSettings
from tests.support.factories.application import (
    NOW,
    OTHER_MOBILE,
    Desk,
    Elsewhere,
    applicant_call,
    counter_form,
    department_call,
    form,
    invitation,
    photograph,
    reception_call,
    site,
)
from tests.support.stack.settings import make_settings

NOTICE = "0123456789ab"
MOTHER = {"name": "Manjit Kaur", "relation": "mother"}
LATER = NOW + timedelta(hours=1)


def agreed(desk: Desk) -> str:
    """Return the reference of an application with consent."""
    return desk.submit(form(consent=True, notice=NOTICE), at=NOW).reference


def withdraw(desk: Desk, reference: str, call: Call | None = None) -> Acknowledged:
    asked = ReferenceOnly(reference=reference)
    with desk.database.transaction() as session:
        return consents.withdraw(asked, call or applicant_call(key="w"), session, LATER)


def shown(desk: Desk, reference: str) -> Consent | None:
    question, settings = OwnDataQuestion(references=(reference,)), make_settings(ApplicationSettings)
    with desk.database.transaction() as session:
        found = own_data.list_kept(question, applicant_call(), session, LATER, settings)
    return next(one.consent for one in found.items if one.kind == "answers")


def cancelled(desk: Desk) -> list[str]:
    return [one.reference for one in desk.published() if isinstance(one, ApplicationCancelled)]


@pytest.mark.parametrize("way", ["portal", "counter", "invitation"])
@pytest.mark.parametrize("basis", ["law", "consent"])
def test_a_form_without_consent_is_taken_where_the_site_rests_on_the_law_alone(
    desk: Desk, way: str, basis: Basis
) -> None:
    def send(**given: bool) -> object:
        rules = {"furthest_days": 30, "basis": basis}
        with desk.database.transaction() as session:
            if way == "counter":
                asked = counter_form(**given)
                return applications.submit_at_counter(asked, reception_call(), session, NOW, **rules)
            if way == "invitation":
                return applications.invite(invitation(**given), department_call(), session, NOW, **rules)
            sent = form(**given)
            return applications.submit(sent, applicant_call(), session, NOW, rate_limits=False, **rules)

    if basis == "law":
        assert send()
        return
    with pytest.raises(InvalidInput) as refused:
        send()
    assert [(one.field, one.code) for one in refused.value.body.fields] == [("consent", "consent_missing")]
    assert desk.counts()[0] == 0
    assert send(consent=True)


def test_consent_is_kept_with_its_moment_and_notice_and_shown(desk: Desk) -> None:
    reference = agreed(desk)
    assert shown(desk, reference) == Consent(given_at=NOW, notice=NOTICE)
    assert shown(desk, desk.submit().reference) is None


def test_withdrawing_cancels_what_is_not_decided_and_is_shown(desk: Desk) -> None:
    reference = agreed(desk)
    assert withdraw(desk, reference).status == "cancelled"
    assert withdraw(desk, reference, applicant_call(key="again")).status == "cancelled"
    assert cancelled(desk) == [reference]
    assert shown(desk, reference) == Consent(given_at=NOW, notice=NOTICE, withdrawn_at=LATER)


def test_withdrawing_ends_a_pass_that_nobody_has_used_and_leaves_a_visit_that_has_begun(desk: Desk) -> None:
    unused, begun = agreed(desk), agreed(desk)
    for reference in (unused, begun):
        elsewhere = Elsewhere.of(desk.row(reference))
        desk.receive(elsewhere.approved())
        issued = elsewhere.issued()
        desk.receive(issued)
    desk.receive(elsewhere.scanned(issued.pass_number))
    assert withdraw(desk, unused).status == "cancelled"
    assert withdraw(desk, begun, applicant_call(key="b")).status == "entered"
    assert cancelled(desk) == [unused]
    found = shown(desk, begun)
    assert found is not None
    assert found.withdrawn_at == LATER


def test_nobody_withdraws_what_is_another_ones_not_open_or_was_never_given(desk: Desk) -> None:
    reference, never = agreed(desk), desk.submit().reference
    for refused, asked, call in (
        (NotFound, reference, applicant_call(OTHER_MOBILE, key="1")),
        (Forbidden, reference, applicant_call(session=2, key="2")),
        (NotFound, never, applicant_call(key="3")),
        (NotFound, reference, reception_call(key="4")),
    ):
        with pytest.raises(refused):
            withdraw(desk, asked, call)
    assert cancelled(desk) == []


def test_a_child_is_published_with_who_has_applied_and_both_are_erased(desk: Desk) -> None:
    reference = desk.submit(form(applicant={"guardian": MOTHER})).reference
    (event,) = (one for one in desk.published() if isinstance(one, ApplicationSubmitted))
    assert event.personal.applicant.guardian.model_dump() == MOTHER
    assert desk.view(reference).applicant.guardian.model_dump() == MOTHER
    with desk.database.transaction() as session:
        scheduled_jobs.erase_personal_data(desk.row(reference).id, session, LATER)
    assert desk.row(reference).guardian is None


def test_no_photograph_of_a_child_is_taken(desk: Desk) -> None:
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    of_child = {"photograph": photograph(), "applicant": {"guardian": MOTHER}}
    with pytest.raises(InvalidInput) as refused:
        desk.submit_at_counter(counter_form(**of_child))
    assert [(one.field, one.code) for one in refused.value.body.fields] == [
        ("photograph", "photograph_of_child")
    ]
    with desk.database.transaction() as session:
        assert session.query(PhotographRow).count() == 0
    assert desk.submit_at_counter(counter_form(**of_child | {"photograph": None})).status == "submitted"
