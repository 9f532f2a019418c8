"""An applicant is told which messages went to them, with their texts, but not with the link of a pass."""

from dataclasses import replace

from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnData, OwnDataQuestion
from services.notify.handlers import own_data
from services.notify.models import MessageRow
from tests.integration.notify.handlers.stored import handle, messages, personal
from tests.support.factories.calls import make_call
from tests.support.factories.notify import APPLICANT, MOBILE, OTHER_MOBILE, Visit, received

OFFICER = Principal(kind="staff", id="DPO-0001", login_id="DPO-0001", role="privacy")
OTHER = Principal(kind="applicant", id="other", mobile=OTHER_MOBILE)


def kept(db, reference: str, principal: Principal = APPLICANT) -> OwnData:
    with db.transaction() as session:
        question = OwnDataQuestion(references=(reference,), whole=True)
        return own_data.list_kept(question, make_call(principal), session)


def test_messages_are_told_with_their_text_to_whom_they_went_alone(db) -> None:
    visit = Visit()
    handle(db, received(visit.submitted()), received(visit.issued()), received(visit.escalated()))
    (one,) = kept(db, visit.reference).items
    assert [record["purpose"] for record in one.records] == ["application_submitted", "pass_issued"]
    assert visit.number in one.records[1]["text"]
    issued = next(row for row in messages(db) if row.purpose == "pass_issued")
    link = personal(issued).parameters["link"]
    assert link.rpartition("/")[2] not in one.model_dump_json(), "who has the copy does not get in with it"
    assert one.receivers == ()
    with db.transaction() as session:
        session.get_one(MessageRow, issued.id).provider = "msg91"
    (sent,) = kept(db, visit.reference).items
    assert sent.receivers == (issued.channel, "msg91"), "the channel, and the company behind it"
    assert kept(db, visit.reference, OTHER).items == (), "the duty officer, whom the escalation told"
    assert kept(db, visit.reference, OFFICER).items == (sent,)
    handle(db, received(visit.erased()))
    assert kept(db, visit.reference).items == ()


def test_whoever_has_the_application_after_a_change_of_mobile_sees_no_number_or_address_of_before(db) -> None:
    visit = Visit(email="somebody@example.org", deliver_by="email")
    handle(db, received(visit.submitted()))
    visit = replace(visit, deliver_by="sms", email=None)
    handle(db, received(visit.issued()), received(visit.mobile_changed(), seq=2))
    for principal in (OTHER, OFFICER):
        (one,) = kept(db, visit.reference, principal).items
        assert {record["to"] for record in one.records} == {
            "…@example.org",
            f"…{MOBILE[-4:]}",
            OTHER_MOBILE,
        }
        assert MOBILE not in one.model_dump_json()
