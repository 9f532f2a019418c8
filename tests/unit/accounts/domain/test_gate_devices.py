"""When somebody has to look after a gate device."""

from datetime import timedelta

import pytest

from services.accounts.domain.gate_devices import worries_of
from services.chassis.runtime.clock import now

NOW = now()
SILENT, UNSENT = timedelta(minutes=30), timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("reported", "unsent", "worries"),
    [
        (NOW, None, ()),
        (NOW - SILENT + MOMENT, NOW - UNSENT + MOMENT, ()),
        (NOW - SILENT, None, ("silent",)),
        (None, None, ("silent",)),
        (NOW + timedelta(hours=6), None, ("silent",)),
        (NOW, NOW - UNSENT, ("unsent",)),
        (NOW - SILENT, NOW - UNSENT, ("silent", "unsent")),
    ],
)
def test_a_device_that_is_silent_or_cannot_send_for_long_is_worrying(reported, unsent, worries) -> None:
    assert worries_of(reported, unsent, NOW, silent=SILENT, unsent=UNSENT) == worries
