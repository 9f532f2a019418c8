"""The privacy notice: before the first field, with the periods that are set, and with a version."""

import asyncio
import re
from pathlib import Path

import pytest
from starlette.datastructures import FormData

from contracts.errors import NotFound, Unavailable
from contracts.model import Language
from contracts.rpc.application import Acknowledged, Invited
from contracts.rpc.approval.site_texts import SiteText, SiteTexts
from contracts.rpc.notices import RecordedNotice, ShownNotice
from services.gateway.pages.shared import privacy
from services.gateway.pages.shared.forms import told_of
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import (
    REFERENCE,
    browsing,
    claims,
    pass_view,
    running,
    staff_claims,
    stubbed,
    until,
)
from tests.support.factories.issuance import NOW
from tests.support.system.page_reader import hidden, somebody, visiting

PERIODS = {
    "people_kept_days": 365, "photographs_kept_days": 30, "records_kept_months": 37,
    "watchlist_kept_days": 77, "backup_days": 18,
}  # fmt: skip
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
RIGHTS = {
    "en": ("correct it", "erased", "complain to the Data Protection Board"),
    "hi": ("ठीक करा", "मिटवा", "डेटा संरक्षण बोर्ड"),
    "pa": ("ਠੀਕ ਕਰਵਾ", "ਮਿਟਵਾ", "ਡਾਟਾ ਸੁਰੱਖਿਆ ਬੋਰਡ"),
}
KINDS = {
    "en": ("omplaint", "atchlist"), "hi": ("शिकायत", "निगरानी सूची"), "pa": ("ਸ਼ਿਕਾਇਤ", "ਨਿਗਰਾਨੀ ਸੂਚੀ"),
}  # fmt: skip
EMAIL = {"en": "email address", "hi": "ईमेल पते", "pa": "ਈਮੇਲ ਪਤੇ"}


def version_on(page: str) -> str:
    """Return the version that a page names."""
    [found] = re.findall(r": ([0-9a-f]+)<", page)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_notice_says_how_long_the_site_keeps_each_kind_of_data(language: Language) -> None:
    async with browsing(given=PERIODS) as (http, _):
        page = (await http.get(f"/{language}/about/privacy")).text
        first = (await http.get(f"/{language}/sign-in")).text
    kept = re.findall(r"<li>(.+?)</li>", page.partition('id="kept"')[2].partition("</ul>")[0])
    people, photographs, requests, watchlist, records, _, backups = kept
    assert EMAIL[language] in people
    periods = zip(
        (people, photographs, requests, watchlist, records, backups), (365, 30, 365, 77, 37, 19), strict=True
    )
    assert [one for one, period in periods if f"{period} " not in one] == []
    for kind, said in zip(KINDS[language], (requests, watchlist), strict=True):
        assert kind in said
        assert kind in first, "in short, too"
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
    notice = before.split('id="notice"')[1]
    assert "180 " in notice
    for right in RIGHTS[language]:
        assert right in notice


async def test_photographs_never_stay_for_longer_than_people() -> None:
    given = {"people_kept_days": 60, "photographs_kept_days": 90}
    async with browsing(given=given) as (http, _):
        assert (
            "Photographs: at the latest 60 days after the visit" in (await http.get("/en/about/privacy")).text
        )


async def test_the_notice_says_for_how_long_a_photograph_stays_although_people_ask() -> None:
    for days, said in ((0, False), (30, True)):
        async with browsing(given={"photographs_kept_at_least_days": days}) as (http, _):
            page = (await http.get("/en/about/privacy")).text
        assert ("Photographs stay for at least 30 days after the visit" in page) == said


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


async def test_the_words_that_people_agree_to_are_part_of_the_version(monkeypatch) -> None:
    found = set()
    for basis, label in (("law", ""), ("consent", ""), ("consent", "I agree to something else.")):
        if label:
            monkeypatch.setitem(privacy.CONSENTS, "applicant", label)
        async with browsing(given={"basis": basis}) as (http, _):
            found.add(version_on((await http.get("/en/about/privacy")).text))
    assert len(found) == 3


async def test_each_version_is_stored_once_by_a_process_and_asked_again_until_it_is() -> None:
    app, client = stubbed(application__record_notice=Unavailable())
    state = app.state.gateway
    with pytest.raises(Unavailable):
        await state.notice.refresh()
    client.answers["application.record_notice"] = RecordedNotice(version="stored")
    for _ in range(3):
        await state.notice.refresh()
    stored = [one[1] for one in client.asked if one[0] == "application.record_notice"]
    assert [one.version for one in stored] == [stored[0].version] * 2
    assert set(stored[0].texts) == set(LANGUAGES)
    words = {"en": "Consent, section 6.", "pa": "ਸਹਿਮਤੀ", "hi": "सहमति"}
    text = SiteText(name="basis", words=words, set_by="ADO-0001", set_at=NOW, revision="1")
    state.site_texts.value = SiteTexts(items=(text,))
    await state.notice.refresh()
    assert "ਸਹਿਮਤੀ" in client.last("application.record_notice")[1].texts["pa"].law


def test_a_form_names_a_version_or_what_one_was_until_0_28_and_nothing_else() -> None:
    whole = 8 * "01af"
    for told in (whole, whole[:12]):
        assert told_of(FormData({"told": told})) == {"notice": told}
    assert told_of(FormData({"told": whole[:13]})) == {}


async def test_a_new_version_is_stored_as_soon_as_a_page_shows_it() -> None:
    app, client = stubbed(
        application__record_notice=RecordedNotice(version="stored"), approval__site_texts=SiteTexts()
    )

    def stored() -> set[str]:
        return {one[1].version for one in client.asked if one[0] == "application.record_notice"}

    async with running(app) as http:
        await until("the first version", lambda: asyncio.sleep(0, bool(stored())))
        words = {"en": "Consent, section 6.", "pa": "ਸਹਿਮਤੀ", "hi": "सहमति"}
        text = SiteText(name="basis", words=words, set_by="ADO-0001", set_at=NOW, revision="1")
        client.answers["approval.site_texts"] = SiteTexts(items=(text,))
        await app.state.gateway.site_texts.refresh()
        shown = version_on((await http.get("/en/about/privacy/print")).text)
        await until("the new version", lambda: asyncio.sleep(0, shown in stored()))


async def test_a_version_is_read_with_all_that_it_said_and_an_unknown_one_says_so() -> None:
    app, _ = stubbed({"basis": "consent"})
    notice = privacy.notice(app.state.site_texts, app.state.gateway)
    shown = ShownNotice(texts=notice.texts, first_shown=NOW)
    async with browsing(application__view_notice=shown) as (http, client):
        page = await http.get(f"/pa/about/privacy/versions/{notice.version}")
        assert client.last("application.view_notice")[1].version == notice.version
        for said in (notice.version, notice.texts["pa"].short, *notice.texts["pa"].consents):
            assert said in page.text
        client.answers["application.view_notice"] = NotFound()
        unknown = await http.get("/en/about/privacy/versions/<b>")
    assert (page.status_code, unknown.status_code) == (200, 404)
    assert "There is no notice with this version" in unknown.text
    assert "<b>" not in unknown.text


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
