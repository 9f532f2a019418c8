"""The desk of the data officer: a person is found, copied, corrected and erased for, with a reason."""

import json
import re

import httpx
import pytest

from contracts import processing
from contracts.errors import Conflict, Forbidden, InvalidInput, Unavailable
from contracts.ops import Part, ProcessView, Report, VendorView
from contracts.retention import KEPT
from contracts.rpc.call import Nothing
from contracts.rpc.corrections import Corrected
from contracts.rpc.privacy import PersonFound
from services.chassis.runtime.clock import now
from tests.e2e.own_data_states import AT, COMING, consented, with_locked
from tests.e2e.privacy_states import FIND, PEOPLE, RECEIPT, TAKEN, WHY, person
from tests.support.factories.gateway import REFERENCE, TableClient, browser, signed, staff_claims
from tests.support.factories.pages import application
from tests.support.system.page_reader import SAME_SITE, hidden, stub

FOUND = "/en/desk/privacy/found"


def open_desk(role: str = "privacy", **answers) -> tuple[httpx.AsyncClient, TableClient]:
    app, client = stub(**{name.replace(".", "__"): one for name, one in person(**answers).items()})
    http = browser(app, **SAME_SITE)
    http.cookies.set("session", signed(staff_claims(role)))
    return http, client


async def find(http: httpx.AsyncClient, **typed: str) -> httpx.Response:
    path, form = FIND
    return await http.post(f"/en{path}", data={**form, **typed}, follow_redirects=True)


async def test_a_person_is_found_without_a_number_in_any_address_and_shown_as_they_would_see_it() -> None:
    http, client = open_desk()
    shown = await find(http, q="98765 43210", id_last4="4821")
    assert shown.url.path == FOUND
    assert "98765" not in str(shown.url)
    asked = client.last("application.find_person")[1]
    assert (asked.q, asked.id_last4) == ("98765 43210", "4821")
    for said in (REFERENCE, COMING, "Who has looked at it, or worked on it", "Security at a gate"):
        assert said in shown.text
    assert client.last("notify.own_data")[1].references == (REFERENCE, COMING)
    assert shown.headers["cache-control"] == "private, no-store"
    assert not client.was_asked("application.list_applications")


async def test_who_is_not_found_and_what_is_wrong_is_said_at_the_field() -> None:
    http, client = open_desk(application__find_person=PersonFound())
    assert "Nothing is kept of anybody under that" in (await find(http)).text
    client.answers["application.find_person"] = InvalidInput.of("id_last4", "not_four")
    assert (await find(http)).status_code == 422
    empty = await find(http, q=" ")
    assert (empty.status_code, "Enter an application number" in empty.text) == (422, True)


@pytest.mark.parametrize("form", ["json", "html"])
async def test_the_copy_is_that_of_the_person_and_is_recorded_with_the_reason_first(form: str) -> None:
    http, client = open_desk(application__copy_for_person=Nothing())
    answer = await http.post(f"/en{PEOPLE}/copy", data={"form": form, "key": "k", **WHY})
    assert answer.headers["content-disposition"].startswith('attachment; filename="e-pass-my-data-')
    asked = client.last("application.copy_for_person")[1]
    assert (asked.references, asked.asked, asked.request_number) == (
        (REFERENCE, COMING), "in_person", WHY["request_number"],
    )  # fmt: skip
    assert client.last("verify.own_data")[1].whole
    assert "Arms licence" in answer.text
    if form == "json":
        copy = json.loads(answer.text)
        assert (copy["mobile"], len(copy["applications"])) == ("+919876543210", 2)


async def test_without_a_reason_nothing_is_asked_and_without_a_fresh_code_nothing_is_copied() -> None:
    stale = Forbidden(code="second_factor_stale")
    http, client = open_desk(application__copy_for_person=stale, application__erase_for_person=stale)
    for verb in ("copy", "erase"):
        page = f"/en{PEOPLE}/{verb}"
        without = await http.post(page, data={"form": "json", "key": "k", "reference": REFERENCE})
        assert (without.status_code, "Choose one" in without.text) == (422, True)
        assert not client.was_asked(f"application.{verb}_for_person")
        refused = await http.post(page, data={"form": "json", "key": "k", "reference": REFERENCE, **WHY})
        assert (refused.status_code, 'name="asked" value="in_person"' in refused.text) == (403, True)
    assert not any(one[1].whole for one in client.asked if one[0].endswith(".own_data"))


async def test_what_was_shown_is_erased_and_the_receipt_can_be_printed_again() -> None:
    http, client = open_desk(application__erase_for_person=RECEIPT)
    page = (await http.get(f"/en{PEOPLE}/erase")).text
    assert f"Everything that names the person in application {REFERENCE}" in page
    gone_by = re.search(r"They are gone by [^.]+\.", page)
    assert gone_by
    assert re.search(rf"{COMING}</span>: the department still decides about it", page)
    assert re.findall(r'name="reference" value="([^"]+)"', page) == [REFERENCE]
    gone = await http.post(f"/en{PEOPLE}/erase", data={"reference": REFERENCE, "key": "k", **WHY})
    assert (gone.status_code, gone.headers["location"]) == (303, "/en/desk/privacy/erased")
    assert client.last("application.erase_for_person")[1].references == (REFERENCE,)
    for _again in range(2):
        receipt = (await http.get("/en/desk/privacy/erased")).text
        assert "7K3M 9QW4" in receipt
        assert gone_by.group() in receipt, "the receipt says the day that the page before it has said"
        assert f"Application {COMING} is locked until Sunday, 1 December 2999" in receipt
    for is_locked, offered in ((False, [REFERENCE, COMING]), (True, [REFERENCE])):
        client.answers |= with_locked(person(), is_locked=is_locked)
        page = (await http.get(f"/en{PEOPLE}/erase")).text
        assert re.findall(r'name="reference" value="([^"]+)"', page) == offered
        assert ("locked until 1 Dec 2999" in page, "What is locked" in page) == (is_locked, not is_locked)


CORRECTION = f"/en{PEOPLE}/correct"


async def correct(http: httpx.AsyncClient, **typed: str) -> httpx.Response:
    """Send the form as it was opened, with the reason, and some fields typed anew."""
    form = {"name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "", "name_latin": ""}
    given = hidden(await http.get(CORRECTION))
    return await http.post(CORRECTION, data={**given, **form, **WHY, **typed}, follow_redirects=True)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_person_is_corrected_with_the_reason_and_found_by_the_card_of_now(*, waits: bool) -> None:
    shown = application(status="issued" if waits else "submitted")
    done = Corrected(reference=REFERENCE, status=shown.status, waits=waits)
    http, client = open_desk(application__view=shown, application__correct_for_person=done)
    await find(http, q="98765 43210", id_last4="4821")
    assert f'href="{CORRECTION}"' in (await http.get(FOUND)).text
    assert ("it has to confirm the correction" in (await http.get(CORRECTION)).text) == waits
    page = await correct(http, id_last4="9Z01")
    asked = client.last("application.correct_for_person")[1]
    assert (asked.id_last4, asked.name, asked.asked, asked.request_number, asked.waits) == (
        "9Z01", None, "in_person", WHY["request_number"], waits,
    )  # fmt: skip
    said = "The correction waits for the department" if waits else "The correction is saved, and the"
    assert (page.url.path, said in page.text) == (FOUND, True)
    again = client.last("application.find_person")[1]
    assert (again.q, again.id_last4) == (REFERENCE, "")


async def test_a_correction_without_a_reason_or_too_late_says_so_and_keeps_what_was_typed() -> None:
    changed = Conflict(code="application_changed")
    http, client = open_desk(application__view=application(), application__correct_for_person=changed)
    without = await correct(http, name="Gurpreet Gill", asked="")
    assert (without.status_code, "Choose one" in without.text) == (422, True)
    assert not client.was_asked("application.correct_for_person")
    again = await correct(http, name="Gurpreet Gill")
    assert again.status_code == 409
    assert "changed or decided while you wrote" in again.text
    assert 'value="Gurpreet Gill"' in again.text
    client.answers["application.view"] = application(status="entered")
    late = await http.get(CORRECTION, follow_redirects=True)
    assert (late.url.path, "Nothing can be corrected any more" in late.text) == (FOUND, True)


async def test_a_consent_is_withdrawn_with_a_reason_and_its_withdrawal_is_shown() -> None:
    place = f"{PEOPLE}/consent"
    http, client = open_desk(**consented(), application__withdraw_for_person=TAKEN)
    assert f'href="/en{place}"' in (await find(http)).text
    assert f"we use the data of application {REFERENCE}" in (await http.get(f"/en{place}")).text
    without = await http.post(f"/en{place}", data={"key": "k"})
    assert (without.status_code, "Choose one" in without.text) == (422, True)
    assert not client.was_asked("application.withdraw_for_person")
    client.answers |= consented(withdrawn_at=AT)
    done = await http.post(f"/en{place}", data={"key": "k", **WHY}, follow_redirects=True)
    asked = client.last("application.withdraw_for_person")[1]
    assert (asked.reference, asked.asked) == (REFERENCE, "in_person")
    assert "The consent is withdrawn." in done.text
    assert f'href="/en{place}"' not in done.text
    assert (await http.get(f"/en{place}")).headers["location"] == FOUND


async def test_the_register_shows_each_kind_with_what_is_set_and_all_processors() -> None:
    http, _ = open_desk(ops__report=Unavailable())
    page = (await http.get("/en/desk/privacy/register")).text
    for one in processing.HELD:
        assert one.table in page
    for kind in KEPT.values():
        assert f"{kind.usual} {kind.unit}" in page
    for one in processing.PROCESSORS:
        assert one.name in page
        assert one.gets in page
    assert "not known here" in page


@pytest.mark.parametrize("backups", [True, False, None])
async def test_the_register_says_which_processors_are_used_now(backups: bool | None) -> None:
    vendors = (VendorView(provider="msg91"), VendorView(provider="smtp"))
    sender = Part(
        answers=True, looked_at=now(), items=(ProcessView(name="sender", state="ready", vendors=vendors),)
    )
    http, _ = open_desk(ops__report=Report(at=now(), processes=sender, backups=backups))
    page = (await http.get("/en/desk/privacy/register")).text
    used = dict(
        re.findall(r'lang="en">([\w]+)</th>(?:.*?)Used now</span> <span lang="en">([^<]*)', page, re.DOTALL)
    )
    told = {True: "yes", False: "no", None: "not known here"}[backups]
    assert used == {"SMS": "msg91", "WhatsApp": "no", "email": "smtp", "backups": told, "hosting": "yes"}


@pytest.mark.parametrize("role", ["grievance", "ado", "auditor", "ops", "reception"])
async def test_no_other_role_opens_the_desk(role: str) -> None:
    http, client = open_desk(role)
    for path in ("", "/found", "/register", f"/people/{REFERENCE}/erase", f"/people/{REFERENCE}/correct"):
        assert (await http.get(f"/en/desk/privacy{path}")).status_code == 403
    assert not client.was_asked("application.find_person")
