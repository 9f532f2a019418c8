"""The navigation: what a reader may do, and where they are."""

from typing import get_args

import pytest

from contracts.errors import Unavailable
from contracts.model import DEVICE_ROLES, Role
from contracts.rpc.application import Durations
from contracts.rpc.approval.directory import DepartmentList
from contracts.rpc.call import Principal
from services.gateway.access.callers import EVERY_ROLE
from services.gateway.pages.shared.navigation import TASKS, links
from tests.support.factories.gateway import browsing, claims, signed, staff_claims
from tests.support.factories.pages import POLICE
from tests.support.system.page_reader import HOME

ANYONE = Principal()


def staff(role: str) -> Principal:
    return Principal(kind="staff", id="X-0001", role=role)  # type: ignore[arg-type]  # one of the roles


def test_every_role_of_staff_has_a_navigation() -> None:
    assert set(TASKS) == set(EVERY_ROLE) == set(get_args(Role)) - DEVICE_ROLES
    for role in EVERY_ROLE:
        assert links(staff(role), "en", "/desk"), role


@pytest.mark.parametrize(
    ("inner", "here"),
    [
        ("/desk/logins", "Logins"),
        ("/desk/logins/new", "Logins"),
        ("/desk/kiosks", "Kiosks"),
        ("/staff", "Your tasks"),
    ],
)
def test_the_entry_of_the_page_is_marked(inner: str, here: str) -> None:
    assert [link.text for link in links(staff("ado"), "en", inner) if link.is_here] == [here]


def test_a_page_below_the_start_page_is_not_the_start_page() -> None:
    assert [link.text for link in links(staff("ado"), "en", "/staff/sessions") if link.is_here] == []


def test_signing_in_and_kiosks_have_no_navigation() -> None:
    for inner in ("/staff/sign-in", "/kiosk", "/kiosk/enrol"):
        assert links(ANYONE, "en", inner) == []


def test_a_page_for_everybody_names_what_everybody_can_do() -> None:
    assert [link.href for link in links(ANYONE, "pa", "")] == [
        "/pa/apply",
        "/pa/status",
        "/pa/applications",
        "/pa/about/help",
    ]
    assert [link.is_here for link in links(ANYONE, "pa", "/applications/X")] == [False, False, True, False]


def test_a_guard_at_a_gate_is_not_led_to_the_watchlist() -> None:
    anywhere = staff("security")
    for guard, is_led in ((anywhere, True), (anywhere.model_copy(update={"gate": "PCS1-G1"}), False)):
        assert ("/en/watchlist" in [link.href for link in links(guard, "en", "/gate")]) is is_led


SCOPES = {"department": {"department": "home"}, "security": {"site": "PCS1"}, "reception": {"site": "PCS1"}}


@pytest.mark.parametrize("role", [role for role in EVERY_ROLE if role != "assisted"])
async def test_every_role_signs_in_to_a_start_page_that_opens(role: str) -> None:
    token = signed(claims(sub="X-0001", role=role, **{"department": None, **SCOPES.get(role, {})}))
    async with browsing(
        approval__departments=DepartmentList(items=(HOME, POLICE)),
        application__durations=Durations(half_within=None, nearly_all_within=None),
    ) as (http, _):
        http.cookies.set("session", token)
        answer = await http.get("/en/staff")
    assert answer.status_code == 200
    for path, name in TASKS[role]:  # type: ignore[index]  # one of the roles
        assert f'href="/en{path}">{name}</a>' in answer.text
    assert ("How long departments take" in answer.text) == (role == "auditor")


async def test_an_auditors_start_page_opens_while_the_directory_is_away() -> None:
    async with browsing(approval__departments=Unavailable(), session=staff_claims("auditor")) as (http, _):
        assert (await http.get("/en/staff")).status_code == 200
