"""The start leaves its objects out of garbage collections; a pause ends when the process stops."""

import gc
import threading
from collections.abc import Iterator

import pytest

from services.chassis.runtime.lifecycle import Stopping, freeze_heap, pause


@pytest.fixture
def unfrozen() -> Iterator[None]:
    assert gc.get_freeze_count() == 0
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("unfrozen")
def test_a_garbage_collection_does_not_look_at_what_the_start_has_made() -> None:
    freeze_heap()
    assert len(gc.get_objects()) < gc.get_freeze_count()


def test_a_pause_ends_by_itself() -> None:
    pause(0, threading.Event())


def test_a_pause_is_interrupted_when_the_process_stops() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopping):
        pause(60, stop)
