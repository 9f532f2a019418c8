"""The relay looks at an outbox often while there are events; those of one type go in one message."""

from contextlib import suppress
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from contracts.envelope import Envelope
from services.chassis.messaging.outbox_rows import ALL
from services.chassis.messaging.publisher import Published
from services.chassis.messaging.relay import (
    LONGEST_HOLD,
    LONGEST_UNANSWERED,
    UNHEARD_TRIES,
    OutboxRelay,
    Unconfirmed,
    next_pause,
)
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.clock import now
from tests.support.stack.settings import make_settings


def test_a_relay_refuses_a_database_that_is_not_named_as_its_service() -> None:
    """It would not know which events a deleted queue has missed."""
    with pytest.raises(ValidationError, match="epass_issuance"):
        make_settings(RelaySettings, relay_database_urls=("postgresql://127.0.0.1/epass_issuance",))


def test_the_relay_looks_at_once_while_whole_batches_wait_and_then_lets_events_gather() -> None:
    assert [next_pause(["PassScanned"] * count, batch=200) for count in (200, 199, 1, 0)] == [0, 0.2, 0.2, 1]


async def ready() -> None:
    """Let a publisher connect without a topology."""


def make_relay() -> OutboxRelay:
    return OutboxRelay("postgresql://127.0.0.1/issuance", make_settings(RelaySettings), ready)


class Rows:
    """A connection to an outbox of which only is asked how far the refused events of a type go."""

    def __init__(self, **last: int) -> None:
        self._last = last

    async def execute(self, *_: object) -> "Rows":
        return self

    async def fetchall(self) -> list[tuple[str, int]]:
        return [*self._last.items()]


def events_of(*types: str) -> list[Envelope]:
    facts = {"version": 1, "producer": "issuance", "seq": 1, "occurred_at": now(), "data": {}}
    return [
        Envelope(id=UUID(int=number), type=name, subject=name, **facts) for number, name in enumerate(types)
    ]


async def note(
    relay: OutboxRelay, published: Published, *, tried: bool = False, theirs: bool = True, **last: int
) -> None:
    """Tell a relay what became of events; of those that a queue refused, the last position of each type."""
    rows: Any = Rows(**last)
    if tried:
        await relay._note_tries(rows, published)
    else:
        await relay._note(rows, published, is_theirs=theirs)


async def test_events_that_are_refused_meanwhile_do_not_put_off_the_next_try_of_their_type() -> None:
    """Else a busy type would never be tried, and its events would wait for as long as others come."""
    relay = make_relay()
    refused = Published(refused=events_of("PassRevoked"))
    await note(relay, refused, PassRevoked=1)
    hold = relay._holds["PassRevoked"]
    hold.retry_at = due = monotonic() + 5
    await note(relay, refused, PassRevoked=7)
    assert (hold.last, hold.retry_at) == (7, due)
    hold.retry_at = due = monotonic()
    await note(relay, refused, PassRevoked=8)
    assert hold.retry_at == due, "nor is one that is due put off before it was tried"
    await note(relay, refused, tried=True, PassRevoked=8)
    assert hold.retry_at > due, "control: a try that failed is followed by a pause"


@pytest.mark.parametrize(("hears", "longest"), [(True, LONGEST_HOLD), (False, LONGEST_UNANSWERED)])
async def test_what_is_tried_together_waits_together_and_less_long_if_the_broker_may_be_away(
    hears: bool, longest: float
) -> None:
    """Each try of a silent queue takes the watchdog's time, and is a repeat for its healthy neighbours.

    The broker may answer for other events between two tries.
    """
    relay = make_relay()
    types = ["PassIssued", "PassRevoked", "StatusListSigned"]
    unanswered, pauses = Published(unanswered=events_of(*types)), []
    await note(relay, unanswered, theirs=False)
    assert sorted(relay._due()) == types, "the broker may be back at once"
    for _ in range(40):
        before, relay._is_heard = monotonic(), hears
        with suppress(Unconfirmed):
            await note(relay, unanswered, tried=True)
        (again,) = {hold.retry_at for hold in relay._holds.values()}
        pauses.append(again - before)
    assert longest / 2 < max(pauses) <= longest + 1
    assert [hold.is_told for hold in relay._holds.values()] == [hears] * 3


async def test_a_relay_that_hears_nothing_for_several_tries_leaves_its_outbox_to_another_one() -> None:
    relay = make_relay()
    unanswered = Published(unanswered=events_of("PassIssued"))
    for _ in range(UNHEARD_TRIES - 1):
        await note(relay, unanswered, tried=True)
    with pytest.raises(Unconfirmed):
        await note(relay, unanswered, tried=True)
    relay._is_heard = True
    for _ in range(UNHEARD_TRIES):
        await note(relay, unanswered, tried=True)
        relay._is_heard = True


async def test_silent_types_are_tried_together_and_one_that_is_refused_alone() -> None:
    relay = make_relay()
    await note(relay, Published(unanswered=events_of("PassIssued", "PassRevoked")))
    await note(relay, Published(refused=events_of("StatusListSigned")), StatusListSigned=3)
    silent, other, refused = (
        relay._holds[name] for name in ("PassIssued", "PassRevoked", "StatusListSigned")
    )
    silent.retry_at = other.retry_at = monotonic() + 60
    refused.retry_at = monotonic()
    assert relay._due() == ["StatusListSigned"]
    silent.retry_at, refused.retry_at = monotonic(), monotonic() + 60
    assert sorted(relay._due()) == ["PassIssued", "PassRevoked"]


async def test_what_a_queue_has_refused_goes_out_no_second_time_because_a_try_was_not_answered() -> None:
    """The other queues have it; what came since goes to them once the queue refuses again."""
    relay = make_relay()
    await note(relay, Published(refused=events_of("PassRevoked")), PassRevoked=9)
    hold = relay._holds["PassRevoked"]
    await note(relay, Published(unanswered=events_of("PassRevoked")), tried=True)
    assert hold.last == ALL, "nobody knows what its queues have"
    await note(relay, Published(refused=events_of("PassRevoked")), PassRevoked=4)
    assert hold.last == ALL, "an earlier one"
    await note(relay, Published(refused=events_of("PassRevoked")), tried=True, PassRevoked=4)
    assert hold.last == 9
