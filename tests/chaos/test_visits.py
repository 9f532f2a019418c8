"""A visit goes on after the gate although each process that carries it is killed in turn; nothing is lost,
and nobody is told twice."""

import json
from typing import Any

from contracts.rpc.approval.visits import VisitLine
from epass_client import calls
from tests.journey.held import away
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Department, Officer, Staff, issued
from tests.support.system.page_reader import SAME_SITE, Browser, tell_of_arrivals

STORED = """select purpose, messages.id::text
from messages join applications on application_id = applications.id where reference = %s"""
TOLD = dict.fromkeys(
    ("application_submitted", "pass_issued", "visitor_arrived", "visitor_called", "visit_question"), 1
)
"""How often a phone is told what: the office that they have come, the visitor all the rest."""
DUE = "update applications set ask_met_at = now() where reference = %s and ask_met_at is not null"
"""Whoever has left is asked some minutes after it; no test waits for them."""


def test_a_visit_is_carried_to_its_end_while_its_processes_are_killed_in_turn(
    deployment: Deployment, scenario: Scenario, department: Department
) -> None:
    system, visitor = deployment.system, scenario.person
    ado = Browser(system, Staff(system, "ado").client.token or "", "en")
    tell_of_arrivals(ado, mobile_ending_in(4))
    reference, summary = issued(visitor, department)
    token = visitor.token(summary.number)
    gate = Officer(system)

    def line(part: str, **wanted: object) -> VisitLine | None:
        found = department.send(calls.list_visits(part=part, limit=200)).items
        of_it = (one for one in found if one.reference == reference)
        return next((one for one in of_it if all(getattr(one, k) == v for k, v in wanted.items())), None)

    def told(what: str) -> int:
        return sum(one.what == what for one in visitor.view(reference).timeline)

    def rows(service: str, query: str) -> list[Any]:
        with database(deployment.stack, service) as connection:
            return connection.execute(query, (reference,)).fetchall()

    with away(system, "approval", "notify", "issuance"):
        assert gate.scan(token=token, id_check=MATCHED).verdict == "admit", "a gate needs no desk"
    here = eventually(lambda: line("here"), "the desk hears of it once it is back")
    with away(system, "application", "relay"):
        department.send(calls.answer_visit(here.review_id, "come_up", room="402"))
    eventually(lambda: told("visit_answered"), "the visitor's page says so once it is back")
    with away(system, "approval", "relay"):
        assert gate.scan(token=token, direction="exit").verdict == "exit"
    eventually(lambda: line("gone"), "the desk hears that they have left")
    with away(system, "notify", "sender"), database(deployment.stack, "application") as connection:
        due = "they are asked after some minutes"
        eventually(lambda: connection.execute(DUE, (reference,)).rowcount, due)
        asked = "select from applications where reference = %s and asked_met_at is not null"
        eventually(lambda: rows("application", asked), "they are asked", 90)
    ((code,),) = rows("issuance", "select link_code from passes where reference = %s")
    with away(system, "application", "approval"):
        answered = system.http().post(f"/en/p/{code}", data={"answer": "not_met"}, headers=SAME_SITE)
        assert answered.headers["location"].endswith("said=not_met")
        with away(system, "issuance"):
            pass  # it has taken the word, and others have not heard it
    eventually(lambda: line("gone", visitor_says="not_met"), "the desk hears what they say")
    with away(system, "verify", "sender"):
        department.send(calls.end_visit(here.review_id, "met"))
    assert eventually(lambda: line("met", visitor_says="not_met"), "they differ").state == "met"

    eventually(lambda: told("visit_ended") == 2, "the end is told by both")
    assert [told(what) for what in ("office_told", "visit_answered")] == [1, 1]

    def charged() -> dict[str, int]:
        """Return how often phones were told what."""
        ledger = scenario.provider.ledger().charged
        stored = rows("notify", STORED)
        assert sorted(purpose for purpose, _ in stored) == sorted(TOLD)
        return {purpose: ledger[message] for purpose, message in stored}

    assert eventually(lambda: all((found := charged()).values()) and found, "the phones have all") == TOLD
    done = system.try_epass("administrator", "invariants", "--json", "--grace", "10")
    (met,) = [one for one in json.loads(done.stdout)["invariants"] if one["name"] == "met"]
    assert met["holds"], met
    assert met["parts"]["met"] >= 1
    tell_of_arrivals(ado, "")
