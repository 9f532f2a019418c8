"""Which forms are accepted, which are refused with which code at which field, and how they are cleaned."""

from datetime import date, time, timedelta
from typing import Any

import pytest

from contracts.errors import InvalidInput
from contracts.events import ClosedDay, OpeningHours
from contracts.rpc.application import AmendApplication, SubmitApplication
from contracts.visiting_rules import Calendar
from services.application.domain.findings import PROBLEMS
from services.application.domain.forms import CheckedForm, check_amendment, check_form
from services.application.domain.visits import Place
from tests.support.factories.application import (
    AADHAAR,
    CALENDAR,
    COUNTER,
    MOBILE,
    MONDAY,
    NOW,
    PLACE,
    PORTAL,
    TUESDAY,
    WEDNESDAY,
    body,
    companion,
    department,
    form,
    site,
    slot,
)

FOREIGN = "+447911123456"
OFFICIAL = {"organisation": "PSPCL", "designation": "XEN", "employee_no": "114"}
HOLIDAYS_ONLY = site(hours=[])


def check(
    request: SubmitApplication | None = None,
    mobile: str | None = MOBILE,
    intake: Any = PORTAL,
    place: Place = PLACE,
    standing_passes: int = 0,
) -> CheckedForm:
    return check_form(request or form(), mobile, intake, place, CALENDAR, standing_passes=standing_passes)


def problems(request: SubmitApplication, **circumstances: Any) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        check(request, **circumstances)
    return {(problem.field, problem.code) for problem in refused.value.body.fields}


CLOSED = ClosedDay(day=TUESDAY, reason="officer_away")
CLOSED_OFFICER = Place(
    site(), department(officers=[one.model_copy(update={"closed": True}) for one in department().officers])
)
PHOTOGRAPHING = Place(site(photograph=True), department())
STANDING = {"place": PHOTOGRAPHING, "standing_passes": 3}
WEEKLY = {"weekly_until": TUESDAY + timedelta(days=179), "companions": []}
REFUSED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("applicant.name", "name_missing", {"applicant": {"name": " \u200e \n"}}, {}),
    ("applicant.name", "name_too_long", {"applicant": {"name": "ਕ" * 101}}, {}),
    ("applicant.name", "name_characters", {"applicant": {"name": "<b>Ram</b>"}}, {}),
    ("applicant.name", "name_characters", {"applicant": {"name": "Рам"}}, {}),
    ("applicant.name", "name_characters", {"applicant": {"name": "9876543210"}}, {}),
    (
        "applicant.guardian.name",
        "name_characters",
        {"applicant": {"guardian": {"name": "<b>Ram</b>", "relation": "father"}}},
        {},
    ),
    ("applicant.name_latin", "name_not_latin", {"applicant": {"name_latin": "ਗੁਰਪ੍ਰੀਤ"}}, {}),
    ("applicant.name_latin", "name_too_long", {"applicant": {"name_latin": "G" * 101}}, {}),
    (
        "applicant.id_last4",
        "full_number",
        {"applicant": {"id_type": "aadhaar", "id_last4": "234567890124"}},
        {},
    ),
    (
        "applicant.id_last4",
        "full_number",
        {"applicant": {"id_type": "aadhaar", "id_last4": "2345 6789 0124"}},
        {},
    ),
    (
        "applicant.id_last4",
        "full_number",
        {"applicant": {"id_type": "aadhaar", "id_last4": "2345-6789-0124"}},
        {},
    ),
    (
        "applicant.id_last4",
        "full_number",
        {"applicant": {"id_type": "aadhaar", "id_last4": "੨੩੪੫ ੬੭੮੯ ੦੧੨੪"}},
        {},
    ),
    (
        "applicant.id_last4",
        "full_number",
        {"applicant": {"id_type": "aadhaar", "id_last4": "२३४५६७८९०१२४"}},
        {},
    ),
    ("applicant.id_last4", "not_four", {"applicant": {"id_last4": "482"}}, {}),
    ("applicant.id_last4", "not_four", {"applicant": {"id_last4": "48!1"}}, {}),
    ("mobile", "not_a_mobile", {}, {"mobile": "12345", "intake": COUNTER}),
    ("mobile", "not_a_mobile", {}, {"mobile": "0172 2740 000", "intake": COUNTER}),
    ("applicant.email", "email_invalid", {"applicant": {"email": "nobody@nowhere"}}, {}),
    ("applicant.email", "email_invalid", {"applicant": {"email": "a b@example.org"}}, {}),
    ("applicant.deliver_by", "email_missing", {"applicant": {"deliver_by": "email"}}, {}),
    (
        "applicant.deliver_by",
        "deliver_by_unreachable",
        {"applicant": {"deliver_by": "sms"}},
        {"mobile": FOREIGN},
    ),
    ("applicant.deliver_by", "printed_only_at_counter", {"applicant": {"deliver_by": "printed"}}, {}),
    ("applicant.official", "official_missing", {"applicant": {"kind": "official"}}, {}),
    (
        "applicant.official.employee_no",
        "official_missing",
        {"applicant": {"kind": "official", "official": {**OFFICIAL, "employee_no": " "}}},
        {},
    ),
    ("applicant.official", "official_not_expected", {"applicant": {"official": OFFICIAL}}, {}),
    ("site", "unknown_site", {}, {"place": Place(None, department())}),
    ("site", "closed_site", {}, {"place": Place(HOLIDAYS_ONLY, department())}),
    ("department", "unknown_department", {}, {"place": Place(site(), None)}),
    ("department", "department_not_at_site", {}, {"place": Place(site(), department(sites=["S2"]))}),
    ("officer", "unknown_officer", {"officer": "finance-secretary"}, {}),
    ("department", "closed_department", {}, {"place": Place(site(), department(closed=True))}),
    ("department", "unstaffed_department", {}, {"place": Place(site(), department(unstaffed=True))}),
    ("officer", "closed_officer", {"officer": "home-secretary"}, {"place": CLOSED_OFFICER}),
    ("purpose", "purpose_missing", {"purpose": " \n\u202e "}, {}),
    ("preferred.1.date", "date_past", {"preferred": [slot(), slot(MONDAY - timedelta(days=3))]}, {}),
    ("preferred.0.date", "date_too_far", {"preferred": [slot(MONDAY + timedelta(days=31))]}, {}),
    ("preferred.0.date", "closed_day", {"preferred": [slot(WEDNESDAY)]}, {}),
    ("preferred.0.date", "closed_day", {"preferred": [slot(MONDAY + timedelta(days=5))]}, {}),
    ("preferred.0.date", "day_closed", {}, {"place": Place(site(), department(closed_days=(CLOSED,)))}),
    ("preferred.0.from", "outside_hours", {"preferred": [slot(start="08:30")]}, {}),
    ("preferred.0.to", "outside_hours", {"preferred": [slot(end="17:15")]}, {}),
    ("preferred.0.to", "window_order", {"preferred": [slot(start="12:00", end="10:00")]}, {}),
    ("preferred.0.to", "window_too_short", {"preferred": [slot(start="10:00", end="10:10")]}, {}),
    ("preferred.0.to", "window_over", {"preferred": [slot(MONDAY, start="09:00", end="11:00")]}, {}),
    ("preferred.2.date", "duplicate_slot", {"preferred": [slot(), slot(end="13:00"), slot()]}, {}),
    ("companions", "too_many_companions", {"companions": [companion()] * 6}, {}),
    (
        "companions.1.id_type",
        "companion_id_missing",
        {"companions": [companion(), companion(id_type=None)]},
        {},
    ),
    ("companions.0.id_last4", "companion_id_missing", {"companions": [companion(id_last4=" ")]}, {}),
    ("companions.0.id_last4", "full_number", {"companions": [companion(id_last4="PB10 20110012345")]}, {}),
    ("companions.0.name", "name_missing", {"companions": [companion(name="")]}, {}),
    ("vehicle", "vehicle_invalid", {"vehicle": "my car"}, {}),
    ("weekly_until", "standing_off", WEEKLY, {"place": PHOTOGRAPHING}),
    ("weekly_until", "standing_off", WEEKLY, {"standing_passes": 3}),
    ("weekly_until", "standing_one_person", WEEKLY | {"companions": [companion()]}, STANDING),
    ("weekly_until", "ends_before_it_begins", WEEKLY | {"weekly_until": TUESDAY}, STANDING),
    (
        "weekly_until",
        "too_many_standing_days",
        WEEKLY | {"weekly_until": TUESDAY + timedelta(days=180)},
        STANDING,
    ),
]


@pytest.mark.parametrize(("field", "code", "changes", "circumstances"), REFUSED)
def test_one_mistake_is_reported_as_one_problem(
    field: str, code: str, changes: dict[str, Any], circumstances: dict[str, Any]
) -> None:
    assert problems(form(**changes), **circumstances) == {(field, code)}


def test_every_problem_of_the_list_is_covered_by_a_case() -> None:
    assert {code for _, code, _, _ in REFUSED} == set(PROBLEMS) - {"id_incomplete", "invited_twice"}, (
        "those two are of invitations"
    )


def test_all_problems_of_a_form_are_reported_at_once() -> None:
    wrong = form(
        applicant={"name": "", "id_last4": AADHAAR},
        purpose=" ",
        vehicle="?",
        preferred=[slot(), slot(WEDNESDAY)],
    )
    assert problems(wrong, place=Place(None, None)) == {
        ("applicant.name", "name_missing"),
        ("applicant.id_last4", "full_number"),
        ("purpose", "purpose_missing"),
        ("vehicle", "vehicle_invalid"),
        ("site", "unknown_site"),
        ("department", "unknown_department"),
    }


def test_a_refusal_quotes_nothing_of_the_form() -> None:
    with pytest.raises(InvalidInput) as refused:
        check(form(applicant={"name": "Zorawar<>", "id_last4": AADHAAR}, purpose=" ", vehicle="Zorawar"))
    assert "Zorawar" not in str(refused.value)
    assert "2345" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "हरप्रीत सिंह", "Simran", "Gurmeet Singh S/o Baldev Singh", "D'Souza, Maria-José",
        "Baba 1008 Sri Chand", "ਸ. ਰਾਮ ਸਿੰਘ",
        "Ram @ Ramu", "श्री राम॰", "क्‍ष",
    ],
)  # fmt: skip
def test_names_of_all_three_scripts_are_taken_as_written(name: str) -> None:
    import unicodedata

    assert check(form(applicant={"name": name, "name_latin": None})).applicant.name == unicodedata.normalize(
        "NFC", name
    )


def test_spaces_and_invisible_signs_in_names_are_removed() -> None:
    taken = check(form(applicant={"name": " \u202eGurpreet\u2069 \t Kaur\n", "name_latin": "  "})).applicant
    assert (taken.name, taken.name_latin) == ("Gurpreet Kaur", "Gurpreet Kaur")


def test_a_missing_latin_name_is_suggested_and_a_given_one_stays() -> None:
    assert check(form(applicant={"name_latin": None})).applicant.name_latin == "Gurpreet Kaur"
    assert check(form(applicant={"name_latin": "Gurpreet Kaur"})).applicant.name_latin == "Gurpreet Kaur"
    assert check(form(companions=[companion(name="ਸਿਮਰਨ")])).visit.companions[0].name_latin == "Simran"


@pytest.mark.parametrize(
    ("typed", "normalised"), [("4821", "4821"), ("੪੮੨੧", "4821"), ("४८२१", "4821"), ("a-4 8 2", "A482")]
)
def test_the_last_four_characters_of_an_id_are_normalised(typed: str, normalised: str) -> None:
    assert check(form(applicant={"id_last4": typed})).applicant.id_last4 == normalised


@pytest.mark.parametrize(
    "number",
    [AADHAAR, AADHAAR.replace(" ", ""), AADHAAR.replace(" ", "-"), "੨੩੪੫ ੬੭੮੯ ੦੧੨੪", "2345\u200b67890124"],
)
def test_an_aadhaar_number_in_free_text_is_masked_and_its_field_is_reported(number: str) -> None:
    taken = check(form(purpose=f"Card {number} lost", companions=[companion(name=f"Harjit {number}")]))
    assert taken.visit.purpose == "Card XXXX XXXX 0124 lost"
    assert taken.visit.companions[0].name == "Harjit XXXX XXXX 0124"
    assert taken.masked == ("purpose", "companions.0.name")


def test_twelve_digits_that_are_no_aadhaar_number_stay() -> None:
    taken = check(form(purpose="Call 919876543210 first"))
    assert (taken.visit.purpose, taken.masked) == ("Call 919876543210 first", ())


def test_children_need_no_id_but_may_have_one() -> None:
    children = [
        companion(name="Simran", child=True, id_type=None, id_last4=None),
        companion(name="Jot", child=True),
    ]
    first, second = check(form(companions=children)).visit.companions
    assert (first.id_type, first.id_last4) == (None, None)
    assert (second.id_type, second.id_last4) == ("driving_licence", "0917")


def test_the_counter_takes_more_companions_than_the_portal() -> None:
    party = form(companions=[companion()] * 50)
    assert check(party, intake=COUNTER).visit.party == 51
    assert problems(party) == {("companions", "too_many_companions")}


def test_without_a_mobile_the_counter_prints_the_pass() -> None:
    taken = check(form(), mobile=None, intake=COUNTER)
    assert (taken.applicant.mobile, taken.deliver_by) == (None, "printed")
    by_email = check(
        form(applicant={"deliver_by": "email", "email": "g@example.org"}), mobile=None, intake=COUNTER
    )
    assert by_email.deliver_by == "email"


def test_the_counter_reads_mobiles_as_people_write_them() -> None:
    assert check(form(), mobile="098765 43210", intake=COUNTER).applicant.mobile == MOBILE


@pytest.mark.parametrize("channel", ["whatsapp", "email"])
def test_a_foreign_mobile_is_reached_by_whatsapp_or_email(channel: str) -> None:
    taken = check(form(applicant={"deliver_by": channel, "email": "g@example.org"}), mobile=FOREIGN)
    assert (taken.applicant.mobile, taken.deliver_by) == (FOREIGN, channel)


def test_an_official_states_an_office() -> None:
    office = check(form(applicant={"kind": "official", "official": OFFICIAL})).applicant.official
    assert office is not None
    assert office.model_dump() == OFFICIAL


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("ch-01 ab 1234", "CH01AB1234"), ("PB 10 4321", "PB104321"), ("22 BH 1234 AA", "22BH1234AA"),
        ("CHK 1234", "CHK1234"),
        ("ਪ", None), ("PB੧੦AB੧", "PB10AB1"), ("", ""), ("77 CD 12", "77CD12"),
    ],
)  # fmt: skip
def test_vehicles_are_read_as_they_are_painted(typed: str, normalised: str | None) -> None:
    if normalised is None:
        assert problems(form(vehicle=typed)) == {("vehicle", "vehicle_invalid")}
    else:
        assert check(form(vehicle=typed)).visit.vehicle == (normalised or None)


def test_a_window_today_is_accepted_while_time_remains() -> None:
    today = check(form(preferred=[slot(MONDAY, start="09:00", end="11:01")])).visit
    assert today.preferred[0].day == MONDAY


def test_the_thirtieth_day_is_the_last() -> None:
    furthest = MONDAY + timedelta(days=30)
    assert check(form(preferred=[slot(furthest)])).visit.preferred[0].day == furthest


def test_opening_hours_hold_from_their_first_to_their_last_date() -> None:
    until_monday = OpeningHours(
        weekday=1, opens=time(9), closes=time(17), valid_from=date(2026, 1, 1), valid_to=MONDAY
    )
    later = OpeningHours(weekday=1, opens=time(12), closes=time(14), valid_from=TUESDAY)
    place = Place(site(hours=[until_monday, later]), department())
    assert check(form(preferred=[slot(start="12:00", end="14:00")]), place=place)
    assert problems(form(preferred=[slot(start="10:00", end="12:00")]), place=place) == {
        ("preferred.0.from", "outside_hours")
    }


def test_a_visit_lies_within_one_open_window_not_across_the_break() -> None:
    morning, afternoon = (
        OpeningHours(weekday=1, opens=time(opens), closes=time(closes), valid_from=date(2026, 1, 1))
        for opens, closes in ((9, 13), (14, 17))
    )
    place = Place(site(hours=[morning, afternoon]), department())
    assert check(form(preferred=[slot(start="14:00", end="17:00")]), place=place)
    assert problems(form(preferred=[slot(start="12:00", end="15:00")]), place=place) == {
        ("preferred.0.to", "outside_hours")
    }


# ---------------------------------------------------------------- amendments


def amendment(at: Any = NOW, place: Place = PLACE, **changes: Any) -> Any:
    visit = check(form(officer="home-secretary", vehicle="CH01AB1234", companions=[companion()])).visit
    request = AmendApplication.model_validate({"reference": "PCS-0000-0000", **changes})
    return check_amendment(request, visit, PORTAL, place, Calendar(at, 30))


def test_fields_that_an_amendment_leaves_out_stay() -> None:
    visit, masked = amendment(purpose=f"File 115, {AADHAAR}")
    assert (visit.purpose, masked) == ("File 115, XXXX XXXX 0124", ("purpose",))
    assert (visit.officer, visit.vehicle, visit.party, visit.preferred[0].day) == (
        "home-secretary",
        "CH01AB1234",
        2,
        TUESDAY,
    )


def test_what_was_asked_before_it_closed_can_still_be_amended() -> None:
    closed_one = Place(site(), department(closed=True, officers=CLOSED_OFFICER.department.officers))
    visit, _ = amendment(place=closed_one, purpose="Another file")
    assert visit.officer == "home-secretary"
    first = check(form()).visit
    request = AmendApplication.model_validate({"reference": "PCS-0000-0000", "officer": "home-secretary"})
    with pytest.raises(InvalidInput) as refused:
        check_amendment(request, first, PORTAL, CLOSED_OFFICER, Calendar(NOW, 30))
    assert refused.value.body.fields[0].code == "closed_officer"


def test_an_amendment_can_remove_the_vehicle_and_the_companions() -> None:
    visit, _ = amendment(vehicle="", companions=[])
    assert (visit.vehicle, visit.party) == (None, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"preferred": [slot(WEDNESDAY)]}, ("preferred.0.date", "closed_day")),
        ({"officer": "nobody"}, ("officer", "unknown_officer")),
        ({"companions": [companion()] * 6}, ("companions", "too_many_companions")),
        ({"purpose": ""}, ("purpose", "purpose_missing")),
        ({"at": NOW + timedelta(days=3)}, ("preferred", "date_past")),
        ({"place": Place(site(), department(officers=[]))}, ("officer", "unknown_officer")),
    ],
)
def test_an_amendment_is_checked_like_a_new_form(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        amendment(**changes)
    assert [(problem.field, problem.code) for problem in refused.value.body.fields] == [expected]


def test_an_amendment_drops_windows_that_have_passed_if_another_remains() -> None:
    visit = check(form(preferred=[slot(), slot(TUESDAY + timedelta(days=2))])).visit
    normalised, _ = check_amendment(
        AmendApplication(reference="x", purpose="y"),
        visit,
        PORTAL,
        PLACE,
        Calendar(NOW + timedelta(days=2), 30),
    )
    assert [left.day for left in normalised.preferred] == [TUESDAY + timedelta(days=2)]


def test_the_documented_body_is_accepted() -> None:
    designed = body(
        companions=[companion(), {"name": "Simran", "child": True}],
        vehicle="CH01AB1234",
        applicant={"assistance": "wheelchair"},
    )
    taken = check(SubmitApplication.model_validate(designed))
    assert (taken.visit.party, taken.assistance, taken.deliver_by) == (3, "wheelchair", "whatsapp")


def test_whoever_comes_each_week_alone_asks_for_a_standing_pass_where_there_are_some() -> None:
    checked = check(form(**WEEKLY), **STANDING)
    assert checked.visit.weekly_until == WEEKLY["weekly_until"]
