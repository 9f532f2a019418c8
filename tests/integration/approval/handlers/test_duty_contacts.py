"""Duty contacts: sealed, set by the ADO Branch alone, and used by each step of the escalation."""

from typing import Any

import pytest
from sqlalchemy import text

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import DirectoryChanged, ReviewEscalated
from contracts.model import Contact
from contracts.rpc.approval.directory import DutyContact, DutyContacts, DutyPlace, PutDutyContacts
from contracts.rpc.call import Principal
from services.approval.handlers import duty_contacts
from services.approval.handlers.scheduled_jobs import escalate_waiting
from tests.support.factories.approval import NOW, TUESDAY, by, desk, ist, pending, published
from tests.support.stack.concurrency import run_concurrently

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
OTHER = Principal(kind="staff", id="ADO-0002", login_id="ADO-0002", role="ado")
MOBILE, EMAIL = "98765 43210", "reception@punjab.gov.in"
HEAD = DutyContact(officer="home-secretary", mobile=MOBILE)


def put(
    database: Any, *contacts: DutyContact, at: Any = NOW, who: Principal = ADO, **place: Any
) -> DutyContacts:
    facts = {"kind": "departments", "code": "home", "language": "hi", **place}
    with database.transaction() as session:
        request = PutDutyContacts(contacts=contacts, **facts)
        return duty_contacts.put(request, by(who), session, at)


def view(database: Any, kind: Any = "departments", code: str = "home", who: Principal = ADO) -> DutyContacts:
    with database.transaction() as session:
        return duty_contacts.view(DutyPlace(kind=kind, code=code), by(who), session)


def test_contacts_are_stored_sealed_and_read_by_the_ado_branch_alone(approval_db) -> None:
    assert view(approval_db) == DutyContacts()
    put(approval_db, HEAD)
    stored = view(approval_db)
    assert stored.contacts == (DutyContact(officer="home-secretary", mobile="+919876543210"),)
    assert (stored.language, stored.set_by) == ("hi", "ADO-0001")
    with approval_db.transaction() as session:
        for table in ("duty_contacts", "directory_history", "outbox"):
            rows = session.scalars(text(f"select t::text from {table} t")).all()
            assert "43210" not in "".join(rows), table
    assert published(approval_db, DirectoryChanged) == []
    for refused in (lambda: view(approval_db, who=desk()), lambda: put(approval_db, HEAD, who=desk())):
        with pytest.raises(Forbidden):
            refused()


def test_each_step_reaches_its_own_contact_in_the_language_that_was_chosen(approval_db) -> None:
    put(approval_db, HEAD, language="hi")
    put(approval_db, DutyContact(email=EMAIL), kind="sites", code="T1", language="pa")
    pending(approval_db)
    with approval_db.transaction() as session:
        escalate_waiting(session, ist(TUESDAY, 9, 30))
    events = published(approval_db, ReviewEscalated)
    assert [(one.step, one.language, one.personal.contact) for one in events] == [
        ("stand_in", None, Contact()),
        ("head", "hi", Contact(mobile="+919876543210")),
        ("reception", "pa", Contact(email=EMAIL)),
    ]
    with approval_db.transaction() as session:
        clear = session.scalars(text("select data::text from outbox")).all()
    assert not any("43210" in data or EMAIL in data for data in clear)


def test_of_two_who_set_contacts_at_once_the_second_is_told_by_whom(approval_db) -> None:
    put(approval_db, HEAD)
    was = view(approval_db).revision

    def attempt(who: Principal) -> str:
        try:
            put(approval_db, HEAD, at=ist(TUESDAY, 9), who=who, was=was)
        except Conflict as refused:
            return f"{refused.body.code} {refused.body.facts['by']}"
        return f"saved {who.id}"

    outcomes = sorted(run_concurrently(lambda: attempt(ADO), lambda: attempt(OTHER)))
    saved = outcomes[1].removeprefix("saved ")
    assert outcomes[0] == f"changed_meanwhile {saved}"


def test_what_is_wrong_or_unknown_changes_nothing(approval_db) -> None:
    put(approval_db, HEAD)
    was = view(approval_db)
    with pytest.raises(InvalidInput):
        put(approval_db, DutyContact(officer="home-secretary", mobile="1"), was=was.revision)
    for place in ({"code": "nowhere"}, {"kind": "sites", "code": "T9"}):
        with pytest.raises(NotFound):
            put(approval_db, HEAD, **place)
    assert view(approval_db) == was
