"""`deploy.local.status`: a line for each process, also where its reader stops reading."""

import os
import subprocess
import sys

from deploy.local.status import _print_table
from deploy.local.supervisor import State

RUNNING = [State("epmd", 10, 60, 0), State("gateway", 11, 60, 2)]
SHOWN = """
import sys
from types import SimpleNamespace
from deploy.local import status
from deploy.local.supervisor import State
states = [State(str(number), number, 60, 0) for number in range(1, 50)]
status.Stack = lambda *_: SimpleNamespace(supervisor=SimpleNamespace(states=lambda: states))
status.Services, status.checks = lambda _: None, lambda *_: {}
status.gateway_port_of = lambda _: 1
sys.argv = ["status", "--folder", "."]
sys.exit(status.main())
"""


def test_a_process_that_cannot_be_asked_has_a_dash_and_the_dash_is_explained(capsys) -> None:
    assert _print_table(RUNNING, {"gateway": lambda: True})
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in shown[1:3]] == ["–", "yes"]
    assert shown[-1] == "  –: cannot be asked whether it is ready"


def test_a_table_of_processes_that_can_all_be_asked_explains_no_dash(capsys) -> None:
    assert not _print_table(RUNNING[1:], {"gateway": lambda: False})
    assert "–" not in capsys.readouterr().out


def test_a_reader_that_stops_reading_ends_it_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([sys.executable, "-c", SHOWN], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")
