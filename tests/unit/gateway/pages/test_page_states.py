"""Every page has a state, and what it asks has an answer, so that the tests of all pages find it.

A command needs an answer only where a state sends it.
"""

import re
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import Match

from services.gateway import pages
from services.gateway.documents import page_map
from tests.e2e.page_samples import State
from tests.e2e.page_states import STATES
from tests.support.factories.gateway import TableClient
from tests.support.system.pages_alone import ANSWERS

IN_A_LANGUAGE = "/{language:lang}"
WITHOUT_A_STATE = {
    "no page: a file, a picture, or what a page fetches": {
        "/.well-known/security.txt", "/dev/phone/picture", "/favicon.ico", "/gate/decoder.js",
        "/gate/site.webmanifest", "/gate/worker.js", "/openapi.json", "/p/worker.js", "/p/{code}/visit.ics",
        "/p/{code}/now",
        "/robots.txt", "/sitemap.xml", "…/applications/{reference}/qr", "…/audit/log.csv",
        "…/counter/calls/changes", "…/counter/applications/{reference}/photograph", "…/desk/changes",
        "…/desk/directory/export/{table}.csv", "…/desk/directory/files/logins/{import_id}/passwords.csv",
        "…/desk/standing/{review_id}/photograph", "…/gate/photographs/{reference}", "…/site.webmanifest",
        "/emblem/{name}",
    },
    "it only leads on": {
        "/", "/q/{code}", "…/applications/{reference}/resend", "…/desk/directory/lines", "…/my-data/copy",
        "…/applications/{reference}/my-data", "…/p/{code}",
    },
    "shown after its form was posted, which has a state": {
        "…/desk/invitations/sent", "…/desk/kiosks/issued", "…/desk/logins/issued", "…/gate-devices/issued",
        "…/gate/result", "…/my-data/erased", "…/desk/privacy/erased", "…/status/result",
    },
    "of no language, so that no state leads there; it has tests of its own": {
        "/dev/phone", "/docs", "/gate", "/p/{code}",
    },
    "a form alone; what it refuses has tests of its own": {
        "…/assist/second-factor/app", "…/assist/second-factor/confirm",
        "…/desk/logins/{login_id}/reset-factor", "…/desk/logins/{login_id}/sign-out",
        "…/gate-devices/{device_id}/code", "…/staff/second-factor/app", "…/staff/second-factor/confirm",
    },
}  # fmt: skip
"""Why → the pages; … stands for the language."""
UNANSWERED = {
    "the page shows the rest without it": {
        "approval.whereabouts", "notify.undelivered_here",
    },
    "a state gives it": {
        "notify.preview_rejection", "notify.preview_withdrawal", "notify.trace_messages",
        "application.own_data", "approval.own_data", "issuance.own_data", "notify.own_data",
        "verify.own_data", "verify.find_by_plate",
        "application.list_requests", "application.view_request", "application.find_person",
        "application.request_status",
        "notify.own_messages",
    },
    "no page asks it": {"accounts.export_logins", "approval.export_directory"},
    "the pass, of which tests of its own give it": {"verify.pass_use", "application.visit_of_pass"},
}  # fmt: skip
"""Why → the queries without an answer in `ANSWERS`."""


def without_a_state(states: Iterable[State]) -> set[str]:
    """Return the pages to which no state leads, neither by GET nor by a form of the same address.

    A route of a form alone is one if it shows a page, as it does where it refuses what was typed.
    """
    (router,) = pages.routers(local_mode=True)
    routes = [one for one in router.routes if isinstance(one, APIRoute)]

    def path_of(state: State) -> str | None:
        method = "GET" if state.form is None else "POST"
        path = f"/en{state.path.partition('?')[0]}"
        asked = {"type": "http", "method": method, "path": path, "headers": []}
        return next((one.path for one in routes if one.matches(asked)[0] is Match.FULL), None)

    shown = {one.path for one in routes if "GET" in (one.methods or ())}
    forms = re.findall(r"^\| `POST (/\S*)` \|[^|]*\|[^|]*\| `", page_map.text(), re.MULTILINE)
    shown |= {IN_A_LANGUAGE + path for path in forms}
    return {path.replace(IN_A_LANGUAGE, "…") for path in shown - {path_of(one) for one in states}}


def test_every_page_has_a_state_or_is_listed_with_the_reason() -> None:
    missing, listed = without_a_state(STATES), set().union(*WITHOUT_A_STATE.values())
    assert missing - listed == set(), "each needs a state in tests/e2e/page_states.py, of a form with `form=`"
    assert listed - missing == set(), "these have one, or are gone: take them out of WITHOUT_A_STATE"


def test_control_a_page_without_a_state_is_found() -> None:
    others = [one for one in STATES if not one.path.startswith("/desk/numbers")]
    assert without_a_state(others) - without_a_state(STATES) == {"…/desk/numbers"}
    without_forms = [one for one in STATES if not one.path.endswith("/end")]
    assert without_a_state(without_forms) - without_a_state(STATES) == {"…/desk/visits/{review_id}/end"}


def test_every_query_of_a_page_has_an_answer_or_is_listed_with_the_reason() -> None:
    rows = re.findall(r"^\| `GET.*\| ([^|]*) \|$", page_map.text(), re.MULTILINE)
    asked = {name for row in rows for name in re.findall(r"(?<!\*)`(\w+\.\w+)`", row)}
    answered = {*TableClient().answers, *(name.replace("__", ".") for name in ANSWERS)}
    assert len(asked) > 40
    unanswered = set().union(*UNANSWERED.values())
    assert asked - answered == unanswered, "see tests/support/system/pages_alone.py"
