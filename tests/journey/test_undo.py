"""A decision that can be undone leaves by itself, whoever is killed; one that was undone never does."""

from collections.abc import Iterator

import pytest

from epass_client import Problem, calls
from tests.support.stack.backends import start_stack
from tests.support.system.actors import Applicant, Department
from tests.support.system.system import System


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Decisions can be taken back here for some seconds."""
    with (
        start_stack(tmp_path_factory.mktemp("undo")) as stack,
        System(stack, EPASS_UNDO_SECONDS="6") as system,
    ):
        yield system


def test_a_decision_leaves_by_itself_although_approval_and_gateway_are_killed_meanwhile(own_system) -> None:
    visitor, department = Applicant(own_system), Department(own_system)
    reference = visitor.apply()
    assert department.approve(reference).leaves_at is not None
    assert visitor.view(reference).status == "submitted", "nobody hears of it before"
    for name in ("approval", "gateway"):
        own_system.processes[name].kill()
    for name in ("approval", "gateway"):
        own_system.processes[name].start()
    assert visitor.wait_for_pass(reference).number


def test_a_decision_that_was_undone_never_leaves_and_the_next_one_counts(own_system) -> None:
    visitor, department = Applicant(own_system), Department(own_system)
    undone, other = visitor.apply(), visitor.apply(purpose="Another matter")
    review = department.approve(undone)
    take_back = calls.undo_decision(review.id)
    back = department.send(take_back)
    assert back.status == "pending"
    assert department.send(take_back) == back, "a repeat undoes nothing else"
    department.approve(other)
    assert visitor.wait_for_pass(other).number, "what was decided later has left"
    assert visitor.view(undone).status == "submitted"
    with pytest.raises(Problem) as refused:
        department.send(calls.undo_decision(department.review_of(other).id))
    assert (refused.value.status, refused.value.code) == (409, "too_late_to_undo")
    department.approve(undone)
    assert visitor.wait_for_pass(undone).number
