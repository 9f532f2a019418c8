"""Duty contacts on pages: for each officer and each reception, and nobody's change lost."""

from collections.abc import AsyncIterator

import pytest

from contracts.errors import Conflict, InvalidInput
from contracts.rpc.approval.directory import DepartmentList, DutyContact, OfficerList, SiteList
from tests.support.factories.gateway import browsing, staff_claims
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE, Reader, hidden
from tests.support.system.pages_alone import DUTY_CONTACTS

PLACE = "/en/desk/directory/contacts"
OF_HOME = f"{PLACE}/departments/home"
FORM = {"mobile.baldev": "98765 43210", "email.baldev": "", "language": "pa", "was": "r", "key": "k-1"}
FORM |= {"arrivals.baldev": "digest"}


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    async with browsing(
        approval__duty_contacts=DUTY_CONTACTS, approval__put_duty_contacts=DUTY_CONTACTS,
        approval__sites=SiteList(items=(SITE,)), approval__departments=DepartmentList(items=(HOME,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        session=staff_claims("ado"),
    ) as (http, client):  # fmt: skip
        yield Reader(http, client)


async def test_the_places_lead_to_their_contacts(ado: Reader) -> None:
    shown = (await ado.http.get(PLACE)).text
    assert f'href="{OF_HOME}"' in shown
    assert f'href="{PLACE}/sites/PCS1"' in shown
    assert 'value="+919876543210"' in (await ado.http.get(OF_HOME)).text


async def test_contacts_are_sent_with_what_was_read_and_nothing_of_them_is_in_the_address(
    ado: Reader,
) -> None:
    saved = await ado.http.post(OF_HOME, data=FORM, headers=SAME_SITE)
    assert saved.headers["location"] == f"{OF_HOME}?notice=saved"
    _, asked, _, key = ado.client.last("approval.put_duty_contacts")
    assert (asked.contacts, asked.language, asked.was, key) == (
        (DutyContact(officer="baldev", mobile="98765 43210", arrivals="digest"),),
        "pa",
        "r",
        "k-1",
    )
    await ado.http.post(f"{PLACE}/sites/PCS1", data={"email.reception": "r@example.org"}, headers=SAME_SITE)
    asked = ado.client.last("approval.put_duty_contacts")[1]
    assert asked.contacts == (DutyContact(email="r@example.org"),)


@pytest.mark.parametrize(
    ("refusal", "status", "sentence"),
    [
        (InvalidInput.of("mobile.baldev", "not_a_mobile"), 422, 'href="#mobile.baldev"'),
        (Conflict(code="changed_meanwhile", by="ADO-0002"), 409, "ADO-0002 has changed this meanwhile"),
    ],
)
async def test_what_is_refused_says_why_and_loses_nothing_that_was_typed(
    ado: Reader, refusal, status: int, sentence: str
) -> None:
    ado.client.answers["approval.put_duty_contacts"] = refusal
    shown = await ado.http.post(OF_HOME, data=FORM, headers=SAME_SITE)
    assert shown.status_code == status
    assert sentence in shown.text
    assert 'value="98765 43210"' in shown.text


async def test_contacts_without_an_answer_keep_what_was_typed_and_are_sent_again_with_their_key(
    ado: Reader,
) -> None:
    await ado.http.get(OF_HOME)
    known = ado.client.answers.copy()
    for name in [one for one in known if one.startswith("approval.")]:
        del ado.client.answers[name]
    lost = await ado.http.post(OF_HOME, data=FORM, headers=SAME_SITE)
    assert (lost.status_code, hidden(lost)) == (503, {"key": "k-1", "was": "r"})
    assert "It is not known whether this was saved." in lost.text
    assert 'value="98765 43210"' in lost.text
    ado.client.answers |= known
    await ado.http.post(OF_HOME, data={**FORM, **hidden(lost)}, headers=SAME_SITE)
    assert ado.client.last("approval.put_duty_contacts")[3] == "k-1"


@pytest.mark.parametrize("path", ["departments/nowhere", "sites/PCS9", "officers/home"])
async def test_what_the_directory_does_not_have_is_no_page(ado: Reader, path: str) -> None:
    assert (await ado.http.get(f"{PLACE}/{path}")).status_code == 404
