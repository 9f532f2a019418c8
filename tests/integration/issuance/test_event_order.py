"""Every event five times, in every order that hypothesis thinks of: the same end."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from contracts.events import (
    ApplicationCancelled,
    ApprovalWithdrawn,
    Event,
    PassApproved,
    PersonalDataErased,
    VisitDayClosed,
)
from tests.support.factories.issuance import (
    approved,
    cancelled,
    day_closed,
    deliver,
    erased,
    published,
    rows,
    withdrawn,
)
from tests.support.stack.extent import fewer

TIMES = 5


@dataclass(frozen=True)
class Delivery:
    """One delivery of one of the events; with ``own_id`` it has a new id, so the inbox does not stop it."""

    index: int
    own_id: bool


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], list[Delivery]]:
    """Which events there are and how they arrive.

    A1 is the approval of revision 1, W1 its withdrawal, D2 the closing of the day of revision 2; C and E.
    """
    names = draw(
        st.lists(
            st.sampled_from(["A1", "W1", "A2", "W2", "D2", "C", "E"]), min_size=1, max_size=7, unique=True
        )
    )
    once_each = [
        Delivery(index, own_id) for index in range(len(names)) for own_id in [False] * (TIMES - 1) + [True]
    ]
    return names, draw(st.permutations(once_each))


def events_of(names: list[str]) -> list[Event]:
    """Return the events; ``party`` shows which approval a pass comes from."""
    application_id = uuid4()
    approvals = {
        f"A{revision}": approved(application_id=application_id, revision=revision, party=revision)
        for revision in (1, 2)
    }
    made: dict[str, Event] = {
        **approvals,
        "W1": withdrawn(approvals["A1"]),
        "W2": withdrawn(approvals["A2"]),
        "D2": day_closed(approvals["A2"]),
        "C": cancelled(approvals["A1"]),
        "E": erased(approvals["A1"]),
    }
    return [made[name] for name in names]


def expected_party(events: list[Event]) -> int | None:
    """Return the party of the pass that is live in the end, if there is one.

    It is that of the highest approval, unless that was withdrawn or the application ended.
    """
    approval = max((event.revision for event in events if isinstance(event, PassApproved)), default=0)
    ends = (ApprovalWithdrawn, VisitDayClosed)
    withdrawal = max((event.revision for event in events if isinstance(event, ends)), default=0)
    ended = any(isinstance(event, ApplicationCancelled) for event in events)
    return approval if approval > withdrawal and not ended else None


@settings(
    max_examples=fewer(80),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories())
def test_events_in_any_order_five_times_each_lead_to_the_same_passes(database, history) -> None:
    names, deliveries = history
    events = events_of(names)
    ids = [uuid4() for _ in events]
    application_id: UUID = events[0].application_id

    for delivery in deliveries:
        deliver(database, events[delivery.index], uuid4() if delivery.own_id else ids[delivery.index])

    passes = rows(database, application_id)
    reported = [one for one in published(database) if one.application_id == application_id]
    live = [row for row in passes if row.revoked_at is None]
    erasure = any(isinstance(one, PersonalDataErased) for one in events)
    expected = expected_party(events)
    event(f"live: {bool(live)}, erased: {erasure}")
    if erasure:  # what comes after it makes no pass; what was made before lives without a name
        assert [row.visit.party for row in live] in ([], [expected], [1])
        assert all((row.personal, row.link_code, row.idc) == (None, None, None) for row in passes)
    else:
        assert [row.visit.party for row in live] == ([] if expected is None else [expected])
    issued = [one.pass_number for one in reported if type(one).__name__ == "PassIssued"]
    revoked = [one.pass_number for one in reported if type(one).__name__ == "PassRevoked"]
    assert sorted(issued) == sorted(row.number for row in passes)
    assert sorted(revoked) == sorted(row.number for row in passes if row.revoked_at is not None)
    assert len(passes) <= len([name for name in names if name.startswith("A")])
