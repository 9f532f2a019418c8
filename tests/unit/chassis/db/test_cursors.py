"""Cursors: opaque, and strict about every text that this system did not make itself."""

import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidInput
from contracts.model import IST
from services.chassis.db import cursors

INSTANT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
instants = st.datetimes(timezones=st.just(UTC) | st.timezones()).filter(lambda one: 1 < one.year < 9999)
keys = st.text(st.characters(categories=("L", "N", "P", "S")) | st.just(" "), min_size=1)


def spelled(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(instants, keys)
def test_a_cursor_gives_back_its_instant_and_its_key(instant: datetime, key: str) -> None:
    assert cursors.decode(cursors.encode(instant, key)) == (instant.astimezone(UTC), key)


@given(instants, st.uuids())
def test_a_key_that_is_a_uuid_comes_back_as_one(instant: datetime, key: UUID) -> None:
    assert cursors.decode(cursors.encode(instant, key), UUID) == (instant.astimezone(UTC), key)


@given(st.text())
def test_a_text_that_is_no_cursor_is_refused_with_one_error(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cursors.decode(text)
    assert [(field.field, field.code) for field in refusal.value.body.fields] == [("after", "not_a_cursor")]


DAMAGED = {
    "empty": "",
    "not base64": "not base64",
    "not ASCII": "é",
    "padding cut off": cursors.encode(INSTANT, "k").rstrip("="),
    "newline added": cursors.encode(INSTANT, "k") + "\n",
    "not UTF-8": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "no key": spelled(INSTANT.isoformat()),
    "empty key": spelled(f"{INSTANT.isoformat()} "),
    "no time zone": spelled(f"{INSTANT.replace(tzinfo=None).isoformat()} k"),
    "another time zone": spelled(f"{INSTANT.astimezone(IST).isoformat()} k"),
    "before the year 1": spelled("0001-01-01T00:00:00+23:59 k"),
    "no instant": spelled("yesterday k"),
    "NUL in the key": spelled(f"{INSTANT.isoformat()} k\0"),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(text)


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(cursors.encode(INSTANT, "7K3M9QW4"), UUID)
    with pytest.raises(InvalidInput):
        cursors.decode(spelled(f"{INSTANT.isoformat()} {uuid4().hex}"), UUID)


@pytest.mark.parametrize(
    ("instant", "key"), [(INSTANT.replace(tzinfo=None), "k"), (INSTANT, ""), (INSTANT, "\0")]
)
def test_a_position_without_time_zone_or_key_has_no_cursor(instant: datetime, key: str) -> None:
    with pytest.raises(ValueError, match="position"):
        cursors.encode(instant, key)
