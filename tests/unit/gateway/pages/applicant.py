"""A pass and keys of forms, as an applicant sees them."""

import re

from contracts.rpc.application import Durations
from tests.support.factories.gateway import REFERENCE

PAGE = f"/applications/{REFERENCE}"


def wait(half: int | None = 3 * 3600, most: int | None = 2 * 86400) -> Durations:
    return Durations(answered=40, half_within=half, nearly_all_within=most)


def key_of(text: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', text)
    assert found is not None
    return found[1]
