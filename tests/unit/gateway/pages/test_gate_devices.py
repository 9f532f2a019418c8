"""The page of gate devices: the ADO Branch issues, renews and revokes them; others see them."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import Conflict
from contracts.rpc.accounts.gate_devices import GateDeviceList, GateDeviceView
from contracts.rpc.accounts.logins import IssuedLogin, LoginView
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import as_staff, browsing, gateway_settings, signed, staff_claims
from tests.support.system.page_reader import SAME_SITE

CODE = IssuedLogin(login_id="GAT-0002", initial_password="k7fm-w3pa-xq9t", valid_until=now())


def device(**given: Any) -> GateDeviceView:
    facts: dict[str, Any] = {
        "device": "GAT-0001", "name": "North tablet", "site": "PCS1", "gate": "PCS1-G1", "state": "enrolled",
        "issued_by": "ADO-0001", "issued_at": now(), "enrolled_by": "SEC-0001", "enrolled_at": now(),
        "reported_at": now() - timedelta(minutes=1), "version": "0.12.0", "list_at": now(), "unsent": 3,
    }  # fmt: skip
    return GateDeviceView.model_validate(facts | given)


def sign_in(http: httpx.AsyncClient) -> None:
    http.cookies.set("session", signed(staff_claims("ado")))


async def test_the_ado_branch_issues_a_code_for_a_gate_and_sees_it_once() -> None:
    none = GateDeviceList(items=())
    async with browsing(accounts__issue_login=CODE, accounts__gate_devices=none) as (http, client):
        sign_in(http)
        form = {"name": "North tablet", "gate": "PCS1-G1", "key": "k"}
        sent = await http.post("/en/gate-devices", data=form, headers=SAME_SITE)
        shown = (await http.get(sent.headers["location"])).text
        again = (await http.get("/pa/gate-devices/issued")).text
    _, asked, _, key = client.last("accounts.issue_login")
    assert (asked.role, asked.site, asked.gate, asked.name, key) == (
        "gate_device", "PCS1", "PCS1-G1", "North tablet", "k",
    )  # fmt: skip
    assert "GAT-0002-k7fm-w3pa-xq9t" in shown
    assert "<svg" in shown
    assert f"{gateway_settings().public_url}/gate" in shown
    assert "k7fm" not in again


async def test_a_form_without_a_gate_says_so() -> None:
    async with browsing(accounts__gate_devices=GateDeviceList(items=())) as (http, client):
        sign_in(http)
        refused = await http.post("/en/gate-devices", data={"name": "", "gate": ""}, headers=SAME_SITE)
    assert refused.status_code == 422
    assert not client.was_asked("accounts.issue_login")


async def test_the_list_says_how_each_device_is() -> None:
    states = (device(device="GAT-0003", state="waiting"), device(device="GAT-0004", state="revoked"))
    devices = (device(), *states, device(device="GAT-0005", worries=("silent", "unsent")))
    async with browsing(accounts__gate_devices=GateDeviceList(items=devices)) as (http, _):
        sign_in(http)
        page = (await http.get("/en/gate-devices")).text
    for text in ("North tablet", "App 0.12.0", "SEC-0001", "Not enrolled yet", "Revoked", "Silent for long",
                 "Cannot send its scans"):  # fmt: skip
        assert text in page, text
    assert "/gate-devices/GAT-0001/revoke" in page
    assert "/gate-devices/GAT-0004/revoke" not in page


@pytest.mark.parametrize("role", ["ops", "security"])
async def test_operations_and_security_see_devices_and_change_none(role: str) -> None:
    async with browsing(accounts__gate_devices=GateDeviceList(items=(device(),))) as (http, _):
        page = (await http.get("/en/gate-devices", headers=as_staff(role, gate=None))).text
    assert "GAT-0001" in page
    assert "<form" not in page.partition("<main")[2]


async def test_one_click_revokes_no_device_and_replaces_no_code() -> None:
    async with browsing(accounts__gate_devices=GateDeviceList(items=(device(),))) as (http, client):
        sign_in(http)
        page = (await http.get("/en/gate-devices")).text
        assert not any(f'action="/en/gate-devices/GAT-0001/{verb}"' in page for verb in ("code", "revoke"))
        for verb in ("code", "revoke"):
            assert f'href="/en/gate-devices/GAT-0001/{verb}"' in page
            asks = (await http.get(f"/en/gate-devices/GAT-0001/{verb}")).text
            assert f'action="/en/gate-devices/GAT-0001/{verb}"' in asks
    assert not client.was_asked("accounts.reset_login")
    assert not client.was_asked("accounts.disable_login")


async def test_a_device_that_was_revoked_meanwhile_gets_no_code_and_says_so() -> None:
    async with browsing(accounts__reset_login=Conflict(code="login_disabled")) as (http, _):
        sign_in(http)
        refused = await http.post("/en/gate-devices/GAT-0001/code", data={"key": "k"}, headers=SAME_SITE)
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text


async def test_a_device_gets_a_new_code_or_is_revoked() -> None:
    view = LoginView(login_id="GAT-0001", role="gate_device", name="North", issued_at=now())
    async with browsing(accounts__reset_login=CODE, accounts__disable_login=view) as (http, client):
        sign_in(http)
        renewed = await http.post("/en/gate-devices/GAT-0001/code", data={"key": "k"}, headers=SAME_SITE)
        assert renewed.headers["location"] == "/en/gate-devices/issued"
        gone = await http.post("/en/gate-devices/GAT-0001/revoke", data={"key": "k2"}, headers=SAME_SITE)
    assert gone.headers["location"] == "/en/gate-devices"
    assert client.last("accounts.disable_login")[1].login_id == "GAT-0001"
