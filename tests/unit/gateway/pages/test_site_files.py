"""What browsers, search engines and researchers look for at fixed addresses."""

import re
from datetime import datetime, timedelta
from io import BytesIO
from xml.etree import ElementTree as ET

from PIL import Image

from contracts.rpc.approval.directory import DepartmentList
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import LANGUAGES
from tests.e2e.icons import DRAWING, FOLDER, SIZES, SOURCE, digest
from tests.support.factories.gateway import browsing
from tests.support.factories.pages import POLICE, TRANSPARENCY

URL = "https://epass.example"


async def fetched(path: str, **given: str) -> tuple[str, str]:
    """Return the content type and the text behind an address."""
    async with browsing(given={"public_url": f"{URL}/", **given}) as (http, _):
        answer = await http.get(path)
    assert answer.status_code == 200
    return answer.headers["content-type"].partition(";")[0], answer.text


async def test_robots_names_the_sitemap_and_keeps_away_from_passes() -> None:
    kind, text = await fetched("/robots.txt")
    assert kind == "text/plain"
    assert f"Sitemap: {URL}/sitemap.xml" in text
    assert "Disallow: /p/" in text


async def test_the_sitemap_lists_pages_that_exist_and_may_be_listed_in_each_language() -> None:
    kind, text = await fetched("/sitemap.xml")
    assert kind == "application/xml"
    listed = [one.text or "" for one in ET.fromstring(text).findall(".//{*}loc")]
    assert len(listed) == len(set(listed)) >= 21
    async with browsing(
        approval__transparency=TRANSPARENCY, approval__departments=DepartmentList(items=(POLICE,))
    ) as (http, _):
        for address in listed:
            page = await http.get(address.removeprefix(URL))
            assert (page.status_code, page.headers["x-robots-tag"]) == (200, "all"), address


def fields(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][\w-]+): (.+)$", text, re.MULTILINE))


async def test_security_txt_names_a_contact_and_never_expires_while_it_is_served() -> None:
    kind, text = await fetched("/.well-known/security.txt")
    found = fields(text)
    assert kind == "text/plain"
    assert found["Contact"] == f"{URL}/en/about/contact"
    assert found["Canonical"] == f"{URL}/.well-known/security.txt"
    left = datetime.fromisoformat(found["Expires"]) - now()
    assert timedelta(days=170) < left < timedelta(days=365)
    _, own = await fetched("/.well-known/security.txt", security_contact="mailto:security@epass.example")
    assert fields(own)["Contact"] == "mailto:security@epass.example"


async def test_a_phone_gets_the_name_of_the_portal_in_the_readers_language_and_icons_that_exist() -> None:
    names = set()
    async with browsing() as (http, _):
        for language in LANGUAGES:
            page = (await http.get(f"/{language}")).text
            assert f'<link rel="manifest" href="/{language}/site.webmanifest">' in page
            answer = await http.get(f"/{language}/site.webmanifest")
            assert answer.headers["content-type"] == "application/manifest+json"
            manifest = answer.json()
            names.add(manifest["name"])
            assert (manifest["lang"], manifest["start_url"]) == (language, f"/{language}")
            for icon in manifest["icons"]:
                picture = await http.get(icon["src"])
                assert picture.status_code == 200
                if icon["type"] == "image/png":
                    size = Image.open(BytesIO(picture.content)).size
                    assert f"{size[0]}x{size[1]}" == icon["sizes"]
    assert len(names) == len(LANGUAGES)


async def test_a_browser_finds_an_icon_at_the_usual_address() -> None:
    async with browsing() as (http, _):
        answer = await http.get("/favicon.ico")
    assert Image.open(BytesIO(answer.content)).format == "ICO"


def test_the_icons_are_made_from_the_drawing_as_it_is() -> None:
    for name in SIZES:
        with Image.open(FOLDER / name) as icon:
            made_from = icon.info[SOURCE]
        assert made_from == digest(DRAWING.read_text(encoding="utf-8")), "tests.e2e.icons"
