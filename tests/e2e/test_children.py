"""The form for a child in a real browser: its fields appear with scripts, and are there without."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.viewports import PHONE
from tests.support.system.pages_alone import PagesAlone


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_who_applies_for_a_child_is_asked_for_their_own_name(
    chromium: Browser, alone: PagesAlone, scripts: bool
) -> None:
    context = chromium.new_context(base_url=alone.url, viewport=PHONE, java_script_enabled=scripts)
    page = context.new_page()
    alone.sign_in(context, "applicant")
    page.goto("/pa/apply/who")
    expect(page.locator("#guardian")).to_be_visible(visible=not scripts)
    expect(page.locator("#organisation")).to_be_visible(visible=not scripts)
    page.check("input[name=kind][value=minor]")
    expect(page.locator("#guardian")).to_be_visible()
    expect(page.locator("#organisation")).to_be_visible(visible=not scripts)
    page.check("input[name=kind][value=official]")
    expect(page.locator("#organisation")).to_be_visible()
    context.close()
