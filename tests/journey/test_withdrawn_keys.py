"""The runbook of a stolen signing key, in a system of its own: gates and gateways learn of it."""

import time
from collections.abc import Iterator

import jwt
import pytest

from epass_client import Problem, calls
from tests.support.stack.backends import start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued
from tests.support.system.system import System


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Nobody else's sessions and passes end."""
    with start_stack(tmp_path_factory.mktemp("keys")) as stack, System(stack) as system:
        yield system


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_a_stolen_key_of_passes_is_withdrawn_and_visitors_come_in_with_the_next(own_system) -> None:
    officer, visitor = Officer(own_system), Applicant(own_system)
    _, summary = issued(visitor, Department(own_system), known_to=officer)
    token = visitor.token(summary.number)
    assert officer.scan(token=token).verdict == "admit"

    own_system.epass("issuance", "keys", "withdraw", "issuance", kid_of(token))

    def is_refused() -> bool:
        time.sleep(0.5)  # an officer may look at 300 passes in five minutes
        return officer.scan(token=token).verdict == "bad_signature"

    eventually(is_refused, "the gate refuses it", 60)
    again = visitor.token(summary.number)
    assert kid_of(again) != kid_of(token)
    assert officer.scan(token=again, id_check=MATCHED).verdict == "admit"


def test_a_stolen_key_of_sessions_is_withdrawn_and_everybody_signs_in_again(own_system) -> None:
    officer, visitor = Officer(own_system), Applicant(own_system)
    token = officer.client.token
    visitor.send(calls.list_applications())

    own_system.epass("accounts", "keys", "withdraw", "accounts", kid_of(token))

    def refused(actor, call) -> bool:
        try:
            actor.send(call)
        except Problem as problem:
            return problem.status == 401
        return False

    eventually(lambda: refused(officer, calls.list_inside("PCS1")), "the officer is signed out")
    eventually(lambda: refused(visitor, calls.list_applications()), "the applicant is signed out")
    assert Officer(own_system).send(calls.list_inside("PCS1")) is not None
