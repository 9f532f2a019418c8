"""Signatures of events: what a producer has signed passes, and nothing else does."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import SIGNED, Envelope, PersonalKeyRing, read_envelope, signed_content
from contracts.event_samples import AT, ID, KEY
from contracts.events import ALL, BY_NAME
from services.chassis.messaging import signatures
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.messaging.signatures import EventKeys
from services.chassis.tokens.signing_key import SigningKey
from tests.support.factories.envelopes import sign, wrap
from tests.support.stack.settings import EVENT_KEYS, EVENT_SIGNERS

KEYS = EventKeys(EVENT_KEYS)
RING = PersonalKeyRing([KEY])
WHOLE = [
    wrap(
        event.sample(), event_id=uuid4(), seq=3, occurred_at=AT, expires_at=AT + timedelta(days=1), keys=RING
    )
    for event in ALL
]
ONE = next(envelope for envelope in WHOLE if envelope.personal)
LATER = {"seq", "traceparent"}
"""What the statement that stores the event, and the relay, write."""


def is_genuine(envelope: Envelope, keys: EventKeys = KEYS) -> bool:
    try:
        keys.require_signature(envelope)
    except ForgedMessage:
        return False
    return True


def changes(value: Any) -> Iterator[Any]:
    """Yield a value with one of its parts changed, whatever JSON it is."""
    match value:
        case dict():
            for key, part in value.items():
                yield from ({**value, key: changed} for changed in changes(part))
                yield {name: kept for name, kept in value.items() if name != key}
            yield {**value, "more": None}
        case list():
            for place, part in enumerate(value):
                yield from ([*value[:place], changed, *value[place + 1 :]] for changed in changes(part))
            yield [*value, None]
        case str():
            yield from (f"{value}.", None)
        case bool():
            yield from (not value, int(value))
        case int():
            yield from (value + 1, str(value))
        case None:
            yield from ("", False)
        case UUID():
            yield UUID(int=value.int ^ 1)
        case _:
            yield value + timedelta(microseconds=1)


@pytest.mark.parametrize("envelope", WHOLE, ids=lambda one: one.type)
def test_every_event_passes_with_its_signature_also_after_it_was_on_the_wire(envelope: Envelope) -> None:
    assert is_genuine(envelope)
    assert is_genuine(read_envelope(envelope.to_bytes()))


def test_every_field_of_an_envelope_is_signed_but_for_what_is_written_later() -> None:
    assert {*SIGNED} == {*Envelope.model_fields} - LATER - {"signature"}


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("envelope", WHOLE, ids=lambda one: one.type)
def test_no_field_can_be_changed_under_a_signature(envelope: Envelope, name: str) -> None:
    changed = list(changes(getattr(envelope, name)))
    assert changed
    for value in changed:
        assert not is_genuine(envelope.model_copy(update={name: value})), value


def test_the_relay_may_number_an_event_and_continue_its_trace() -> None:
    assert is_genuine(ONE.model_copy(update={"seq": 99, "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}))


def test_a_sealed_block_cannot_be_swapped_with_that_of_another_event() -> None:
    (other,) = [wrap(BY_NAME[ONE.type].sample(), event_id=ONE.id, seq=3, occurred_at=AT, keys=RING)]
    assert other.personal != ONE.personal
    assert not is_genuine(ONE.model_copy(update={"personal": other.personal}))
    assert not is_genuine(ONE.model_copy(update={"signature": other.signature}))


def test_a_service_signs_its_own_events_alone() -> None:
    for service in EVENT_SIGNERS:
        assert is_genuine(sign(ONE, by=service)) == (service == ONE.producer)


def test_a_key_that_is_not_configured_signs_nothing() -> None:
    stranger = SigningKey.generate()
    (signature,) = signatures.sign(stranger, [signed_content(dict(ONE))])
    assert not is_genuine(ONE.model_copy(update={"signature": signature}))
    kid, rest = signature.split(".", 1)
    assert kid == stranger.kid
    known = EVENT_SIGNERS[ONE.producer].kid
    assert not is_genuine(ONE.model_copy(update={"signature": f"{known}.{rest}"}))


def test_while_a_service_changes_its_key_both_of_its_keys_are_good() -> None:
    new = SigningKey.generate()
    (signature,) = signatures.sign(new, [signed_content(dict(ONE))])
    renewed = ONE.model_copy(update={"signature": signature})
    both = EventKeys([*EVENT_KEYS, f"{ONE.producer}:{new.public.x}"])
    assert is_genuine(renewed, both)
    assert is_genuine(ONE, both)
    assert not is_genuine(renewed, EventKeys([*EVENT_KEYS, f"notify:{new.public.x}"]))


@pytest.mark.parametrize(
    "wrong",
    ["", ".", "..", "...", "x", "ééé", "a.b.c.d", f"{'A' * 8}.{'A' * 86}", "\x00", "A" * 600],
)
def test_what_is_no_signature_is_forged(wrong: str) -> None:
    assert not is_genuine(ONE.model_copy(update={"signature": wrong}))


@given(st.data())
def test_no_character_of_a_signature_can_be_another_one(data: Any) -> None:
    contents = [signed_content(dict(ONE)), b"another", b"a third"]
    signed = signatures.sign(EVENT_SIGNERS[ONE.producer], contents)[0]
    assert is_genuine(ONE.model_copy(update={"signature": signed}))
    place = data.draw(st.integers(0, len(signed) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda one: one != signed[place]))
    changed = signed[:place] + letter + signed[place + 1 :]
    is_same = _decoded(changed) == _decoded(signed)  # the last bits of base64 say nothing
    assert is_genuine(ONE.model_copy(update={"signature": changed})) == is_same


def _decoded(signature: str) -> list[bytes | str]:
    kid, *parts = signature.split(".")
    try:
        return [kid, *(signatures._bytes(part) for part in parts)]
    except ValueError:
        return []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 255, 256, 257, 600])
def test_events_that_are_signed_together_pass_each_alone_and_fit_into_an_envelope(count: int) -> None:
    key = EVENT_SIGNERS[ONE.producer]
    envelopes = [ONE.model_copy(update={"id": UUID(int=number)}) for number in range(count)]
    signed = signatures.sign(key, [signed_content(dict(one)) for one in envelopes])
    assert len({signature.split(".")[1] for signature in signed}) == -(-count // signatures.MOST_TOGETHER)
    for envelope, signature in zip(envelopes, signed, strict=True):
        whole = envelope.model_copy(update={"signature": signature})
        assert is_genuine(read_envelope(whole.to_bytes()))
    if count > 1:
        assert not is_genuine(envelopes[0].model_copy(update={"signature": signed[1]}))


def test_a_hash_within_the_tree_is_no_event() -> None:
    """Two leaves, or a node, can never be taken for the content of an event, and a path is not longer."""
    contents = [signed_content(dict(ONE)), b"x"]
    root, paths = signatures._tree(contents)
    leaves = [signatures._root(content, b"") for content in contents]
    assert signatures._root(leaves[0] + leaves[1], b"") != root
    assert signatures._root(contents[0], paths[0]) == root
    with pytest.raises(ValueError, match="no path"):
        signatures._root(contents[0], paths[0] * 9)


def test_bytes_with_a_field_twice_are_judged_by_the_value_that_is_used() -> None:
    body = ONE.to_bytes().decode()
    first, _, rest = body.partition(",")
    twice = f'{first},"subject":"pass:OTHER",{rest}'
    read = read_envelope(twice.encode())
    assert is_genuine(read) == (read.subject == ONE.subject)
    last = f'{body[:-1]},"subject":"pass:OTHER"}}'
    read = read_envelope(last.encode())
    assert is_genuine(read) == (read.subject == ONE.subject)


def test_no_event_has_a_fraction_whose_text_could_change_in_the_database() -> None:
    for event in ALL:
        assert '"type": "number"' not in json.dumps(event.model_json_schema())


def test_the_signed_form_is_a_contract() -> None:
    """What an earlier version signed must pass in a later one."""
    envelope = Envelope(
        id=ID,
        type="SessionEnded",
        version=1,
        producer="accounts",
        subject="session:ੴ",
        seq=1,
        occurred_at=AT,
        correlation_id="sample",
        data={"b": [1, True, None], "a": {"é": "\u2028\n", "Z": -1}},
    )
    (signature,) = signatures.sign(EVENT_SIGNERS["accounts"], [signed_content(dict(envelope))])
    assert signed_content(dict(envelope)).decode() == SIGNED_FORM
    assert signature == SIGNATURE


def test_an_event_without_a_signature_is_forged() -> None:
    assert not is_genuine(ONE.model_copy(update={"signature": None}))


def test_without_keys_no_event_passes() -> None:
    assert not is_genuine(ONE, EventKeys(()))


SIGNED_FORM = (
    '["0195f3a2-0000-7000-8000-000000000001","SessionEnded",1,"accounts","session:ੴ",'
    '"2026-11-24T09:30:00.000000+00:00",null,"sample",'
    '{"a":{"Z":-1,"é":"\u2028\\n"},"b":[1,true,null]},null]'
)
SIGNATURE = "5wta1jQt.v85-L8zmdu8G-rM_xkxKGG_Iqy8qEsqh46SZ_4_ZzPC5Y_rdhOUTs4d_nQrE1XeTFewZbtPzSCAv6pLxq7XnDQ"
