"""Fixtures for all tests: settings, one real broker and database server per session, emptied databases.

The fixture ``stack`` chooses: containers (testcontainers) where a Docker-compatible engine answers, else the
private processes that `make run` uses. EPASS_TEST_BACKEND=containers|processes overrides. The end of the
report names the choice. The fixture ``system`` is the installation of `deploy/compose.yaml` if
EPASS_TEST_SYSTEM=compose, as in `make compose-test`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.compose.installation import Installation, missing_engine
from tests.support.factories.calls import make_call
from tests.support.stack import extent, forks
from tests.support.stack.backends import TestStack, backend_name, start_stack
from tests.support.stack.collector import Collector
from tests.support.stack.databases import Databases
from tests.support.stack.settings import REQUIRED
from tests.support.system.actors import Applicant, Department, Officer
from tests.support.system.system import System

os.environ["EPASS_LOCAL_MODE"] = "true"
for name in (
    "personal_keys",
    "key_encryption_keys",
    "idempotency_secret",
    "otp_secret",
    "password_secret",
    "commitment_master",
    "event_key",
    "event_keys",
):
    value = REQUIRED[name]
    os.environ[f"EPASS_{name.upper()}"] = ",".join(value) if isinstance(value, tuple) else value

# No test asserts a time, so an example may take as long as the machine needs.
hypothesis.settings.register_profile("epass", deadline=None)
hypothesis.settings.load_profile("epass")

# The usual traceback has the locals of each frame, which takes seconds for one fault that a test plants.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Stop before the first test if what was asked for cannot be had."""
    if os.environ.get("EPASS_TEST_BACKEND"):
        backend_name()


def pytest_unconfigure() -> None:
    """End the parents of forked processes."""
    forks.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which were used, also in a quiet run, which has no header."""
    terminalreporter.write_line(f"broker and databases: {backend_name()}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fast ones first: unit, contract, integration, journey, e2e; of `make test` without the longest."""
    if extent.SHORT and (left_out := [item for item in items if item.get_closest_marker("long")]):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    order = {"unit": 0, "contract": 1, "integration": 2, "journey": 3, "e2e": 4}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], 9))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    """A broker and a database server, with a user for each service."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with start_stack(folder) as running:
        yield running


@pytest.fixture(scope="session")
def _databases(stack: TestStack) -> Iterator[Databases]:
    databases = Databases(stack)
    yield databases
    databases.close()


@pytest.fixture
def databases(_databases: Databases) -> Databases:
    """``databases["application"]``: a real, empty database with that service's schema."""
    _databases.forget_cleanliness()
    return _databases


@pytest.fixture
def call() -> object:
    """``call(principal=…, key=…)``."""
    return make_call


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System | Installation]:
    """The whole system with the demo's directory and logins: on a stack of its own, or as it is installed."""
    if os.environ.get("EPASS_TEST_SYSTEM") == "compose":
        if why := missing_engine():
            pytest.exit(f"no Docker-compatible engine answers: {why}", returncode=2)
        with Installation(tmp_path_factory.mktemp("compose")) as installed:
            yield installed
    else:
        with start_stack(tmp_path_factory.mktemp("system")) as own, System(own) as running:
            yield running


@pytest.fixture(scope="session")
def department(system: System) -> Department:
    """An officer of the home department, signed in once."""
    return Department(system)


@pytest.fixture(scope="session")
def officer(system: System) -> Officer:
    """A security officer, signed in once."""
    return Officer(system)


@pytest.fixture
def applicant(system: System) -> Applicant:
    return Applicant(system)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of traces, for what is traced by `tracing.exporting`."""
    with Collector() as running:
        yield running
