"""What is wrong with the declaration of an event is found when its module is imported."""

import pytest

from contracts.events.base import BY_NAME, Event


def test_an_event_that_names_no_subject_fails_at_once() -> None:
    with pytest.raises(TypeError, match="WithoutSubject names no subject"):

        class WithoutSubject(Event, producer="approval", subscribers=()):
            pass

    assert "WithoutSubject" not in BY_NAME
