"""A pass is sent again: for whom, how often, and which."""

from datetime import timedelta

import pytest

from contracts.crockford import new_pass_number, new_reference
from contracts.errors import Conflict, ContractError, Forbidden, NotFound, TooManyAttempts
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.handlers import prints, resends
from services.notify.models import PassRow
from tests.integration.notify.handlers.stored import handle, messages, personal
from tests.support.factories.calls import make_call
from tests.support.factories.notify import APPLICANT, DEPARTMENT, OTHER_MOBILE, RECEPTION, Visit, received


def resend(
    db: Database,
    reference: str,
    principal: Principal = APPLICANT,
    key: str | None = None,
    *,
    later: timedelta = timedelta(0),
) -> None:
    with db.transaction() as session:
        resends.resend(ReferenceOnly(reference=reference), make_call(principal, key), session, now() + later)


def refused(db: Database, kind: type[ContractError], *args: object, **options: object) -> ContractError:
    """Check that the call is refused and changes nothing."""
    before = [(row.id, row.state) for row in messages(db)]
    with pytest.raises(kind) as error:
        resend(db, *args, **options)
    assert [(row.id, row.state) for row in messages(db)] == before
    return error.value


def test_the_applicant_and_reception_may_have_a_pass_sent_again(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.submitted()), received(visit.issued()))
    resend(db, visit.reference)
    resend(db, visit.reference.lower().replace("-", " "), RECEPTION)
    _, first, *again = messages(db)
    assert [row.resend_of for row in again] == [first.id, again[0].id]
    assert all(
        (row.state, row.purpose, row.pass_number) == ("queued", "pass_issued", visit.number) for row in again
    )
    assert [personal(row) for row in again] == [personal(first)] * 2


def test_a_repeated_resend_with_the_same_key_sends_once(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))
    for _ in range(5):
        resend(db, visit.reference, key="k1")
    assert len(messages(db)) == 2


def test_a_fourth_resend_within_ten_minutes_is_refused(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))
    for _ in range(3):
        resend(db, visit.reference)
    error = refused(db, TooManyAttempts, visit.reference)
    assert 590 <= int(error.body.facts["retry_after"]) <= 600
    resend(db, visit.reference, later=timedelta(minutes=11))
    assert len(messages(db)) == 5


def test_another_applicant_and_other_staff_may_not_have_a_pass_sent_again(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.submitted()), received(visit.issued()), received(visit.escalated()))
    refused(db, NotFound, visit.reference, Principal(kind="applicant", id="x", mobile=OTHER_MOBILE))
    refused(db, NotFound, visit.reference, Principal())
    refused(db, Forbidden, visit.reference, DEPARTMENT)
    refused(db, NotFound, new_reference())
    refused(db, NotFound, "nonsense")


def test_a_resend_without_a_valid_pass_is_refused_with_the_reason(db: Database) -> None:
    applied, revoked, over, printed = Visit(), Visit(), Visit(), Visit(mobile=None, deliver_by="printed")
    handle(
        db,
        received(applied.submitted()),
        received(revoked.issued()),
        received(revoked.revoked()),
        received(over.issued(valid_for=timedelta(seconds=-1))),
        received(printed.issued()),
    )
    assert refused(db, Conflict, applied.reference).body.code == "no_pass"
    assert refused(db, Conflict, revoked.reference).body.code == "pass_revoked"
    assert refused(db, Conflict, over.reference).body.code == "pass_expired"
    assert refused(db, Conflict, printed.reference, RECEPTION).body.code == "no_mobile"


def test_the_valid_one_of_two_passes_is_sent_again(db: Database) -> None:
    visit, successor = Visit(), new_pass_number()
    handle(
        db,
        received(visit.issued(number=successor)),
        received(visit.issued()),
        received(visit.revoked(reason="reissued", replaced=True)),
    )
    resend(db, visit.reference)
    assert messages(db)[-1].pass_number == successor


def test_the_pass_of_an_erased_application_cannot_be_sent_again(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()), received(visit.erased()))
    refused(db, NotFound, visit.reference)


def test_a_queued_resend_is_withdrawn_with_its_pass(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))
    resend(db, visit.reference)
    handle(db, received(visit.revoked()))
    assert [row.state for row in messages(db) if row.purpose == "pass_issued"] == ["withdrawn", "withdrawn"]


def test_the_reception_of_another_site_sends_no_pass_again_and_prints_none(db: Database) -> None:
    visit = Visit(deliver_by="sms")
    handle(db, received(visit.issued()))
    elsewhere = RECEPTION.model_copy(update={"site": "PCS2"})
    with pytest.raises(Forbidden) as refused:
        resend(db, visit.reference, elsewhere)
    assert refused.value.body.code == "wrong_site"
    with pytest.raises(Forbidden), db.transaction() as session:
        prints.record_print(PassNumber(number=visit.number), make_call(elsewhere, "key"), session, now())
    assert len(messages(db)) == 1
    with db.queries() as session:
        assert session.get_one(PassRow, visit.number).printed_at is None
    resend(db, visit.reference, RECEPTION)
    assert len(messages(db)) == 2
