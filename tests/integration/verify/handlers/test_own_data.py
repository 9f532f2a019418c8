"""An applicant is told what gates keep of the passes that they can name."""

from sqlalchemy import text

from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnData, OwnDataQuestion
from services.verify.handlers import own_data
from tests.support.factories.verify import GATE, OTHER_ID, Gate, calling, erased

APPLICANT = Principal(kind="applicant", id="a", mobile="+919876543210")


OFFICER = Principal(kind="staff", id="DPO-0001", login_id="DPO-0001", role="privacy")


def kept(gate: Gate, reference: str, *numbers: str, by: Principal = APPLICANT) -> OwnData:
    question = OwnDataQuestion(references=(reference,), numbers=numbers, whole=True)
    with gate.database.transaction() as session:
        return own_data.list_kept(question, calling(by), session)


def test_gates_tell_names_and_scans_of_a_pass_to_who_knows_its_number_and_reference(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued, id_check=OTHER_ID)
    gate.leave(issued)
    found = {one.kind: one for one in kept(gate, issued.reference, issued.pass_number).items}
    assert found["gates"].records[0]["applicant"]["name"] == issued.personal.applicant.name
    assert [one["verdict"] for one in found["scans"].records] == ["admit", "exit"]
    assert (found["scans"].receivers, found["scans"].is_nameless) == ((GATE,), True)
    assert "SEC-0001" not in str([one.records for one in found.values()]), "who scanned is not told"
    assert OTHER_ID.reason not in str(found["scans"].records), "it may be what a supervisor said"
    assert kept(gate, issued.reference).items == ()
    assert kept(gate, "PCS-0000-0000", issued.pass_number).items == ()
    of_officer = kept(gate, issued.reference, issued.pass_number, by=OFFICER)
    assert of_officer.items == tuple(found.values())
    gate.handle(erased(issued), seq=2)
    assert [one.kind for one in kept(gate, issued.reference, issued.pass_number).items] == ["scans"]


def test_that_a_supervisor_has_let_somebody_in_is_not_told(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    add = text("""
        insert into audit_log (at, actor, role, action, objects, result, address, correlation_id)
        values (now(), :who, 'security', :act, array[:number], 'done', '', '')
    """)
    with gate.database.transaction() as session:
        for who, act in (("SEC-0001", "override"), ("SEC-0002", "scan")):
            session.execute(add, {"who": who, "act": act, "number": issued.pass_number})
    question = OwnDataQuestion(references=(issued.reference,), numbers=(issued.pass_number,))
    with gate.database.transaction() as session:
        told = own_data.list_kept(question, calling(APPLICANT), session).readers
    assert [one.actor for one in told] == ["SEC-0002"]
