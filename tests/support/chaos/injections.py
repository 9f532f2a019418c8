"""What the suites of outages do to a system, found in their source, and which failure each of it is.

Failures are named as in ``docs/runbooks.md``, "Which alert names which failure": in its table, or in the
list of those that have no alert of their own.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from tests.support.stack.paths import ROOT

SUITES = ("tests/chaos", "tests/support/chaos", "tests/cluster")
OF_ALERTS = {"test_alerts.py", "alert_faults.py", "watched.py"}
"""They inject what the table has."""
_BREAKS = re.compile(
    r"\b(?:[a-z]+_)*(kill|suspend|stop|cut|delete|half|latency|fault|away|signal|ctl|demote|locked|lose|revoke|purge"
    r"|hang|abort)"
)
"""What the name of a public function has, at the beginning of a word, that breaks something."""

KILLED, HANGS, HALF_OPEN = "each process is killed", "each process hangs (SIGSTOP)", "are half-open"
NODE_AWAY, STANDBY_AWAY = "a node of the broker is away", "a standby is out of reach"
BROKER_KILLED, DATABASES_KILLED = "the broker is killed", "the database server is killed"
FAILURES: Mapping[str, tuple[str, ...]] = {
    "at": ("connections to the broker close", f"connections to the broker {HALF_OPEN}"),
    "away": (KILLED, HANGS, BROKER_KILLED, "the broker hangs", DATABASES_KILLED, "the databases hang"),
    "both_away": (BROKER_KILLED, DATABASES_KILLED),
    "broker_away": (BROKER_KILLED,),
    "broker_ctl": ("the broker's memory is full", "the broker's disk is full", "a queue is full"),
    "cut": ("connections are cut", "connections to the broker close"),
    "cut_off": (NODE_AWAY,),
    "database_takes_no_changes": ("the databases take no changes",),
    "demoted": ("the databases take no changes",),
    "fault_at": ("connections to the broker close", f"connections to the broker {HALF_OPEN}"),
    "full": ("a queue is full",),
    "half_open": (
        f"connections to the broker {HALF_OPEN}",
        f"connections to the databases {HALF_OPEN}",
        STANDBY_AWAY,
    ),
    "in_one_process": ("more events than are handled",),
    "in_two_processes": ("more events than are handled",),
    "kill": (
        KILLED,
        "a service is killed",
        "the relay is killed",
        "the exporter is killed",
        "one of two replicas is killed",
        BROKER_KILLED,
        NODE_AWAY,
        DATABASES_KILLED,
        "killed and started at once",
    ),
    "kill_broker": (BROKER_KILLED,),
    "kill_each": ("one of two replicas is killed",),
    "kill_postgres": (DATABASES_KILLED,),
    "kill_sender": (KILLED,),
    "postgres_away": (DATABASES_KILLED,),
    "latency": ("connections to the databases are late",),
    "lose_disk": (NODE_AWAY,),
    "off": ("a clock is wrong",),
    "out_of_disk": ("the broker's disk is full",),
    "out_of_memory": ("the broker's memory is full",),
    "queue_delete": ("a queue of events is deleted",),
    "refusing": ("the provider refuses every message",),
    "signal": (HANGS,),
    "slow_services": ("more events than are handled",),
    "stop": ("an upgrade and a rolling restart",),
    "stopped": (HANGS,),
    "suspend": ("the broker hangs",),
}
"""By the name of a block or a function."""
HARMLESS = {
    "_another_gateway", "_no_index", "_restored", "abort", "all_the_while", "another_standby", "check_alerts",
    "cluster", "crowd_at_work", "ctl", "database", "delete", "deploy", "local_run",
    "fault", "kills_of", "locked", "lose", "monitoring", "more_of", "no_process_restarts", "operators_page",
    "people_at_work", "process", "proxied_system", "purge", "replaced", "revoke", "running", "send_signal",
    "server_in", "span", "impatient", "two_of_each", "within_limit",
}  # fmt: skip
"""Blocks and functions that look like it. ``locked`` holds a handler at an exact moment, ``replaced`` and
``process`` take guards out of a process for a control, ``lose`` is a drill, revoking a pass is an
ordinary command, and so is Ctrl-C (``send_signal``)."""


def injections(source: str) -> Iterator[str]:
    """Yield the name of each block that a module defines, and of each call that breaks something."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            if any(ast.unparse(one).endswith("contextmanager") for one in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if _BREAKS.search(name):
                yield name


def injected() -> set[str]:
    """Return what all modules of the suites define and call."""
    files = [file for suite in SUITES for file in (ROOT / suite).glob("*.py") if file.name not in OF_ALERTS]
    return {name for file in files for name in injections(file.read_text(encoding="utf-8"))}
