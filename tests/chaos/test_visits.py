"""A visit goes on after the gate although each process that carries it is killed in turn; nothing is lost,
and nobody is told twice."""

from contracts.rpc.approval.visits import VisitLine
from epass_client import calls
from tests.journey.held import away
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import Scenario
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Department, Officer, issued


def test_a_visit_is_carried_to_its_end_while_its_processes_are_killed_in_turn(
    deployment: Deployment, scenario: Scenario, department: Department
) -> None:
    system, visitor = deployment.system, scenario.person
    reference, summary = issued(visitor, department)
    token = visitor.token(summary.number)
    gate = Officer(system)

    def line(part: str, **wanted: object) -> VisitLine | None:
        found = department.send(calls.list_visits(part=part, limit=200)).items
        of_it = (one for one in found if one.reference == reference)
        return next((one for one in of_it if all(getattr(one, k) == v for k, v in wanted.items())), None)

    def told(what: str) -> int:
        return sum(one.what == what for one in visitor.view(reference).timeline)

    with away(system, "approval", "notify"):
        assert gate.scan(token=token, id_check=MATCHED).verdict == "admit", "a gate needs no desk"
    here = eventually(lambda: line("here"), "the desk hears of it once it is back")
    with away(system, "application", "relay"):
        department.send(calls.answer_visit(here.review_id, "come_up", room="402"))
    eventually(lambda: told("visit_answered"), "the visitor's page says so once it is back")
    with away(system, "verify", "sender"):
        department.send(calls.end_visit(here.review_id, "met"))
    eventually(lambda: told("visit_ended"), "the end is told")
    with away(system, "approval"):
        visitor.send(calls.say_met(reference, "not_met"))
    assert eventually(lambda: line("met", visitor_says="not_met"), "the desk hears it").state == "met"

    assert [told(what) for what in ("office_told", "visit_answered", "visit_ended")] == [1, 1, 2], (
        "the end is told by both"
    )
    query = """select messages.id::text from messages join applications on application_id = applications.id
        where purpose = 'visitor_called' and reference = %s"""
    with database(deployment.stack, "notify") as connection:
        ((message,),) = connection.execute(query, (reference,)).fetchall()
    eventually(lambda: scenario.provider.ledger().charged[message], "the phone has it")
    assert scenario.provider.ledger().charged[message] == 1
