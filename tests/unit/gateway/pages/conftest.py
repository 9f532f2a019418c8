"""People at the pages: an applicant, a clerk at the desk and a guard at the gate."""

from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta

import pytest

from contracts.model import IST
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.verify.incidents import HelpCalls, Telephones
from contracts.rpc.verify.presence import Inside, InsideList
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, REFERENCE, browser, browsing, claims, signed, stubbed
from tests.support.factories.pages import ADMIT, DECIDED, FIRST, POLICE, application, review
from tests.support.system.page_reader import BALDEV, HOME, SITE, Reader, somebody
from tests.unit.gateway.pages.applicant import wait
from tests.unit.gateway.pages.clerk import Clerk
from tests.unit.gateway.pages.guard import Guard


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    """Yield an applicant whose application is open; the department has it."""
    async with somebody(application__view=application(), application__durations=wait()) as person:
        yield person


@pytest.fixture
async def clerk() -> AsyncIterator[Clerk]:
    answers = {
        f"approval__{name}": review(status="approved", decision=DECIDED)
        for name in ("approve", "reject", "return_to_applicant", "forward", "withdraw")
    }
    app, client = stubbed(
        approval__list_reviews=ReviewList(items=(review(),), next="after-this"),
        approval__search_reviews=ReviewList(items=(review(),)),
        approval__view_review=review(), approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__departments=DepartmentList(items=(HOME, POLICE)), **answers,
    )  # fmt: skip
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("staff")))
        yield Clerk(http, client, app)


@pytest.fixture
def before_the_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day before the visit that is asked for, at the desk, whatever day it is."""
    then = datetime.combine(FIRST.day - timedelta(days=1), time(9), IST)
    for module in ("routes", "decisions"):
        monkeypatch.setattr(f"services.gateway.pages.desk.{module}.now", lambda: then)


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    inside = Inside(
        pass_=NUMBER, reference=REFERENCE, name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", inside=2, party=3,
        since=now(), gate="PCS1-G1",
        department="home", valid_to=now(),
    )  # fmt: skip
    async with browsing(
        verify__scan=ADMIT,
        verify__help_calls=HelpCalls(telephones=Telephones(reception="0172-5550101")),
        verify__inside=InsideList(items=(inside,), persons=41, next="on"),
        approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
    ) as (http, client):
        one = Guard(http, client)
        one.stands_at("PCS1-G1")
        yield one
