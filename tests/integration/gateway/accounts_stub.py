"""A small nameko service "accounts" as a process: it does what a test of the gateway asks of it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from uuid import uuid4

from tests.support.factories.gateway import KID, certificate, public_key
from tests.support.stack.backends import TestStack

SERVICE = """
import services.chassis.process.serve as serve
import json, os, time
from uuid import UUID
import eventlet
from contracts import rpc as contract, errors
from contracts.events import PublicKey
from services.chassis.rpc.server import rpc
from services.chassis.runtime.settings import read
from services.accounts.settings import AccountsSettings
from services.chassis.audit import record

record.is_recorded = lambda *_: False  # it has no database
ERRORS = {
    "conflict": errors.Conflict("already decided", code="already_decided", decided_by="HOM-0001"),
    "invalid": errors.InvalidInput.of("login_id", "unknown"),
    "too_many": errors.TooManyAttempts("wait", retry_after=17),
    "fault": ValueError("a secret in a text"),
}
asked = []

def session_keys(request, call):
    key = PublicKey(kid=os.environ["TEST_KID"], x=os.environ["TEST_KEY"])
    return contract.accounts.sessions.SessionKeys(
        keys=(key,), certificates={key.kid: os.environ["TEST_CERTIFICATE"]}
    )

def denied_sessions(request, call):
    return contract.accounts.sessions.DeniedSessions(sessions=json.loads(os.environ["TEST_DENIED"]))

def request_otp(request, call):
    eventlet.sleep(float(request.mobile))
    asked.append(call.idempotency_key)
    return contract.accounts.sessions.OtpAccepted(request_id=UUID(int=asked.count(call.idempotency_key)))

def disable_login(request, call):
    if request.login_id == "exit":
        os._exit(3)
    raise ERRORS[request.login_id]

def log_out(request, call):
    return contract.call.Nothing()

def list_logins(request, call):
    seen = f"{call.principal.login_id} {call.correlation_id} {call.address}"
    return contract.accounts.logins.LoginList(items=(), next=seen)

class Service:
    name = "accounts"
    session_keys = rpc(contract.accounts.sessions.SESSION_KEYS, session_keys)
    denied_sessions = rpc(contract.accounts.sessions.DENIED_SESSIONS, denied_sessions)
    request_otp = rpc(contract.accounts.sessions.REQUEST_OTP, request_otp)
    disable_login = rpc(contract.accounts.logins.DISABLE_LOGIN, disable_login)
    log_out = rpc(contract.accounts.sessions.LOG_OUT, log_out)
    list_logins = rpc(contract.accounts.logins.LIST_LOGINS, list_logins)

if os.environ["TEST_GUARD_OUT"]:
    from tests.support.chaos.sabotage import SWITCHES
    SWITCHES[os.environ["TEST_GUARD_OUT"]]()
serve.run("accounts", [(Service, "rpc")], read(AccountsSettings))
"""


class AccountsStub:
    """The nameko service as a process."""

    def __init__(self, stack: TestStack, folder: Path, sabotage: str = "") -> None:
        self._file = folder / "accounts.py"
        self._file.write_text(textwrap.dedent(SERVICE))
        self._log = folder / "accounts.log"
        self.ended_sid = uuid4()
        denied = f'{{"{self.ended_sid}": "2100-01-01T00:00:00Z"}}'
        key = public_key()
        self._environment = {
            **os.environ,
            **stack.environment("accounts"),
            "EPASS_BROKER_URLS": stack.broker_url("accounts"),
            "EPASS_HEALTH_PORT": "0",
            "TEST_GUARD_OUT": sabotage,
            "TEST_KID": KID,
            "TEST_KEY": key.x,
            "TEST_CERTIFICATE": certificate(exp=2**40),
            "TEST_DENIED": denied,
            "PYTHONPATH": str(Path.cwd()),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(self._file), "accounts"],
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
