"""What a page says and does when accounts holds back a code to a number that nobody has ever proved."""

import re
from typing import Any

import pytest

from contracts.errors import InvalidInput, TooManyAttempts
from contracts.rpc.accounts.sessions import OtpAccepted
from tests.support.factories.gateway import browser, claims, signed, stubbed
from tests.support.factories.pages import APPLICATION
from tests.support.system.page_reader import SAME_SITE, visiting

REQUEST_ID = "0195f3a2-0000-4000-8000-000000000000"
WORK = TooManyAttempts(code="work_required", retry_after=60, challenge="ch4ll", answers=12, bits=12)
ABROAD = InvalidInput.of("mobile", "country_not_served")
FORMS = [("/sign-in", "98765 43210"), (f"/applications/{APPLICATION.reference}/mobile", "98765 43211")]


def reader(is_signed_in: bool) -> Any:
    return visiting(
        claims("applicant") if is_signed_in else None,
        accounts__request_otp=OtpAccepted(request_id=REQUEST_ID),
        application__view=APPLICATION,
    )


@pytest.mark.parametrize(("path", "mobile"), FORMS)
async def test_a_form_comes_again_with_the_proof_of_work_that_was_asked_for(path: str, mobile: str) -> None:
    async with reader(path != "/sign-in") as person:
        person.client.answers["accounts.request_otp"] = WORK
        page = await person.send(path, mobile=mobile, key="k", work="of before")
        assert page.status_code == 429
        assert 'data-challenge="ch4ll" data-answers="12" data-bits="12"' in page.text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        assert fields == {"mobile": mobile, "key": "k", "work": ""}
        person.client.answers["accounts.request_otp"] = OtpAccepted(request_id=REQUEST_ID)
        sent = await person.send(path, **fields | {"work": "ch4ll.1.2"})
        assert sent.url.path.endswith("/code")
        assert person.client.last("accounts.request_otp")[1].work == "ch4ll.1.2"


@pytest.mark.parametrize(("path", "mobile"), FORMS)
async def test_a_number_of_another_country_is_told_which_can_be_used(path: str, mobile: str) -> None:
    async with reader(path != "/sign-in") as person:
        person.client.answers["accounts.request_otp"] = ABROAD
        page = await person.send(path, mobile="+447911123456", key="k")
        assert page.status_code == 422
        assert "Enter an Indian mobile number, or come to the reception counter" in page.text


async def test_at_the_ceiling_a_page_says_when_a_code_can_be_had_and_what_to_do_instead() -> None:
    async with reader(False) as person:
        refused = TooManyAttempts("many", retry_after=2400, limit="unproved")
        person.client.answers["accounts.request_otp"] = refused
        page = await person.send("/sign-in", mobile="98765 43210", key="k")
        assert (page.status_code, page.headers["retry-after"]) == (429, "2400")
        assert "At the reception counter you need no code" in page.text
        assert "Try again in 40 minutes" in page.text


@pytest.mark.parametrize("path", ["/api/v1/otp", "/en/sign-in", "/en/applications/APPLICATION/mobile"])
async def test_the_networks_of_a_rented_server_are_one_source_of_codes(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    app, client = stubbed(application__view=APPLICATION)
    addresses: dict[str, list[str]] = {}
    answer = client.call

    async def call(method: Any, request: Any, *, address: str = "", **options: Any) -> Any:
        addresses.setdefault(method.name, []).append(address)
        return await answer(method, request, address=address, **options)

    monkeypatch.setattr(client, "call", call)
    form = {"mobile": "98765 43211"}
    body: dict[str, Any] = {"data": {**form, "key": "k"}}
    if path.startswith("/api"):
        body = {"json": form}
    path = path.replace("APPLICATION", APPLICATION.reference)
    session = {"Cookie": f"session={signed(claims('applicant'))}"} if "applications" in path else {}
    for source in ("2001:db8:0:1::7", "2001:db8:0:ffff::7", "2001:db8:1:1::7"):
        async with browser(app, source, **session, **SAME_SITE) as http:
            await http.post(path, **body)
            await http.post("/api/v1/sessions", json={"login_id": "HOM-0001", "password": "x"})
    here, there, elsewhere = addresses["request_otp"]
    assert here == there != elsewhere
    assert len(set(addresses["log_in"])) == 3, "a neighbour guesses no password at another's cost"
