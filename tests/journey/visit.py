"""The commands about a visitor who has come, for `test_idempotency`."""

from collections.abc import Callable
from uuid import UUID

from epass_client import calls
from tests.journey.commands import Case, People, publishes
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, issued


def inside(people: People) -> UUID:
    """Return the review of a visitor whom the gate has let in, and of whom the department knows."""
    reference, summary = issued(people.applicant, people.department)
    people.officer.scan(token=people.applicant.token(summary.number), id_check=MATCHED)

    def here() -> UUID | None:
        found = people.department.send(calls.list_visits(limit=200)).items
        return next((one.review_id for one in found if one.reference == reference), None)

    known = eventually(here, "the department knows who has come")
    assert known is not None
    return known


def say_met(people: People) -> Case:
    reference, summary = issued(people.applicant, people.department)
    people.officer.scan(token=people.applicant.token(summary.number), id_check=MATCHED)
    eventually(
        lambda: people.applicant.send(calls.view_application(reference)).status == "entered",
        "they are inside",
    )
    return publishes("VisitorSaid", "application", people.applicant, calls.say_met(reference, "met"))


def answer_visit(people: People) -> Case:
    call = calls.answer_visit(inside(people), "come_up")
    return publishes("VisitorCalled", "approval", people.department, call)


def end_visit(people: People) -> Case:
    return publishes("VisitEnded", "approval", people.department, calls.end_visit(inside(people), "met"))


CASES: dict[str, Callable[[People], Case]] = {
    "POST /api/v1/applications/{reference}/met": say_met,
    "POST /api/v1/visits/{review_id}/answer": answer_visit,
    "POST /api/v1/visits/{review_id}/end": end_visit,
}
