"""The privacy notice: before the first field, with the periods that are set, and with a version."""

import re
from pathlib import Path

import pytest

from contracts.model import Language
from contracts.rpc.application import Acknowledged, Invited
from contracts.rpc.approval.site_texts import SiteText, SiteTexts
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import REFERENCE, browsing, claims, pass_view, staff_claims
from tests.support.factories.issuance import NOW
from tests.support.system.page_reader import hidden, somebody, visiting

PERIODS = {"people_kept_days": 365, "photographs_kept_days": 30, "records_kept_months": 37}
WALK_IN = {
    "key": "one-key", "name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "4821", "language": "pa",
    "deliver_by": "sms", "department": "home", "purpose_kind": "meeting", "purpose": "Arms licence renewal",
    "date-0": "2026-12-01", "from-0": "10:00", "to-0": "12:00",
}  # fmt: skip
INVITATION = {
    "key": "k-1", "site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "date": "2026-12-01",
    "from": "10:00", "to": "12:00", "delegation": "no", "language": "pa", "deliver_by": "sms",
    "visitors": "Ravi Kumar",
}  # fmt: skip
EMAIL = {"en": "email address", "hi": "ईमेल पते", "pa": "ਈਮੇਲ ਪਤੇ"}


def version_on(page: str) -> str:
    """Return the version that a page names."""
    [found] = re.findall(r": ([0-9a-f]{12})<", page)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_notice_says_how_long_the_site_keeps_each_kind_of_data(language: Language) -> None:
    async with browsing(given=PERIODS) as (http, _):
        page = (await http.get(f"/{language}/about/privacy")).text
        first = (await http.get(f"/{language}/sign-in")).text
    people, photographs, records, _ = re.findall(
        r"<li>(.+?)</li>", page.partition('id="kept"')[2].partition("</ul>")[0]
    )
    assert EMAIL[language] in people
    assert ("365 " in people, "30 " in photographs, "37 " in records) == (True, True, True)
    assert "365 " in first
    assert "180 days after" not in page


@pytest.mark.parametrize("address", ["/sign-in", "/apply"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_notice_stands_before_the_first_field_with_a_link_to_the_whole(
    language: Language, address: str
) -> None:
    async with browsing() as (http, _):
        page = (await http.get(f"/{language}{address}")).text
    before, _, _ = page.partition('name="mobile"')
    assert 'id="notice"' in before
    assert f'href="/{language}/about/privacy"' in before
    assert "180 " in before.split('id="notice"')[1]


async def test_photographs_never_stay_for_longer_than_people() -> None:
    given = {"people_kept_days": 60, "photographs_kept_days": 90}
    async with browsing(given=given) as (http, _):
        assert (
            "Photographs: at the latest 60 days after the visit" in (await http.get("/en/about/privacy")).text
        )


async def test_the_law_and_the_officer_are_what_the_ado_branch_has_written() -> None:
    words = {"en": "Consent, section 6.", "pa": "ਸਹਿਮਤੀ", "hi": "सहमति"}
    text = SiteText(name="basis", words=words, set_by="ADO-0001", set_at=NOW, revision="1")
    async with browsing(approval__site_texts=SiteTexts(items=(text,))) as (http, _):
        page = (await http.get("/en/about/privacy")).text
    assert "Consent, section 6." in page
    assert "(section 7)" not in page
    assert "Data Protection Board of India" in page


async def test_another_text_or_period_is_another_version_and_the_same_one_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "privacy.en.md").write_text("# Privacy\n\nOurs.\n")
    found = []
    for given in ({}, {}, {"people_kept_days": 365}, {"site_texts": tmp_path}):
        async with browsing(given=given) as (http, _):
            in_english = version_on((await http.get("/en/about/privacy")).text)
            assert in_english == version_on((await http.get("/pa/about/privacy")).text)
            found.append(in_english)
    assert (found[0] == found[1], len(set(found))) == (True, 3)


def told_by(page: str) -> str:
    """Return the version that a form sends."""
    [found] = re.findall(r'name="told" value="(.*?)"', page)
    return str(found)


async def test_an_application_says_which_notice_was_shown(tmp_path: Path) -> None:
    async with somebody() as person:
        checked = await person.answer()
        about = (await person.open("/about/privacy")).text
        await person.send("/apply/check", **hidden(checked))
        assert 'href="/en/about/privacy"' in checked.text
        assert (
            person.client.last("application.submit")[1].notice == told_by(checked.text) == version_on(about)
        )
        forged = {**hidden(await person.answer()), "told": "<b>"}
        await person.send("/apply/check", **forged)
        assert person.client.last("application.submit")[1].notice is None


async def test_the_counter_reads_the_notice_out_in_the_visitors_language_and_says_which() -> None:
    session = staff_claims("reception")
    taken = Acknowledged(reference=REFERENCE, status="submitted")
    async with visiting(application__submit_at_counter=taken, session=session) as operator:
        page = (await operator.open("/counter")).text
        before, _, _ = page.partition('name="name"')
        for language in LANGUAGES:
            assert f'lang="{language}">' in before.split('id="notice"')[1]
        await operator.send("/counter/apply", **WALK_IN, told=told_by(page))
        asked = operator.client.last("application.submit_at_counter")[1]
    assert asked.notice == told_by(page)


async def test_an_invitation_says_what_the_invited_read_with_their_pass() -> None:
    made = Invited(references=(REFERENCE,))
    async with visiting(application__invite=made, session=claims("staff")) as clerk:
        page = (await clerk.open("/desk/invitations")).text
        assert "180 days after it" in page.partition('name="visitors"')[0]
        await clerk.send("/desk/invitations", **INVITATION, told=told_by(page))
        assert clerk.client.last("application.invite")[1].notice == told_by(page)
    async with browsing(issuance__view_by_link=pass_view()) as (http, _):
        shown = (await http.get("/p/abcdefghijklmnopqrst?in=en")).text
    assert "180 days after it" in shown.partition('id="notice"')[2]
