"""Who may call a route: every route declares it, and the lists below are what they declare."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount

from services.gateway.access.callers import access_of
from services.gateway.app import create_app
from tests.support.factories.gateway import gateway_settings
from tests.support.factories.pages import UNDER_A_LANGUAGE

EXPECTED = {
    "anyone": """
        GET /
        GET /docs
        GET /openapi.json
        GET /p/{code}
        GET /p/{code}/now
        GET /p/{code}/visit.ics
        GET /q/{code}
        GET /p/worker.js
        GET /gate/worker.js
        GET /gate/decoder.js
        GET /gate/site.webmanifest
        GET /dev/phone
        GET /dev/phone/picture
        GET /dev/messages
        GET /healthz
        GET /readyz
        GET /metrics
        GET /.well-known/jwks.json
        GET /.well-known/pass-status
        GET /.well-known/audit-heads
        GET POST /hooks/{vendor}
        GET /.well-known/security.txt
        GET /emblem/{name}
        GET /favicon.ico
        GET /robots.txt
        GET /sitemap.xml
        GET /api/v1/sites
        GET /api/v1/departments
        GET /api/v1/availability
        GET /api/v1/transparency
        GET /api/v1/transparency.csv
        GET /api/v1/officers
        POST /api/v1/otp
        POST /api/v1/otp/verify
        POST /api/v1/status
        POST /api/v1/requests/status
        POST /api/v1/sessions
        POST /api/v1/sessions/code
        POST /api/v1/sessions/enrolment
        POST /api/v1/sessions/enrolment/code
    """,
    "applicant": """
        GET POST /api/v1/applications
        GET /api/v1/applications/{reference}
        POST /api/v1/applications/{reference}/open
        POST /api/v1/applications/{reference}/amend
        POST /api/v1/applications/{reference}/correct
        POST /api/v1/applications/{reference}/cancel
        POST /api/v1/applications/{reference}/met
        POST /api/v1/applications/{reference}/resend
        POST /api/v1/applications/{reference}/mobile
    """,
    "applicant reception": """
        GET /api/v1/passes/{number}
        GET /api/v1/passes/{number}/qr.svg
        GET /api/v1/passes/{number}/qr.png
        POST /api/v1/passes/{number}/reissue
    """,
    "applicant ado assisted auditor department grievance ops privacy reception security": """
        DELETE /api/v1/sessions/current
    """,
    "ado assisted auditor department grievance ops privacy reception security": """
        POST /api/v1/password
        POST /api/v1/sessions/current/code
        GET /api/v1/second-factor
        POST /api/v1/second-factor/enrolment
        POST /api/v1/second-factor/recovery-codes
    """,
    "ado security": """
        GET POST /api/v1/watchlist/entries
        GET /api/v1/watchlist/entries/{entry_id}
        POST /api/v1/watchlist/entries/{entry_id}/confirm
        POST /api/v1/watchlist/entries/{entry_id}/end
        GET /api/v1/watchlist/matches
        GET /api/v1/watchlist/matches/{match_id}
        POST /api/v1/watchlist/matches/{match_id}/settle
    """,
    "ado": """
        GET POST /api/v1/logins
        GET /api/v1/logins/{login_id}
        POST /api/v1/logins/{login_id}/extend
        POST /api/v1/logins/{login_id}/mobile
        POST /api/v1/logins/{login_id}/sign-out
        POST /api/v1/logins/{login_id}/disable
        POST /api/v1/logins/{login_id}/reset
        POST /api/v1/logins/{login_id}/reset-factor
        GET POST /api/v1/second-factor-rule
        GET POST /api/v1/directory/{table}
        GET /api/v1/directory/{table}/{key}
        GET /api/v1/directory/{table}/{key}/history
        POST /api/v1/directory/{table}/{key}/remove
    """,
    "reception": """
        GET POST /api/v1/counter/applications
        POST /api/v1/counter/lookup
        GET /api/v1/counter/undelivered
        GET /api/v1/visits/called
        POST /api/v1/counter/applications/{reference}/mobile
        POST /api/v1/passes/{number}/print
    """,
    "ado auditor department": """
        GET /api/v1/closures
        GET /api/v1/closures/{closure_id}
    """,
    "ado department": """
        GET /api/v1/closures/affected
        POST /api/v1/closures
        POST /api/v1/closures/{closure_id}/lift
    """,
    "department": """
        GET POST /api/v1/capacity
        GET /api/v1/numbers
        GET POST /api/v1/delegations
        POST /api/v1/delegations/{delegation_id}/end
        GET /api/v1/visits
        POST /api/v1/visits/{review_id}/answer
        POST /api/v1/visits/{review_id}/end
        GET /api/v1/reviews
        POST /api/v1/reviews/search
        GET /api/v1/reviews/{review_id}
        POST /api/v1/reviews/{review_id}/approve
        POST /api/v1/reviews/{review_id}/reject
        POST /api/v1/reviews/{review_id}/return
        POST /api/v1/reviews/{review_id}/forward
        POST /api/v1/reviews/{review_id}/undo
        POST /api/v1/reviews/{review_id}/withdraw
        POST /api/v1/reviews/{review_id}/correction
        POST /api/v1/invitations
    """,
    "security": """
        GET /gate
        POST /api/v1/scans
        POST /api/v1/gate/help
        POST /api/v1/scans/sync
        POST /api/v1/gate/device
        POST /api/v1/gate/device/report
        GET /api/v1/gate/inside
        GET /api/v1/gate/manifest
        GET /api/v1/gate/news
        GET /api/v1/gate/session
    """,
}
PAGES = {
    "anyone": """
        GET /
        GET /apply
        GET POST /sign-in
        GET POST /sign-in/code
        POST /sign-out
        GET /about/{name}
        GET /about/privacy/print
        GET /about/privacy/versions/{version}
        GET /site-map
        GET /transparency
        GET /breaches/{name}
        GET POST /v/{code}
        GET POST /w/{code}
        GET /cleared
        GET POST /s/{reference}
        GET POST /p/{code}
        GET /site.webmanifest
        GET POST /status
        GET POST /status/result
        GET POST /staff/sign-in
        GET POST /staff/sign-in/code
        GET POST /staff/sign-in/app
        GET /staff/sign-in/recovery-codes
        GET POST /kiosk
        GET POST /kiosk/enrol
    """,
    "applicant": """
        GET POST /apply/{name}
        GET POST /apply/companion
        POST /apply/companions/remove
        GET POST /apply/check
        GET /apply/done
        GET /kiosk/done
        GET /kiosk/slip
        GET /kiosk/pass
        GET /applications
        GET /applications/{reference}
        GET POST /applications/{reference}/open
        GET POST /applications/{reference}/again
        GET POST /applications/{reference}/resend
        GET POST /applications/{reference}/cancel
        POST /applications/{reference}/met
        GET POST /applications/{reference}/consent
        GET POST /applications/{reference}/correct
        GET POST /applications/{reference}/mobile
        GET POST /applications/{reference}/mobile/code
        GET /applications/{reference}/qr
        GET POST /applications/{reference}/dates
        GET POST /applications/{reference}/complete
        GET /applications/{reference}/my-data
        GET /my-data
        GET POST /my-data/companion
        GET POST /my-data/copy
        GET POST /my-data/erase
        GET /my-data/erased
        POST /my-data/open
        GET /requests
        GET POST /my-data/messages
        GET POST /requests/new
        GET /requests/{number}
        GET POST /sessions
    """,
    "ado assisted auditor department grievance ops privacy reception security": """
        GET /staff
        GET /staff/second-factor
        POST /staff/second-factor/app
        GET POST /staff/second-factor/recovery-codes
        POST /staff/second-factor/confirm
        GET POST /staff/password
        POST /staff/sign-out
        GET POST /staff/sessions
    """,
    "department": """
        GET POST /desk/invitations
        GET /desk/invitations/sent
        GET /desk
        POST /desk/approve
        POST /desk/undo
        GET POST /desk/capacity
        GET /desk/numbers
        GET /desk/visits
        POST /desk/visits/{review_id}/answer
        POST /desk/visits/{review_id}/end
        GET POST /desk/visits/{review_id}/day
        GET POST /desk/delegations
        POST /desk/delegations/{delegation_id}/end
        GET POST /desk/search
        GET /desk/changes
        GET /desk/reviews/{review_id}
        GET POST /desk/reviews/{review_id}/correction
        GET POST /desk/reviews/{review_id}/{verb}
    """,
    "ado auditor department": """
        GET /desk/closures
        GET /desk/closures/{closure_id}
    """,
    "ado department": """
        GET POST /desk/closures/new
        POST /desk/closures/{closure_id}/lift
        GET /desk/standing
        POST /desk/standing/{review_id}
    """,
    "ado ops security": "GET /gate-devices",
    "ado security": """
        GET /watchlist
        GET POST /watchlist/new
        GET POST /watchlist/entries/{entry_id}
        GET /watchlist/matches
        GET POST /watchlist/matches/{match_id}
    """,
    "ado": """
        GET /desk/standing/{review_id}/photograph
        GET /desk/logins
        GET POST /desk/logins/new
        GET /desk/logins/issued
        GET POST /desk/logins/{login_id}/mobile
        GET POST /desk/logins/{login_id}
        GET /desk/logins/{login_id}/{verb}
        POST /desk/logins/{login_id}/sign-out
        POST /desk/logins/{login_id}/reset
        POST /desk/logins/{login_id}/reset-factor
        GET POST /desk/second-factor
        GET POST /desk/look-budgets
        POST /desk/logins/{login_id}/disable
        GET /desk/directory/contacts
        GET POST /desk/directory/contacts/{kind}/{code}
        GET /desk/directory/texts
        GET POST /desk/directory/texts/emblem
        GET POST /desk/directory/texts/{text}
        GET /desk/directory/lines
        GET /desk/directory/lines/{table}
        GET POST /desk/directory/lines/{table}/new
        GET POST /desk/directory/lines/{table}/edit/{key:path}
        GET POST /desk/directory/lines/{table}/remove/{key:path}
        GET POST /desk/directory/files
        GET POST /desk/directory/files/{table}/{import_id}
        GET /desk/directory/files/logins/{import_id}/passwords
        GET /desk/directory/files/logins/{import_id}/passwords.csv
        GET /desk/directory/export/{table}.csv
        GET /gate-devices/issued
        POST /gate-devices
        GET /gate-devices/{device_id}/{verb}
        POST /gate-devices/{device_id}/code
        POST /gate-devices/{device_id}/revoke
        GET POST /desk/supervisors
        POST /desk/supervisors/{login_id}/end
        POST /desk/supervisors/sites/{site}/demand
        POST /desk/supervisors/sites/{site}/lift
        GET POST /desk/kiosks
        GET /desk/kiosks/issued
        POST /desk/kiosks/{kiosk_id}/token
        POST /desk/kiosks/{kiosk_id}/disable
    """,
    "kiosk reception": "GET /hall",
    "reception": """
        GET /counter/calls
        GET /counter/calls/changes
        POST /counter/calls/{call_id}/answer
        GET /counter
        GET POST /counter/lookup
        POST /counter/apply
        GET /counter/applications/{reference}
        GET /counter/applications/{reference}/photograph
        POST /counter/applications/{reference}/camera
        GET POST /counter/applications/{reference}/mobile
        GET POST /counter/applications/{reference}/mobile/code
        POST /counter/applications/{reference}/cancel
        GET /counter/passes/{number}
        POST /counter/passes/{number}/print
        GET /counter/passes/{number}/{kind}/{paper}
        POST /counter/passes/{number}/reissue
    """,
    "ado grievance privacy": "GET /desk/requests",
    "grievance privacy": """
        GET POST /desk/requests/new
        GET POST /desk/requests/{number}
        GET POST /desk/requests/{number}/close
    """,
    "privacy": """
        GET POST /desk/privacy
        GET /desk/privacy/found
        GET POST /desk/privacy/people/{reference}/consent
        GET POST /desk/privacy/people/{reference}/copy
        GET POST /desk/privacy/people/{reference}/correct
        GET POST /desk/privacy/people/{reference}/erase
        GET /desk/privacy/erased
        GET /desk/privacy/register
    """,
    "auditor": """
        GET /audit
        GET POST /audit/search
        GET POST /audit/log
        GET /audit/log.csv
        GET /audit/most
        GET /audit/applications/{reference}
        GET /audit/passes/{number}
    """,
    "ops": """
        GET /ops/gate-incidents
        POST /ops/gate-incidents/{incident_id}/seen
        GET /ops
        GET POST /ops/messages
        GET /ops/messages/{subject}
        GET /ops/dead-letters/{queue}
        GET /ops/dead-letters/{queue}/{letter}
        GET POST /ops/dead-letters/{queue}/{letter}/replay
    """,
    "assisted": """
        GET /assist
        POST /assist/next
        POST /assist/sign-out
        GET POST /assist/sessions
        GET /assist/second-factor
        POST /assist/second-factor/app
        GET POST /assist/second-factor/recovery-codes
        POST /assist/second-factor/confirm
    """,
    "security": """
        GET POST /gate
        GET POST /gate/enter
        GET /gate/result
        GET /gate/photographs/{reference}
        GET POST /gate/pin
        GET /gate/incidents
        POST /gate/incidents/{incident_id}/seen
        GET /gate/inside
    """,
}
"""Under ``/{language}``."""


def undeclared(app: FastAPI) -> list[str]:
    """Routes without exactly one declaration; static files are the one exception."""
    return [
        getattr(route, "path", repr(route))
        for route in app.routes
        if not (isinstance(route, Mount) and route.path.startswith("/static"))
        and not (isinstance(route, APIRoute) and access_of(route) is not None)
    ]


def test_every_route_declares_who_may_call_it() -> None:
    assert undeclared(create_app(gateway_settings())) == []


def test_a_route_without_a_declared_caller_is_found() -> None:
    app = create_app(gateway_settings())

    @app.get("/forgotten")
    async def forgotten() -> None:
        return None

    assert undeclared(app) == ["/forgotten"]


def declared(*, pages: bool) -> dict[str, set[str]]:
    """Return what routes declare, by who may call them: those of pages, or all others."""
    found: dict[str, set[str]] = {}
    for route in create_app(gateway_settings()).routes:
        if isinstance(route, APIRoute) and route.path.startswith(UNDER_A_LANGUAGE) == pages:
            access = access_of(route)
            assert access is not None
            who = (
                "anyone"
                if access.everybody
                else " ".join(["applicant"] * access.applicants + sorted(access.roles))
            )
            path = route.path.removeprefix(UNDER_A_LANGUAGE) or "/"
            found.setdefault(who, set()).update(f"{method} {path}" for method in route.methods or ())
    return found


def listed(table: dict[str, str]) -> dict[str, set[str]]:
    """Return a table of lines such as "GET POST /status" as what routes declare."""
    rows = {who: [line.split() for line in text.split("\n") if line.strip()] for who, text in table.items()}
    return {
        who: {f"{method} {path}" for *methods, path in lines for method in methods}
        for who, lines in rows.items()
    }


def differences(declared: dict[str, set[str]], listed: dict[str, set[str]]) -> list[str]:
    """Return the routes that only one of them has, with who may call them."""
    return [
        f"only {name}, {who}: {route}"
        for name, ours, others in (("declared", declared, listed), ("listed", listed, declared))
        for who, routes in sorted(ours.items())
        for route in sorted(routes - others.get(who, set()))
    ]


def test_each_route_of_the_interface_admits_the_listed_callers() -> None:
    assert differences(declared(pages=False), listed(EXPECTED)) == [], "the routes, and EXPECTED above"


def test_each_page_admits_the_listed_callers() -> None:
    assert differences(declared(pages=True), listed(PAGES)) == [], "the pages, and PAGES above"


def test_control_a_route_that_is_not_listed_is_named_with_its_callers() -> None:
    listed_ = listed(EXPECTED)
    who, routes = next(iter(listed_.items()))
    assert differences({**listed_, who: routes | {"GET /new"}}, listed_) == [
        f"only declared, {who}: GET /new"
    ]
    assert differences(listed_, {**listed_, who: routes | {"GET /old"}}) == [f"only listed, {who}: GET /old"]
