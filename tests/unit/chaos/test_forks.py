"""Processes that are forked for a test are processes of their own."""

import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.stack import forks
from tests.support.stack.running import eventually

EPASS = ["-m", "services.ops.cli"]


def test_a_fork_prints_and_ends_as_the_command_does() -> None:
    done = forks.run([*EPASS, "grants", "verify"], dict(os.environ))
    assert (done.returncode, done.stderr) == (0, "")
    assert "GRANT SELECT" in done.stdout
    refused = forks.run([*EPASS, "grants", "nobody"], dict(os.environ))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'nobody' is not one of" in refused.stderr


def test_a_fork_knows_its_own_environment_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://of-the-test")
    own = {"PATH": os.environ["PATH"]}
    ended = forks.fork(["-m", "services.ops.serve", "verify"], own, tmp_path / "log")
    assert ended.wait(60) == 1
    assert "EPASS_BROKER_URLS is missing" in (tmp_path / "log").read_text()


RELAY = {
    "PATH": os.environ["PATH"],
    "EPASS_BROKER_URLS": "amqp://nobody:nothing@127.0.0.1:1/epass",
    "EPASS_RELAY_DATABASE_URLS": "postgresql+psycopg://nobody:nothing@127.0.0.1:1/issuance",
    "EPASS_HEALTH_PORT": "0",
}
"""Of a relay that waits for its servers for ever."""


def relay(folder: Path, name: str) -> forks.Fork:
    return forks.fork([*EPASS, "relay"], RELAY, folder / name)


def test_a_fork_that_is_killed_is_gone_and_no_other_is(tmp_path: Path) -> None:
    one, other = relay(tmp_path, "one"), relay(tmp_path, "other")
    eventually(lambda: all((tmp_path / name).read_text() for name in ("one", "other")), "both have begun")
    assert one.pid != other.pid
    assert os.getsid(one.pid) == one.pid
    os.kill(one.pid, signal.SIGKILL)
    assert one.wait(10) == -signal.SIGKILL
    assert not psutil.pid_exists(one.pid)
    assert other.poll() is None
    other.send_signal(signal.SIGTERM)
    assert other.wait(30) == 0


def waits_for(pid: int) -> list[tuple[int, bool]]:
    """Return the files that a process waits for to be readable or writable, and whether each is its own."""
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            if str(file.readlink()) == "anon_inode:[eventpoll]":
                lines = (Path(f"/proc/{pid}/fdinfo") / file.name).read_text().splitlines()
                for number, inode in re.findall(r"tfd: *(\d+).*ino:(\w+)", "\n".join(lines)):
                    own = Path(f"/proc/{pid}/fd/{number}")
                    found.append((int(number), own.exists() and own.stat().st_ino == int(inode, 16)))
    return found


def test_forks_wait_for_their_own_files_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = {
            **os.environ,
            "EPASS_BROKER_URLS": f"amqp://nobody:nothing@{address}/epass",
            "EPASS_DATABASE_URL": f"postgresql+psycopg://nobody:nothing@{address}/verify",
            "EPASS_HEALTH_PORT": "0",
        }
        both = [
            forks.fork(["-m", "services.ops.serve", "verify"], environment, tmp_path / name)
            for name in ("one", "other")
        ]
        for one in both:
            found = eventually(lambda pid=one.pid: waits_for(pid), f"it waits ({tmp_path})")
            assert [is_own for _, is_own in found] == [True] * len(found)
        for one in both:
            one.kill()


def test_what_still_runs_ends_with_its_nursery(tmp_path: Path) -> None:
    left = relay(tmp_path, "left")
    forks.close()
    eventually(lambda: not psutil.pid_exists(left.pid), "it has ended")


@pytest.mark.parametrize(
    ("words", "environment", "code"),
    [
        (["-m", "tests.support.chaos.sabotage", "no_inbox", "services.ops.serve", "verify"], {}, None),
        (["-m", "services.ops.cli", "serve", "verify"], {}, None),
        (["-m", "services.ops.serve", "verify"], {"LD_PRELOAD": "libfaketime.so.1"}, None),
        (["-m", "services.ops.serve", "verify"], {"EPASS_SECRETS_DIR": "/run/secrets"}, None),
        (["-m", "services.ops.serve", "verify"], {}, Path("/a/former/release")),
    ],
    ids=[
        "without a guard",
        "by another process",
        "with another clock",
        "with files of secrets",
        "of another release",
    ],
)
def test_what_differs_from_what_is_imported_starts_by_itself(
    words: list[str], environment: dict[str, str], code: Path | None
) -> None:
    assert forks.can_fork(["-m", "services.ops.serve", "verify"], {}, None)
    assert not forks.can_fork(words, environment, code)
