"""The weight of the pages on the wire, as a browser counts it on a slow connection."""

import pytest
from playwright.sync_api import Browser

from bench.weight import weigh, weigh_in_order
from contracts.model import Person
from services.gateway.edge.compression import Compression
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import pass_view
from tests.support.system.pages_alone import PagesAlone

FIRST_BYTES, LATER_BYTES = 100_000, 30_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_weighs_under_100_kb_with_its_fonts_and_later_ones_under_30(
    chromium: Browser, alone: PagesAlone, language: str
) -> None:
    first, *later = weigh(chromium, alone.url, language)
    assert 20_000 < first.bytes < FIRST_BYTES
    for page in later:
        assert 500 < page.bytes < LATER_BYTES, page.path


@pytest.mark.parametrize(
    ("language", "name"), [("pa", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"), ("hi", "गुरप्रीत कौर"), ("en", "Gurpreet Kaur")]
)
def test_the_page_of_a_pass_weighs_under_100_kb(
    chromium: Browser, alone: PagesAlone, language: str, name: str
) -> None:
    holder = Person(name=name, name_latin="Gurpreet Kaur", id_type="voter_id", id_last4="4821")
    alone.answers["issuance.view_by_link"] = pass_view(language=language, applicant=holder)
    [page] = weigh_in_order(chromium, alone.url, ("/p/aB3dE5fG7hJ9kL1mN2pQ4r",))
    assert 20_000 < page.bytes < FIRST_BYTES


def test_control_without_compression_the_first_page_is_too_heavy(
    chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plainly(self: Compression, scope: object, receive: object, send: object) -> None:
        await self.app(scope, receive, send)  # type: ignore[arg-type]  # ASGI's own

    monkeypatch.setattr(Compression, "__call__", plainly)
    with PagesAlone() as pages:
        assert weigh(chromium, pages.url, "pa")[0].bytes > FIRST_BYTES
