"""What a key ring opens, and what it refuses."""

import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from contracts.sealing import CannotOpen, SealedBox

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_sealed_text_opens_again() -> None:
    box = SealedBox([NEW])

    assert box.open(box.seal("ਗੁਰਪ੍ਰੀਤ".encode())) == "ਗੁਰਪ੍ਰੀਤ".encode()


def test_a_sealed_text_does_not_show_its_content_and_is_different_each_time() -> None:
    box = SealedBox([NEW])

    first, second = box.seal(b"secret"), box.seal(b"secret")

    assert "secret" not in first
    assert first != second


def test_a_rotated_ring_seals_under_the_new_key_and_opens_under_both() -> None:
    ring = SealedBox([NEW, OLD])

    assert ring.open(SealedBox([OLD]).seal(b"old")) == b"old"
    assert SealedBox([NEW]).open(ring.seal(b"new")) == b"new"


@pytest.mark.parametrize(
    "sealed",
    ["", "not sealed", "ä", pytest.param(SealedBox([OLD]).seal(b"of a key that left the ring"), id="sealed")],
)
def test_a_text_that_no_key_of_the_ring_sealed_is_refused(sealed: str) -> None:
    with pytest.raises(CannotOpen) as refused:
        SealedBox([NEW]).open(sealed)

    assert not sealed or sealed not in str(refused.value)


def test_a_text_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    box = SealedBox([NEW])
    sealed = box.seal(b"content")
    later = time.time() + 100
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: later)

    assert box.open(sealed) == b"content"
    assert box.open(sealed, max_age=timedelta(seconds=110)) == b"content"
    with pytest.raises(CannotOpen):
        box.open(sealed, max_age=timedelta(seconds=90))


def test_a_ring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SealedBox([])
