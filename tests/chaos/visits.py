"""A whole visit through one gateway, whose every answer is checked."""

from contextlib import suppress
from copy import copy

from epass_client import Problem, calls
from tests.support.chaos.deployment import Deployment
from tests.support.stack.running import Process
from tests.support.system.actors import MATCHED, Applicant, Department, Officer

EXPECTED = ["admit", "already_inside", "exit"]


def visit(deployment: Deployment, gateway: Process) -> list[str]:
    """Go from the application to the exit; return the verdicts at the gate, which are `EXPECTED`.

    Raises:
        Problem: a call failed. None is repeated.
    """
    system = copy(deployment.system)
    system.url = f"http://127.0.0.1:{gateway.port}"
    applicant = Applicant(system, code_of=deployment.provider.wait_for_code)
    department, officer = Department(system), Officer(system)
    reference, other = applicant.apply(), applicant.apply()
    applicant.send(calls.cancel_application(other))
    assert applicant.view(other).status == "cancelled"
    department.approve(reference)
    token = applicant.token(applicant.wait_for_pass(reference).number)
    with suppress(Problem):  # an answer since version 0.3
        assert officer.scan(token="no pass").verdict == "forged"
    verdicts = [officer.scan(token=token, id_check=MATCHED).verdict for _ in range(2)]
    return [*verdicts, officer.scan(token=token, direction="exit").verdict]
