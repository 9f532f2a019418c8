"""Rules for every page, checked against the routes and templates themselves.

They cover forms of other sites, contents of addresses, guessing, and cookies. A new page is checked without
a new test.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from limits import RateLimitItemPerMinute

from contracts.errors import NotFound
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted
from services.chassis.runtime.clock import now
from services.gateway.access import admission
from services.gateway.edge import rate_limits
from services.gateway.pages.shared import view as view_module
from services.gateway.pages.shared.answers import owner
from services.gateway.pages.sign_in import place_of
from tests.support.factories.gateway import REFERENCE, TableClient, browser, browsing, claims, signed, stubbed
from tests.support.factories.pages import APPLICATION, UNDER_A_LANGUAGE, phone_messages
from tests.support.stack.extent import SHORT
from tests.support.system.page_reader import PERSON, SAME_SITE, Reader, stub

GATEWAY = Path(view_module.__file__).parents[2]
TEMPLATES = GATEWAY / "templates"
OF_A_QUEUE = {
    "order", "site", "officer", "channel", "day", "waiting", "escalated", "open", "about", "done", "failed",
    "back", "following", "step",
}  # fmt: skip
"""Filters of the desk's queue, identifiers of reviews, and how many were approved at once."""
OF_LOGINS = {"role", "department", "site", "state"}
"""Filters of the list of logins."""
IN_AN_ADDRESS = {
    "q", "after", "first", "last", "status", "notice", "to", "direction", "gate", "which", "month", "like",
    "who", "what", "act", "each", "unseen", "kind", "tick", "row", "asks", "days", "part",
    "said",
} | OF_A_QUEUE | OF_LOGINS  # fmt: skip
"""What the query of a page's address may contain: places, states, days, months and cursors.

``q`` is an officer's name, which is public, or words of the site's own texts; ``like`` names a line of the
directory. ``who`` is a login, and ``what`` a reference, a number or a login: what an auditor types comes
there once it has such a form. ``act`` is one of the audit log, ``each`` how it is shown, ``kind`` one of
incidents, ``tick`` a part of the queue, ``row`` a review, ``asks`` a decision,
``said`` which word of a visitor was taken.
"""
PASS_PAGE = "/p/aB3dE5fG7hJ9kL1mN2pQ4r"
STORED = {f"{UNDER_A_LANGUAGE}/site.webmanifest"}
"""The same for everybody, and no page."""
FOR_PROGRAMMERS = {"phone.html"}
"""Served in local mode only."""


def pages(app: FastAPI, method: str) -> Iterator[APIRoute]:
    """Yield the routes of pages that accept a method."""
    for route in app.routes:
        if (
            isinstance(route, APIRoute)
            and route.path.startswith(UNDER_A_LANGUAGE)
            and method in (route.methods or ())
        ):
            yield route


def address_of(route: APIRoute) -> str:
    """Return the path of a route with sample values."""
    samples = {
        "language:lang": "en",
        "review_id": "0195f3a2-0000-4000-8000-000000000001",
        "verb": "reject",
        "name": "who",
    }
    return re.sub(r"\{([^}]+)\}", lambda found: samples.get(found[1], "HOM-0001"), route.path)


SESSIONS: list[dict[str, Any]] = [
    {}, {"kind": "applicant"},
    *({"sub": "ANY-0001", "role": role, "department": None, "site": "PCS1", "gate": "PCS1-G1"}
                                 for role in ("ado", "reception", "security", "ops", "auditor", "privacy")),
]  # fmt: skip
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {},
]
Tried = list[tuple[str, dict[str, str]]]


def from_elsewhere() -> Tried:
    """Return sessions, and how a browser says where a form is from: each of both in short, else each pair."""
    tokens = [signed(claims(**one)) for one in SESSIONS]
    short = [(one, ELSEWHERE[0]) for one in tokens] + [(tokens[1], one) for one in ELSEWHERE[1:]]
    return short if SHORT else list(product(tokens, ELSEWHERE))


async def is_open_to_others(http: httpx.AsyncClient, client: TableClient, path: str, tried: Tried) -> bool:
    """Return whether another site can send a page's form: the status is not 403, or a service was called."""
    for session, headers in tried:
        http.cookies.set("session", session)
        client.asked.clear()
        answer = await http.post(path, data={"key": "k"}, headers=headers)
        asked = [name for name, *_ in client.asked if not name.startswith("accounts.session")]
        if answer.status_code != 403 or asked:
            return True
    return False


async def open_to_others(app: FastAPI, client: TableClient) -> list[str]:
    """Return the pages whose form another site can send, with or without a session of any kind."""
    tried = from_elsewhere()
    async with browser(app) as http:
        return [
            route.path
            for route in pages(app, "POST")
            if await is_open_to_others(http, client, address_of(route), tried)
        ]


async def test_no_page_takes_a_form_that_another_site_sent() -> None:
    app, client = stubbed(given={"rate_limits": False})
    assert len(list(pages(app, "POST"))) > 20
    assert await open_to_others(app, client) == []


async def test_control_without_the_origin_check_every_page_with_a_form_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # pages look at every form, and the session's check at every cookie
    for module in (view_module, admission):
        monkeypatch.setattr(module, "is_same_origin", lambda _request, _url: True)
    app, client = stubbed(given={"rate_limits": False})
    assert {route.path for route in pages(app, "POST")} == set(await open_to_others(app, client))


def personal_fields(name: str, source: str) -> list[str]:
    """Return fields of a template's forms that are sent in the address but may not stand there."""
    found = []
    for form in re.findall(r"<form\b.*?</form>", source, re.DOTALL):
        if re.search(r'method="post"', form[: form.index(">")], re.IGNORECASE):
            continue
        names = re.findall(r'name="([^"]+)"', form) + re.findall(r'fields\.\w+\("(\w+)"', form)
        found += [f"{name}: {field}" for field in names if field not in IN_AN_ADDRESS]
    return found


def test_no_form_sends_anything_personal_in_an_address() -> None:
    sources = {path.name: path.read_text() for path in TEMPLATES.rglob("*.html")}
    assert [
        one
        for name, source in sources.items()
        if name not in FOR_PROGRAMMERS
        for one in personal_fields(name, source)
    ] == []


@pytest.mark.parametrize(
    "form",
    [
        '<form><input name="mobile"></form>',
        '<form method="get" action="/x">{{ fields.text("name", _("Name"), errors) }}</form>',
    ],
)
def test_control_a_form_with_personal_data_in_an_address_is_found(form: str) -> None:
    assert len(personal_fields("new.html", form)) == 1


def test_no_page_reads_an_undeclared_query_parameter() -> None:
    app, _ = stubbed()
    read = {
        parameter.alias
        for method in ("GET", "POST")
        for route in pages(app, method)
        for parameter in route.dependant.query_params
    }
    assert read <= IN_AN_ADDRESS


def names_given(keyword: ast.keyword) -> set[str]:
    """Return the names that a keyword argument sets; for ``**`` the keys of the mapping, or its name."""
    if keyword.arg is not None:
        return {keyword.arg}
    keys = {
        key.value
        for one in ast.walk(keyword.value)
        if isinstance(one, ast.Dict)
        for key in one.keys
        if isinstance(key, ast.Constant)
    }
    return {str(key) for key in keys} or {ast.unparse(keyword.value)}


def test_a_redirect_puts_only_a_notice_into_the_address() -> None:
    written = {
        name
        for path in (GATEWAY / "pages").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "to"
        for keyword in call.keywords
        for name in names_given(keyword)
    }
    assert written == {"notice"}


def inline(source: str) -> list[str]:
    """Return inline scripts, styles and handlers of a page, which the policy forbids."""
    return re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\bstyle=|<[^>]*\son\w+=", source)


def test_no_template_has_script_or_style_in_it() -> None:
    assert {
        path.name: found for path in TEMPLATES.rglob("*.html") if (found := inline(path.read_text()))
    } == {}
    assert len(inline('<p style="x"><script>1</script><a onclick="1"><style>')) == 4


async def test_no_page_loads_anything_from_elsewhere_or_has_script_or_style_in_it() -> None:
    async with browsing(notify__local_phone=phone_messages("hello")) as (http, _):
        for path in ("/en", "/docs", PASS_PAGE, "/dev/phone", "/dev/phone?mobile=9876543210"):
            text = (await http.get(path)).text
            for address in re.findall(r'(?:src|href)="([^"]+)"', text):
                assert re.match(r"/(?!/)|#", address), (path, address)
                if address.startswith("/static/"):
                    assert (await http.get(address)).status_code == 200, address
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", text), path


async def test_every_page_has_the_strict_policy_and_is_stored_by_no_cache() -> None:
    app, _ = stub()
    app.state.gateway.end_streams()
    seen, unseen = set(), set()
    async with browser(app) as http:
        sessions = [signed(claims(**one)) for one in SESSIONS]
        for route, session in product(pages(app, "GET"), sessions):
            if route.path in seen & unseen:
                continue  # a page has one answer for all who may see it, and one for all who may not
            http.cookies.set("session", session)
            answer = await http.get(address_of(route))
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert "data:" not in policy
            if route.path not in STORED:
                assert "no-store" in answer.headers["cache-control"], route.path
            if answer.status_code == 200:
                assert inline(answer.text) == [], route.path
            (seen if answer.status_code == 200 else unseen).add(route.path)
        for path in ("/docs", "/p/aB3dE5fG7hJ9kL1mN2pQ4r"):
            answer = await http.get(path)
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert inline(answer.text) == [], path
    assert len(seen) > 8


LIMITED = {"/sign-in": "otp", "/sign-in/code": "otp_verify", "/status": "status", "/staff/sign-in": "login"}


@pytest.mark.parametrize(("path", "what"), LIMITED.items())
async def test_a_rate_limit_of_an_address_shows_when_to_try_again(
    monkeypatch: pytest.MonkeyPatch, path: str, what: str
) -> None:
    monkeypatch.setitem(rate_limits.LIMITS, what, (RateLimitItemPerMinute(1),))
    app, _ = stub(application__status=NotFound())
    form = {"reference": REFERENCE, "mobile_last4": "0000"}
    async with browser(app) as http:
        assert (await http.post(f"/pa{path}", data=form, headers=SAME_SITE)).status_code != 429
        limited = await http.post(f"/en{path}", data=form, headers=SAME_SITE)
    async with browser(app, "198.51.100.7") as elsewhere:
        other = await elsewhere.post(f"/en{path}", data=form, headers=SAME_SITE)
    assert (limited.status_code, limited.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert "Try again in 1 minute." in limited.text
    assert 1 <= int(limited.headers["retry-after"]) <= 61
    assert other.status_code != 429


WRITTEN = ("PCS-7K3M-9QW3", " pcs-7k3m-9qw3", "PCS7K3M9QW3", "7K3M-9QW3", "PCS 7k3m 9qw3")


KINDS = {
    "PCS": ("reference", "/api/v1/status", "application.status"),
    "REQ": ("request_number", "/api/v1/requests/status", "application.request_status"),
}
"""How a number begins → its field and address of the JSON interface, and who is asked."""
GUESSES = pytest.mark.parametrize(
    ("kind", "limit", "addresses"),
    [(kind, *one) for kind in KINDS for one in (("status_reference", 1), ("status_anywhere", 5))],
)


async def guessed(
    monkeypatch: pytest.MonkeyPatch, kind: str, limit: str, addresses: int
) -> tuple[list[int], int]:
    """Guess five mobiles of one number; return the responses and how many reached the service.

    Each guess is in another spelling, every second one through the API.
    """
    field, path, asked = KINDS[kind]
    monkeypatch.setitem(rate_limits.LIMITS, limit, (RateLimitItemPerMinute(3),))
    app, client = stub(application__status=NotFound(), application__request_status=NotFound())
    statuses = []
    for number, reference in enumerate(WRITTEN):
        typed = reference.replace("PCS", kind).replace("pcs", kind.lower())
        last4 = {"mobile_last4": f"000{number}"}
        async with browser(app, f"198.51.100.{number % addresses}") as http:
            by_page = number % 2 == 0
            answer = await (
                http.post("/en/status", data={"reference": typed, **last4}, headers=SAME_SITE)
                if by_page
                else http.post(path, json={field: typed, **last4})
            )
        statuses.append(answer.status_code)
    return statuses, sum(name == asked for name, *_ in client.asked)


@GUESSES
async def test_the_mobile_of_a_reference_cannot_be_guessed(
    monkeypatch: pytest.MonkeyPatch, kind: str, limit: str, addresses: int
) -> None:
    assert await guessed(monkeypatch, kind, limit, addresses) == ([422, 404, 422, 429, 429], 3)


async def _count_nothing(*_: object) -> None: ...


@GUESSES
async def test_control_without_the_limit_of_a_reference_the_mobile_can_be_guessed(
    monkeypatch: pytest.MonkeyPatch, kind: str, limit: str, addresses: int
) -> None:
    monkeypatch.setattr(rate_limits.RateLimits, "hit", _count_nothing)
    assert await guessed(monkeypatch, kind, limit, addresses) == ([422, 404, 422, 404, 422], 5)


async def test_every_mobile_gets_the_same_answer_when_a_code_is_requested() -> None:
    app, _ = stub(accounts__request_otp=OtpAccepted(request_id="0195f3a2-0000-4000-8000-000000000000"))
    answers = set()
    for mobile in ("9876543210", "9876500000"):
        async with browser(app) as http:
            sent = await http.post("/en/sign-in", data={"mobile": mobile}, headers=SAME_SITE)
            answers.add((sent.status_code, sent.headers["location"]))
    assert answers == {(303, "/en/sign-in/code")}


def signing_in(**answers: Any) -> tuple[FastAPI, TableClient]:
    return stub(
        accounts__request_otp=OtpAccepted(request_id="0195f3a2-0000-4000-8000-000000000000"),
        accounts__verify_otp=lambda _asked: ApplicantSession(
            access_token=signed(claims("applicant")), expires_at=now()
        ),
        **answers,
    )


async def sign_in(person: Reader, asked: str, mobile: str = "98765 43210") -> str:
    """Return the page after signing in from the page that required it."""
    to = re.search(r'name="to" value="([^"]*)"', asked)
    assert to is not None
    await person.send("/sign-in", mobile=mobile, to=to[1])
    done = await person.http.post("/en/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    person.http.cookies.set(
        "session", signed(claims("applicant"))
    )  # what the answer set ends at once, for the test's clock
    return done.headers["location"]


async def test_answers_are_not_shown_to_the_next_mobile_on_the_same_phone() -> None:
    app, client = signing_in()
    async with browser(app) as http:
        person = Reader(http, client)
        await sign_in(person, (await person.open("/apply/who")).text)
        await person.send("/apply/who", **PERSON)
        http.cookies.set("session", "ended")
        await sign_in(person, (await person.open("/apply/visit")).text, "91234 56789")
        assert "Gurpreet" not in (await person.open("/apply/who")).text


async def test_answers_reused_from_an_old_application_are_not_shown_to_the_next_mobile() -> None:
    app, client = signing_in(application__view=APPLICATION)
    async with browser(app) as http:
        person = Reader(http, client)
        await sign_in(person, (await person.open("/apply/who")).text)
        await person.send(f"/applications/{REFERENCE}/again")
        name = APPLICATION.applicant.name
        assert f'value="{name}"' in (await person.open("/apply/who")).text
        http.cookies.set("session", "ended")
        await sign_in(person, (await person.open("/apply/visit")).text, "91234 56789")
        assert name not in (await person.open("/apply/who")).text


def test_a_mobile_is_recognised_in_any_digits() -> None:
    assert owner("98765 43210") == owner("+919876543210") == owner("੯੮੭੬੫੪੩੨੧੦") == "9876543210"


@pytest.mark.parametrize(
    ("to", "place"),
    [
        ("apply", "/apply/who"), ("history", "/applications"), ("apply/visit", "/apply/visit"),
        (f"applications/{REFERENCE}", f"/applications/{REFERENCE}"), ("", "/apply/who"),
        ("//evil.example", "/apply/who"),
        ("https://evil.example", "/apply/who"), ("apply/../../desk", "/apply/who"),
        ("apply/who\r\nX: y", "/apply/who"), ("desk", "/apply/who"),
    ],
)  # fmt: skip
def test_signing_in_redirects_to_pages_of_this_site_only(to: str, place: str) -> None:
    assert place_of(to) == place


@pytest.mark.parametrize(
    ("url", "name", "secure"),
    [("https://epass.test", "__Host-session", True), ("http://gateway.test", "session", False)],
)
async def test_a_session_cookie_is_read_by_no_script_and_sent_by_no_other_site(
    url: str, name: str, secure: bool
) -> None:
    async with browsing(
        given={"public_url": url},
        accounts__request_otp=OtpAccepted(request_id="0195f3a2-0000-4000-8000-000000000000"),
        accounts__verify_otp=ApplicantSession(access_token=signed(claims("applicant")), expires_at=now()),
    ) as (http, _):
        sent = await http.post("/en/sign-in", data={"mobile": "9876543210"}, headers=SAME_SITE)
        answers = {
            cookie.partition("=")[0]: cookie.partition("=")[2].partition(";")[0]
            for cookie in sent.headers.get_list("set-cookie")
        }
        header = {"Cookie": "; ".join(f"{key}={value}" for key, value in answers.items() if value)}
        done = await http.post("/en/sign-in/code", data={"code": "123456"}, headers={**SAME_SITE, **header})
    set_ = done.headers.get_list("set-cookie")
    assert any(cookie.startswith(f"{name}=") for cookie in set_)
    for cookie in set_:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert ("Secure" in cookie) is secure
        assert cookie.startswith("__Host-") is secure


async def test_over_https_only_a_host_prefixed_session_cookie_counts() -> None:
    async with browsing(given={"public_url": "https://epass.test"}, session=claims("staff")) as (http, _):
        assert (await http.get("/en/desk")).status_code == 303
        http.cookies.set("__Host-session", signed(claims("staff")))
        assert (await http.get("/en/desk")).status_code == 503, "let in; the queue is not in the table"


MULTIPART = {**SAME_SITE, "Content-Type": "multipart/form-data"}
MALFORMED: dict[str, dict[str, Any]] = {
    "a file": {"files": {"q": ("photo.jpg", b"\xff\xd8" * 100, "image/jpeg")}},
    "a large file": {"files": {"q": ("photo.jpg", b"\xff\xd8" * 100_000, "image/jpeg")}},
    "many fields": {"data": {f"f{number}": "x" for number in range(500)}},
    "a long field": {"data": {"q": "x" * 40_000}},
    "a long body": {"data": {"q": "x" * 100_000}},
    "cut off": {
        "content": b"--x",
        "headers": MULTIPART | {"Content-Type": "multipart/form-data; boundary=x"},
    },
    "no boundary": {"content": b"nonsense", "headers": MULTIPART},
    "JSON": {"content": b"{}", "headers": {**SAME_SITE, "Content-Type": "application/json"}},
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_a_malformed_form_gets_an_error_page(what: str) -> None:
    async with browsing(session=claims("staff")) as (http, client):
        answer = await http.post("/en/desk/search", **{"headers": SAME_SITE, **MALFORMED[what]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not client.was_asked("approval.search_reviews")
