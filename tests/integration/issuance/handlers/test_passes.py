"""An approval becomes one pass, even if events come twice, at once or too early; an end is final."""

from datetime import UTC, timedelta
from functools import partial
from itertools import permutations
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from contracts.crockford import parse_pass_number
from contracts.events import Event, OfficersNote, PassIssued, PassRevoked
from contracts.model import Companion
from services.issuance.handlers import passes
from services.issuance.models import ApplicationRow, PassRow
from tests.support.factories.issuance import (
    KEYS,
    MOBILE,
    NOW,
    VALID_FROM,
    VALID_TO,
    approved,
    cancelled,
    day_closed,
    deliver,
    erased,
    issue,
    published,
    rows,
    withdrawn,
)
from tests.support.stack.concurrency import run_concurrently


def kinds(database) -> list[str]:
    return [type(event).__name__ for event in published(database)]


def deliver_concurrently(database, events: list[Event]) -> None:
    """Deliver all events at the same moment, each on a connection of its own."""
    results = run_concurrently(*(partial(deliver, database, event) for event in events))
    assert results == [None] * len(events)


def test_an_approval_becomes_a_pass_and_is_published_with_all_its_facts(database) -> None:
    approval = approved(
        Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"), gate="PCS1-G1", entries=2
    )

    deliver(database, approval)

    (row,) = rows(database)
    (event,) = published(database)
    with database.transaction() as session:
        key = KEYS.current(session, NOW)
    assert isinstance(event, PassIssued)
    assert event.pass_number == row.number == parse_pass_number(row.number)
    assert (event.application_id, event.reference) == (approval.application_id, "PCS-7K3M-9QW4")
    assert (event.site, event.gate, event.department, event.officer) == (
        "PCS1",
        "PCS1-G1",
        "home",
        "home-secretary",
    )
    assert (event.party, event.entries, event.slot, event.kind) == (2, 2, approval.slot, "citizen")
    assert (event.valid_from, event.valid_to) == (VALID_FROM.astimezone(UTC), VALID_TO.astimezone(UTC))
    assert (event.key, event.replaces) == (key.public, None)
    assert event.personal.model_dump(exclude={"link_code", "token"}) == approval.personal.model_dump()
    assert event.personal.link_code == row.link_code
    assert len(event.personal.link_code) == 22


def test_one_approval_in_eight_threads_at_once_is_one_pass(database) -> None:
    deliver_concurrently(database, [approved(application_id=uuid4())] * 8)

    assert len(rows(database)) == 1
    assert kinds(database) == ["PassIssued"]


def test_eight_approvals_at_once_are_eight_passes_under_one_first_key(database) -> None:
    deliver_concurrently(database, [approved() for _ in range(8)])

    assert len({row.number for row in rows(database)}) == 8
    assert len({row.kid for row in rows(database)}) == 1


def test_the_database_itself_refuses_a_second_live_pass_of_an_application(database) -> None:
    first = issue(database)

    with pytest.raises(IntegrityError, match="passes_one_live"), database.transaction() as session:
        session.add(
            PassRow(
                **{
                    **vars(first.as_pass()),
                    "number": "0000000D",
                    "link_code": "other",
                    "ends_at": first.ends_at,
                    "kid": first.kid,
                    "issued_at": NOW,
                }
            )
        )


@pytest.mark.parametrize(("ending", "reason"), [(withdrawn, "withdrawn"), (cancelled, "cancelled")])
def test_a_withdrawal_or_cancellation_revokes_the_pass_and_publishes_it_once(
    database, ending, reason
) -> None:
    approval = approved()
    deliver(database, approval)

    for _ in range(5):
        deliver(database, ending(approval))

    (row,) = rows(database)
    assert row.revocation == reason
    assert row.revoked_at is not None
    issued, revoked = published(database)
    assert isinstance(revoked, PassRevoked)
    assert (revoked.pass_number, revoked.reason, revoked.replaced) == (issued.pass_number, reason, False)
    assert (revoked.language, revoked.deliver_by, revoked.personal.mobile) == ("pa", "whatsapp", MOBILE)


def test_the_end_of_a_pass_says_why_the_department_withdrew_its_approval(database) -> None:
    approval = approved()
    deliver(database, approval)
    deliver(database, withdrawn(approval, personal=OfficersNote(note="Come next week")))
    revoked = published(database)[-1]
    assert (revoked.withdrawn_for, revoked.personal.note) == ("officer_unavailable", "Come next week")


def test_a_cancellation_leaves_other_applications_alone(database) -> None:
    approval, other = approved(), approved()
    deliver(database, approval)
    deliver(database, other)

    deliver(database, cancelled(approval))

    assert rows(database, other.application_id)[0].revoked_at is None


def test_a_withdrawal_of_an_earlier_revision_does_not_touch_the_pass_of_a_later_one(database) -> None:
    first = approved()
    second = approved(application_id=first.application_id, revision=2)

    deliver(database, second)
    deliver(database, withdrawn(first))
    deliver(database, first)

    (row,) = rows(database)
    assert row.revoked_at is None
    assert kinds(database) == ["PassIssued"]


def test_a_later_approval_after_a_withdrawal_is_a_new_pass(database) -> None:
    first = approved()
    second = approved(application_id=first.application_id, revision=2)

    for event in (first, withdrawn(first), second):
        deliver(database, event)

    assert [row.revocation for row in rows(database)] == ["withdrawn", None]
    assert kinds(database) == ["PassIssued", "PassRevoked", "PassIssued"]


def test_a_later_approval_replaces_a_pass_whose_withdrawal_is_still_on_its_way(database) -> None:
    first = approved()
    second = approved(application_id=first.application_id, revision=2)

    for event in (first, second, withdrawn(first)):
        deliver(database, event)

    issued, revoked, again = published(database)
    assert (revoked.pass_number, revoked.replaced) == (issued.pass_number, True)
    assert again.replaces == issued.pass_number
    assert [row.revocation for row in rows(database)] == ["withdrawn", None]


@pytest.mark.parametrize("ending", [withdrawn, cancelled])
def test_an_approval_and_its_withdrawal_or_cancellation_at_once_leave_no_live_pass(database, ending) -> None:
    for _ in range(5):
        approval = approved()
        deliver_concurrently(database, [approval, ending(approval)] * 4)

        assert all(row.revoked_at is not None for row in rows(database, approval.application_id))

    assert kinds(database).count("PassIssued") == kinds(database).count("PassRevoked") == len(rows(database))


def test_a_withdrawal_and_a_cancellation_at_once_revoke_a_pass_once(database) -> None:
    for _ in range(3):
        approval = approved()
        deliver(database, approval)

        deliver_concurrently(database, [withdrawn(approval), cancelled(approval)] * 4)

    assert kinds(database).count("PassRevoked") == 3


def test_a_taken_number_is_replaced_by_another(database, monkeypatch) -> None:
    taken = issue(database).number
    draws = iter([taken, taken, "0000000D"])
    monkeypatch.setattr(passes, "new_pass_number", lambda: next(draws))

    second = issue(database, approved())

    assert second.number == "0000000D"
    assert [event.pass_number for event in published(database)] == [taken, "0000000D"]


def test_without_a_free_number_nothing_changes_and_the_event_can_be_handled_later(
    database, monkeypatch
) -> None:
    taken = issue(database).number
    approval, event_id = approved(), uuid4()
    with monkeypatch.context() as broken:
        broken.setattr(passes, "new_pass_number", lambda: taken)
        with pytest.raises(passes.NoFreeNumber):
            deliver(database, approval, event_id)
    assert kinds(database) == ["PassIssued"]

    deliver(database, approval, event_id)

    assert kinds(database) == ["PassIssued", "PassIssued"]


def test_an_erasure_deletes_personal_data_and_the_pass_can_still_be_revoked(database) -> None:
    approval, other = approved(), approved()
    issue(database, approval)
    issue(database, other)

    deliver(database, erased(approval))
    deliver(database, erased(approval))
    deliver(database, cancelled(approval))

    (row,) = rows(database, approval.application_id)
    assert (row.personal, row.link_code, row.idc) == (None, None, None)
    assert row.revocation == "cancelled"
    assert published(database)[-1].personal.model_dump(exclude_defaults=True) == {}
    assert rows(database, other.application_id)[0].personal is not None


def test_an_approval_after_an_erasure_stores_no_personal_data(database) -> None:
    approval = approved()

    deliver(database, erased(approval))
    deliver(database, approval)

    assert rows(database) == []
    with database.transaction() as session:
        assert session.get_one(ApplicationRow, approval.application_id).erased


def days_of(row: PassRow) -> list[int]:
    """Return the days of a pass, counted from the first day of its approval."""
    first = approved().slot.day
    return [(day - first).days for day in (row.visit.slot.day, *row.visit.further_days)]


@pytest.mark.parametrize(("closed", "left"), [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])])
def test_a_pass_for_several_days_keeps_number_and_link_when_one_of_them_is_closed(
    database, closed: int, left: list[int]
) -> None:
    days = [approved().slot.day + timedelta(days=ahead) for ahead in range(3)]
    approval = approved(further_days=tuple(days[1:]))
    remaining = tuple(days[ahead] for ahead in left)
    one_closed = day_closed(approval, day=days[closed], remaining_days=remaining)
    for order in permutations((approval, one_closed)):
        application_id = uuid4()
        for event in order:
            deliver(database, event.model_copy(update={"application_id": application_id}))
        (row,) = rows(database, application_id)
        assert (row.revoked_at, days_of(row), row.visit.closed_days) == (None, left, (days[closed],))
        assert row.valid_from - VALID_FROM == row.valid_to - VALID_TO == timedelta(days=left[0])
        assert row.ends_at == VALID_TO + timedelta(days=left[-1])
        told = [one for one in published(database) if one.application_id == application_id]
        assert {one.pass_number for one in told} == {row.number}
        assert {one.personal.link_code for one in told} == {row.link_code}
        assert (told[-1].slot.day, *told[-1].further_days) == remaining
        assert [one.is_update for one in told] == ([False, True] if order[0] is approval else [False])


def test_a_pass_of_which_every_day_is_closed_ends(database) -> None:
    first = approved().slot.day
    second = first + timedelta(days=1)
    approval = approved(further_days=(second,))
    for event in (
        approval,
        day_closed(approval, day=first, remaining_days=(second,)),
        day_closed(approval, day=second),
    ):
        deliver(database, event)
    assert kinds(database) == ["PassIssued", "PassIssued", "PassRevoked"]


def test_a_day_closed_of_an_earlier_approval_is_left_in_the_pass_of_a_later_one(database) -> None:
    first = approved().slot.day
    second = first + timedelta(days=1)
    earlier = approved(further_days=(second,))
    later = earlier.model_copy(update={"revision": 2})
    closed = day_closed(earlier, day=second, remaining_days=(first,))
    for event in (earlier, closed, withdrawn(earlier), later, closed):
        deliver(database, event)
    live = [row for row in rows(database, earlier.application_id) if row.revoked_at is None]
    assert [days_of(row) for row in live] == [[0, 1]]


def test_a_reissued_pass_keeps_the_days_that_are_left(database) -> None:
    first = approved().slot.day
    second = first + timedelta(days=1)
    approval = approved(further_days=(second,))
    deliver(database, approval)
    deliver(database, day_closed(approval, day=first, remaining_days=(second,)))
    (row,) = rows(database)
    new = row.as_pass().renumbered("7K3M9QW6", "c" * 22, "master")
    assert (new.visit.slot.day, new.visit.closed_days, new.valid_from) == (second, (first,), row.valid_from)
