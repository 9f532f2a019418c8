"""The texts of the site on pages: written, shown at once, and nobody's change lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import Conflict, InvalidInput, Unavailable
from contracts.rpc.approval.site_texts import SiteText, SiteTexts
from services.chassis.runtime.clock import now
from services.gateway.edge.body_limit import LARGEST_BODY
from services.gateway.pages.directory.texts import TITLES
from tests.support.factories.gateway import browsing, staff_claims
from tests.support.system.page_reader import SAME_SITE, Reader

PLACE = "/en/desk/directory/texts"
WORDS = {"text_en": "Website of Punjab", "text_pa": "ਪੰਜਾਬ ਦੀ ਵੈੱਬਸਾਈਟ", "text_hi": "पंजाब की वेबसाइट"}


def written(name: str, **words: str) -> SiteTexts:
    one = SiteText(name=name, words=words, set_by="ADO-0002", set_at=now(), revision="r-1")
    return SiteTexts(items=(one,))


OWNED = written("ownership", en="Website of Punjab", pa="ਪੰਜਾਬ ਦੀ ਵੈੱਬਸਾਈਟ", hi="पंजाब की वेबसाइट")


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    answers = {"approval__site_texts": SiteTexts(), "approval__put_site_text": SiteTexts()}
    async with browsing(session=staff_claims("ado"), **answers) as (http, client):
        yield Reader(http, client)


async def send(ado: Reader, name: str, **form: str):
    files = {field: (None, text) for field, text in form.items()}
    return await ado.http.post(f"{PLACE}/{name}", files=files, headers=SAME_SITE)


async def test_a_form_begins_with_the_text_that_everybody_sees(ado: Reader) -> None:
    assert "Official website of the Government of Punjab" in (await ado.http.get(f"{PLACE}/ownership")).text
    assert "# Who runs this service" in (await ado.http.get(f"{PLACE}/service")).text
    ado.client.answers["approval.site_texts"] = written("service", en="# Ours")
    text = (await ado.http.get(f"{PLACE}/service")).text
    assert "# Ours" in text
    assert "ADO-0002" in text
    listed = (await ado.http.get(PLACE)).text
    assert listed.count("As delivered") == len(TITLES) - 1


async def test_a_form_begins_with_the_file_of_a_site_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "terms.en.md").write_text("# Our terms\n\nBe kind.\n")
    async with browsing(
        session=staff_claims("ado"), given={"site_texts": tmp_path}, approval__site_texts=SiteTexts()
    ) as (http, _):
        assert "# Our terms" in (await http.get(f"{PLACE}/terms")).text


async def test_a_line_is_sent_with_what_was_read_and_shown_in_every_header_at_once(ado: Reader) -> None:
    before = (await ado.http.get("/pa/about/help")).text
    assert "ਪੰਜਾਬ ਸਰਕਾਰ ਦੀ ਅਧਿਕਾਰਤ ਵੈੱਬਸਾਈਟ" in before
    ado.client.answers["approval.site_texts"] = OWNED
    saved = await send(ado, "ownership", was="r-0", key="k-1", **WORDS)
    assert saved.headers["location"] == f"{PLACE}/ownership?notice=saved"
    _, asked, _, key = ado.client.last("approval.put_site_text")
    assert (asked.name, asked.was, asked.words["pa"], key) == ("ownership", "r-0", WORDS["text_pa"], "k-1")
    for address in ("/pa/about/help", "/pa/nothing"):
        assert "ਪੰਜਾਬ ਦੀ ਵੈੱਬਸਾਈਟ" in (await ado.http.get(address)).text
    ado.client.answers["approval.site_texts"] = Unavailable()
    assert "ਪੰਜਾਬ ਦੀ ਵੈੱਬਸਾਈਟ" in (await ado.http.get("/pa/about/help")).text, "the last copy is shown"


async def test_a_page_that_is_long_in_three_languages_is_taken(ado: Reader) -> None:
    texts = {f"text_{code}": "# ਮਦਦ\n" + "ਮ" * 5_900 for code in ("en", "pa", "hi")}
    assert len("".join(texts.values()).encode()) < LARGEST_BODY < len("".join(texts.values()).encode()) * 3
    assert (await send(ado, "help", **texts)).status_code == 303
    refused = await send(ado, "help", **texts | {"text_hi": "# " + "ਮ" * 6_000})
    assert refused.status_code == 422
    assert "at most 6000" in refused.text


@pytest.mark.parametrize(
    ("refusal", "status", "sentence"),
    [
        (InvalidInput.of("text_hi", "no_title"), 422, "The first line is the title"),
        (Conflict(code="changed_meanwhile", by="ADO-0002"), 409, "ADO-0002 has changed this meanwhile"),
        (Unavailable(), 503, 'name="key" value="k-1"'),
    ],
)
async def test_what_is_refused_says_why_and_loses_nothing_that_was_typed(
    ado: Reader, refusal, status: int, sentence: str
) -> None:
    ado.client.answers["approval.put_site_text"] = refusal
    shown = await send(ado, "help", text_en="# What I typed", key="k-1")
    assert shown.status_code == status
    assert sentence in shown.text
    assert "# What I typed" in shown.text


async def test_a_page_is_shown_as_it_is_written_and_its_html_as_text() -> None:
    texts = written("help", en="# Our help\n\n<script>x</script> [Ask](contact)", hi="# मदद")
    async with browsing(approval__site_texts=texts) as (http, _):
        english, punjabi, hindi = [
            (await http.get(f"/{code}/about/help")).text for code in ("en", "pa", "hi")
        ]
        other = (await http.get("/en/about/terms")).text
    assert "Our help</h1>" in english
    assert "&lt;script&gt;x" in english
    assert "मदद</h1>" in hindi
    assert '<div lang="en">' in punjabi, "one that is not written in Punjabi is shown in English"
    assert "Our help" in punjabi
    assert "Our help" not in other
