"""The texts that a site's administrator writes: found, replaced, fallen back, and rendered safely."""

from pathlib import Path

import pytest

from contracts.model import Language
from services.chassis.runtime.settings import WrongSettings, read
from services.gateway.pages.shared import site_text
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.navigation import FOOTER
from services.gateway.pages.shared.site_text import WrongSiteText
from services.gateway.settings import GatewaySettings
from tests.support.factories.gateway import gateway_settings


def test_every_page_is_written_in_every_language() -> None:
    texts = site_text.load(None)
    assert set(texts) == set(FOOTER)
    for name, found in texts.items():
        assert [found[language].language for language in LANGUAGES] == list(LANGUAGES), name


ASKED = {
    "en": ("email address", "organisation", "designation", "employee number", "photograph", "assistance"),
    "hi": ("ईमेल पता", "संस्था", "पद", "कर्मचारी नंबर", "तस्वीर", "मदद"),
    "pa": ("ਈਮੇਲ ਪਤਾ", "ਅਦਾਰੇ", "ਅਹੁਦਾ", "ਮੁਲਾਜ਼ਮ ਨੰਬਰ", "ਤਸਵੀਰ", "ਮਦਦ"),
}
"""What a form, an invitation or a counter asks for besides what the privacy page has always named."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_privacy_page_says_what_is_asked_for_and_who_sees_it(language: Language) -> None:
    body = site_text.load(None)["privacy"][language].body
    _, asked, seen_by, _browser, rights = body.split("<h2")
    email = ASKED[language][0]
    for section, expected in ((asked, ASKED[language]), (seen_by, ("SMS", "WhatsApp", "Meta", email))):
        assert [word for word in expected if word not in section] == []
    assert f'href="/{language}/requests/new"' in rights, "a person may be named (section 14 of the Act)"


def test_a_folder_of_the_site_replaces_a_page_and_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "contact.en.md").write_text("# Call us\n\n0172-0000000\n")
    texts = site_text.load(tmp_path)
    assert texts["contact"]["en"].title == "Call us"
    assert "0172-0000000" in texts["contact"]["en"].body
    assert texts["help"] == site_text.load(None)["help"]


def test_a_missing_language_shows_the_text_in_another_one(tmp_path: Path) -> None:
    (tmp_path / "contact.pa.md").write_text("# ਸੰਪਰਕ\n")
    contact = site_text.load(tmp_path)["contact"]
    assert {language: contact[language].language for language in LANGUAGES} == dict.fromkeys(LANGUAGES, "pa")
    (tmp_path / "contact.hi.md").write_text("# संपर्क\n")
    contact = site_text.load(tmp_path)["contact"]
    assert [contact[language].language for language in ("pa", "hi", "en")] == ["pa", "hi", "hi"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("privcy.en.md", "# A"), ("help.fr.md", "# A"), ("help.md", "# A"), ("help.en.md", "A")],
)
def test_a_file_that_cannot_be_used_stops_the_start_and_is_named(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(WrongSiteText, match=name):
        site_text.load(tmp_path)


def test_a_folder_that_does_not_exist_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gateway_settings().model_dump().items():
        if isinstance(value, str):
            monkeypatch.setenv(f"EPASS_{name.upper()}", value)
    monkeypatch.setenv("EPASS_SITE_TEXTS", "/does/not/exist")
    with pytest.raises(WrongSettings, match="EPASS_SITE_TEXTS is wrong"):
        read(GatewaySettings)


@pytest.mark.parametrize(
    "dangerous",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](data:text/html,x)",
        "![a](https://elsewhere.example/x.png)",
        '[a](https://x.example "\\" onclick=\\"alert(1)")',
    ],
)
def test_no_text_can_bring_a_script_or_load_something_from_elsewhere(dangerous: str) -> None:
    html = site_text.rendered(dangerous)
    for bad in ("<script", "<img", 'href="javascript', 'href="data', '" onclick'):
        assert bad not in html


def test_markdown_comes_out_in_the_design_of_the_pages() -> None:
    html = site_text.rendered("## A\n\nb [c](../d)\n\n- e\n\n1. f\n")
    assert '<h2 class="govuk-heading-m">A</h2>' in html
    assert '<a href="../d" class="govuk-link">c</a>' in html
    assert 'class="govuk-list govuk-list--bullet"' in html
    assert 'class="govuk-list govuk-list--number"' in html
