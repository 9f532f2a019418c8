"""A standing pass in a browser: its code changes by itself, and the reception takes its photograph."""

from playwright.sync_api import Browser, expect

from contracts.rpc.call import Nothing
from contracts.rpc.photographs import TakePhotograph
from tests.support.factories.gateway import pass_view, picture
from tests.support.factories.pages import APPLICATION
from tests.support.system.pages_alone import PagesAlone

PLACE = "/p/aB3dE5fG7hJ9kL1mN2pQ4r"


def drawn(name: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><title>{name}</title></svg>'.encode()


def test_the_code_of_a_standing_pass_is_a_new_one_each_minute(chromium: Browser, alone: PagesAlone) -> None:
    alone.answers["issuance.view_by_link"] = pass_view(recurring=True)
    alone.answers["issuance.qr_by_link"] = picture(drawn("first"))
    page = chromium.new_page(base_url=alone.url)
    page.clock.install()
    page.goto(PLACE)
    code = page.locator(".epass-qr svg title")
    expect(code).to_have_text("first")
    alone.answers["issuance.qr_by_link"] = picture(drawn("second"))
    page.clock.fast_forward(61_000)
    expect(code).to_have_text("second")
    page.close()


def test_the_reception_photographs_whoever_has_applied_for_one(chromium: Browser, alone: PagesAlone) -> None:
    waiting = {"status": "submitted", "needs_photograph": True}
    alone.answers["application.view"] = APPLICATION.model_copy(update=waiting)
    sent: list[TakePhotograph] = []
    alone.answers["application.take_photograph"] = lambda asked: sent.append(asked) or Nothing()
    context = chromium.new_context(base_url=alone.url)
    alone.sign_in(context, "reception")
    page = context.new_page()
    page.goto(f"/en/counter/applications/{APPLICATION.reference}")
    page.locator("[data-photograph] [data-start]").click()
    page.locator("[data-photograph] [data-take]").click()
    expect(page.locator("[data-photograph] canvas")).to_be_visible()
    page.get_by_role("button", name="Store the photograph").click()
    expect(page.get_by_text("The photograph is stored.")).to_be_visible()
    assert [one.photograph[:4] for one in sent] == ["/9j/"]
    context.close()
    alone.reset()


def test_whoever_ticks_that_they_come_each_week_is_asked_until_when(
    chromium: Browser, alone: PagesAlone
) -> None:
    context = chromium.new_context(base_url=alone.url)
    alone.sign_in(context, "applicant")
    page = context.new_page()
    page.goto("/en/apply/who")
    page.fill("#name", "Gurpreet Kaur")
    page.check("[name=id_type][value=voter_id]")
    page.fill("#id_last4", "4821")
    page.get_by_role("button", name="Continue").click()
    page.locator("button[name=department]").first.click()
    until = page.get_by_label("Until which day?")
    expect(until).to_be_hidden()
    page.get_by_label("I come each week").check()
    until.fill("2027-05-28")
    context.close()
