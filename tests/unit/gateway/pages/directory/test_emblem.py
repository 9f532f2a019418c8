"""The emblem on pages: sent, shown in every header, and cached under an address of its content."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator

import pytest

from contracts.errors import Conflict, InvalidInput, Unavailable
from contracts.rpc.approval.site_texts import Emblem
from contracts.site_texts import LARGEST_EMBLEM
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.site_text import emblem_address
from tests.support.factories.gateway import browsing, staff_claims
from tests.support.system.page_reader import SAME_SITE, Reader

PLACE = "/en/desk/directory/texts/emblem"
KEPT = Emblem(png="iVBORw==", set_by="ADO-0002", set_at=now(), revision="r-1")
ADDRESS = emblem_address(KEPT.png)


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    answers = {"approval__emblem": Emblem(), "approval__put_emblem": KEPT}
    async with browsing(session=staff_claims("ado"), **answers) as (http, client):
        yield Reader(http, client)


async def send(ado: Reader, picture: bytes = b"png", **form: str):
    files = {"picture": ("e.png", picture), **{name: (None, text) for name, text in form.items()}}
    return await ado.http.post(PLACE, files=files, headers=SAME_SITE)


async def test_an_emblem_is_sent_and_shown_in_every_header_at_once(ado: Reader) -> None:
    assert "/emblem/" not in (await ado.http.get("/hi/about/help")).text
    assert (await ado.http.get(ADDRESS)).status_code == 404
    ado.client.answers["approval.emblem"] = KEPT
    saved = await send(ado, was="r-0", key="k-1")
    assert saved.headers["location"] == f"{PLACE}?notice=saved"
    _, asked, _, key = ado.client.last("approval.put_emblem")
    assert (asked.picture, asked.was, key) == (b64encode(b"png").decode(), "r-0", "k-1")
    assert f'src="{ADDRESS}"' in (await ado.http.get("/hi/about/help")).text
    assert "ADO-0002" in (await ado.http.get(PLACE)).text
    ado.client.answers["approval.emblem"] = Unavailable()
    shown = await ado.http.get(ADDRESS)
    assert (shown.content, shown.headers["content-type"]) == (b64decode(KEPT.png), "image/png")
    assert "immutable" in shown.headers["cache-control"]


async def test_a_replica_with_another_emblem_lets_nobody_store_it(ado: Reader) -> None:
    ado.client.answers["approval.emblem"] = KEPT
    other = await ado.http.get("/emblem/0123456789abcdef.png")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")


async def test_a_large_emblem_is_taken_and_removed(ado: Reader) -> None:
    assert (await send(ado, b"x" * LARGEST_EMBLEM)).status_code == 303, "as large as it may be"
    await send(ado, b"", was="r-1", remove="1")
    asked = ado.client.last("approval.put_emblem")[1]
    assert (asked.picture, asked.was) == ("", "r-1")


@pytest.mark.parametrize(
    ("picture", "refusal", "status", "sentence"),
    [
        (b"", KEPT, 422, "Choose a picture"),
        (b"x" * (LARGEST_EMBLEM + 1), KEPT, 422, "larger than 150 kB"),
        (b"x", InvalidInput.of("picture", "not_a_picture"), 422, "no PNG or JPEG"),
        (b"x", Unavailable(), 503, "A picture, PNG or JPEG"),
    ],
    ids=["none", "too large", "no picture", "no answer"],
)
async def test_what_is_no_emblem_is_refused_in_words(
    ado: Reader, picture: bytes, refusal, status: int, sentence: str
) -> None:
    ado.client.answers["approval.put_emblem"] = refusal
    shown = await send(ado, picture)
    assert shown.status_code == status
    assert sentence in shown.text


async def test_nobody_replaces_an_emblem_that_they_have_not_seen(ado: Reader) -> None:
    ado.client.answers["approval.put_emblem"] = Conflict(code="changed_meanwhile", by="ADO-0002")
    assert (await send(ado)).headers["location"] == f"{PLACE}?notice=changed"
