"""The screen of a waiting hall: whom offices call, in three languages at once."""

import re
from datetime import UTC, datetime

import pytest

from contracts.rpc.approval.visits import CalledList, CalledQuestion, CalledVisitor
from tests.support.factories.gateway import REFERENCE, staff_claims
from tests.support.system.page_reader import visiting

CALLED = CalledList(
    items=(
        CalledVisitor(reference=REFERENCE, room="4-31", called_at=datetime(2026, 12, 2, 8, 35, tzinfo=UTC)),
        CalledVisitor(reference="PCS-0000-0001", called_at=datetime(2026, 12, 2, 8, 30, tzinfo=UTC)),
    )
)
HEADINGS = {
    "pa": ["ਕਿਰਪਾ ਕਰਕੇ ਹੁਣ ਆਓ", "ਅਰਜ਼ੀ ਨੰਬਰ", "ਕਮਰਾ", "ਬੁਲਾਏ ਗਏ"],
    "hi": ["कृपया अब आइए", "आवेदन नंबर", "कमरा", "बुलाए गए"],
    "en": ["Please come now", "Reference", "Room", "Called"],
}


def lines(page: str, language: str) -> list[str]:
    """Return what is shown in a language, without what waits in the page for when there is no news."""
    shown = page.partition("<template data-lost")[0]
    return re.findall(f'<span class="epass-line" lang="{language}">([^<]*)</span>', shown)


@pytest.mark.parametrize("language", HEADINGS)
async def test_title_and_columns_are_in_three_languages_whatever_the_language_of_the_page(
    language: str,
) -> None:
    async with visiting(staff_claims("reception"), approval__list_called=CALLED) as reader:
        page = (await reader.http.get(f"/{language}/hall")).text
        assert {one: lines(page, one) for one in HEADINGS} == HEADINGS
        rows = re.findall(r'<th scope="row"[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)<', page)
        assert rows == [(REFERENCE, "4-31", "2:05"), ("PCS-0000-0001", "–", "2:00")]


async def test_what_is_spoken_is_the_reference_and_the_room_where_it_is_known() -> None:
    async with visiting(staff_claims("reception"), approval__list_called=CALLED) as reader:
        page = (await reader.open("/hall")).text
    spoken = re.findall(r'data-pa="([^"]*)" data-hi="([^"]*)" data-en="([^"]*)"', page)
    assert spoken == [
        (
            f"ਕਿਰਪਾ ਕਰਕੇ ਹੁਣ ਆਓ: {REFERENCE}, ਕਮਰਾ 4-31",
            f"कृपया अब आइए: {REFERENCE}, कमरा 4-31",
            f"Please come now: {REFERENCE}, room 4-31",
        ),
        tuple(f"{HEADINGS[one][0]}: PCS-0000-0001" for one in ("pa", "hi", "en")),
    ]


async def test_nobody_called_is_said_in_three_languages_for_the_site_of_the_reception() -> None:
    session = staff_claims("reception")
    async with visiting(session, approval__list_called=CalledList(items=())) as reader:
        page = (await reader.open("/hall")).text
        assert reader.client.last("approval.list_called")[1] == CalledQuestion(site=session.site)
    assert [lines(page, one)[-1] for one in HEADINGS] == [
        "ਇਸ ਵੇਲੇ ਕਿਸੇ ਨੂੰ ਨਹੀਂ ਬੁਲਾਇਆ ਗਿਆ।",
        "अभी किसी को नहीं बुलाया गया है।",
        "Nobody is called just now.",
    ]
    assert "data-call=" not in page


async def test_no_department_opens_it() -> None:
    async with visiting(staff_claims("department")) as reader:
        assert (await reader.open("/hall")).status_code == 403
