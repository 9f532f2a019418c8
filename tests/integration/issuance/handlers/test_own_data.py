"""An applicant is told what is kept of their passes, without what opens a gate."""

from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnData, OwnDataQuestion
from services.issuance.handlers import own_data
from tests.support.factories.issuance import approved, calling, citizen, deliver, erased, issue

OFFICER = Principal(kind="staff", id="DPO-0001", login_id="DPO-0001", role="privacy")


def kept(database, reference: str, mobile: str | None = "+919876543210") -> OwnData:
    with database.transaction() as session:
        question = OwnDataQuestion(references=(reference,), whole=True)
        return own_data.list_kept(question, calling(citizen(mobile) if mobile else OFFICER), session)


def test_a_pass_is_told_to_its_owner_alone_and_without_its_link(database) -> None:
    approval = approved()
    row = issue(database, approval)
    (one,) = kept(database, row.reference).items
    assert (one.kind, one.numbers) == ("passes", (row.number,))
    assert one.records[0]["applicant"]["name"] == approval.personal.applicant.name
    assert "id_last4" not in one.model_dump_json(), "it opens applications"
    assert str(row.link_code) not in one.model_dump_json()
    assert kept(database, row.reference, "+919800000000").items == ()
    assert kept(database, row.reference, None).items == (one,), "the data officer"
    deliver(database, erased(approval))
    assert kept(database, row.reference).items == ()
