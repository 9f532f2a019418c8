"""The desk of the data officer: a person is found, copied and erased for, with a reason."""

import json
import re

import httpx
import pytest

from contracts import processing
from contracts.errors import Forbidden, InvalidInput
from contracts.retention import KEPT
from contracts.rpc.call import Nothing
from contracts.rpc.privacy import PersonFound
from tests.e2e.own_data_states import COMING
from tests.e2e.privacy_states import FIND, PEOPLE, RECEIPT, WHY, person
from tests.support.factories.gateway import REFERENCE, TableClient, browser, signed, staff_claims
from tests.support.system.page_reader import SAME_SITE, stub

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
    assert re.search(rf"{COMING}</span>: the department still decides about it", page)
    assert re.findall(r'name="reference" value="([^"]+)"', page) == [REFERENCE]
    gone = await http.post(f"/en{PEOPLE}/erase", data={"reference": REFERENCE, "key": "k", **WHY})
    assert (gone.status_code, gone.headers["location"]) == (303, "/en/desk/privacy/erased")
    assert client.last("application.erase_for_person")[1].references == (REFERENCE,)
    for _again in range(2):
        assert "7K3M 9QW4" in (await http.get("/en/desk/privacy/erased")).text


async def test_the_register_shows_each_kind_with_what_is_set_and_all_processors() -> None:
    http, _ = open_desk()
    page = (await http.get("/en/desk/privacy/register")).text
    for one in processing.HELD:
        assert one.table in page
    for kind in KEPT.values():
        assert f"{kind.usual} {kind.unit}" in page
    for name, setting, *_ in processing.PROCESSORS:
        assert name in page
        assert f"EPASS_{setting.upper()}" in page


@pytest.mark.parametrize("role", ["grievance", "ado", "auditor", "ops", "reception"])
async def test_no_other_role_opens_the_desk(role: str) -> None:
    http, client = open_desk(role)
    for path in ("", "/found", "/register", f"/people/{REFERENCE}/erase"):
        assert (await http.get(f"/en/desk/privacy{path}")).status_code == 403
    assert not client.was_asked("application.find_person")
