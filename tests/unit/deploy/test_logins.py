"""The logins of the demonstration."""

import json
from types import SimpleNamespace

from deploy.local.logins import text
from services.gateway.api.gate import _read_code


def test_the_code_of_the_demo_device_is_one_that_the_gate_reads_whatever_was_drawn() -> None:
    made = json.loads(text(SimpleNamespace(password=lambda _name: "_" * 43)))["gate_device"]  # type: ignore[arg-type]  # all that is asked of a store
    assert _read_code(f"{made['login_id']}-{made['password']}") == (made["login_id"], made["password"])
