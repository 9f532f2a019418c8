"""The envelope's wire format: yesterday's bytes are read today, and yesterday's readers can read today's."""

import json
from uuid import uuid4

import pytest

from contracts.envelope import PersonalKeyRing, UnreadableEvent, open_envelope, read_envelope
from contracts.events import ALL
from tests.contract.samples import AT, ID, KEY, SAMPLES, file_of
from tests.support.envelopes import wrap

KEYS = PersonalKeyRing([KEY])
by_name = pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)


def test_every_event_has_a_sample() -> None:
    assert {type(event) for event in SAMPLES} == set(ALL)


@by_name
def test_golden_bytes_are_read_as_the_same_event(event) -> None:
    received = open_envelope(read_envelope(file_of(event).read_bytes()), KEYS)
    assert received.event == event
    assert (received.id, received.seq, received.occurred_at, received.subject) == (ID, 3, AT, event.subject)


@by_name
def test_an_event_has_its_golden_bytes_apart_from_the_seal(event) -> None:
    today = json.loads(
        wrap(event, event_id=ID, seq=3, occurred_at=AT, keys=KEYS, correlation_id="sample").to_bytes()
    )
    golden = json.loads(file_of(event).read_bytes())
    assert {**today, "personal": None} == {**golden, "personal": None}
    assert (today["personal"] is None) == (golden["personal"] is None)


@by_name
def test_a_reader_ignores_fields_that_it_does_not_know(event) -> None:
    golden = json.loads(file_of(event).read_bytes())
    golden["new_in_envelope"] = golden["data"]["new_in_data"] = "from the future"
    assert open_envelope(read_envelope(json.dumps(golden).encode()), KEYS).event == event


@by_name
def test_an_unknown_version_is_unreadable(event) -> None:
    golden = json.loads(file_of(event).read_bytes()) | {"version": 99}
    with pytest.raises(UnreadableEvent, match="version 99"):
        open_envelope(read_envelope(json.dumps(golden).encode()), KEYS)


@by_name
def test_nothing_personal_is_outside_the_sealed_block(event) -> None:
    clear = json.dumps({**json.loads(file_of(event).read_bytes()), "personal": None}, ensure_ascii=False)
    for secret in (
        "ਗੁਰਪ੍ਰੀਤ",
        "Gurpreet",
        "9876543210",
        "4821",
        "Harjit",
        "042731",
        "Arms licence",
        "CH01AB1234",
        "n3X0yq1vQ5m7Zk2LwB9aTg",
    ):
        assert secret not in clear


def test_a_personal_block_cannot_be_moved_to_another_envelope() -> None:
    envelope = read_envelope(file_of(SAMPLES[0]).read_bytes())
    with pytest.raises(UnreadableEvent, match="another event"):
        open_envelope(envelope.model_copy(update={"id": uuid4()}), KEYS)


def test_an_error_about_a_body_does_not_quote_it() -> None:
    golden = json.loads(file_of(SAMPLES[4]).read_bytes())
    golden["data"]["party"] = "Gurpreet Kaur"
    with pytest.raises(UnreadableEvent) as caught:
        open_envelope(read_envelope(json.dumps(golden).encode()), KEYS)
    assert "Gurpreet" not in str(caught.value)


def test_a_retired_key_still_opens_old_blocks() -> None:
    new = "bmV3IGtleSBvZiB0aGUgcmluZy4uLi4uLi4uLi4uLi4="
    envelope = read_envelope(file_of(SAMPLES[0]).read_bytes())
    assert open_envelope(envelope, PersonalKeyRing([new, KEY])).event == SAMPLES[0]
    with pytest.raises(UnreadableEvent, match="no key"):
        open_envelope(envelope, PersonalKeyRing([new]))
