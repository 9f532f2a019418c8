"""The pages of the ADO Branch for logins, the sign-in of staff, and the initial password."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from contracts.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    NotAuthenticated,
    TooManyAttempts,
    Unavailable,
)
from contracts.rpc.accounts.logins import IssuedLogin, LoginList
from contracts.rpc.accounts.sessions import EndedSessions
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browsing, claims, signed, staff_claims
from tests.support.factories.pages import login, session
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE, Reader

NEW = {
    "key": "k-1",
    "role": "department",
    "name": "Harjit Singh",
    "department": "home",
    "mobile": "98765 43210",
}


class Ado(Reader):
    """A member of the ADO Branch, whose forms are sent without going where they lead."""

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en{path}", data=form, headers=SAME_SITE)


@pytest.fixture
async def ado() -> AsyncIterator[Ado]:
    issued = IssuedLogin(login_id="HOM-0002", initial_password="amber-canal-seven-lantern")
    async with browsing(
        accounts__list_logins=LoginList(
            items=(login("ADO-0001", role="ado", department=None), login("HOM-0001", last_used_at=now()),
            login("HOM-0003", disabled=True, state="disabled")),
            next="HOM-0003", counts={"active": 2, "never_used": 0, "expired": 0, "disabled": 1_234},
        ),
        accounts__view_login=login("HOM-0001", sessions=2, valid_until=date(2027, 3, 31)),
        accounts__extend_login=login("HOM-0001"),
        accounts__set_login_mobile=login("HOM-0001", has_mobile=True),
        accounts__end_sessions=EndedSessions(login_id="HOM-0001", ended=2),
        accounts__issue_login=issued, accounts__reset_login=issued,
        accounts__disable_login=login("HOM-0001", disabled=True),
        accounts__log_in=session(), accounts__change_password=session(), accounts__log_out=Nothing(),
        approval__sites=SiteList(items=(SITE,)), approval__departments=DepartmentList(items=(HOME,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        session=staff_claims("ado"),
    ) as (http, client):  # fmt: skip
        yield Ado(http, client)


async def test_the_list_shows_each_login_with_its_state_and_the_counts_of_all_states(ado: Ado) -> None:
    text = (await ado.http.get("/en/desk/logins")).text
    assert 'href="/en/desk/logins/HOM-0001"' in text
    assert "/en/desk/logins?after=HOM-0003" in text
    assert "Never" in text
    assert "Disabled (1,234)" in text
    assert "All (1,236)" in text
    assert HOME.name["en"] in text, "a department is called by its name"


async def test_the_filters_stand_in_the_address_and_stay_on_tabs_pages_and_languages(ado: Ado) -> None:
    query = "role=department&department=home&site=&state=active&after=HOM-0001"
    text = (await ado.http.get(f"/en/desk/logins?{query}")).text
    asked = ado.client.last("accounts.list_logins")[1]
    assert (asked.role, asked.department, asked.site, asked.state, asked.after) == (
        "department", "home", None, "active", "HOM-0001",
    )  # fmt: skip
    for address in (
        "/en/desk/logins?role=department&amp;department=home&amp;state=expired",
        "/en/desk/logins?role=department&amp;department=home&amp;state=active&amp;after=HOM-0003",
        f"/pa/desk/logins?{query.replace('&', '&amp;')}",
    ):
        assert f'href="{address}"' in text
    assert '<option value="department" selected>' in text


async def test_a_login_of_a_gate_is_shown_with_the_name_of_the_gate(ado: Ado) -> None:
    guard = login("SEC-0001", role="security", department=None, site="PCS1", gate="PCS1-G1")
    ado.client.answers["accounts.list_logins"] = LoginList(items=(guard,))
    ado.client.answers["accounts.view_login"] = guard
    for path in ("/desk/logins", "/desk/logins/SEC-0001"):
        text = (await ado.http.get(f"/pa{path}")).text
        assert "ਗੇਟ 1" in text, path
        assert "PCS1-G1" not in text, path


async def test_a_filter_that_does_not_exist_is_no_page(ado: Ado) -> None:
    assert (await ado.http.get("/en/desk/logins?role=minister")).status_code == 404


async def test_a_list_without_a_login_says_what_to_do(ado: Ado) -> None:
    ado.client.answers["accounts.list_logins"] = LoginList(items=())
    assert "Take off a filter" in (await ado.http.get("/en/desk/logins?state=expired")).text


async def test_a_login_shows_its_last_day_and_sessions_and_what_can_be_done(ado: Ado) -> None:
    text = (await ado.http.get("/en/desk/logins/HOM-0001")).text
    assert "Wednesday, 31 March 2027" in text
    assert "On 2 devices" in text
    assert 'value="2027-03-31"' in text
    for verb in ("disable", "reset", "sign-out"):
        assert f'href="/en/desk/logins/HOM-0001/{verb}"' in text


async def test_a_disabled_login_offers_nothing(ado: Ado) -> None:
    ado.client.answers["accounts.view_login"] = login("HOM-0003", disabled=True, state="disabled")
    text = (await ado.http.get("/en/desk/logins/HOM-0003")).text
    assert "/en/desk/logins/HOM-0003/" not in text
    assert "Save the last day" not in text


@pytest.mark.parametrize(("typed", "day"), [("2027-06-30", date(2027, 6, 30)), ("", None)])
async def test_a_last_day_is_saved_once_for_each_form(ado: Ado, typed: str, day: date | None) -> None:
    saved = await ado.send("/desk/logins/HOM-0001", key="k-4", valid_until=typed)
    assert saved.headers["location"] == "/en/desk/logins/HOM-0001?notice=extended"
    assert "The last day is saved." in (await ado.http.get(saved.headers["location"])).text
    _, asked, _, key = ado.client.last("accounts.extend_login")
    assert (asked.login_id, asked.valid_until, key) == ("HOM-0001", day, "k-4")


@pytest.mark.parametrize(
    ("typed", "refusal", "status", "sentence"),
    [
        ("31.3.2027", None, 422, "Enter a date"),
        ("2020-01-01", InvalidInput.of("valid_until", "date_past"), 422, "This day has passed"),
        ("2027-01-01", Conflict(code="last_ado"), 409, "must stay without an end"),
    ],
)
async def test_a_last_day_that_is_refused_stays_in_its_field_with_the_reason(
    ado: Ado, typed: str, refusal: Any, status: int, sentence: str
) -> None:
    if refusal is not None:
        ado.client.answers["accounts.extend_login"] = refusal
    shown = await ado.send("/desk/logins/HOM-0001", valid_until=typed)
    assert shown.status_code == status
    assert 'id="valid_until-error"' in shown.text
    assert sentence in shown.text
    assert f'value="{typed}"' in shown.text


@pytest.mark.parametrize(
    ("has_mobile", "link", "sentence"),
    [(False, "Add a mobile", "has no number yet"), (True, "Change the mobile", "the number until now")],
)
async def test_a_login_gets_a_mobile_and_its_page_says_whether_it_has_one(
    ado: Ado, has_mobile: bool, link: str, sentence: str
) -> None:
    ado.client.answers["accounts.view_login"] = login("HOM-0001", has_mobile=has_mobile)
    assert link in (await ado.http.get("/en/desk/logins/HOM-0001")).text
    page = "/desk/logins/HOM-0001/mobile"
    shown = (await ado.http.get(f"/en{page}")).text
    assert sentence in shown
    saved = await ado.send(page, mobile="98765 43210", language="hi", key="k-5")
    assert saved.headers["location"] == "/en/desk/logins/HOM-0001?notice=mobile-set"
    assert "is saved. Its holder is told." in (await ado.http.get(saved.headers["location"])).text
    _, asked, _, key = ado.client.last("accounts.set_login_mobile")
    assert (asked.login_id, asked.mobile, asked.language, key) == ("HOM-0001", "98765 43210", "hi", "k-5")


@pytest.mark.parametrize(
    ("typed", "refusal", "status"),
    [
        ({"mobile": "", "language": "en"}, None, 422),
        ({"mobile": "9876543210", "language": "xx"}, None, 422),
        ({"mobile": "12", "language": "en"}, InvalidInput.of("mobile", "not_a_mobile"), 422),
        ({"mobile": "9876543210", "language": "en"}, Conflict(code="login_disabled"), 409),
    ],
)
async def test_a_mobile_that_is_refused_stays_in_its_field_with_the_reason(
    ado: Ado, typed: dict[str, str], refusal: Any, status: int
) -> None:
    if refusal is not None:
        ado.client.answers["accounts.set_login_mobile"] = refusal
    shown = await ado.send("/desk/logins/HOM-0001/mobile", **typed)
    assert shown.status_code == status
    assert "There is a problem" in shown.text
    assert f'value="{typed["mobile"]}"' in shown.text or not typed["mobile"]


async def test_an_initial_password_is_shown_once_and_stored_by_no_cache(ado: Ado) -> None:
    sent = await ado.send("/desk/logins/new", **NEW)
    assert "amber-canal" not in str(sent.headers)
    shown = await ado.http.get(sent.headers["location"])
    assert "amber-canal-seven-lantern" in shown.text
    assert shown.headers["cache-control"] == "private, no-store"
    _, asked, _, key = ado.client.last("accounts.issue_login")
    assert (asked.role, asked.name) == ("department", "Harjit Singh")
    assert (asked.department, asked.site, key) == ("home", None, "k-1")
    for path in ("/en/desk/logins", "/en/desk/logins/new", "/en/desk/logins/HOM-0002/reset"):
        assert "amber-canal" not in (await ado.http.get(path)).text
    for language in ("en", "pa"):
        again = (await ado.http.get(f"/{language}/desk/logins/issued")).text
        assert "amber-canal" not in again
        assert f'href="/{language}/desk/logins/HOM-0002/reset"' in again, "how to get another one"


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        ({"role": "minister"}, "role", "Choose a role"),
        ({"name": ""}, "name", "Enter a name"),
        ({"name": "x" * 101}, "name", "too long"),
        ({"valid_until": "soon"}, "valid_until", "Enter a date"),
        ({"department": "no such/thing"}, "department", "Choose one of these"),
    ],
)
async def test_an_unreadable_value_is_reported_beside_its_field(
    ado: Ado, form: dict[str, str], field: str, sentence: str
) -> None:
    shown = await ado.send("/desk/logins/new", **{**NEW, **form})
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert not ado.client.was_asked("accounts.issue_login")


@pytest.mark.parametrize(
    ("field", "code", "sentence"),
    [
        ("site", "needed_for_role", "This role needs this"),
        ("gate", "not_of_site", "other secretariat"),
        ("mobile", "not_a_mobile", "98765 43210"),
    ],
)
async def test_a_refusal_is_shown_beside_its_field_and_nothing_typed_is_lost(
    ado: Ado, field: str, code: str, sentence: str
) -> None:
    ado.client.answers["accounts.issue_login"] = InvalidInput(fields=(FieldError(field=field, code=code),))
    shown = await ado.send("/desk/logins/new", **NEW)
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert 'value="Harjit Singh"' in shown.text


@pytest.mark.parametrize(
    ("verb", "command"),
    [("disable", "disable_login"), ("reset", "reset_login"), ("sign-out", "end_sessions")],
)
async def test_the_confirmation_page_changes_nothing(ado: Ado, verb: str, command: str) -> None:
    shown = await ado.http.get(f"/en/desk/logins/HOM-0001/{verb}")
    assert "HOM-0001" in shown.text
    assert f'action="/en/desk/logins/HOM-0001/{verb}"' in shown.text
    assert "Leave it as it is" in shown.text
    assert not ado.client.was_asked(f"accounts.{command}")


async def test_disabling_and_resetting_are_done_once_for_each_form(ado: Ado) -> None:
    gone = await ado.send("/desk/logins/HOM-0001/disable", key="k-2")
    assert gone.headers["location"] == "/en/desk/logins/HOM-0001?notice=disabled"
    assert "HOM-0001 is disabled." in (await ado.http.get(gone.headers["location"])).text
    assert ado.client.last("accounts.disable_login")[3] == "k-2"
    out = await ado.send("/desk/logins/HOM-0001/sign-out", key="k-5")
    assert "HOM-0001 is signed out everywhere." in (await ado.http.get(out.headers["location"])).text
    assert ado.client.last("accounts.end_sessions")[3] == "k-5"
    shown = await ado.http.get((await ado.send("/desk/logins/HOM-0002/reset", key="k-3")).headers["location"])
    assert "amber-canal-seven-lantern" in shown.text
    assert ado.client.last("accounts.reset_login")[3] == "k-3"


@pytest.mark.parametrize(
    ("verb", "code", "sentence"),
    [
        ("disable", "last_ado", "the last login of the ADO Branch"),
        ("reset", "login_disabled", "gets a new one"),
        ("reset", "new", "as things stand"),
    ],
)
async def test_a_refused_action_shows_its_reason(ado: Ado, verb: str, code: str, sentence: str) -> None:
    ado.client.answers[f"accounts.{verb}_login"] = Conflict(code=code)
    refused = await ado.send(f"/desk/logins/ADO-0001/{verb}", key="k")
    assert refused.status_code == 409
    assert sentence in refused.text


@pytest.mark.parametrize("path", ["HOM-0001/delete", "%3Cb%3E/disable", "HOM-0001/new"])
async def test_forged_addresses_are_not_found(ado: Ado, path: str) -> None:
    assert (await ado.http.get(f"/en/desk/logins/{path}")).status_code == 404
    assert (await ado.send(f"/desk/logins/{path}", key="k")).status_code in {404, 405}


@pytest.mark.parametrize(
    ("role", "home"),
    [("department", "/desk"), ("ado", "/desk/logins"), ("security", "/gate"), ("reception", "/counter")],
)
async def test_each_role_lands_on_its_own_page(ado: Ado, role: Any, home: str) -> None:
    ado.client.answers["accounts.log_in"] = session(role=role)
    assert (await ado.send("/staff/sign-in", login_id="HOM-0001", password="p" * 12)).headers[
        "location"
    ] == f"/en{home}"


async def test_an_initial_password_opens_only_the_page_that_changes_it(ado: Ado) -> None:
    ado.client.answers["accounts.log_in"] = session(must_change_password=True)
    assert (await ado.send("/staff/sign-in", login_id="HOM-0001", password="p" * 12)).headers[
        "location"
    ] == "/en/staff/password"
    ado.http.cookies.set("session", signed(claims("staff", must_change_password=True)))
    assert (await ado.http.get("/en/desk")).headers["location"] == "/en/staff/password"
    assert (await ado.send("/desk/search", q="Kaur")).headers["location"] == "/en/staff/password"
    assert (await ado.http.get("/en/staff/password")).status_code == 200
    changed = await ado.send("/staff/password", current="p" * 12, new="n" * 12, again="n" * 12)
    assert changed.headers["location"] == "/en/desk"
    assert "session=" in changed.headers["set-cookie"]


@pytest.mark.parametrize(
    ("answer", "again", "field", "sentence"),
    [
        (None, "other", "again", "differ"),
        (NotAuthenticated(), "n" * 12, "current", "not your current password"),
        (NotAuthenticated(code="initial_password_expired"), "n" * 12, "current", "has expired"),
        (InvalidInput.of("new", "too_short"), "n" * 12, "new", "at least 12 characters"),
        (InvalidInput.of("new", "too_common"), "n" * 12, "new", "too easy to guess"),
    ],
)
async def test_a_refused_password_is_reported_beside_its_field_and_not_shown(
    ado: Ado, answer: Any, again: str, field: str, sentence: str
) -> None:
    if answer is not None:
        ado.client.answers["accounts.change_password"] = answer
    shown = await ado.send("/staff/password", current="secret-current", new="n" * 12, again=again)
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert "secret-current" not in shown.text


@pytest.mark.parametrize("form", [{}, {"login_id": "HOM-0001"}, {"password": "p"}])
async def test_signing_in_with_half_a_login_asks_for_the_other_half(ado: Ado, form: dict[str, str]) -> None:
    shown = await ado.send("/staff/sign-in", **form)
    assert (shown.status_code, "Enter login ID and password" in shown.text) == (422, True)
    assert not ado.client.was_asked("accounts.log_in")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("wrong_login", "The login ID or the password is wrong"),
        ("initial_password_expired", "Ask the ADO Branch for a new one"),
    ],
)
async def test_a_refused_login_does_not_reveal_which_half_was_wrong(
    ado: Ado, code: str, sentence: str
) -> None:
    ado.client.answers["accounts.log_in"] = NotAuthenticated(code=code)
    shown = await ado.send("/staff/sign-in", login_id="HOM-0001", password="secret-guess")
    assert (shown.status_code, sentence in shown.text) == (422, True)
    assert "secret-guess" not in shown.text


async def test_an_issued_login_says_until_when_its_initial_password_can_be_used(ado: Ado) -> None:
    until = datetime(2027, 3, 31, 6, 30, tzinfo=UTC)
    reset = IssuedLogin(login_id="HOM-0001", initial_password="k7fm-w3pa-xq9t", valid_until=until)
    ado.client.answers["accounts.reset_login"] = reset
    await ado.send("/desk/logins/HOM-0001/reset", key="k")
    shown = (await ado.http.get("/en/desk/logins/issued")).text
    assert ("k7fm-w3pa-xq9t" in shown, "31 March 2027" in shown) == (True, True)


async def test_a_rate_limit_of_accounts_shows_when_to_try_again(ado: Ado) -> None:
    ado.client.answers["accounts.log_in"] = TooManyAttempts(retry_after=150)
    shown = await ado.send("/staff/sign-in", login_id="HOM-0001", password="p")
    assert (shown.status_code, shown.headers["retry-after"]) == (429, "150")
    assert "Try again in 3 minutes." in shown.text


@pytest.mark.parametrize("answer", [Nothing(), Unavailable("down")])
async def test_signing_out_ends_the_session_here_at_once_and_in_accounts(ado: Ado, answer: Any) -> None:
    ado.client.answers["accounts.log_out"] = answer
    left = await ado.send("/staff/sign-out")
    assert left.headers["location"] == "/en/staff/sign-in"
    assert "Max-Age=0" in left.headers["set-cookie"]
    assert ado.client.was_asked("accounts.log_out")
    assert (await ado.http.get("/en/desk/logins")).headers["location"].startswith("/en/staff/sign-in")


async def test_an_assistant_is_issued_with_the_officer_and_their_department(ado: Ado) -> None:
    shown = (await ado.http.get("/en/desk/logins/new")).text
    assert 'value="home|baldev"' in shown
    issued = await ado.send("/desk/logins/new", **NEW | {"department": "", "assistant_of": "home|baldev"})
    assert issued.status_code == 303
    wanted = ado.client.last("accounts.issue_login")[1]
    assert (wanted.department, wanted.assistant_of) == ("home", "baldev")


async def test_an_assistant_of_an_officer_of_another_department_is_not_issued(ado: Ado) -> None:
    wrong = await ado.send("/desk/logins/new", **NEW | {"assistant_of": "finance|baldev"})
    assert (wrong.status_code, "This officer is of another department" in wrong.text) == (422, True)
    assert not ado.client.was_asked("accounts.issue_login")


async def test_the_list_says_who_is_an_assistant(ado: Ado) -> None:
    ado.client.answers["accounts.list_logins"] = LoginList(items=(login("HOM-0009", assistant_of="baldev"),))
    assert "Assistant" in (await ado.http.get("/en/desk/logins")).text


async def test_a_browser_shows_the_logins_that_signed_in_there_before(ado: Ado) -> None:
    for number in range(26):
        ado.client.answers["accounts.log_in"] = session(device=f"token-{number}")
        signed_in = await ado.send("/staff/sign-in", login_id="HOM-0001", password="p")
    cookie = next(one for one in signed_in.headers.get_list("set-cookie") if one.startswith("logins="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    await ado.send("/staff/sign-in", login_id="HOM-0001", password="p")
    assert ado.client.last("accounts.log_in")[1].devices == tuple(f"token-{n}" for n in range(25, 1, -1))


async def test_the_first_sign_in_in_a_browser_sends_no_field_of_devices(ado: Ado) -> None:
    await ado.send("/staff/sign-in", login_id="HOM-0001", password="p")
    asked = ado.client.last("accounts.log_in")[1]
    assert asked.model_fields_set == {"login_id", "password"}, "the last version refuses others"


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("here", "Too many passwords were wrong here."),
        ("strangers", "A browser in which you have signed in before is not affected."),
        ("address", "Another connection works at once."),
    ],
)
async def test_a_refused_person_reads_which_limit_was_reached(ado: Ado, limit: str, text: str) -> None:
    ado.client.answers["accounts.log_in"] = TooManyAttempts(retry_after=150, limit=limit)
    shown = await ado.send("/staff/sign-in", login_id="HOM-0001", password="p")
    assert text in shown.text
