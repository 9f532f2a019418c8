"""In a real browser the page of a pass goes on by itself while somebody sees it, and says so to a reader."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Route, expect

from contracts.errors import Unavailable
from contracts.rpc.application import TimelineEntry, VisitOfPass
from contracts.rpc.call import Nothing
from contracts.rpc.issuance import AnswerByLink
from services.chassis.runtime.clock import now
from tests.e2e.contact_sheets import QR
from tests.e2e.navigation import barriers
from tests.support.factories.gateway import pass_view
from tests.support.system.pages_alone import PagesAlone

PAGE = "/p/aB3dE5fG7hJ9kL1mN2pQ4r"
HIDE = "Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true })"


def told(**facts: str) -> VisitOfPass:
    entries = (
        TimelineEntry(at=now(), what="entered", facts={"gate": "PCS1-G1", "count": 1, "inside": 1}),
        TimelineEntry(at=now(), what="office_told", facts={"department": "home"}),
        TimelineEntry(at=now(), what="visit_answered", facts={"department": "home", **facts}),
    )
    return VisitOfPass(status="entered", timeline=entries if facts else entries[:2])


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_the_page_goes_on_by_itself_and_rests_while_nobody_sees_it(
    chromium: Browser, alone: PagesAlone, language: str
) -> None:
    here = pass_view(valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=2))
    alone.answers.update({"issuance.view_by_link": here, "issuance.qr_by_link": QR})
    alone.answers["application.visit_of_pass"] = told()
    context = chromium.new_context(base_url=alone.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.add_init_script(HIDE)
    page.clock.install()
    page.goto(f"{PAGE}?in={language}")
    state = page.locator("#state[aria-live=polite]")
    expect(state).to_be_visible()
    assert barriers(page) == []

    alone.answers["application.visit_of_pass"] = told(answer="come_up", room="402")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.evaluate("window.isHidden = true")
    page.clock.fast_forward(21_000)
    page.evaluate("window.isHidden = false")
    assert fetched == []
    page.clock.fast_forward(21_000)
    expect(state).to_contain_text("402")
    expect(state.get_by_role("button")).to_have_count(2)
    assert barriers(page) == []

    alone.answers["application.visit_of_pass"] = Unavailable("away")
    with page.expect_response(lambda answer: "/now" in answer.url):
        page.clock.fast_forward(21_000)
    expect(state).to_contain_text("402")
    context.close()
    alone.reset()


def test_without_scripts_the_page_of_the_day_reloads_itself_and_takes_the_answer(
    chromium: Browser, alone: PagesAlone
) -> None:
    here = pass_view(valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=2))
    alone.answers.update({"issuance.view_by_link": here, "issuance.qr_by_link": QR})
    alone.answers["application.visit_of_pass"] = told()
    context = chromium.new_context(base_url=alone.url, java_script_enabled=False)
    page = context.new_page()

    def hurry(route: Route) -> None:
        """Let a minute of the page pass in a second."""
        answer = route.fetch()
        assert 'http-equiv="refresh" content="60"' in answer.text()
        route.fulfill(response=answer, body=answer.text().replace('content="60"', 'content="1"'))

    page.route(f"**{PAGE}?in=pa", hurry)
    page.goto(f"{PAGE}?in=pa")
    state = page.locator("#state")
    expect(state).not_to_contain_text("402")
    alone.answers["application.visit_of_pass"] = told(answer="come_up", room="402")
    expect(state).to_contain_text("402", timeout=15_000)
    page.unroute_all()
    said: list[AnswerByLink] = []
    alone.answers["issuance.answer_by_link"] = lambda asked: said.append(asked) or Nothing()
    page.goto(f"{PAGE}?in=en")
    page.get_by_role("button", name="No, I was not met").click()
    expect(page.locator("main")).to_contain_text("Thank you. The department sees what you say.")
    assert [one.answer for one in said] == ["not_met"]
    context.close()
    alone.reset()
