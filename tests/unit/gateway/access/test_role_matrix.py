"""Whoever a route does not admit is refused there, with every method, before any service is asked."""

from fastapi import FastAPI

from tests.support.factories.callers import APPLICANT, EVERYBODY, NOBODY, refusals
from tests.support.factories.gateway import TableClient, browser, claims, signed, stubbed
from tests.support.system.page_reader import SAME_SITE

KEPT_BY_THE_GATEWAY = {"accounts.session_keys", "accounts.denied_sessions"}
"""Calls that check a session."""


def session_of(who: str) -> str:
    if who == APPLICANT:
        return signed(claims("applicant"))
    department = "home" if who == "department" else None
    return signed(claims(sub="ANY-0001", role=who, department=department, site="PCS1", gate=None))


async def admitted_by_mistake(app: FastAPI, client: TableClient) -> list[tuple[str, str, str, int]]:
    """Return those who were answered, or for whom a service was asked."""
    found = []
    sessions = {who: session_of(who) for who in EVERYBODY if who != NOBODY}
    async with browser(app) as http:
        for method, path, who in refusals(app):
            http.cookies.clear()
            if who in sessions:
                for cookie in ("session", "operator"):
                    http.cookies.set(cookie, sessions[who])
            client.asked.clear()
            content = {"json": {}} if path.startswith("/api") else {"data": {"replayed": "1"}}
            answer = await http.request(
                method, path, headers=SAME_SITE, **(content if method == "POST" else {})
            )
            asked = {name for name, *_ in client.asked} - KEPT_BY_THE_GATEWAY
            to_sign_in = answer.status_code == 303 and "sign-in" in answer.headers["location"]
            if asked or not (to_sign_in or answer.status_code in {401, 403}):
                found.append((method, path, who, answer.status_code))
    return found


async def test_whoever_is_not_admitted_is_refused_and_no_service_is_asked() -> None:
    app, client = stubbed(given={"rate_limits": False})
    assert len(list(refusals(app))) > 1_500
    assert await admitted_by_mistake(app, client) == []
