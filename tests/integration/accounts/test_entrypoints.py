"""Accounts as processes: its RPCs over a real broker."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts import rpc as contract
from contracts.events import OtpRequested
from services.accounts.models import SigningKeyRow
from tests.support.factories.accounts import (
    ADO,
    MOBILE,
    PASSWORD,
    Accounts,
    a_key,
    another_code,
    given_ado,
    given_login,
)
from tests.support.factories.gateway import prove
from tests.support.stack.running import Process
from tests.support.stack.wire import wire


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_ado(accounts.db)
    given_login(accounts.db)
    return accounts


@pytest.fixture
def processes(topology, accounts, tmp_path):
    """Two replicas that start at the same time."""
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    secrets = (
        "EPASS_PERSONAL_KEYS",
        "EPASS_KEY_ENCRYPTION_KEYS",
        "EPASS_OTP_SECRET",
        "EPASS_PASSWORD_SECRET",
    )
    environment = {**own, **topology.environment("accounts"), **{name: own[name] for name in secrets}}
    command = ["-m", "services.ops.serve", "accounts"]
    running = [
        Process(command, environment, tmp_path / f"accounts-{number}.log").start(ready=False)
        for number in range(2)
    ]
    for process in running:
        process.wait_ready()
    yield running
    for process in running:
        process.kill()


@pytest.fixture
def call_rpc(topology):
    """Return a function that calls one RPC as the gateway does, on a connection of its own."""

    def call_rpc(
        method: str, request: dict, *, key: str | None = None, principal: contract.call.Principal = ADO
    ) -> dict:
        call = {"principal": prove(principal).model_dump(mode="json"), "idempotency_key": key}
        with wire(topology.broker_url("administrator")) as connection:
            return connection.call("accounts", method, request, seconds=20, call=call)

    return call_rpc


def test_staff_and_citizens_log_in_over_the_broker_and_no_log_reveals_them(
    processes, accounts, call_rpc
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: call_rpc("log_in", {"login_id": "hom-0001", "password": PASSWORD}), range(16))
        )
    tokens = {answer["result"]["access_token"] for answer in answers}
    assert len(tokens) == 16
    assert {accounts.claims(token)["sub"] for token in tokens} == {"HOM-0001"}
    assert accounts.count(SigningKeyRow) == 1

    request_id = call_rpc("request_otp", {"mobile": "98765 43210"})["result"]["request_id"]
    (published,) = accounts.published(OtpRequested)
    code = published.event.personal.code
    refused = call_rpc("verify_otp", {"request_id": request_id, "code": another_code(code)})["error"]
    assert refused["exc_type"] == "NotAuthenticated"
    assert json.loads(refused["exc_args"][0])["code"] == "wrong_code"
    assert json.loads(refused["exc_args"][0])["facts"]["tries_left"] == 4
    token = call_rpc("verify_otp", {"request_id": request_id, "code": code})["result"]["access_token"]
    assert accounts.claims(token)["mobile"] == MOBILE

    key = a_key()
    issued = call_rpc("issue_login", {"role": "ops", "name": "Harjit Singh"}, key=key)["result"]
    assert call_rpc("issue_login", {"role": "ops", "name": "Harjit Singh"}, key=key)["result"] == issued
    first = call_rpc("log_in", {"login_id": issued["login_id"], "password": issued["initial_password"]})[
        "result"
    ]
    assert first["must_change_password"]
    assert call_rpc("disable_login", {"login_id": issued["login_id"]})["result"]["disabled"]
    denied = call_rpc("denied_sessions", {"active": []})["result"]
    assert list(denied["logins"]) == [issued["login_id"]]
    assert len(denied["sessions"]) == 1
    assert (
        json.loads(call_rpc("log_in", {"login_id": "HOM-0001", "password": "wrong"})["error"]["exc_args"][0])[
            "code"
        ]
        == "wrong_login"
    )
    assert call_rpc("session_keys", {})["result"]["keys"][0]["kid"]
    assert [login["login_id"] for login in call_rpc("list_logins", {})["result"]["items"]] == [
        "ADO-0001",
        "HOM-0001",
        issued["login_id"],
    ]

    logs = "".join(process.log.read_text() for process in processes)
    for secret in (PASSWORD, MOBILE[3:], code, issued["initial_password"], "Harjit", token):
        assert secret not in logs
    assert [process.stop() for process in processes] == [0, 0]
