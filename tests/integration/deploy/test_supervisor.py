"""The supervisor with a real supervisord: what ends begins again, and ends with its supervisor."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import supervisor as module
from deploy.local.errors import StackFailed
from deploy.local.processes import Program
from deploy.local.supervisor import State, Supervisor
from tests.support.stack.running import eventually


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path / "s", tmp_path / "supervisor.log", "a-stack-of-the-tests")
    yield running
    running.stop()


def program(folder: Path, name: str, line: str) -> Program:
    return Program(name, ("sh", "-c", line), folder / f"{name}.log")


def state_of(supervisor: Supervisor, name: str) -> State:
    return next(state for state in supervisor.states() if state.name == name)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; a container may leave it as a zombie."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def pid_of(supervisor: Supervisor, name: str) -> int:
    return eventually(lambda: state_of(supervisor, name).pid, f"{name} runs")


def test_a_program_that_is_killed_begins_again_and_the_others_go_on(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        supervisor.launch(program(tmp_path, name, "exec sleep 1000"))
    killed, other = pid_of(supervisor, "one"), pid_of(supervisor, "other")
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: pid_of(supervisor, "one") != killed, "it is another process")
    assert [(ended.name, ended.how) for ended in supervisor.ended()] == [("one", "by SIGKILL")]
    assert state_of(supervisor, "one").restarts == 1
    assert pid_of(supervisor, "other") == other


def test_control_without_its_restart_it_stays_away(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            module,
            "_PROGRAM",
            module._PROGRAM.replace("autorestart = true", "autorestart = false").replace("{steady}", "0"),
        )
        supervisor.launch(program(tmp_path, "one", "exec sleep 1000"))
    os.kill(pid_of(supervisor, "one"), signal.SIGKILL)
    supervisor.launch(program(tmp_path, "witness", "exit 1"))
    eventually(lambda: state_of(supervisor, "witness").restarts > 0, "another one was begun again")
    assert state_of(supervisor, "one").pid is None


def test_a_program_that_cannot_begin_is_tried_again_after_a_pause_and_its_log_grows(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.launch(program(tmp_path, "broken", "echo no setting; exit 3"))
    ended = []
    eventually(lambda: ended.extend(supervisor.ended()) or len(ended) >= 3, "it has failed three times")
    assert [(one.how, one.pause) for one in ended[:3]] == [("with code 3", pause) for pause in (1, 2, 3)]
    assert (tmp_path / "broken.log").read_text().startswith("no setting\nno setting\n")


def test_only_its_owner_may_use_its_socket_and_another_process_reads_the_states(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.launch(program(tmp_path, "one", "exec sleep 1000"))
    assert stat.S_IMODE((tmp_path / "s" / "socket").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    daemon = psutil.Process(supervisor._daemon.pid)
    assert not [one for one in daemon.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    elsewhere = Supervisor(tmp_path / "s", tmp_path / "supervisor.log", "a-stack-of-the-tests")
    assert elsewhere.states()[0].pid == pid_of(supervisor, "one")


def test_a_program_that_was_stopped_does_not_begin_again(supervisor: Supervisor, tmp_path: Path) -> None:
    child = supervisor.launch(program(tmp_path, "one", "echo begun; exec sleep 1000"))
    eventually(
        (tmp_path / "one.log").read_text, "it works"
    )  # supervisord's own child would swallow the signal
    pid = child.pid
    child.send_signal(signal.SIGTERM)
    child.wait(10)
    assert is_gone(pid)
    assert [*supervisor.ended()] == []


def test_programs_end_with_a_supervisor_that_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(program(tmp_path, "one", "echo begun; exec sleep 1000"))
    eventually((tmp_path / "one.log").read_text, "it works")
    pid = pid_of(supervisor, "one")
    os.kill(supervisor._daemon.pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), "the kernel has ended it")
    with pytest.raises(StackFailed, match="the supervisor ended"):
        supervisor.check()


def test_signs_that_the_configuration_replaces_reach_the_program(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    odd = """100 % of 'it' is "here"; {1,2}"""
    supervisor.launch(Program("odd", ("printenv", "ODD"), tmp_path / "odd.log", {"ODD": odd}))
    eventually(lambda: odd in (tmp_path / "odd.log").read_text(), "the program has it")


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    with pytest.raises(StackFailed, match="too long a path"):
        Supervisor(folder, tmp_path / "log", "mark").launch(program(tmp_path, "one", "true"))
