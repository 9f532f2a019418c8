"""How much the tests do: `make test` leaves out the longest and takes few examples of a property.

Each other command does all of it, `make test-all` for all suites.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")
SHORT = bool(os.environ.get("EPASS_TEST_SHORT"))
long = pytest.mark.long
"""Mark a test that takes over ten seconds, or one that starts or stops servers or whole systems.

`make test` leaves them out; `make integration`, `make test-all` and continuous integration run them.
"""


def fewer(examples: int) -> int:
    """Return how many examples of a property are tried."""
    return max(5, examples // 5) if SHORT else examples


def few_of(cases: Sequence[T], few: int = 2) -> Sequence[T]:
    """Return cases that show the same: all, or a few."""
    return cases[:few] if SHORT else cases
