"""Publishing: how events are put into messages, and the span of each."""

from uuid import UUID

import pytest
from aio_pika import Message
from aio_pika.exceptions import DeliveryError
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import Envelope, read_envelope, split_envelopes
from services.chassis.messaging.publisher import (
    LARGEST_BYTES,
    LARGEST_MESSAGE,
    Publisher,
    group_into_messages,
)
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime import tracing
from services.chassis.runtime.clock import now
from tests.support.stack.collector import Collector
from tests.support.stack.settings import make_settings


def envelope(number: int, event: str, subject: str, size: int = 0) -> Envelope:
    return Envelope(
        id=UUID(int=number),
        type=event,
        version=1,
        producer="issuance",
        subject=subject,
        seq=1,
        occurred_at=now(),
        data={"text": "x" * size},
    )


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("1234567")), max_size=200))
def test_events_go_once_and_each_subject_keeps_its_order(facts: list[tuple[str, str]]) -> None:
    events = [envelope(number, *fact) for number, fact in enumerate(facts)]
    published: list[Envelope] = []
    left = events
    while left:
        messages, left = group_into_messages(left)
        assert all(len({one.type for one in message}) == 1 for message in messages)
        # Messages of one round are published at once, so no subject may be in two of them.
        subjects = [subject for message in messages for subject in {one.subject for one in message}]
        assert len(subjects) == len(set(subjects))
        published.extend(one for message in messages for one in message)
    assert sorted(published, key=lambda one: one.id) == events
    for subject in "1234567":
        theirs = [one for one in published if one.subject == subject]
        assert theirs == sorted(theirs, key=lambda one: one.id)


def test_a_message_has_neither_too_many_events_nor_too_many_bytes() -> None:
    many = [envelope(number, "A", str(number)) for number in range(LARGEST_MESSAGE + 1)]
    assert [len(message) for message in group_into_messages(many)[0]] == [LARGEST_MESSAGE, 1]
    large = [envelope(number, "A", str(number), LARGEST_BYTES) for number in range(2)]
    assert [len(message) for message in group_into_messages(large)[0]] == [1, 1]
    small_first = [envelope(1, "A", "1", 10), envelope(2, "A", "2", LARGEST_BYTES)]
    assert [len(message) for message in group_into_messages(small_first)[0]] == [1, 1]


class Exchange:
    """Keeps the bodies that are published, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.bodies: list[bytes] = []
        self._error = error

    async def publish(self, message: Message, **_: object) -> None:
        if self._error:
            raise self._error
        self.bodies.append(message.body)


def caused(number: int) -> Envelope:
    cause = f"00-{number:032x}-{number:016x}-01"
    return envelope(number, "PassIssued", f"pass:{number}").model_copy(update={"traceparent": cause})


async def publish(exchange: Exchange, *envelopes: Envelope) -> list[str | None]:
    """Publish events in one message; return the trace context of each as it is on the wire."""
    publisher = Publisher(make_settings(RelaySettings), "relay:issuance")
    publisher._channel, publisher._exchanges = object(), {"issuance.events": exchange}  # type: ignore[assignment,dict-item]
    await publisher.publish(envelopes)
    return [read_envelope(part).traceparent for body in exchange.bodies for part in split_envelopes(body)]


async def test_each_event_of_a_message_has_a_span_under_its_own_cause_and_carries_that(
    collector: Collector,
) -> None:
    with tracing.exporting("relay", collector.url):
        carried = await publish(Exchange(), caused(1), caused(2))
    first, second = collector.spans
    assert [(span.name, span.kind) for span in (first, second)] == [("publish PassIssued", "PRODUCER")] * 2
    assert [span.parent_id for span in (first, second)] == [f"{number:016x}" for number in (1, 2)]
    assert carried == [first.traceparent, second.traceparent]
    assert (first.links, second.links) == ((), ((first.trace_id, first.span_id),))
    assert first.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "issuance.events:PassIssued",
        "messaging.message.id": str(UUID(int=1)),
    }


async def test_an_event_that_a_queue_refuses_has_no_span_yet(collector: Collector) -> None:
    with tracing.exporting("relay", collector.url), pytest.raises(DeliveryError):
        await publish(Exchange(DeliveryError(None, None)), caused(1))
    assert collector.spans == []


async def test_while_tracing_is_off_an_event_carries_the_context_of_its_cause() -> None:
    assert await publish(Exchange(), caused(1), caused(2)) == [caused(1).traceparent, caused(2).traceparent]
