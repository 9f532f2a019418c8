"""What the log of supervisord means, and what the terminal says of it."""

from collections.abc import Iterator

import pytest

from deploy.local.status import PATIENCE, describe
from deploy.local.supervisor import Ended, History

BEGUN = "2026-11-25 20:22:34,100 INFO spawned: 'verify' with pid 25992"
STEADY = (
    "2026-11-25 20:22:44,200 INFO success: verify entered RUNNING state, process has stayed up for > than 10 "
    "seconds (startsecs)"
)
KILLED = "2026-11-25 20:22:53,300 WARN exited: verify (terminated by SIGKILL; not expected)"
FAILED = "2026-11-25 20:22:35,300 WARN exited: verify (exit status 1; not expected)"


@pytest.fixture
def history() -> History:
    return History()


def read(history: History, *lines: str) -> Iterator[Ended]:
    return (ended for line in lines if (ended := history.read(line)))


def test_a_process_that_was_steady_begins_again_at_once(history: History) -> None:
    (ended,) = read(history, BEGUN, STEADY, KILLED)
    assert (ended.name, ended.how, ended.pause) == ("verify", "by SIGKILL", 0)


def test_a_process_that_ends_soon_waits_a_second_longer_each_time(history: History) -> None:
    pauses = [ended.pause for ended in read(history, *[BEGUN, FAILED] * 3)]
    assert pauses == [1, 2, 3]


def test_a_process_that_became_steady_has_failed_no_more(history: History) -> None:
    pauses = [ended.pause for ended in read(history, BEGUN, FAILED, BEGUN, STEADY, KILLED, BEGUN, FAILED)]
    assert pauses == [1, 0, 1]


def test_the_first_start_is_no_restart(history: History) -> None:
    assert [*read(history, BEGUN)] == []
    assert history.restarts("verify") == 0
    assert [*read(history, STEADY, KILLED, BEGUN)]
    assert history.restarts("verify") == 1


def test_a_line_says_which_process_ended_how_and_when_it_begins_again() -> None:
    assert describe(Ended("verify", "by SIGKILL", 0), "verify ended by SIGKILL") == (
        "verify ended by SIGKILL; it begins again now"
    )
    assert describe(Ended("verify", "with code 1", 2), "verify ended with code 1").endswith("again in 2 s")


def test_that_a_process_cannot_begin_is_said_in_one_sentence() -> None:
    said = [describe(Ended("verify", "with code 1", failures), "reason") for failures in range(1, 50)]
    assert [sentence for sentence in said if "cannot begin" in sentence] == [said[PATIENCE - 1]]
    assert not any(said[PATIENCE:])
