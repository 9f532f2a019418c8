"""An applicant is told what a department's desk keeps of them, and nothing of the watchlist."""

from sqlalchemy import text

from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnData, OwnDataQuestion
from services.approval.handlers import decisions, own_data
from tests.support.factories.approval import NOW, approval, by, deliver, desk, review_id_of, submitted


def kept(database, reference: str, mobile: str | None, *, whole: bool = True) -> OwnData:
    caller = by(Principal(kind="applicant", id="a", mobile=mobile))
    with database.transaction() as session:
        return own_data.list_kept(OwnDataQuestion(references=(reference,), whole=whole), caller, session)


def test_the_desk_tells_its_copy_and_decisions_to_their_owner_alone(approval_db) -> None:
    event = submitted()
    deliver(approval_db, event)
    review = review_id_of(approval_db, event.application_id)
    with approval_db.transaction() as session:
        decisions.approve(approval(review), by(desk()), session, NOW, furthest_days=30)
    mobile = event.personal.applicant.mobile
    found = {one.kind: one for one in kept(approval_db, event.reference, mobile).items}
    assert found["desk"].receivers == ("home",)
    assert found["desk"].records[0]["applicant"]["name"] == event.personal.applicant.name
    (decision,) = found["decisions"].records
    assert (decision["status"], decision["department"]) == ("approved", "home")
    assert "HOM-0001" not in str([one.records for one in found.values()]), "who decided is not told"
    assert not any(one.records for one in kept(approval_db, event.reference, mobile, whole=False).items)
    assert kept(approval_db, event.reference, "+919800000000").items == ()


def test_who_compares_somebody_with_the_watchlist_is_not_told(approval_db) -> None:
    event = submitted()
    deliver(approval_db, event)
    add = text("""
        insert into audit_log (at, actor, role, action, objects, result, address, correlation_id)
        values (now(), :who, 'ado', :act, array[:reference], 'done', '', '')
    """)
    with approval_db.transaction() as session:
        for who, act in (("ADO-0001", "view_match"), ("ADO-0002", "matches"), ("ADO-0003", "affected")):
            session.execute(add, {"who": who, "act": act, "reference": event.reference})
    readers = kept(approval_db, event.reference, event.personal.applicant.mobile).readers
    assert [one.actor for one in readers] == ["ADO-0003"]
