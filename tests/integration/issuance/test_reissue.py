"""A lost or forwarded pass: a new number and a new link, the old ones worth nothing, once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier

import pytest

from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound
from contracts.events import PassIssued, PassRevoked
from contracts.rpc.call import Call
from contracts.rpc.issuance import LinkCode, PassView, ReissuePass
from services.issuance.handlers import passes, views
from tests.support.factories.issuance import (
    NOW,
    SETTINGS,
    VALID_TO,
    approved,
    calling,
    cancelled,
    citizen,
    deliver,
    erased,
    issue,
    published,
    rows,
    staff,
    withdrawn,
)


def reissue(database, number: str, call: Call | None = None, at=NOW, **changes) -> PassView:
    with database.transaction() as session:
        reissue = ReissuePass(number=number, **changes)
        return passes.reissue(reissue, call or calling(), session, at, SETTINGS)


def test_a_reissued_pass_is_the_same_visit_under_a_new_number_and_link(database) -> None:
    old = issue(database)

    new = reissue(database, old.number)

    first, second = rows(database)
    assert (first.number, first.revocation) == (old.number, "reissued")
    assert (new.number, new.state, new.replaced_by) == (second.number, "issued", None)
    assert second.number != old.number
    assert second.link_code != old.link_code
    assert (second.visit, second.personal, second.valid_from, second.valid_to) == (
        old.visit,
        old.personal,
        old.valid_from,
        old.valid_to,
    )
    issued, revoked, again = published(database)
    assert isinstance(revoked, PassRevoked)
    assert (revoked.pass_number, revoked.reason, revoked.replaced) == (old.number, "reissued", True)
    assert isinstance(again, PassIssued)
    assert (again.pass_number, again.replaces) == (new.number, old.number)
    assert again.personal.link_code == second.link_code
    assert again.personal.applicant == issued.personal.applicant


def test_the_old_link_does_not_lead_to_the_new_pass(database) -> None:
    old = issue(database)
    reissue(database, old.number)

    with database.transaction() as session:
        shown = views.view_by_link(LinkCode(code=old.link_code or ""), calling(), session, NOW, SETTINGS)

    assert (shown.number, shown.state, shown.replaced_by) == (old.number, "revoked", None)


def test_the_applicant_and_the_reception_may_reissue_a_pass(database) -> None:
    for principal in (citizen(), staff("reception"), staff("reception", site=None)):
        number = issue(database, approved()).number
        assert reissue(database, number, calling(principal)).state == "issued"


def test_reissue_is_not_found_for_everybody_else(database) -> None:
    old = issue(database)
    for principal in (
        citizen("+919876543211"),
        citizen(None),
        staff("security"),
        staff("department"),
        staff("reception", site="PCS2"),
    ):
        with pytest.raises(NotFound):
            reissue(database, old.number, calling(principal))
    for number in ("0000000D", "0000", "not a number at all", ""):
        with pytest.raises(NotFound):
            reissue(database, number)
    assert [row.revoked_at for row in rows(database)] == [None]
    assert len(published(database)) == 1


def test_a_repeat_with_the_same_key_gives_the_same_pass(database) -> None:
    old = issue(database)

    answers = [reissue(database, old.number, calling(key="k")) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert len(rows(database)) == 2
    assert len(published(database)) == 3


def test_the_same_key_with_another_body_is_refused(database) -> None:
    old, other = issue(database), issue(database, approved())
    reissue(database, old.number, calling(key="k"))

    with pytest.raises(IdempotencyKeyReused):
        reissue(database, other.number, calling(key="k"))

    assert rows(database, other.application_id)[0].revoked_at is None


def test_a_second_request_without_the_key_is_refused(database) -> None:
    old = issue(database)
    reissue(database, old.number)

    with pytest.raises(Conflict) as refusal:
        reissue(database, old.number)

    assert (refusal.value.body.code, refusal.value.body.facts) == ("not_reissuable", {"state": "revoked"})
    assert len(rows(database)) == 2


def test_a_pass_is_reissued_up_to_its_end_and_not_after(database) -> None:
    old = issue(database)

    with pytest.raises(Conflict, match="not_reissuable"):
        reissue(database, old.number, at=VALID_TO)
    assert [row.revoked_at for row in rows(database)] == [None]

    assert reissue(database, old.number, at=VALID_TO - timedelta(seconds=1)).state == "issued"


def test_an_erased_pass_is_not_found(database) -> None:
    approval = approved()
    old = issue(database, approval)
    deliver(database, erased(approval))

    with pytest.raises(NotFound):
        reissue(database, old.number, calling(staff()))


def test_a_reissue_accepts_the_reason_security_and_refuses_other_reasons(database) -> None:
    old = issue(database)

    for reason in ("withdrawn", "cancelled"):
        with pytest.raises(InvalidInput):
            reissue(database, old.number, reason=reason)
    assert len(published(database)) == 1

    reissue(database, old.number, reason="security")
    assert published(database)[1].reason == "security"


@pytest.mark.parametrize("ending", [withdrawn, cancelled])
def test_a_withdrawal_or_cancellation_revokes_the_reissued_pass(database, ending) -> None:
    approval = approved()
    new = reissue(database, issue(database, approval).number)

    deliver(database, ending(approval))

    assert all(row.revoked_at is not None for row in rows(database))
    assert published(database)[-1].pass_number == new.number


def test_a_repeated_approval_does_not_bring_the_old_pass_back(database) -> None:
    approval = approved()
    reissue(database, issue(database, approval).number)

    deliver(database, approval)

    assert len(rows(database)) == 2


def test_eight_requests_at_once_make_one_new_pass(database) -> None:
    old, barrier = issue(database), Barrier(8)

    def one(_: int) -> str:
        barrier.wait()
        try:
            return reissue(database, old.number).number
        except Conflict as refusal:
            return refusal.body.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(8)))

    assert outcomes.count("not_reissuable") == 7
    assert len(rows(database)) == 2
    assert len(published(database)) == 3


def test_a_reissue_and_a_withdrawal_at_once_leave_no_live_pass(database) -> None:
    for _ in range(5):
        approval = approved()
        old, barrier = issue(database, approval), Barrier(2)

        def lost(number: str = old.number, start: Barrier = barrier) -> None:
            start.wait()
            with suppress(Conflict):
                reissue(database, number)

        def ended(approval=approval, start: Barrier = barrier) -> None:
            start.wait()
            deliver(database, withdrawn(approval))

        with ThreadPoolExecutor(2) as pool:
            for outcome in [pool.submit(lost), pool.submit(ended)]:
                outcome.result()

        assert all(row.revoked_at is not None for row in rows(database, approval.application_id))


def test_an_applicant_gets_three_new_passes_of_a_visit_and_the_reception_more(database) -> None:
    number = issue(database).number
    for _ in range(3):
        number = reissue(database, number, calling(citizen())).number
    with pytest.raises(Conflict) as refused:
        reissue(database, number, calling(citizen()))
    assert (refused.value.body.code, refused.value.body.facts) == ("too_many_reissues", {"most": 3})
    assert reissue(database, number, calling(staff("reception"))).state == "issued"
