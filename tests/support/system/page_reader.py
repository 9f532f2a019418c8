"""A user of the pages over the table client, and the usual replies of the services."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, time
from typing import Any

import httpx

from contracts.errors import Forbidden, InvalidInput
from contracts.events import OfficerRecord, OpeningHours, SiteContact, SiteRecord
from contracts.rpc.application import (
    NOT_OPENED,
    Acknowledged,
    ApplicationList,
    ApplicationView,
    Checked,
    OpenApplication,
    ReferenceOnly,
)
from contracts.rpc.approval.directory import DepartmentList, DepartmentView, OfficerList, SiteList
from contracts.tokens import SessionClaims
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE, TableClient, browser, claims, signed, stubbed
from tests.support.system.system import System

SITE = SiteRecord(
    code="PCS1", name={"en": "Secretariat-1", "pa": "ਸਕੱਤਰੇਤ-1", "hi": "सचिवालय-1"},
    address={"en": "Sector 1", "pa": "ਸੈਕਟਰ 1", "hi": "सेक्टर 1"}, gates=("PCS1-G1",),
    contact=SiteContact(phone="0172-5550100", email="reception.secretariat-1@example.org"),
    hours=tuple(OpeningHours(weekday=day, opens=time(9), closes=time(17),
    valid_from=date(2020, 1, 1)) for day in range(7)),
)  # fmt: skip
HOME = DepartmentView(code="home", name={"en": "Home", "pa": "ਗ੍ਰਹਿ", "hi": "गृह"}, sites=("PCS1",))
BALDEV = OfficerRecord(
    code="baldev",
    name=dict.fromkeys(("en", "pa", "hi"), "Baldev Singh"),
    designation=dict.fromkeys(("en", "pa", "hi"), "Clerk"),
)
PERSON = {"kind": "citizen", "name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "4821"}
"""The form about a citizen."""
VISIT = {"officer": "baldev", "purpose_kind": "meeting", "purpose": "Arms licence renewal"}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def stub(given: dict[str, Any] | None = None, **answers: Any) -> tuple[Any, TableClient]:
    usual: dict[str, Any] = {
        "application__check": Checked(name_latin="Gurpreet Kaur"),
        "application__submit": Acknowledged(reference=REFERENCE, status="submitted"),
        "application__list_applications": ApplicationList(items=()),
        "approval__sites": SiteList(items=(SITE,)), "approval__departments": DepartmentList(items=(HOME,)),
        "approval__officers": OfficerList(items=(BALDEV,)),
    }  # fmt: skip
    return stubbed(given, **{**usual, **answers})


def closed(shown: ApplicationView) -> dict[str, Any]:
    """Return the service's replies about an application that 4821 opens."""
    opened: list[bool] = []

    def view(_asked: ReferenceOnly) -> ApplicationView:
        if not opened:
            raise Forbidden("it is not open", code=NOT_OPENED)
        return shown

    def open_by_last_four(asked: OpenApplication) -> ApplicationView:
        if asked.id_last4 != "4821":
            raise InvalidInput.of("id_last4", "other_last4")
        opened.append(True)
        return shown

    return {"application__view": view, "application__open": open_by_last_four}


def hidden(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the forms of a page."""
    return dict(HIDDEN.findall(page.text))


def without_keys(page: httpx.Response) -> str:
    """Return a page without its random keys, any of which may have some four digits in it."""
    return re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", page.text)


class Reader:
    """A user with a phone that stores cookies and follows redirects, and what the services reply to them."""

    def __init__(self, http: httpx.AsyncClient, client: TableClient) -> None:
        self.http, self.client = http, client

    async def open(self, path: str) -> httpx.Response:
        return await self.http.get(f"/en{path}", follow_redirects=True)

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en{path}", data=form, headers=SAME_SITE, follow_redirects=True)

    def sign_out_by_time(self) -> None:
        """Let the session expire; the answers stay."""
        self.http.cookies.delete("session")

    async def answer(self, **more: str) -> httpx.Response:
        """Answer all questions, in order, up to the page that shows all answers."""
        day = now().date().replace(day=1).isoformat()
        forms: list[tuple[str, dict[str, str]]] = [
            ("who", PERSON),
            ("department", {"department": "home"}),
            ("visit", {**VISIT, "date-0": day, "from-0": "10:00", "to-0": "12:00"}),
        ]  # fmt: skip
        for name, form in forms:
            shown = await self.send(
                f"/apply/{name}", **{**form, **{key: value for key, value in more.items() if key in form}}
            )
            assert shown.status_code == 200, (name, shown.text)
        return shown


@asynccontextmanager
async def visiting(session: SessionClaims | None = None, **answers: Any) -> AsyncIterator[Reader]:
    """Yield somebody in front of services with these replies, signed in if a session is given."""
    app, client = stub(**answers)
    async with browser(app) as http:
        if session is not None:
            http.cookies.set("session", signed(session))
        yield Reader(http, client)


def somebody(**answers: Any) -> AbstractAsyncContextManager[Reader]:
    """Return a signed-in applicant in front of services with these replies."""
    return visiting(claims("applicant"), **answers)


class Browser:
    """A browser without scripts in which somebody is signed in."""

    def __init__(self, system: System, token: str, language: str) -> None:
        self.http, self.language = system.http(), language
        self.http.headers.update(SAME_SITE)
        self.http.cookies.set("session", token)

    def open(self, place: str) -> httpx.Response:
        return self.http.get(f"/{self.language}{place}", follow_redirects=True)

    def send(self, place: str, status: int = 200, **form: str) -> httpx.Response:
        answer = self.http.post(f"/{self.language}{place}", data=form, follow_redirects=True)
        assert answer.status_code == status, (place, answer.text[:2000])
        return answer


def tell_of_arrivals(ado: Browser, mobile: str) -> None:
    """Let a phone get a message for each visitor of every officer of the home department, or none."""
    place = "/desk/directory/contacts/departments/home"
    page = ado.open(place)
    officers = re.findall(r'name="mobile\.([\w-]+)"', page.text)
    form = {f"mobile.{one}": mobile for one in officers}
    form |= {f"arrivals.{one}": "sms" if mobile else "none" for one in officers}
    ado.send(place, **hidden(page), language="en", **form)
