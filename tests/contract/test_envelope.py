"""The envelope's wire format: yesterday's bytes are read today, and yesterday's readers can read today's."""

import json
from typing import ClassVar
from uuid import uuid4

import pytest
from pydantic import ValidationError

from contracts.envelope import PersonalKeyRing, UnreadableEvent, open_envelope, read_envelope
from contracts.event_samples import AT, FOLDER, ID, KEY, envelope_of, file_of
from contracts.events import ALL, BY_NAME, ApplicationSubmitted, OtpRequested, SessionEnded
from contracts.model import Person
from contracts.open_sets import READING

KEYS = PersonalKeyRing([KEY])
by_name = pytest.mark.parametrize("event", ALL, ids=lambda event: event.__name__)


@by_name
def test_golden_bytes_are_read_as_the_same_event(event) -> None:
    received = open_envelope(read_envelope(file_of(event).read_bytes()), KEYS)
    assert received.event == event.sample()
    known = (received.id, received.seq, received.occurred_at, received.subject)
    assert known == (ID, 3, AT, event.sample().subject)


@by_name
def test_an_event_has_its_golden_bytes_apart_from_the_seal(event) -> None:
    today = json.loads(envelope_of(event).to_bytes())
    golden = json.loads(file_of(event).read_bytes())
    unlike = {"personal": None, "signature": None}
    assert {**today, **unlike} == {**golden, **unlike}
    assert (today["personal"] is None) == (golden["personal"] is None)


@by_name
def test_a_reader_takes_what_it_knows_of_its_own_and_of_the_next_version(event) -> None:
    golden = json.loads(file_of(event).read_bytes())
    golden["new_in_envelope"] = golden["data"]["new_in_data"] = "from the future"
    for version in (event.version, event.version + 1):
        envelope = read_envelope(json.dumps(golden | {"version": version}).encode())
        assert open_envelope(envelope, KEYS).event == event.sample()


class Renamed(SessionEnded):
    """An event whose third version calls a member otherwise than the first and has one more."""

    version = 3
    upgrades: ClassVar = {
        1: lambda old: {"sid": old["session"], **old},
        2: lambda old: {"reason": "signed out", **old},
    }
    reason: str


@pytest.mark.parametrize(
    ("version", "data", "reason"),
    [
        (1, {"session": str(ID)}, "signed out"),
        (2, {"sid": str(ID)}, "signed out"),
        (3, {"sid": str(ID), "reason": "disabled"}, "disabled"),
        (4, {"sid": str(ID), "reason": "disabled", "by": "ADO-0001"}, "disabled"),
    ],
)
def test_older_versions_are_upgraded_step_by_step(monkeypatch, version, data, reason) -> None:
    monkeypatch.setitem(BY_NAME, "SessionEnded", Renamed)
    golden = json.loads((FOLDER / "SessionEnded.v1.json").read_bytes()) | {"version": version}
    del golden["data"]["sid"]
    golden["data"] |= data
    event = open_envelope(read_envelope(json.dumps(golden).encode()), KEYS).event
    assert (event.sid, event.reason) == (ID, reason)


def test_a_version_that_cannot_be_upgraded_any_more_is_unreadable(monkeypatch) -> None:
    monkeypatch.setattr(Renamed, "upgrades", {2: Renamed.upgrades[2]})
    monkeypatch.setitem(BY_NAME, "SessionEnded", Renamed)
    with pytest.raises(UnreadableEvent, match="version 1"):
        open_envelope(read_envelope((FOLDER / "SessionEnded.v1.json").read_bytes()), KEYS)


def test_each_version_that_can_be_read_has_golden_bytes() -> None:
    for kind in ALL:
        for version in (*kind.upgrades, kind.version):
            golden = FOLDER / f"{kind.__name__}.v{version}.json"
            assert isinstance(open_envelope(read_envelope(golden.read_bytes()), KEYS).event, kind)


@pytest.mark.parametrize(
    ("name", "member", "expected"),
    [
        ("PassRevoked", "reason", "withdrawn"),
        ("PassRejected", "reason", "other"),
        ("PassScanned", "verdict", "unknown_pass"),
        ("ApplicationSubmitted", "channel", "portal"),
        ("ApplicationSubmitted", "purpose_kind", "other"),
        ("ApplicationSubmitted", "assistance", None),
        ("PassIssued", "deliver_by", "sms"),
        ("ReviewEscalated", "step", None),
        ("VisitDayClosed", "reason", "other"),
    ],
)
def test_a_word_of_a_later_version_does_not_stop_a_reader(name, member, expected) -> None:
    golden = json.loads((FOLDER / f"{name}.v1.json").read_bytes())
    golden["data"][member] = "word_of_the_future"
    event = open_envelope(read_envelope(json.dumps(golden).encode()), KEYS).event
    assert getattr(event, member) == expected
    golden["data"][member] = 7
    with pytest.raises(UnreadableEvent):
        open_envelope(read_envelope(json.dumps(golden).encode()), KEYS)


def test_only_a_reader_of_events_takes_an_unknown_word() -> None:
    facts = {"name": "Ravi", "name_latin": "Ravi", "id_type": "ration_card"}
    with pytest.raises(ValidationError):
        Person.model_validate(facts)
    assert Person.model_validate(facts, context=READING).id_type == "other_photo_id"


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
    envelope = read_envelope(file_of(OtpRequested).read_bytes())
    with pytest.raises(UnreadableEvent, match="another event"):
        open_envelope(envelope.model_copy(update={"id": uuid4()}), KEYS)


@by_name
def test_an_event_about_something_else_than_its_subject_is_unreadable(event) -> None:
    envelope = read_envelope(file_of(event).read_bytes())
    with pytest.raises(UnreadableEvent, match="subject"):
        open_envelope(envelope.model_copy(update={"subject": "pass:OTHER123"}), KEYS)


def test_an_error_about_a_body_does_not_quote_it() -> None:
    golden = json.loads(file_of(ApplicationSubmitted).read_bytes())
    golden["data"]["party"] = "Gurpreet Kaur"
    with pytest.raises(UnreadableEvent) as caught:
        open_envelope(read_envelope(json.dumps(golden).encode()), KEYS)
    assert "Gurpreet" not in str(caught.value)


def test_a_retired_key_still_opens_old_blocks() -> None:
    new = "bmV3IGtleSBvZiB0aGUgcmluZy4uLi4uLi4uLi4uLi4="
    envelope = read_envelope(file_of(OtpRequested).read_bytes())
    assert open_envelope(envelope, PersonalKeyRing([new, KEY])).event == OtpRequested.sample()
    with pytest.raises(UnreadableEvent, match="no key"):
        open_envelope(envelope, PersonalKeyRing([new]))
