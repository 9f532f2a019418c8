"""Who came along reads their own line on a page; what they typed stands in no address."""

import re

from contracts.errors import InvalidInput
from tests.e2e.own_data_states import HARJIT, own_data
from tests.support.factories.gateway import NUMBER, browser, claims, signed
from tests.support.system.page_reader import SAME_SITE, stub, without_keys

ASKED = {"number": NUMBER, "name": "Harjit", "id_last4": "0917"}


def open_site(found):
    answers = {name.replace(".", "__"): one for name, one in own_data().items()}
    app, client = stub(**answers, application__view_companion=found)
    http = browser(app, **SAME_SITE)
    http.cookies.set("session", signed(claims("applicant")))
    return http, client


async def test_who_came_along_reads_their_line_with_the_gates_and_when_it_ends() -> None:
    http, client = open_site(HARJIT)
    sent = await http.post("/en/my-data/companion", data=ASKED)
    assert (sent.status_code, sent.headers["location"]) == (303, "/en/my-data/companion")
    page = without_keys(await http.get("/en/my-data/companion"))
    for said in ("Harjit Singh", "Aadhaar", "30 May 2027", "Home", "Gate 1", "/en/requests/new"):
        assert said in page, said
    assert "0917" not in page
    _, asked, *_ = client.last("verify.own_data")
    assert (asked.numbers, asked.whole) == ((NUMBER,), False)


async def test_whom_nothing_is_found_about_is_not_told_what_is_wrong() -> None:
    http, _ = open_site(InvalidInput.of("number", "no_such_companion"))
    refused = await http.post("/pa/my-data/companion", data=ASKED)
    assert refused.status_code == 422
    assert "0917" not in without_keys(refused)
    assert re.search(r'href="#number">[^<]*[\u0a00-\u0a7f]', refused.text)
    short = await http.post("/en/my-data/companion", data={"number": NUMBER})
    assert (short.status_code, "Enter a name" in short.text) == (422, True)
