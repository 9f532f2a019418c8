"""How many segments of an SMS an operator bills."""

import pytest

from services.notify.domain.sms_segments import count_segments


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2),
        ("ਅ" * 70, 1), ("ਅ" * 71, 2), ("ਅ" * 134, 2), ("ਅ" * 135, 3),
        ("a" * 69 + "ਅ", 1), ("a" * 70 + "ਅ", 2),
        ("😀" * 35, 1), ("😀" * 36, 2),
    ],
)  # fmt: skip
def test_segments_are_counted_as_operators_bill_them(text: str, segments: int) -> None:
    assert count_segments(text) == segments
