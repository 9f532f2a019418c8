"""Changes of an application by its applicant: applying again, other dates, corrections, cancelling."""

from datetime import date, time
from typing import Any

from contracts.errors import Conflict, FieldError, InvalidInput
from contracts.model import Companion, Official, Person
from contracts.rpc.application import Acknowledged
from contracts.rpc.approval.capacity import Availability
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE
from tests.support.factories.pages import application
from tests.support.system.page_reader import VISIT, Reader, hidden, somebody
from tests.unit.gateway.pages.applicant import PAGE, key_of

WHEN = {"date-0": now().date().isoformat(), "from-0": "10:00", "to-0": "12:00"}


async def test_applying_again_starts_with_the_old_answers_and_asks_for_the_dates_only(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        status="left", officer="baldev", vehicle="PB65AB1234", assistance="guide", deliver_by="whatsapp",
        companions=(Companion(name="Harjit Singh", id_type="driving_licence"),
        Companion(name="Simran", child=True)),
    )  # fmt: skip
    asked = await reader.send(f"{PAGE}/again")
    assert asked.url.path == "/en/apply/visit"
    checked = await reader.send("/apply/visit", **VISIT, **WHEN)
    assert checked.url.path == "/en/apply/check"
    await reader.send("/apply/check", **hidden(checked))
    request = reader.client.last("application.submit")[1]
    assert request.like == REFERENCE, "whose ID cards the service takes"
    assert (request.applicant.name, request.applicant.id_last4, request.officer, request.vehicle) == (
        "Gurpreet Kaur",
        "",
        "baldev",
        "PB65AB1234",
    )
    assert (request.applicant.assistance, request.applicant.deliver_by, request.purpose) == (
        "guide",
        "whatsapp",
        "Arms licence renewal",
    )
    assert [(one.name, one.id_last4, one.child) for one in request.companions] == [
        ("Harjit Singh", "", False),
        ("Simran", None, True),
    ]


async def test_applying_again_fills_in_an_office_and_asks_for_answers_not_offered_here(
    reader: Reader,
) -> None:
    office = Official(organisation="Punjab Mandi Board", designation="Engineer", employee_no="P-1")
    reader.client.answers["application.view"] = application(
        status="left", deliver_by="printed",
        companions=tuple(Companion(name=f"C{number}", child=True) for number in range(7)),
        applicant=Person(name="G", name_latin="G", id_type="voter_id", official=office),
    )  # fmt: skip
    await reader.send(f"{PAGE}/again")
    asked = await reader.send("/apply/visit", **VISIT, **WHEN)
    assert asked.url.path == "/en/apply/companions"
    asked = await reader.send("/apply/companions", more="no", vehicle="", assistance="", deliver_by="sms")
    assert asked.url.path == "/en/apply/check"
    assert "Punjab Mandi Board" in asked.text


async def test_a_visit_is_cancelled_only_after_a_confirmation(reader: Reader) -> None:
    reader.client.answers["application.cancel"] = Acknowledged(reference=REFERENCE, status="cancelled")
    asked = await reader.open(f"{PAGE}/cancel")
    key = key_of(asked.text)
    assert (await reader.send(f"{PAGE}/cancel", key=key)).status_code == 422
    assert (await reader.send(f"{PAGE}/cancel", key=key, cancel="no")).url.path == f"/en{PAGE}"
    assert not reader.client.was_asked("application.cancel")
    assert "Your visit is cancelled." in (await reader.send(f"{PAGE}/cancel", key=key, cancel="yes")).text
    assert reader.client.last("application.cancel")[3] == key
    reader.client.answers["application.cancel"] = Conflict("ended", code="cannot_cancel")
    assert "no longer possible" in (await reader.send(f"{PAGE}/cancel", key=key, cancel="yes")).text


SLOT = {"date-0": "2026-12-04", "from-0": "11:00", "to-0": "13:00"}


async def test_other_dates_are_asked_for_while_the_department_decides(reader: Reader) -> None:
    reader.client.answers["application.amend"] = Acknowledged(reference=REFERENCE, status="submitted")
    key = key_of((await reader.open(f"{PAGE}/dates")).text)
    assert "The department has your new dates." in (await reader.send(f"{PAGE}/dates", key=key, **SLOT)).text
    _, request, _, used = reader.client.last("application.amend")
    assert request.model_dump(exclude_none=True).keys() == {"reference", "preferred"}, "nothing but the dates"
    assert (request.preferred[0].day, used) == (date(2026, 12, 4), key)
    await reader.send(f"{PAGE}/dates", key=key, **{"date-0": SLOT["date-0"], "half-0": "pm"})
    (slot,) = reader.client.last("application.amend")[1].preferred
    assert (slot.start, slot.end) == (time(13), time(17)), "the afternoon, by the hours of the site"
    reader.client.answers["application.amend"] = InvalidInput(
        fields=(FieldError(field="preferred.0.date", code="closed_day"),)
    )
    assert 'href="#half-0"' in (await reader.send(f"{PAGE}/dates", key=key, **{"date-0": "x"})).text
    refused = await reader.send(f"{PAGE}/dates", key=key, **SLOT)
    assert (refused.status_code, 'href="#date-0"' in refused.text, key in refused.text) == (422, True, False)
    day = {"day": SLOT["date-0"], "windows": [{"start": "11:00", "end": "13:00", "places": 5, "free": 0}]}
    reader.client.answers["approval.availability"] = Availability.model_validate(
        {"limited": True, "days": [day]}
    )
    full = await reader.send(f"{PAGE}/dates", key=key, **SLOT)
    assert (full.status_code, "There are not enough free places at this time" in full.text) == (422, True)
    reader.client.answers["approval.availability"] = Availability(limited=False)
    reader.client.answers["application.amend"] = Conflict("decided", code="cannot_amend")
    assert "no longer possible" in (await reader.send(f"{PAGE}/dates", key=key, **SLOT)).text


async def test_other_dates_are_not_offered_after_a_decision(reader: Reader) -> None:
    assert f"{PAGE}/dates" in (await reader.open(PAGE)).text
    reader.client.answers["application.view"] = application(status="approved")
    assert f"{PAGE}/dates" not in (await reader.open(PAGE)).text
    assert (await reader.open(f"{PAGE}/dates")).url.path == f"/en{PAGE}"


RETURNED: dict[str, Any] = {
    "status": "returned", "note": "Which file?", "officer": "baldev", "vehicle": "PB65AB1234",
    "companions": (Companion(name="Harjit Singh", id_type="driving_licence"),
    Companion(name="Simran", child=True)),
}  # fmt: skip


async def test_a_returned_application_is_completed_in_a_filled_in_form(reader: Reader) -> None:
    reader.client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": Acknowledged(reference=REFERENCE, status="submitted"),
    }  # fmt: skip
    asked = await reader.open(f"{PAGE}/complete")
    for filled in (
        "Which file?",
        "Arms licence renewal",
        'value="PB65AB1234"',
        'value="Harjit Singh"',
        "Leave this empty if the card is the same as before.",
        'value="Simran"',
    ):
        assert filled in asked.text
    assert '<option value="baldev" selected>' in asked.text
    form = {
        "purpose": "File 114/2026", "officer": "", "vehicle": "", "name-0": "Harjit Singh",
        "id_type-0": "passport", "id_last4-0": "1111",
        "name-1": "", "child-1": "yes", "name-3": "Asha", "child-3": "yes",
    }  # fmt: skip
    done = await reader.send(f"{PAGE}/complete", key=key_of(asked.text), **form, **SLOT)
    assert "with the department again" in done.text
    same = {"name-0": "Harjit Singh", "id_type-0": "driving_licence", "id_last4-0": ""}
    await reader.send(f"{PAGE}/complete", key="k", purpose="x", **same, **SLOT)
    (unchanged,) = reader.client.last("application.amend")[1].companions
    assert (unchanged.id_type, unchanged.id_last4) == ("driving_licence", None)
    await reader.send(f"{PAGE}/complete", key=key_of(asked.text), **form, **SLOT)
    request = reader.client.last("application.amend")[1]
    assert (request.purpose, request.officer, request.vehicle) == ("File 114/2026", "", "")
    assert [(one.name, one.id_type, one.id_last4, one.child) for one in request.companions] == [
        ("Harjit Singh", "passport", "1111", False), ("Asha", None, None, True),
    ]  # fmt: skip


async def test_a_problem_found_by_the_service_is_shown_beside_its_field(reader: Reader) -> None:
    found = {
        "companions.1.id_last4": "full_number",
        "vehicle": "vehicle_invalid",
        "preferred.0.to": "window_over",
        "officer": "unknown_officer",
    }
    reader.client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": InvalidInput(
            fields=tuple(FieldError(field=field, code=code) for field, code in found.items())
        ),
    }
    form = {"purpose": "x", "officer": "baldev", "vehicle": "?", "name-2": "Asha", "id_type-2": "aadhaar",
    "id_last4-2": "499118665246",
            "name-0": "Harjit", "id_type-0": "passport", "id_last4-0": "1111"}  # fmt: skip
    refused = await reader.send(f"{PAGE}/complete", key="k", **form, **SLOT)
    assert refused.status_code == 422
    for field in ("id_last4-1", "vehicle", "to-0", "officer"):
        assert f'href="#{field}"' in refused.text
        assert f'id="{field}-error"' in refused.text
    assert 'value="Asha"' in refused.text
    missing = await reader.send(f"{PAGE}/complete", key="k", **{**form, "purpose": "", "name-0": ""}, **SLOT)
    assert 'href="#purpose"' in missing.text
    assert 'href="#name-0"' in missing.text


async def test_a_masked_aadhaar_number_shows_a_notice(reader: Reader) -> None:
    reader.client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": Acknowledged(reference=REFERENCE, status="submitted", masked=("purpose",)),
    }
    done = await reader.send(f"{PAGE}/complete", key="k", purpose="x", **SLOT)
    assert "You wrote an Aadhaar number" in done.text


async def test_an_unknown_notice_in_the_address_is_not_shown(reader: Reader) -> None:
    assert "govuk-notification-banner" in (await reader.open(f"{PAGE}?notice=dates")).text
    assert "govuk-notification-banner" not in (await reader.open(f"{PAGE}?notice=paid")).text


async def test_a_mobile_with_too_many_open_applications_reads_what_to_do() -> None:
    async with somebody(application__view=Conflict(code="too_many_open", most=20)) as person:
        shown = await person.http.get(f"/pa/applications/{REFERENCE}")
    assert (shown.status_code, "20 ਅਰਜ਼ੀਆਂ" in shown.text) == (409, True)
