"""Stopping: a pause ends when the process stops."""

import threading

import pytest

from services.chassis.runtime.lifecycle import Stopping, pause


def test_a_pause_ends_by_itself() -> None:
    pause(0, threading.Event())


def test_a_pause_is_interrupted_when_the_process_stops() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopping):
        pause(60, stop)
