"""The browser sizes of these tests, and the variants of a whole journey."""

import pytest

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
WAYS = pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("pa", True, PHONE), ("hi", False, PHONE), ("en", True, DESK)],
    ids=["Punjabi phone", "Hindi phone without scripts", "English desk"],
)
"""Each language once, with scripts or without, on a phone or at a desk: no rule asks for two of them."""
