"""Each form of a page is answered by a redirect, and its address shows a page when it is opened by itself.

So a change of language, a reload and Back show a page and repeat nothing. That no form in order is answered
by a page is checked in every test over `browser`.
"""

import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from services.gateway.access.callers import access_of
from services.gateway.app import create_app
from tests.support.factories.gateway import (
    NUMBER,
    REFERENCE,
    browser,
    claims,
    gateway_settings,
    refuse_page_after_post,
    signed,
    stubbed,
)
from tests.support.factories.pages import REVIEW_ID, UNDER_A_LANGUAGE
from tests.support.factories.system_report import LETTER
from tests.support.system.page_reader import SAME_SITE
from tests.support.system.pages_alone import ANSWERS

PARTS = {
    "reference": REFERENCE,
    "number": NUMBER,
    "review_id": str(REVIEW_ID),
    "entry_id": str(REVIEW_ID),
    "closure_id": str(REVIEW_ID),
    "match_id": str(REVIEW_ID),
    "verb": "approve",
    "name": "who",
    "text": "help",
    "kind": "sites",
    "code": "PCS1",
    "table": "holidays",
    "key:path": "PCS1/2099-01-26",
    "site": "PCS1",
    "day": "2099-01-26",
    "import_id": str(REVIEW_ID),
    "queue": "verify.PassIssued",
    "letter": LETTER.id,
}
"""Part of a path → a value of it; any other part is the ID of a login."""
WITHOUT_PAGE_ABOVE = {"/sign-out"}
"""Opened by itself it says so (405), and leads on."""


def forms() -> dict[str, APIRoute]:
    """Return the routes of the pages that take a form, by their path."""
    return {
        route.path.removeprefix(UNDER_A_LANGUAGE): route
        for route in create_app(gateway_settings()).routes
        if isinstance(route, APIRoute) and "POST" in route.methods and route.path.startswith(UNDER_A_LANGUAGE)
    }


FORMS = forms()


def session_for(route: APIRoute) -> tuple[str, str]:
    """Return the cookie of somebody who may send the form."""
    access = access_of(route)
    assert access is not None
    if access.applicants or access.everybody:
        return "session", signed(claims("applicant"))
    role = access.roles[0]
    scope: dict[str, Any] = {
        "department": {"department": "home"},
        "security": {"site": "PCS1", "gate": "PCS1-G1"},
        "reception": {"site": "PCS1"},
    }.get(role, {})
    token = signed(claims(sub=f"{role[:3].upper()}-0001", role=role, **{"department": None, **scope}))
    return ("operator" if role == "assisted" else "session"), token


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_is_not_answered_by_a_page_and_its_address_leads_to_one(path: str) -> None:
    app, _ = stubbed(**ANSWERS)
    address = re.sub(r"\{([\w:]+)\}", lambda part: PARTS.get(part[1], "HOM-0001"), path)
    async with browser(app, Accept="text/html") as http:
        http.cookies.set(*session_for(FORMS[path]), domain="gateway.test", path="/")
        sent = await http.post(f"/en{address}", data={}, headers=SAME_SITE)
        assert sent.status_code == 303 or sent.is_client_error or sent.status_code == 503
        shown = await http.get(f"/pa{address}", follow_redirects=True)  # after a change of language
        assert shown.headers["content-type"].startswith("text/html")
        is_page = shown.status_code in {200, 503}  # or the table has no answer of a service
        assert is_page or (path in WITHOUT_PAGE_ABOVE and shown.status_code == 405)


async def test_control_a_page_in_answer_to_a_form_is_refused() -> None:
    page = httpx.Response(
        200, headers={"content-type": "text/html"}, request=httpx.Request("POST", "http://gateway.test/en/x")
    )
    with pytest.raises(AssertionError):
        await refuse_page_after_post(page)
