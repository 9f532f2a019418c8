"""Queries: an applicant sees their own history, the public nothing personal, the counter what it needs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import new_pass_number
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.rpc.application import (
    DepartmentCode,
    Durations,
    Lookup,
    LookupHits,
    ReferenceOnly,
    StatusQuestion,
    StatusView,
)
from contracts.rpc.call import Call, Page, Principal
from services.application.handlers import queries
from services.application.handlers.rows import is_one_of, passes_of
from services.application.models import ApplicationRow
from tests.integration import query_plans
from tests.support.factories.application import (
    MOBILE,
    NOW,
    OTHER_MOBILE,
    WEDNESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    form,
    invitation,
    reception_call,
)

STRANGER = reception_call().model_copy(update={"principal": Principal()})


def status(desk: Desk, reference: str, last4: str, call: Call = STRANGER) -> StatusView:
    with desk.database.transaction() as session:
        return queries.status(StatusQuestion(reference=reference, mobile_last4=last4), call, session)


def lookup(desk: Desk, q: str, call: Call | None = None, at: datetime = NOW) -> LookupHits:
    with desk.database.transaction() as session:
        return queries.lookup(Lookup(q=q), call or reception_call(), session, at)


def page(desk: Desk, **question: Any) -> Any:
    with desk.database.transaction() as session:
        return queries.list_applications(Page(**question), applicant_call(), session, NOW)


# ------------------------------------------------------------------ applicants


def test_applicants_see_only_their_own_applications(desk: Desk) -> None:
    mine = desk.submit().reference
    yours = desk.submit(form(), applicant_call(OTHER_MOBILE)).reference
    assert desk.references() == [mine]
    assert desk.references(applicant_call(OTHER_MOBILE)) == [yours]
    with pytest.raises(NotFound) as other:
        desk.view(yours)
    with pytest.raises(NotFound) as none:
        desk.view("PCS-0000-0000")
    assert other.value.body == none.value.body


def test_an_application_without_a_mobile_belongs_to_nobody_but_the_counter(desk: Desk) -> None:
    reference = desk.submit_at_counter(counter_form()).reference
    assert desk.view(reference, reception_call()).reference == reference
    for call in (
        reception_call(role="department"),
        Call(principal=Principal(), deadline=NOW),
        Call(principal=Principal(kind="applicant"), deadline=NOW),
    ):
        with pytest.raises(NotFound):
            desk.view(reference, call)


def test_a_history_comes_in_pages_newest_first(desk: Desk) -> None:
    times = [NOW, NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2), NOW + timedelta(seconds=2)]
    made = [desk.submit(at=at).reference for at in times]
    desk.submit(form(), applicant_call(OTHER_MOBILE))
    seen, after = [], None
    while True:
        part = page(desk, limit=2, after=after)
        seen += [item.reference for item in part.items]
        after = part.next
        if after is None:
            break
    assert len(seen) == 5
    assert set(seen[:2]) == set(made[3:])
    assert seen[2] == made[2]
    assert set(seen[3:]) == set(made[:2])


def test_a_line_of_a_history_names_the_visitor_and_the_time(desk: Desk) -> None:
    there = Elsewhere.of(desk.row(desk.submit().reference))
    number = new_pass_number()
    desk.receive(there.issued(number))
    (line,) = page(desk).items
    assert line.pass_ is not None
    assert (line.name, line.pass_.number) == (desk.row(there.reference).name, number)
    assert line.slot == desk.view(there.reference).preferred[0]


def test_a_text_that_is_no_cursor_is_refused(desk: Desk) -> None:
    for after in ("", "é", "MjAyNi0wMy0wMlQwNTozMDowMCB4"):
        with pytest.raises(InvalidInput):
            page(desk, after=after)


def test_staff_has_no_history(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        desk.references(reception_call())


def test_the_date_is_the_decided_one_once_there_is_one(desk: Desk) -> None:
    reference = desk.submit().reference
    friday = WEDNESDAY + timedelta(days=2)
    desk.receive(Elsewhere.of(desk.row(reference)).approved(day=friday))
    assert desk.view(reference).date == friday
    assert page(desk).items[0].date == friday


def test_the_view_shows_the_current_pass(desk: Desk) -> None:
    reference = desk.submit().reference
    there = Elsewhere.of(desk.row(reference))
    desk.receive(there.issued("11111111"))
    first = desk.view(reference)
    assert first.pass_ is not None
    assert (first.pass_.number, first.pass_.revoked, first.status) == ("11111111", False, "issued")
    desk.receive(there.issued("22222222", replaces="11111111"))
    desk.receive(there.revoked("11111111", "reissued", replaced=True))
    view = desk.view(reference)
    assert view.pass_ is not None
    assert (view.pass_.number, view.pass_.revoked, view.status) == ("22222222", False, "issued")
    assert [entry.what for entry in view.timeline] == [
        "submitted",
        "pass_issued",
        "pass_reissued",
        "pass_revoked",
    ]


# ------------------------------------------------------------------ the public


def test_the_public_status_holds_nothing_personal(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()], vehicle="CH01AB1234")).reference
    there = Elsewhere.of(desk.row(reference))
    for event in (there.approved(), there.issued("12345678"), there.delivered(), there.scanned("12345678")):
        desk.receive(event)
    for last4 in ("3210", " 3210 ", "੩੨੧੦"):
        view = status(desk, reference.lower().replace("-", " "), last4)
        assert (view.status, view.site, view.department) == ("issued", "S1", "home")
    assert [entry.what for entry in view.timeline] == [
        "submitted", "approved", "pass_issued", "message_delivered",
    ]  # fmt: skip
    words = ("S1-G1", "inside", "ਗੁਰਪ੍ਰੀਤ", "Gurpreet", "98765", "Arms", "Harjit", "CH01", "12345678")
    assert not [word for word in words if word in view.model_dump_json()]


def test_who_has_proved_the_mobile_reads_what_the_department_wrote_and_nobody_else(desk: Desk) -> None:
    reference = desk.submit().reference
    assert status(desk, reference, "3210", applicant_call()).note is None, "nothing is decided yet"
    desk.receive(Elsewhere.of(desk.row(reference)).rejected(note="Come with the file"))
    own = status(desk, reference, "3210", applicant_call())
    assert (own.status, own.note, own.reason is None) == ("rejected", "Come with the file", False)
    at_kiosk = applicant_call()
    at_kiosk = at_kiosk.model_copy(
        update={"principal": at_kiosk.principal.model_copy(update={"kiosk": "KSK-0001"})}
    )
    for other in (STRANGER, applicant_call(OTHER_MOBILE), reception_call(), at_kiosk):
        found = status(desk, reference, "3210", other)
        assert (found.note, found.reason) == (None, None)


def test_the_number_to_prove_is_that_of_the_application(desk: Desk) -> None:
    with desk.database.transaction() as session:
        numbers = [
            queries.number_to_prove(ReferenceOnly(reference=reference), session).mobile
            for reference in (
                desk.submit().reference, desk.submit_at_counter(counter_form()).reference, "PCS-0000-0000",
            )
        ]  # fmt: skip
    assert numbers == [MOBILE, None, None]


def test_a_wrong_reference_and_a_wrong_mobile_get_the_same_answer(desk: Desk) -> None:
    reference = desk.submit().reference
    without_mobile = desk.submit_at_counter(counter_form()).reference
    wrong = ("3211", "", "none", "0", "03210", "٣٢١")
    errors = set()
    for guess in (
        *((one, last4) for one in (reference, without_mobile) for last4 in wrong),
        ("PCS-0000-0000", "3210"),
        ("nonsense", "3210"),
    ):
        with pytest.raises(NotFound) as error:
            status(desk, *guess)
        errors.add(error.value.body.model_dump_json())
    assert len(errors) == 1


# ----------------------------------------------------------------- the counter


def test_the_counter_finds_by_mobile_reference_pass_number_and_name(desk: Desk) -> None:
    mine = desk.submit().reference
    yours = desk.submit(
        form(applicant={"name": "Baldev Singh", "name_latin": None}), applicant_call(OTHER_MOBILE)
    ).reference
    desk.receive(Elsewhere.of(desk.row(mine)).issued("00000000"))

    def found(q: str) -> list[str]:
        return [hit.reference for hit in lookup(desk, q).items]

    assert found("098765 43210") == found(MOBILE) == found("੯੮੭੬੫੪੩੨੧੦") == [mine]
    assert found(yours) == found(yours[4:].replace("-", "").lower()) == [yours]
    assert found("0000 0000") == [mine]
    assert found("gurpre") == found("ਗੁਰਪ੍ਰੀਤ") == [mine]
    assert found("baldev") == [yours]
    assert found("nobody") == []
    hit = lookup(desk, "gurpreet").items[0]
    assert (hit.name, hit.name_latin, hit.pass_number, hit.status) == (
        "ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
        "Gurpreet Kaur",
        "00000000",
        "issued",
    )


def test_a_name_is_found_by_ear_in_each_script(desk: Desk) -> None:
    references = {
        name: desk.submit(form(applicant={"name": name, "name_latin": None})).reference
        for name in ("ਬਲਵਿੰਦਰ ਸਿੰਘ", "गीता शर्मा", "Har Jinder", "ਮੋਹਨ ਵਰਮਾ")
    }
    for stored, typed in (
        ("ਬਲਵਿੰਦਰ ਸਿੰਘ", "Balvinder"),
        ("ਬਲਵਿੰਦਰ ਸਿੰਘ", "singh balwinder"),
        ("गीता शर्मा", "ਗੀਤਾ"),
        ("गीता शर्मा", "gee"),
        ("Har Jinder", "Harjinder"),
    ):
        assert [hit.reference for hit in lookup(desk, typed).items] == [references[stored]], typed


def test_a_vehicle_is_found_at_its_site_however_its_plate_is_typed_until_the_day_after_its_visit(
    desk: Desk,
) -> None:
    mine, other = (desk.submit(form(vehicle=plate)).reference for plate in ("CH01AB0012", "PB65AB1234"))
    desk.submit()
    for typed in ("ch 1 ab 12", "CH-01-AB-0012", "0012"):
        assert [hit.reference for hit in lookup(desk, typed).items] == [mine], typed
    assert [(hit.reference, hit.vehicle) for hit in lookup(desk, "੧੨੩੪").items] == [(other, "PB65AB1234")]
    assert lookup(desk, "PB65AB1234", reception_call("S2")).items == ()
    assert lookup(desk, "PB65AB1234", at=desk.row(other).last_matters_at + timedelta(days=2)).items == ()


def test_signs_of_a_pattern_stand_for_themselves(desk: Desk) -> None:
    desk.submit()
    for q in ("%%", "__", "\\\\", "G%r", "' or 1=1 --"):
        assert lookup(desk, q).items == ()


def test_a_search_shows_the_fifty_newest_and_says_if_there_are_more(desk: Desk) -> None:
    made = [desk.submit(at=NOW + timedelta(seconds=number)).reference for number in range(50)]
    assert not lookup(desk, "kaur").is_cut
    made += [desk.submit(at=NOW + timedelta(seconds=number)).reference for number in (50, 51)]
    assert [hit.reference for hit in lookup(desk, "kaur").items] == made[:1:-1]
    assert lookup(desk, "kaur").is_cut


def test_nobody_else_searches_or_sees_who_waits(desk: Desk) -> None:
    for call in (applicant_call(), reception_call(role="security"), reception_call(role="department")):
        with pytest.raises(Forbidden):
            lookup(desk, "kaur", call)
        with pytest.raises(Forbidden):
            waiting_here(desk, call)


# --------------------------------------------------------- who waits there


def waiting_here(desk: Desk, call: Call | None = None, at: datetime = NOW + timedelta(hours=1)) -> list[str]:
    with desk.database.transaction() as session:
        return [hit.reference for hit in queries.waiting_here(call or reception_call(), session, at).items]


def test_who_applied_at_the_counter_today_and_has_not_gone_in_is_waiting_there(desk: Desk) -> None:
    desk.submit()
    first, second, third = (
        desk.submit_at_counter(counter_form(), at=NOW + timedelta(minutes=number)).reference
        for number in range(3)
    )
    desk.receive(Elsewhere.of(desk.row(second)).approved())
    assert waiting_here(desk) == [first, second, third]
    there = Elsewhere.of(desk.row(first))
    desk.receive(there.approved())
    desk.receive(there.issued("00000000"))
    assert waiting_here(desk) == [first, second, third], "a pass that is to be printed is waited for too"
    desk.cancel(third, reception_call())
    assert waiting_here(desk) == [first, second]
    assert waiting_here(desk, at=NOW + timedelta(days=1)) == []


def test_of_many_who_wait_the_newest_are_listed(desk: Desk) -> None:
    made = [
        desk.submit_at_counter(counter_form(), at=NOW + timedelta(seconds=number)).reference
        for number in range(51)
    ]
    assert waiting_here(desk) == made[1:]


def test_visits_about_which_the_reception_was_asked_come_first_until_they_are_decided(desk: Desk) -> None:
    near, decided, quiet = (desk.submit().reference for _ in range(3))
    walk_in = desk.submit_at_counter(counter_form(), at=NOW).reference
    for reference in (near, decided, walk_in):
        desk.receive(Elsewhere.of(desk.row(reference)).escalated("reception"))
    desk.receive(Elsewhere.of(desk.row(quiet)).escalated("head"))
    assert sorted(waiting_here(desk)) == sorted([near, decided, walk_in])
    desk.receive(Elsewhere.of(desk.row(decided)).rejected())
    assert sorted(waiting_here(desk)) == sorted([near, walk_in])
    with desk.database.transaction() as session:
        hits = queries.waiting_here(reception_call(), session, NOW).items
    assert all(hit.reception_asked for hit in hits)
    assert waiting_here(desk, reception_call(site="S2")) == []


def test_each_site_sees_its_own_counter_and_a_login_for_all_sites_sees_all(desk: Desk) -> None:
    reference = desk.submit_at_counter(counter_form(), at=NOW).reference
    assert waiting_here(desk, reception_call(site="S2")) == []
    assert waiting_here(desk, reception_call(site=None)) == [reference]


# ------------------------------------------------------- how long it takes


def durations(desk: Desk, at: datetime = NOW + timedelta(hours=1), department: str = "home") -> Durations:
    with desk.database.transaction() as session:
        return queries.durations(DepartmentCode(department=department), session, at)


def answered(desk: Desk, decision: str = "approved", after: timedelta = timedelta(hours=3)) -> Elsewhere:
    """Make an application that was answered so long after it was submitted."""
    reference = desk.submit(at=NOW).reference
    there = Elsewhere.of(desk.row(reference))
    desk.deliver(desk.envelope(getattr(there, decision)()).model_copy(update={"occurred_at": NOW + after}))
    return there


def test_durations_are_those_of_a_departments_answers_of_the_last_ninety_days(desk: Desk) -> None:
    for hours in (1, 2, 3, 4, 40):
        answered(desk, after=timedelta(hours=hours))
    desk.submit(at=NOW)
    assert durations(desk) == Durations(
        answered=5, half_within=3 * 3600, nearly_all_within=round(32.8 * 3600)
    ), "what waits is not counted"
    assert durations(desk, department="finance") == Durations()
    assert durations(desk, NOW + timedelta(days=90, hours=2)) == Durations(answered=3), (
        "and old answers are not"
    )


def test_the_first_answer_counts_in_any_order_of_arrival(desk: Desk) -> None:
    for _ in range(5):
        there = answered(desk, "returned", timedelta(hours=8))
        desk.deliver(
            desk.envelope(there.rejected()).model_copy(update={"occurred_at": NOW + timedelta(hours=2)})
        )
        desk.deliver(
            desk.envelope(there.approved()).model_copy(update={"occurred_at": NOW + timedelta(hours=9)})
        )
    assert durations(desk).half_within == 2 * 3600


def test_invitations_do_not_shorten_the_usual_wait(desk: Desk) -> None:
    for _ in range(5):
        answered(desk)
        for reference in desk.invite(invitation(), at=NOW).references:
            there = Elsewhere.of(desk.row(reference))
            desk.deliver(desk.envelope(there.approved()).model_copy(update={"occurred_at": NOW}))
    assert durations(desk) == Durations(answered=5, half_within=3 * 3600, nearly_all_within=3 * 3600)


def test_durations_are_not_shown_for_a_few_applications(desk: Desk) -> None:
    for _ in range(4):
        answered(desk)
    assert durations(desk) == Durations(answered=4)
    answered(desk)
    assert durations(desk).half_within == 3 * 3600


def test_a_timeline_is_read_by_an_index_from_the_months_of_its_application_only(desk: Desk) -> None:
    reference = desk.submit().reference
    with query_plans.queries(desk.database, "timeline") as sent:
        assert status(desk, reference, MOBILE[-4:]).timeline
    ((query, parameters),) = sent
    shown = query_plans.plan(desk.database, query, parameters)
    assert "application_id_at_idx" in shown, shown  # that of the month
    assert len(query_plans.months("timeline", shown)) == 1, shown
    every = query_plans.plan(desk.database, "select * from timeline where application_id = gen_random_uuid()")
    assert len(query_plans.months("timeline", every)) > 1, "without its months, each one is read"


def test_applications_and_their_passes_are_looked_up_by_one_plan_for_all(desk: Desk) -> None:
    application = desk.row(desk.submit().reference).id

    def look_up(session: Session) -> None:
        assert session.scalars(
            select(ApplicationRow).where(is_one_of(ApplicationRow.id, [application]))
        ).all()
        assert passes_of(session, [application]) == {application: []}

    assert query_plans.planned_each_time(desk.database, look_up) == []
