"""The browser sizes of these tests, and the variants of a whole journey."""

import pytest

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
WAYS = pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("pa", True, PHONE), ("pa", False, DESK), ("hi", False, PHONE), ("hi", True, DESK), ("en", True, PHONE),
    ("en", False, DESK)],
    ids=["Punjabi phone", "Punjabi desk without scripts", "Hindi phone without scripts", "Hindi desk",
    "English phone", "English desk without scripts"],
)  # fmt: skip
"""Each language with scripts and without, on a phone and at a desk."""
