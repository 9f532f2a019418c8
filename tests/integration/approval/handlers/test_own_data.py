"""An applicant is told what a department's desk keeps of them, and nothing of the watchlist."""

import pytest
from sqlalchemy import text

from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnData, OwnDataQuestion
from services.approval.handlers import decisions, own_data
from services.chassis.audit import readers
from tests.support.factories.approval import NOW, approval, by, deliver, desk, review_id_of, submitted

OFFICER = Principal(kind="staff", id="DPO-0001", login_id="DPO-0001", role="privacy")


def kept(database, reference: str, mobile: str | None, *, whole: bool = True) -> OwnData:
    caller = by(Principal(kind="applicant", id="a", mobile=mobile) if mobile else OFFICER)
    with database.transaction() as session:
        return own_data.list_kept(OwnDataQuestion(references=(reference,), whole=whole), caller, session)


def looks(database, reference: str, look: tuple[str, str, str]) -> None:
    """Add a row to the audit log: an actor, its role, and what it did."""
    add = text("""
        insert into audit_log (at, actor, role, action, objects, result, address, correlation_id)
        values (now(), :who, :role, :act, array[:reference], 'done', '', '')
    """)
    given = dict(zip(("who", "role", "act"), look, strict=True))
    with database.transaction() as session:
        session.execute(add, given | {"reference": reference})


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
    assert "id_last4" not in found["desk"].model_dump_json(), "it opens applications"
    (decision,) = found["decisions"].records
    assert (decision["status"], decision["department"]) == ("approved", "home")
    assert "HOM-0001" not in str([one.records for one in found.values()]), "who decided is not told"
    assert not any(one.records for one in kept(approval_db, event.reference, mobile, whole=False).items)
    assert kept(approval_db, event.reference, "+919800000000").items == ()
    assert kept(approval_db, event.reference, None).items == tuple(found.values()), "the data officer"


def test_whom_an_auditor_looks_for_is_not_told_and_that_more_have_looked_is(
    approval_db, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = submitted()
    deliver(approval_db, event)
    looks(approval_db, event.reference, ("AUD-0001", "auditor", "audit_entries"))
    looks(approval_db, event.reference, ("AUD-0001", "auditor", "export_audit"))
    monkeypatch.setattr(readers, "MOST_READERS", 1)
    mobile = event.personal.applicant.mobile
    assert not kept(approval_db, event.reference, mobile).readers
    looks(approval_db, event.reference, ("HOM-0001", "department", "view_review"))
    assert not kept(approval_db, event.reference, mobile).is_cut
    looks(approval_db, event.reference, ("HOM-0002", "department", "view_review"))
    told = kept(approval_db, event.reference, mobile)
    assert (len(told.readers), told.is_cut) == (1, True)


def test_who_compares_somebody_with_the_watchlist_is_not_told(approval_db) -> None:
    event = submitted()
    deliver(approval_db, event)
    for who, act in (("ADO-0001", "view_match"), ("ADO-0002", "matches"), ("ADO-0003", "affected")):
        looks(approval_db, event.reference, (who, "ado", act))
    found = kept(approval_db, event.reference, event.personal.applicant.mobile).readers
    assert [one.actor for one in found] == ["ADO-0003"]
