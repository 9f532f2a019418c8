"""Submit, amend and cancel: what is stored and published, once; a refusal changes nothing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import (
    Conflict,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    TooManyAttempts,
)
from contracts.events import ApplicationSubmitted
from contracts.rpc.application import Checked
from services.application.handlers import applications, invitation_limit
from services.application.service import Service
from services.chassis.runtime import handlers
from tests.integration.application.handlers.forms import everything, refused
from tests.support.factories.application import (
    AADHAAR,
    MOBILE,
    NOW,
    OTHER_MOBILE,
    TUESDAY,
    WEDNESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    department_call,
    form,
    invitation,
    reception_call,
    slot,
)
from tests.support.stack.concurrency import run_concurrently

OFFICE = {"organisation": "PSPCL", "designation": "XEN", "employee_no": "114"}


# -------------------------------------------------------------------- applying


def test_an_application_is_stored_and_published(desk: Desk) -> None:
    answer = desk.submit(
        form(
            companions=[companion(), {"name": "Simran", "child": True}],
            vehicle="ch 01 ab 1234",
            applicant={
                "kind": "official",
                "official": OFFICE,
                "assistance": "wheelchair",
                "email": "g@example.org",
            },
        ),
        at=NOW,
    )
    assert (answer.status, answer.masked) == ("submitted", ())
    (published,) = desk.published()
    assert isinstance(published, ApplicationSubmitted)
    assert (published.reference, published.revision, published.party, published.channel) == (
        answer.reference,
        1,
        3,
        "portal",
    )
    assert (published.mobile_proved, published.submitted_by, published.kind) == (True, None, "official")
    assert published.personal.applicant.mobile == MOBILE
    assert published.personal.vehicle == "CH01AB1234"
    view = desk.view(answer.reference, reception_call())
    assert (view.status, view.applicant, view.companions) == (
        "submitted",
        published.personal.applicant,
        published.personal.companions,
    )
    assert (view.preferred, view.date, view.purpose) == (
        published.preferred,
        TUESDAY,
        published.personal.purpose,
    )
    assert [(entry.what, entry.at) for entry in view.timeline] == [("submitted", NOW)]


def test_an_operator_who_helps_is_recorded_and_the_mobile_is_proved_all_the_same(desk: Desk) -> None:
    helped = applicant_call()
    helped = helped.model_copy(
        update={"principal": helped.principal.model_copy(update={"login_id": "SEW-0001"})}
    )
    with desk.database.transaction() as session:
        answer = applications.submit(form(), helped, session, NOW, furthest_days=30, rate_limits=True)
    (published,) = desk.published()
    assert (published.channel, published.mobile_proved, published.submitted_by) == (
        "portal",
        True,
        "SEW-0001",
    )
    assert desk.view(answer.reference).applicant.mobile == MOBILE
    with (
        pytest.raises(InvalidInput),
        desk.database.transaction() as session,
    ):  # who vouches may have it printed, who helps may not
        applications.submit(
            form(applicant={"deliver_by": "printed"}),
            helped,
            session,
            NOW,
            furthest_days=30,
            rate_limits=True,
        )


def test_a_form_that_is_not_in_order_changes_nothing(desk: Desk) -> None:
    for wrong in (
        {"applicant": {"id_last4": AADHAAR}},
        {"applicant": {"id_last4": "੨੩੪੫ ੬੭੮੯ ੦੧੨੪"}},
        {"site": "S9"},
        {"department": "finance"},
        {"officer": "nobody"},
        {"preferred": [slot(TUESDAY + timedelta(days=60))]},
        {"preferred": [slot(WEDNESDAY)]},
        {"companions": [companion()] * 6},
    ):
        refused(desk, InvalidInput, partial(desk.submit, form(**wrong), applicant_call(key="k")))
    assert desk.submit(form(), applicant_call(key="k")).status == "submitted"  # the key is free still


FULL = FieldError(field="preferred.0.from", code="window_full")


def test_what_the_gateway_found_refuses_a_new_command_and_no_repeat(desk: Desk) -> None:
    reference = desk.submit(form()).reference
    found = {"problems": (FULL,)}
    for way, caller, send in (
        ("submit", applicant_call, lambda call: desk.submit(form(), call)),
        ("counter", reception_call, lambda call: desk.submit_at_counter(counter_form(), call)),
        ("invite", department_call, lambda call: desk.invite(invitation(), call)),
        ("amend", applicant_call, lambda call: desk.amend(reference, call, preferred=[slot(start="11:00")])),
    ):
        refusing = caller(key=way).model_copy(update=found)
        assert refused(desk, InvalidInput, partial(send, refusing)).body.fields == (FULL,)
        done = send(caller(key=way))
        assert send(refusing) == done


def test_what_the_gateway_found_comes_with_all_other_problems_and_once_for_each_field(desk: Desk) -> None:
    call = applicant_call().model_copy(update={"problems": (FULL,)})
    error = refused(desk, InvalidInput, lambda: desk.submit(form(purpose=" "), call))
    assert [(one.field, one.code) for one in error.body.fields] == [
        ("purpose", "purpose_missing"),
        ("preferred.0.from", "window_full"),
    ]
    early = form(preferred=[slot(start="07:00", end="08:00")])
    error = refused(desk, InvalidInput, lambda: desk.submit(early, call))
    assert [(one.field, one.code) for one in error.body.fields] == [("preferred.0.from", "outside_hours")]


def test_a_site_that_is_not_in_the_directory_is_unknown(databases) -> None:
    desk = Desk(databases["application"])
    error = refused(desk, InvalidInput, desk.submit)
    assert {problem.code for problem in error.body.fields} == {"unknown_site", "unknown_department"}


def test_only_an_applicant_applies_at_the_portal(desk: Desk) -> None:
    refused(desk, Forbidden, lambda: desk.submit(form(), reception_call()))


def test_a_number_in_free_text_is_masked_everywhere_and_the_answer_names_the_field(desk: Desk) -> None:
    request = form(purpose=f"My card {AADHAAR}", companions=[companion(name=f"Harjit {AADHAAR}")])
    answer = desk.submit(request, applicant_call(key="k"))
    assert answer.masked == ("purpose", "companions.0.name")
    assert desk.submit(request, applicant_call(key="k")) == answer
    assert desk.row(answer.reference).purpose == "My card XXXX XXXX 0124"
    assert "6789" not in str(desk.published()[0])


def test_a_reference_that_is_taken_is_replaced_by_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = desk.submit().reference
    draws = iter([taken, taken, "PCS-0000-0000"])
    monkeypatch.setattr(applications, "new_reference", lambda: next(draws))
    assert desk.submit().reference == "PCS-0000-0000"
    assert desk.counts() == (2, 2)


# --------------------------------------------------------------------- repeats


def test_a_repeat_has_one_effect_and_the_same_answer(desk: Desk) -> None:
    first = desk.submit(form(), applicant_call(key="k"))
    desk.receive(Elsewhere.of(desk.row(first.reference)).rejected())
    again = desk.submit(form(), applicant_call(key="k"), at=NOW + timedelta(days=20))
    assert again == first
    assert desk.counts() == (1, 1)


def test_twenty_at_once_have_one_effect_and_one_answer(desk: Desk) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: desk.submit(form(), applicant_call(key="k")), range(20)))
    assert len({answer.reference for answer in answers}) == 1
    assert desk.counts() == (1, 1)


def test_without_a_key_or_with_different_keys_each_submission_is_an_application(desk: Desk) -> None:
    for key in (None, None, "a", "b"):
        desk.submit(form(), applicant_call(key=key))
    desk.submit(form(), applicant_call(OTHER_MOBILE, key="a"))
    assert desk.counts() == (5, 5)


def test_a_key_with_another_body_is_refused(desk: Desk) -> None:
    desk.submit(form(), applicant_call(key="k"))
    refused(
        desk,
        IdempotencyKeyReused,
        lambda: desk.submit(form(purpose="Something else"), applicant_call(key="k")),
    )


# ----------------------------------------------------------------- the counter


def test_the_counter_submits_for_a_visitor_without_a_mobile(desk: Desk) -> None:
    request = counter_form()
    answer = desk.submit_at_counter(request, reception_call(key="k"))
    assert desk.submit_at_counter(request, reception_call(key="k")) == answer
    (published,) = desk.published()
    assert (published.channel, published.submitted_by, published.mobile_proved, published.deliver_by) == (
        "counter",
        "RCP-0001",
        False,
        "printed",
    )
    assert published.personal.applicant.mobile is None


def test_whoever_proves_the_number_given_at_the_counter_sees_the_application(desk: Desk) -> None:
    answer = desk.submit_at_counter(counter_form(mobile="098765 43210"))
    assert desk.open(answer.reference).reference == answer.reference
    assert desk.view(answer.reference).reference == answer.reference
    assert desk.published()[0].mobile_proved is False


def test_a_bad_mobile_at_the_counter_changes_nothing(desk: Desk) -> None:
    error = refused(desk, InvalidInput, lambda: desk.submit_at_counter(counter_form(mobile="12345")))
    assert [(problem.field, problem.code) for problem in error.body.fields] == [("mobile", "not_a_mobile")]


def test_only_the_reception_of_the_site_submits_at_the_counter(desk: Desk) -> None:
    for call, code in (
        (applicant_call(), "forbidden"),
        (reception_call("S2"), "other_site"),
        (reception_call(role="department"), "forbidden"),
    ):
        refused(desk, Forbidden, partial(desk.submit_at_counter, counter_form(), call), code)


# -------------------------------------------------------------------- checking


def checked(desk: Desk, request: Any, call: Any = None) -> Checked:
    with desk.database.transaction() as session:
        return applications.check(request, call or applicant_call(), session, NOW, furthest_days=30)


def test_checking_a_form_finds_what_submitting_it_would_and_changes_nothing(desk: Desk) -> None:
    bad = form(purpose=" ", applicant={"id_last4": AADHAAR}, companions=[companion(name="")])
    submitted = refused(desk, InvalidInput, lambda: desk.submit(bad, at=NOW))
    before = desk.counts(), everything(desk)
    assert checked(desk, bad).problems == submitted.body.fields
    assert (desk.counts(), everything(desk)) == before


def test_a_form_in_order_has_no_problems_and_a_name_in_latin_letters(desk: Desk) -> None:
    found = checked(
        desk, form(purpose=f"Licence of {AADHAAR}", applicant={"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": None})
    )
    assert (found.problems, found.masked, found.name_latin) == ((), ("purpose",), "Gurpreet Kaur")
    assert desk.counts() == (0, 0)


def test_the_name_in_latin_letters_is_offered_although_the_rest_is_missing(desk: Desk) -> None:
    assert (
        checked(desk, form(purpose="", applicant={"name": "ਹਰਜੀਤ ਸਿੰਘ", "name_latin": None})).name_latin
        == "Harjit Singh"
    )


def test_only_an_applicant_has_a_form_checked(desk: Desk) -> None:
    refused(desk, Forbidden, lambda: checked(desk, form(), reception_call()))


# ------------------------------------------------------------------- inviting


def test_invited_visitors_are_published_with_the_officer_who_invited_them(desk: Desk) -> None:
    made = desk.invite(invitation())
    events = desk.published()
    assert [one.reference for one in events] == list(made.references)
    assert len(set(made.references)) == 2
    for event in events:
        assert isinstance(event, ApplicationSubmitted)
        assert (event.channel, event.submitted_by, event.mobile_proved) == ("invitation", "HOM-0001", False)
        assert (event.department, event.revision, len(event.preferred)) == ("home", 1, 1)
    assert desk.view(made.references[0]).status == "submitted"
    assert desk.references() == [made.references[0]], "whoever proves the mobile sees it"


def test_one_bad_line_changes_nothing(desk: Desk) -> None:
    wrong = invitation({"name": "Ravi Kumar"}, {"name": "Simran", "mobile": "1"})
    error = refused(desk, InvalidInput, lambda: desk.invite(wrong, department_call(key="k")))
    assert [one.field for one in error.body.fields] == ["visitors.1.mobile"]


def test_only_a_login_of_a_department_invites(desk: Desk) -> None:
    for call in (
        department_call(department=None),
        department_call(role="auditor"),
        department_call(assistant_of="secretary"),
        department_call(site="another"),
        applicant_call(),
    ):
        refused(desk, Forbidden, partial(desk.invite, invitation(), call))


def test_a_login_invites_so_many_within_a_day_and_no_more_also_at_once(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(invitation_limit, "LIMIT", 10)

    def attempt(_: int) -> str | int:
        try:
            desk.invite(invitation(), at=NOW)
        except TooManyAttempts as error:
            return error.body.facts["retry_after"]
        return "invited"

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(attempt, range(10))) == {"invited": 5, 24 * 3600: 5}
    refused(desk, TooManyAttempts, lambda: desk.invite(invitation(), at=NOW + timedelta(hours=23)))
    desk.invite(invitation(), department_call(login="HOM-0002"), at=NOW)
    desk.invite(invitation(), at=NOW + timedelta(hours=24))


def test_an_invitation_that_is_sent_twenty_times_at_once_invites_once(desk: Desk) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = set(
            pool.map(lambda _: desk.invite(invitation(), department_call(key="k"), at=NOW), range(20))
        )
    assert len(answers) == 1
    assert desk.counts() == (2, 2)
    with pytest.raises(IdempotencyKeyReused):
        desk.invite(invitation({"name": "Simran"}), department_call(key="k"))


def test_control_without_a_key_each_repeat_invites_again(desk: Desk) -> None:
    for _ in range(2):
        desk.invite(invitation())
    assert desk.counts() == (4, 4)


def test_one_mobile_has_only_so_many_open_applications(desk: Desk) -> None:
    first = desk.submit(most_open=3)
    for _ in range(2):
        desk.submit(most_open=3)
    error = refused(desk, Conflict, lambda: desk.submit(most_open=3))
    assert (error.body.code, error.body.facts) == ("too_many_open", {"most": 3})
    assert desk.submit(call=applicant_call("+919812345678"), most_open=3).reference, "another mobile"
    desk.cancel(first.reference)
    assert desk.submit(most_open=3).reference


def test_a_repeated_application_at_the_limit_gets_its_answer(desk: Desk) -> None:
    call = applicant_call(key="k-1")
    assert desk.submit(call=call, most_open=1) == desk.submit(call=call, most_open=1)


def test_simultaneous_applications_do_not_exceed_the_limit(desk: Desk) -> None:
    outcomes = run_concurrently(*[lambda: desk.submit(most_open=2)] * 6)
    assert sum(isinstance(one, Conflict) for one in outcomes) == 4


@pytest.mark.parametrize(("limited", "most"), [(True, [20]), (False, [])])
def test_the_service_limits_open_applications_where_limits_apply(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, limited: bool, most: list[int]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(applications, "refuse_more_open", lambda _, __, most, ___: asked.append(most))
    monkeypatch.setattr(handlers, "now", desk.moment)
    settings = SimpleNamespace(basis="law", furthest_days=30, rate_limits=limited, standing_passes=0)
    service = SimpleNamespace(db=desk.database, settings=settings)
    Service.submit(service, form(), applicant_call())
    assert asked == most


def test_an_application_keeps_which_privacy_notice_was_shown_before_it(desk: Desk) -> None:
    shown = {"notice": "0123456789ab"}
    made = [
        desk.submit(form(**shown)).reference,
        desk.submit_at_counter(counter_form(**shown)).reference,
        desk.invite(invitation(**shown)).references[0],
        desk.submit(form()).reference,
    ]
    assert [desk.row(one).notice for one in made] == [*["0123456789ab"] * 3, None]
    assert desk.view(made[0]).notice == "0123456789ab"


def test_a_repeat_under_another_notice_finds_the_same_application(desk: Desk) -> None:
    """The page that is shown after a 503 has the notice of then, and the key of before."""
    call = applicant_call(key="k")
    first = desk.submit(form(notice="0123456789ab"), call)
    assert [desk.submit(form(notice=one), call) for one in ("ba9876543210", None)] == [first, first]
    with pytest.raises(IdempotencyKeyReused):
        desk.submit(form(notice="0123456789ab", purpose="Another"), call)
