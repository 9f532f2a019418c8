"""Whom each route refuses, of the installation behind its proxy."""

from contracts.rpc.accounts.logins import IssueLogin
from epass_client import calls
from services.gateway.access.callers import EVERY_ROLE
from services.gateway.access.cookie_names import (
    gate_device_cookie,
    kiosk_cookie,
    operator_cookie,
    session_cookie,
)
from tests.compose.installation import Installation
from tests.support.factories.callers import APPLICANT, EVERYBODY, NOBODY, refusals
from tests.support.factories.gateway import stubbed
from tests.support.system.actors import Applicant, Staff
from tests.support.system.page_reader import SAME_SITE


def kiosk_token(system: Installation, ado: Staff) -> str:
    """Enrol a kiosk, and return what its browser is given."""
    kiosk = ado.send(calls.issue_login(IssueLogin(role="kiosk", name="At the door", site="PCS1")))
    form = {"kiosk_id": kiosk.login_id, "token": kiosk.initial_password}
    enrolled = system.http().post("/en/kiosk/enrol", data=form, headers=SAME_SITE)
    assert enrolled.status_code == 303, enrolled.text
    return enrolled.cookies[kiosk_cookie(system.url)]


def gate_device_token(system: Installation, guard: Staff) -> str:
    """Enrol the browser of a gate, and return what it is given."""
    login = system.login("gate_device")
    enrolled = guard.post("/gate/device", {"code": f"{login['login_id']}-{login['password']}"})
    assert enrolled.is_success, enrolled.text
    return enrolled.cookies[gate_device_cookie(system.url)]


def sessions_of_everybody(system: Installation) -> dict[str, str]:
    """Return a session of each role, of an applicant and of each kind of device."""
    staff = {role: Staff(system, role) for role in EVERY_ROLE}
    return {
        **{role: one.client.token for role, one in staff.items()},
        APPLICANT: Applicant(system).client.token,
        "kiosk": kiosk_token(system, staff["ado"]),
        "gate_device": gate_device_token(system, staff["security"]),
    }


def test_whoever_a_route_does_not_admit_is_refused_through_the_proxy(system: Installation) -> None:
    """Each method and path of the interface and the pages, with each caller whom it does not admit."""
    app, _ = stubbed()
    sessions = sessions_of_everybody(system)
    assert {NOBODY, *sessions} == set(EVERYBODY)
    http, asked, admitted = system.http(), 0, []
    for method, path, who in refusals(app):
        headers = dict(SAME_SITE)
        if who != NOBODY:
            names = (session_cookie(system.url), operator_cookie(system.url))
            headers["Cookie"] = "; ".join(f"{name}={sessions[who]}" for name in names)
        content = {"json": {}} if path.startswith("/api") else {"data": {"replayed": "1"}}
        answer = http.request(method, path, headers=headers, **(content if method == "POST" else {}))
        http.cookies.clear()
        asked += 1
        to_sign_in = answer.status_code == 303 and "sign-in" in answer.headers["location"]
        if not (to_sign_in or answer.status_code in {401, 403}):
            admitted.append((method, path, who, answer.status_code))
    assert asked > 1_500
    assert admitted == []
