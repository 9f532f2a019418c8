"""Supervisors of gates: the ADO Branch names them, each chooses a PIN, and incidents are seen by somebody."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from contracts import rpc
from contracts.errors import Forbidden
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.call import Nothing
from contracts.rpc.verify.incidents import IncidentList, IncidentScan, IncidentView
from contracts.rpc.verify.supervisors import OwnPin, SiteSupervision, SupervisorList, SupervisorView
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browser, claims, signed, staff_claims
from tests.support.factories.pages import login
from tests.support.system.page_reader import SAME_SITE, stub, visiting

HEAD = SupervisorView(login_id="SEC-0009", site="PCS1", named_by="ADO-0001", named_at=now())
FREE = login("SEC-0010", role="security", site="PCS1", department=None, gate=None)
AT_A_GATE = login("SEC-0011", role="security", site="PCS1", department=None, gate="PCS1-G1")
INCIDENT = IncidentView(
    id=uuid4(),
    found_at=now(),
    site="PCS1",
    gate="PCS1-G1",
    kind="conflict",
    detail="already_inside",
    scans=(IncidentScan(gate="PCS1-G1", scanned_at=now(), count=1, offline=True),),
    exposure=1,
)


async def posted(role: str, path: str, form: dict[str, str], **answers: Any) -> tuple[Any, Any]:
    """Return the answer to a form of a login without a gate, and what the services were asked."""
    async with visiting(**answers) as person:
        who = claims(sub="ANY-0001", role=role, department=None, site="PCS1", gate=None)
        person.http.cookies.set("session", signed(who))
        answer = await person.http.post(f"/en{path}", data={"key": str(uuid4()), **form}, headers=SAME_SITE)
        return answer, {name: asked for name, asked, *_ in person.client.asked}


async def name(login_id: str) -> tuple[Any, Any]:
    return await posted(
        "ado",
        "/desk/supervisors",
        {"login_id": login_id},
        verify__supervisors=SupervisorList(items=(HEAD,)),
        verify__name_supervisor=HEAD,
        accounts__list_logins=LoginList(items=(FREE, AT_A_GATE)),
    )


async def test_the_ado_branch_names_a_security_login_of_its_site() -> None:
    answer, asked = await name("SEC-0010")
    assert answer.status_code == 303
    named = asked["verify.name_supervisor"]
    assert (named.login_id, named.site) == ("SEC-0010", "PCS1")


@pytest.mark.parametrize("login_id", ["", "SEC-0011", "SEC-0404"])
async def test_a_guard_of_a_gate_or_nobody_is_not_named(login_id: str) -> None:
    answer, asked = await name(login_id)
    assert answer.status_code == 422
    assert "verify.name_supervisor" not in asked


async def test_the_task_of_a_supervisor_ends() -> None:
    answer, asked = await posted(
        "ado", "/desk/supervisors/SEC-0009/end", {}, verify__end_supervisor=Nothing()
    )
    assert answer.status_code == 303
    assert asked["verify.end_supervisor"].login_id == "SEC-0009"


@pytest.mark.parametrize("act", ["demand", "lift"])
async def test_the_ado_branch_decides_which_gates_demand_a_supervisor(act: str) -> None:
    name = f"verify__{act}_supervisors"
    answer, asked = await posted(
        "ado", f"/desk/supervisors/sites/PCS1/{act}", {}, **{name: SiteSupervision(site="PCS1")}
    )
    assert answer.status_code == 303
    assert asked[f"verify.{act}_supervisors"].site == "PCS1"
    answer, asked = await posted("ado", f"/desk/supervisors/sites/NOWHERE/{act}", {})
    assert answer.status_code == 404
    assert f"verify.{act}_supervisors" not in asked


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/desk/supervisors", "name_supervisor"),
        ("/desk/supervisors/SEC-0009/end", "end_supervisor"),
        ("/desk/supervisors/sites/PCS1/lift", "lift_supervisors"),
    ],
)
async def test_the_ado_branch_shows_its_second_factor_before_it_changes_who_guards_a_site(
    path: str, method: str
) -> None:
    stale = {f"verify__{method}": Forbidden(code="second_factor_stale")}
    logins = LoginList(items=(FREE,))
    answer, _ = await posted("ado", path, {"login_id": "SEC-0010"}, accounts__list_logins=logins, **stale)
    assert answer.status_code == 403
    assert f'value="/en{path}"' in answer.text
    assert 'name="login_id" value="SEC-0010"' in answer.text, "the form goes on with what was chosen"


@pytest.mark.parametrize(
    ("supervision", "words"),
    [
        ({"demanded": True, "problem": "nobody_can_agree"}, "nobody goes in for whom the gates ask"),
        ({"problem": "nobody_can_agree"}, "The gates let them in without one"),
        ({"problem": "watched_not_demanded"}, "Demand a supervisor below"),
        ({"problem": "nobody_decided"}, "nobody has decided yet"),
        ({"demanded": True}, None),
    ],
)
async def test_the_ado_branch_sees_where_nobody_can_agree(
    supervision: dict[str, Any], words: str | None
) -> None:
    found = SupervisorList(items=(HEAD,), sites=(SiteSupervision(site="PCS1", **supervision),))
    text = await shown(
        "ado", "/desk/supervisors", verify__supervisors=found, accounts__list_logins=LoginList(items=())
    )
    assert ("govuk-notification-banner" in text) is (words is not None)
    assert words is None or words in text


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("nobody_can_agree", "can give a PIN now"),
        ("watched_not_demanded", "the gates let them in without one"),
        (None, None),
    ],
)
async def test_security_of_a_site_sees_that_it_is_not_guarded(problem: Any, words: str | None) -> None:
    own = OwnPin(is_supervisor=False, problem=problem)
    text = await shown("security", "/gate/pin", verify__own_pin=own)
    assert ("govuk-notification-banner" in text) is (words is not None)
    assert words is None or words in text


async def shown(role: str, path: str, **answers: Any) -> str:
    async with visiting(**answers) as person:
        who = claims(sub="ANY-0001", role=role, department=None, site="PCS1", gate=None)
        person.http.cookies.set("session", signed(who))
        return (await person.http.get(f"/en{path}")).text


async def choose(pin: str, again: str | None = None) -> tuple[Any, Any]:
    return await posted(
        "security",
        "/gate/pin",
        {"pin": pin, "again": pin if again is None else again},
        verify__own_pin=OwnPin(is_supervisor=True),
        verify__set_pin=OwnPin(is_supervisor=True, pin_set_at=now()),
    )


async def test_a_supervisor_chooses_a_pin_also_in_their_own_digits() -> None:
    answer, asked = await choose("੪੮੧੫੧੬")
    assert answer.status_code == 303
    assert asked["verify.set_pin"].pin == "481516"
    assert "481516" not in repr(asked["verify.set_pin"])


async def test_whoever_finds_a_supervisor_signed_in_chooses_no_pin_for_them() -> None:
    an_hour_ago = int(now().timestamp()) - 3_600
    app, client = stub(verify__own_pin=OwnPin(is_supervisor=True))
    client.answers["verify.set_pin"] = Forbidden(code="second_factor_stale")
    who = signed(staff_claims("security", gate=None, factor_at=an_hour_ago))
    async with browser(app, Cookie=f"session={who}") as http:
        form = {"pin": "481516", "again": "481516", "key": "k"}
        for answer in (
            await http.get("/en/gate/pin"),
            await http.post("/en/gate/pin", data=form, headers=SAME_SITE),
        ):
            assert answer.status_code == 403
            assert "Confirm with your app" in answer.text
            assert "481516" not in answer.text
    assert rpc.verify.supervisors.SET_PIN.fresh, "and verify refuses whoever goes around the page"


@pytest.mark.parametrize(
    ("pin", "again"),
    [
        ("12345", None),
        ("1234567", None),
        ("48151a", None),
        ("481516", "481517"),
        ("111111", None),
        ("234567", None),
    ],
)
async def test_a_pin_that_is_short_mistyped_or_easy_is_not_taken(pin: str, again: str | None) -> None:
    answer, asked = await choose(pin, again)
    assert answer.status_code == 422
    assert "verify.set_pin" not in asked
    assert pin not in answer.text.replace(str(asked), "")


@pytest.mark.parametrize(("role", "base"), [("security", "/gate/incidents"), ("ops", "/ops/gate-incidents")])
async def test_an_incident_is_shown_with_its_gates_and_noted_as_seen(role: str, base: str) -> None:
    app, client = stub(
        verify__incidents=IncidentList(items=(INCIDENT,), unseen=1), verify__note_incident=INCIDENT
    )
    async with browser(app) as http:
        who = claims(sub="ANY-0001", role=role, department=None, site="PCS1", gate=None)
        http.cookies.set("session", signed(who))
        shown = (await http.get(f"/en{base}?kind=conflict&unseen=true")).text
        assert "all were inside already" in shown
        assert "1 person too many" in shown
        noted = await http.post(f"/en{base}/{INCIDENT.id}/seen", data={"key": "k"}, headers=SAME_SITE)
        assert noted.status_code == 303
    asked = {name: request for name, request, *_ in client.asked}
    assert (asked["verify.incidents"].kind, asked["verify.incidents"].unseen) == ("conflict", True)
    assert asked["verify.note_incident"].incident_id == INCIDENT.id


@pytest.mark.parametrize("is_own", [True, False])
async def test_whoever_took_part_in_an_incident_is_not_asked_to_note_it(is_own: bool) -> None:
    found = INCIDENT.model_copy(update={"is_own": is_own})
    assert (f"{INCIDENT.id}/seen" not in await incidents_page(found)) is is_own


async def test_a_call_for_help_that_nobody_answered_says_when_and_who_called() -> None:
    found = INCIDENT.model_copy(
        update={
            "kind": "unanswered", "detail": "danger", "scans": (), "exposure": 0, "login": "SEC-0001",
            "called_at": datetime(2026, 11, 30, 4, 35, tzinfo=UTC),
        }
    )  # fmt: skip
    text = " ".join((await incidents_page(found)).split())
    for words in (
        "Nobody answered a call for help", "Danger: security is needed", "Called: ", "10:05",
        "Login: SEC-0001", "Gate 1",
    ):  # fmt: skip
        assert words in text


async def incidents_page(*found: IncidentView) -> str:
    async with visiting(
        verify__incidents=IncidentList(items=found, unseen=len(found)),
        session=claims(sub="SEC-0009", role="security", department=None, site="PCS1", gate=None),
    ) as person:
        return (await person.http.get("/en/gate/incidents")).text
