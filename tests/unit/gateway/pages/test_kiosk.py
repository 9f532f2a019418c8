"""The kiosk: issued by the ADO Branch, enrolled once, cleared after each visitor."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from contracts.errors import Conflict, NotAuthenticated, Unavailable
from contracts.rpc.accounts.logins import IssuedLogin, LoginList, LoginView
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.application import Acknowledged, PassSummary, StatusView
from contracts.rpc.approval.visits import CalledList, CalledVisitor
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import (
    NUMBER,
    REFERENCE,
    browser,
    browsing,
    claims,
    gateway_settings,
    signed,
    staff_claims,
)
from tests.support.factories.pages import counter_application
from tests.support.system.page_reader import PERSON, SAME_SITE, Reader, hidden, somebody, stub, visiting

STEPS = {
    "who": PERSON, "department": {"department": "home"},
    "visit": {
        "officer": "anyone", "purpose_kind": "meeting", "purpose": "Licence", "date-0": "2026-12-01",
        "from-0": "10:00", "to-0": "12:00", "wishes": "yes",
    },
    "companions": {"more": "no", "vehicle": "", "assistance": "", "deliver_by": "sms"},
}  # fmt: skip
"""The questions of an application, with answers."""


def deleted_cookies(response: httpx.Response) -> set[str]:
    """Return the names of the cookies that a response deletes."""
    cookies = response.headers.get_list("set-cookie")
    return {value.partition("=")[0] for value in cookies if "Max-Age=0" in value}


def device(**given: object) -> str:
    return signed(claims(sub="KIO-0001", role="kiosk", department=None, site="PCS1", **given))


@pytest.fixture
async def kiosk() -> AsyncIterator[Reader]:
    """Yield an enrolled kiosk at which a mobile was verified."""
    async with visiting(
        application__view=counter_application(channel="kiosk"), accounts__log_out=Nothing()
    ) as person:
        person.http.cookies.set("kiosk", device())
        await person.http.post("/en/kiosk", headers=SAME_SITE)
        person.http.cookies.set("session", signed(claims("applicant")))
        yield person


async def test_an_application_at_a_kiosk_carries_the_kiosk_and_its_site(kiosk: Reader) -> None:
    assert (await kiosk.send("/apply/who", **PERSON)).url.path == "/en/apply/department"
    asked = await kiosk.send("/apply/department", department="home")
    assert asked.url.path == "/en/apply/visit"
    assert 'name="site"' not in asked.text, "the site is the kiosk's"
    _, request, principal, _ = kiosk.client.last("application.check")
    assert (principal.kiosk, principal.site, principal.kind) == ("KIO-0001", "PCS1", "applicant")
    assert request.site == "PCS1"


async def test_an_application_elsewhere_has_the_channel_portal() -> None:
    async with somebody() as person:
        await person.send("/apply/who", **PERSON)
    assert person.client.last("application.check")[2].kiosk is None


@pytest.mark.parametrize(
    "token",
    [
        device(exp=int(now().timestamp()) - 1),
        signed(claims(role="reception", site="PCS1", department=None)),
        "nonsense",
    ],
    ids=["over", "another login's", "forged"],
)
async def test_a_kiosk_with_an_invalid_enrolment_does_not_become_an_ordinary_browser(token: str) -> None:
    app, client = stub()
    async with browser(app) as http:
        http.cookies.set("kiosk", token)
        http.cookies.set("session", signed(claims("applicant")))
        refused = await http.get("/en/applications")
        assert (refused.status_code, "This kiosk is not in use" in refused.text) == (403, True)
        assert (await http.get("/api/v1/applications")).status_code == 403
        assert (await http.get("/en/kiosk")).headers["location"] == "/en/kiosk/enrol"
    assert not client.was_asked("application.list_applications")


CALLED = CalledList(items=(CalledVisitor(reference=REFERENCE, room="402", called_at=now()),))


@pytest.mark.parametrize(("ends_in", "is_renewed"), [(20, True), (40, False)])
async def test_an_enrolled_device_is_the_screen_of_its_hall_and_opens_nothing_of_the_reception(
    ends_in: int, is_renewed: bool
) -> None:
    ends = int((now() + timedelta(days=ends_in)).timestamp())
    fresh = StaffSession(
        access_token="fresh", role="kiosk", login_id="KIO-0001", expires_at=now() + timedelta(days=365)
    )
    async with browsing(approval__list_called=CALLED, accounts__renew_kiosk=fresh) as (http, client):
        assert "/staff/sign-in" in (await http.get("/en/hall")).headers["location"]
        http.cookies.set("kiosk", device(exp=ends))
        shown = await http.get("/en/hall")
        assert (shown.status_code, REFERENCE in shown.text) == (200, True)
        assert 'id="keyboard"' not in shown.text
        assert 'id="idle"' not in shown.text
        _, asked, principal, _ = client.last("approval.list_called")
        assert (asked.site, principal.role, principal.site) == ("PCS1", "kiosk", "PCS1")
        assert client.was_asked("accounts.renew_kiosk") is is_renewed
        for path in ("/en/counter", "/en/counter/calls", f"/en/counter/applications/{REFERENCE}"):
            assert "/staff/sign-in" in (await http.get(path)).headers["location"]


async def test_a_screen_whose_enrolment_has_ended_shows_no_calls_and_the_reception_may_open_the_hall() -> (
    None
):
    for cookies, status in (({"kiosk": "ended"}, 403), ({"session": signed(staff_claims("reception"))}, 200)):
        async with browsing(approval__list_called=CALLED) as (http, _):
            for name, value in cookies.items():
                http.cookies.set(name, value)
            assert (await http.get("/en/hall")).status_code == status
    async with browsing(session=staff_claims("department")) as (http, _):
        assert (await http.get("/en/hall")).status_code == 403


@pytest.mark.parametrize(("to", "place"), [("hall", "/en/hall"), ("", "/en/kiosk")])
async def test_the_token_makes_a_browser_a_kiosk_or_the_screen_of_a_hall(to: str, place: str) -> None:
    made = StaffSession(
        access_token="fresh", role="kiosk", login_id="KIO-0001", expires_at=now() + timedelta(days=365)
    )
    async with browsing(accounts__enrol_kiosk=made) as (http, _):
        form = {"kiosk_id": "KIO-0001", "token": "abcd", "key": "k", "to": to}
        answer = await http.post("/en/kiosk/enrol", data=form, headers=SAME_SITE)
    assert answer.headers["location"] == place
    assert any(one.startswith("kiosk=fresh") for one in answer.headers.get_list("set-cookie"))


async def test_over_https_only_a_host_prefixed_cookie_makes_a_kiosk() -> None:
    app, _ = stub(given={"public_url": "https://epass.test"})
    async with browser(app) as http:
        http.cookies.set("kiosk", device())
        assert (await http.get("/en/kiosk")).headers["location"] == "/en/kiosk/enrol"
        assert (await http.get("/en/applications")).headers["location"].startswith("/en/sign-in")
        http.cookies.set("__Host-kiosk", device())
        assert (await http.get("/en/kiosk")).status_code == 200
        assert (await http.get("/en/applications")).headers["location"] == "/en/kiosk"


@pytest.mark.parametrize(("days", "is_renewed"), [(29, True), (31, False)])
async def test_an_enrolment_is_renewed_on_the_start_page_before_it_ends(days: int, is_renewed: bool) -> None:
    fresh = StaffSession(
        access_token="fresh", role="kiosk", login_id="KIO-0001", expires_at=now() + timedelta(days=365)
    )
    sid = uuid4()
    ends = int((now() + timedelta(days=days)).timestamp())
    async with visiting(accounts__renew_kiosk=fresh) as person:
        person.http.cookies.set("kiosk", device(exp=ends, sid=sid))
        start = await person.http.get("/en/kiosk")
    assert start.status_code == 200
    assert ("kiosk=fresh" in " ".join(start.headers.get_list("set-cookie"))) == is_renewed
    assert person.client.was_asked("accounts.renew_kiosk") == is_renewed
    if is_renewed:
        _, _, principal, key = person.client.last("accounts.renew_kiosk")
        assert (principal.role, principal.sid, key) == ("kiosk", sid, f"renew {sid}")


async def test_a_kiosk_whose_enrolment_cannot_be_renewed_now_goes_on() -> None:
    async with visiting(accounts__renew_kiosk=Unavailable()) as person:
        person.http.cookies.set("kiosk", device())
        start = await person.http.get("/en/kiosk")
    assert (start.status_code, person.client.was_asked("accounts.renew_kiosk")) == (200, True)
    assert not [value for value in start.headers.get_list("set-cookie") if value.startswith("kiosk=")]


async def test_the_devices_token_is_no_session_of_staff() -> None:
    async with visiting() as person:
        person.http.cookies.set("session", device())
        for path in ("/en/counter", "/en/desk", "/en/desk/kiosks", "/en/staff/password", "/en/applications"):
            assert (await person.http.get(path)).status_code == 403, path
    assert not [name for name, *_ in person.client.asked if not name.startswith("accounts.session")]


WAYS_ON = ("/kiosk", "/", "/apply/who", "/apply/department", "/sign-in", "/applications", "/status")
"""Addresses that the next visitor may open: the title link, and others by typing or by going back."""


async def test_the_start_page_clears_answers_and_ends_the_session(kiosk: Reader) -> None:
    await kiosk.send("/apply/who", **PERSON)
    start = await kiosk.http.get("/pa/kiosk")
    assert start.status_code == 200
    assert deleted_cookies(start) == {
        "session",
        *(f"{name}{number}" for name in ("answers", "result") for number in range(5)),
    }, "and not the enrolment"
    assert kiosk.client.was_asked("accounts.log_out")


async def test_the_start_page_speaks_three_languages_at_once(kiosk: Reader) -> None:
    page = (await kiosk.http.get("/en/kiosk")).text
    for words in ("Apply for a visitor pass", "ਦਾਖ਼ਲਾ ਪਾਸ ਲਈ ਅਰਜ਼ੀ ਦਿਓ", "प्रवेश पास के लिए आवेदन करें"):
        assert words in page
    for language in ("pa", "hi", "en"):
        assert f'action="/{language}/kiosk" lang="{language}"' in page


async def test_a_session_ends_while_accounts_is_down(kiosk: Reader) -> None:
    kiosk.client.answers["accounts.log_out"] = Unavailable("down")
    session = kiosk.http.cookies["session"]
    start = await kiosk.http.get("/en/kiosk")
    assert "session" in deleted_cookies(start)
    kiosk.http.cookies.set("session", session)
    assert (await kiosk.http.get("/en/apply/who")).headers["location"] == "/en/kiosk"


async def test_a_session_ends_at_a_kiosk_whose_enrolment_has_ended() -> None:
    async with visiting(accounts__log_out=Nothing()) as person:
        person.http.cookies.set("kiosk", device(exp=int(now().timestamp()) - 1))
        person.http.cookies.set("session", signed(claims("applicant")))
        refused = await person.http.get("/en/kiosk")
    assert refused.headers["location"] == "/en/kiosk/enrol"
    assert "session" in deleted_cookies(refused)
    assert person.client.was_asked("accounts.log_out")


@pytest.mark.parametrize("path", WAYS_ON)
async def test_whoever_types_an_address_begins_anew(kiosk: Reader, path: str) -> None:
    await kiosk.send("/apply/who", **PERSON)
    typed = {"Sec-Fetch-Site": "none"}
    start = await kiosk.http.get(f"/pa{path}".removesuffix("/"), headers=typed, follow_redirects=True)
    assert start.url.path == "/pa/kiosk"
    assert "session" in deleted_cookies(start)
    assert kiosk.client.was_asked("accounts.log_out")


@pytest.mark.parametrize("path", ["/", "/apply/department"])
async def test_whoever_comes_after_a_visitor_who_has_sent_begins_anew(kiosk: Reader, path: str) -> None:
    await send_application(kiosk)
    assert (await kiosk.open("/kiosk/done")).url.path == "/en/kiosk/done"
    assert not kiosk.client.was_asked("accounts.log_out")
    assert (await kiosk.open(path.removesuffix("/"))).url.path == "/en/kiosk"
    assert kiosk.client.was_asked("accounts.log_out")
    assert (await kiosk.open("/kiosk/done")).url.path == "/en/kiosk", "Back shows nothing"


async def test_a_link_to_another_language_begins_anew(kiosk: Reader) -> None:
    for path in ("/sign-in", "/apply/who"):
        page = (await kiosk.open(path)).text
        assert 'href="/pa/kiosk" hreflang="pa"' in page
        assert 'href="/pa/apply' not in page


async def test_no_session_goes_on_without_a_visit_that_began_on_the_start_page() -> None:
    async with visiting(accounts__log_out=Nothing()) as person:
        person.http.cookies.set("kiosk", device())
        person.http.cookies.set("session", signed(claims("applicant")))
        for path in ("/apply/who", "/sign-in", "/status", "/kiosk/done"):
            assert (await person.http.get(f"/en{path}")).headers["location"] == "/en/kiosk", path
        start = await person.http.get("/en/kiosk")
    assert "session" in deleted_cookies(start)
    assert person.client.was_asked("accounts.log_out")


async def test_a_form_of_an_earlier_visitor_is_not_accepted_again(kiosk: Reader) -> None:
    await kiosk.send("/apply/who", **PERSON)
    old = hidden(await kiosk.open("/apply/who"))
    await kiosk.http.get("/en/kiosk")
    await kiosk.http.post("/en/kiosk", headers=SAME_SITE)
    kiosk.http.cookies.set("session", signed(claims("applicant")))
    await kiosk.send("/apply/who", **PERSON)
    again = await kiosk.send("/apply/who", **PERSON, **old)
    assert again.url.path == "/en/kiosk"
    await kiosk.http.post("/en/kiosk", headers=SAME_SITE)
    mine = hidden(await kiosk.open("/sign-in"))
    assert (mine["visit"] == old["visit"], bool(mine["visit"])) == (False, True)
    assert not kiosk.client.was_asked("accounts.request_otp")


async def test_a_form_that_comes_after_the_session_is_not_saved_for_the_next_visitor(kiosk: Reader) -> None:
    kiosk.sign_out_by_time()
    refused = await kiosk.http.post("/en/apply/who", data=PERSON, headers=SAME_SITE)
    assert refused.headers["location"] == "/en/kiosk"
    assert "set-cookie" not in refused.headers


async def test_a_browser_at_a_kiosk_neither_stores_nor_suggests_what_was_typed(kiosk: Reader) -> None:
    await kiosk.send("/apply/who", **PERSON)
    page = await kiosk.open("/apply/who")
    assert page.headers["cache-control"] == "private, no-store"
    assert page.text.count('autocomplete="off"') == 7, "the form and its six fields"
    assert 'autocomplete="name"' not in page.text


async def test_an_ordinary_browser_is_not_reset_by_a_link() -> None:
    async with somebody(accounts__log_out=Nothing()) as person:
        reset = await person.http.get("/en/kiosk")
    assert reset.headers["location"] == "/en/kiosk/enrol"
    assert "set-cookie" not in reset.headers
    assert not person.client.was_asked("accounts.log_out")


@pytest.mark.parametrize("path", ["/en/sign-in", "/en/apply/who", "/en/apply/nonsense", "/en/applications"])
async def test_every_page_at_a_kiosk_resets_itself_also_without_scripts(kiosk: Reader, path: str) -> None:
    """This holds for error pages too."""
    page = (await kiosk.http.get(path, follow_redirects=True)).text
    assert '<noscript><meta http-equiv="refresh" content="90;url=/en/kiosk"></noscript>' in page
    assert 'id="idle"' in page


async def test_no_page_elsewhere_resets_itself() -> None:
    async with visiting() as person:
        page = (await person.http.get("/en/sign-in")).text
    assert 'id="idle"' not in page
    assert "refresh" not in page


async def test_a_page_without_a_sent_application_leads_to_the_start(kiosk: Reader) -> None:
    assert (await kiosk.open("/kiosk/done")).url.path == "/en/kiosk"


async def test_the_last_page_prints_the_reference_and_later_the_pass(kiosk: Reader) -> None:
    await send_application(kiosk)
    done = await kiosk.open("/apply/done")
    assert done.url.path == "/en/kiosk/done"
    assert REFERENCE in done.text
    assert "data-wait-for-change" in done.text
    assert REFERENCE in (await kiosk.open("/kiosk/slip")).text
    assert (await kiosk.open("/kiosk/pass")).status_code == 404
    kiosk.client.answers["application.view"] = counter_application(
        status="issued", channel="kiosk", pass_=PassSummary(number=NUMBER, valid_from=now(), valid_to=now())
    )
    assert 'href="/en/kiosk/pass"' in (await kiosk.open("/kiosk/done")).text
    assert f"/api/v1/passes/{NUMBER}/qr.svg" in (await kiosk.open("/kiosk/pass")).text


async def test_a_kiosk_asks_for_no_email_address(kiosk: Reader) -> None:
    """People type there in public, and leave with the pass on paper or on their phone."""
    for name, form in tuple(STEPS.items())[:-1]:
        shown = await kiosk.send(f"/apply/{name}", **form)
    assert 'name="deliver_by"' in shown.text
    assert 'name="email"' not in shown.text
    assert 'value="email"' not in shown.text


async def send_application(person: Reader) -> None:
    """Answer everything and submit it."""
    for name, form in STEPS.items():
        shown = await person.send(f"/apply/{name}", **form)
        assert shown.status_code == 200, name
    assert (await person.send("/apply/check", **hidden(shown))).status_code == 200


async def test_a_token_makes_a_browser_a_kiosk_and_opens_no_session_of_staff() -> None:
    ends = now() + timedelta(days=365)
    async with visiting(
        accounts__enrol_kiosk=lambda asked: (
            StaffSession(
                access_token=device(), role="kiosk", login_id="KIO-0001", site="PCS1", expires_at=ends
            )
            if asked.password == "k7fm-w3pa-xq9t"
            else (_ for _ in ()).throw(NotAuthenticated(code="wrong_login"))
        )
    ) as person:

        async def enrol(token: str = "k7fm-w3pa-xq9t") -> httpx.Response:
            form = {"kiosk_id": "KIO-0001", "token": token}
            return await person.http.post("/en/kiosk/enrol", data=form, headers=SAME_SITE)

        wrong = await enrol("no")
        assert (wrong.status_code, "The ID or the token is wrong" in wrong.text) == (422, True)
        right = await enrol()
        cookies = right.headers.get_list("set-cookie")
        assert [value.partition("=")[0] for value in cookies] == ["kiosk"]
        assert "HttpOnly" in cookies[0]
        person.client.answers["accounts.enrol_kiosk"] = NotAuthenticated(code="token_used")
        person.http.cookies.clear()
        again = await enrol()
        person.client.answers["accounts.enrol_kiosk"] = NotAuthenticated(code="initial_password_expired")
        late = await enrol()
    assert ("used already" in again.text, "token has expired" in late.text) == (True, True)


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    async with browsing(
        accounts__issue_login=IssuedLogin(login_id="KIO-0002", initial_password="k7fm-w3pa-xq9t"),
        session=staff_claims("ado"),
    ) as (http, client):
        yield Reader(http, client)


async def test_the_address_to_open_is_written_out_in_full_with_its_code(ado: Reader) -> None:
    issued = await ado.http.post(
        "/pa/desk/kiosks", data={"name": "Hall", "site": "PCS1"}, headers=SAME_SITE, follow_redirects=True
    )
    assert f"{gateway_settings().public_url}/pa/kiosk/enrol" in issued.text
    assert "<svg" in issued.text


async def test_the_ado_branch_issues_renews_and_disables_kiosks(ado: Reader) -> None:
    hall = LoginView(login_id="KIO-0001", role="kiosk", name="Main hall", site="PCS1", issued_at=now())
    ado.client.answers["accounts.list_logins"] = LoginList(items=(hall,))
    listed = (await ado.http.get("/en/desk/kiosks")).text
    assert "KIO-0001" in listed
    assert ado.client.last("accounts.list_logins")[1].role == "kiosk", "no login of a person is among them"
    issued = await ado.http.post(
        "/en/desk/kiosks", data={"name": "Main hall", "site": "PCS1", "key": "k"}, headers=SAME_SITE
    )
    assert issued.headers["location"] == "/en/desk/kiosks/issued"
    assert "k7fm-w3pa-xq9t" in (await ado.http.get("/en/desk/kiosks/issued")).text
    again = (await ado.http.get("/pa/desk/kiosks/issued")).text
    assert "k7fm" not in again, "a token is shown once"
    assert "KIO-" in again
    _, asked, _, key = ado.client.last("accounts.issue_login")
    assert (asked.role, asked.site, key) == ("kiosk", "PCS1", "k")
    assert (
        await ado.http.post("/en/desk/kiosks", data={"name": "", "site": "PCS1"}, headers=SAME_SITE)
    ).status_code == 422
    ado.client.answers["accounts.reset_login"] = IssuedLogin(
        login_id="KIO-0001", initial_password="new-token-here"
    )
    renewed = await ado.http.post("/en/desk/kiosks/KIO-0001/token", data={"key": "k"}, headers=SAME_SITE)
    assert "new-token-here" in (await ado.http.get(renewed.headers["location"])).text
    ado.client.answers["accounts.disable_login"] = hall
    gone = await ado.http.post("/en/desk/kiosks/KIO-0001/disable", data={"key": "k2"}, headers=SAME_SITE)
    assert gone.headers["location"] == "/en/desk/kiosks"


async def test_who_leaves_says_at_the_kiosk_whether_they_were_met(kiosk: Reader) -> None:
    begun = await kiosk.http.post("/en/kiosk", data={"to": "met"}, headers=SAME_SITE)
    assert begun.headers["location"] == "/en/status"
    kiosk.client.answers |= {
        "application.status": StatusView(  # it tells nobody whether they have come
            reference=REFERENCE, status="issued", site="PCS1", department="home", timeline=()
        ),
        "application.say_met_here": Acknowledged(reference=REFERENCE, status="left"),
    }
    asked = await kiosk.send("/status", reference=REFERENCE, mobile_last4="3210")
    assert "Were you met?" in asked.text
    said = await kiosk.send("/status/result", outcome="not_met")
    _, request, principal, key = kiosk.client.last("application.say_met_here")
    assert (request.reference, request.mobile_last4, request.outcome) == (REFERENCE, "3210", "not_met")
    assert (principal.role, principal.site, bool(key)) == ("kiosk", "PCS1", True)
    assert "Thank you. The department sees what you say." in said.text
    assert "No, I was not met" not in said.text
    kiosk.client.answers["application.say_met_here"] = Conflict("a week ago", code="no_visit")
    late = await kiosk.send("/status/result", outcome="met")
    assert "This is no longer possible." in late.text
    assert not kiosk.client.was_asked("notify.wrong_number"), "this stops no messages"


async def test_nobody_says_without_a_code_elsewhere_than_at_a_kiosk_whether_they_were_met() -> None:
    found = StatusView(reference=REFERENCE, status="issued", site="PCS1", department="home", timeline=())
    async with visiting(application__status=found, notify__wrong_number=Nothing()) as person:
        asked = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        await person.send("/status/result", outcome="met")
    assert "Were you met?" not in asked.text
    assert not person.client.was_asked("application.say_met_here")
