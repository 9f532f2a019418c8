"""What still works when a part is down: every cell of the table in ``docs/operations.md``, killed and
stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.chaos import outage_table
from tests.chaos.outage_actors import OutageActors, Personnel
from tests.chaos.outage_table import LATER, PARTS, REFUSED, WORKS, Table, differences
from tests.chaos.outages import Patience, away, observe
from tests.support.chaos import sabotage
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.scenario import sabotaged
from tests.support.stack.running import Process, free_port

pytestmark = pytest.mark.outage


@pytest.fixture(scope="module")
def table() -> Table:
    return outage_table.read(outage_table.OPERATIONS.read_text())


@pytest.fixture(scope="module")
def personnel(deployment: Deployment) -> Personnel:
    return Personnel(deployment.system)


@pytest.fixture
def people(deployment: Deployment, personnel: Personnel) -> Iterator[OutageActors]:
    prepared = OutageActors(deployment.stack, deployment.system, deployment.provider, personnel)
    yield prepared
    prepared.close()


def test_the_table_has_every_part(table: Table) -> None:
    assert set(table) == set(PARTS)
    assert {cell for cells in table.values() for cell in cells.values()} == {WORKS, LATER, REFUSED}


@pytest.mark.parametrize("way", ["killed", "stopped"])
@pytest.mark.parametrize("part", [part for part in PARTS if part != "gateway"])
def test_the_table_is_right_while_a_part_is_down(
    deployment: Deployment, people: OutageActors, table: Table, part: str, way: str
) -> None:
    found = observe(
        people.actions(), table[part], partial(away, deployment.stack, deployment.system, part, way)
    )
    assert differences(table, part, found) == []


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_two_gateways_serve_everybody_while_one_is_down(
    deployment: Deployment, people: OutageActors, table: Table, way: str
) -> None:
    """The load balancer leaves it out; the other gateway serves everybody, with sessions of either."""
    with _another_gateway(
        deployment.system.process("gateway", "-2", EPASS_GATEWAY_PORT=str(free_port()))
    ) as url:
        people.url = url
        found = observe(
            people.actions(),
            table["gateway"],
            partial(away, deployment.stack, deployment.system, "gateway", way),
        )
    assert differences(table, "gateway", found) == []


@contextmanager
def _another_gateway(other: Process) -> Iterator[str]:
    other.start()
    try:
        yield f"http://127.0.0.1:{other.port}"
    finally:
        other.kill()


@pytest.mark.parametrize(
    ("removed_guards", "word"),
    [((), "503"), ((sabotage.no_answer_limit,), "no answer within 5 s")],
    ids=["guarded", "unguarded"],
)
def test_a_request_waits_for_ever_unless_the_gateway_has_an_answer_limit(
    deployment: Deployment, people: OutageActors, removed_guards: tuple[Callable[[], None], ...], word: str
) -> None:
    """This holds even if each call to a service may take long."""
    settings = {"EPASS_GATEWAY_PORT": str(free_port()), "EPASS_RPC_TIMEOUT": "60"}
    gateway = (
        sabotaged(deployment.system, "gateway", *removed_guards, **settings)
        if removed_guards
        else deployment.system.process("gateway", "-2", **settings)
    )
    scan = {"scan at the gate": people.actions()["scan at the gate"]}
    with _another_gateway(gateway) as url:
        people.url = url
        found = observe(scan, {}, partial(away, deployment.stack, deployment.system, "verify", "stopped"))
    assert found["scan at the gate"].startswith(word)


WRONG = {
    ("apply", LATER, WORKS),
    ("follow the status", WORKS, LATER),
    ("scan at the gate", WORKS, REFUSED),
    ("sign out", WORKS, LATER),
}


def test_a_wrong_cell_of_the_table_is_found(
    deployment: Deployment, people: OutageActors, table: Table
) -> None:
    """The check itself: the relay is down, and four cells of the table are changed."""
    lies = {part: dict(cells) for part, cells in table.items()}
    for act, right, wrong in WRONG:
        assert table["relay"][act] == right
        lies["relay"][act] = wrong
    patience = Patience(works=5.0, later=15.0)
    found = observe(
        people.actions(),
        lies["relay"],
        partial(away, deployment.stack, deployment.system, "relay", "killed"),
        patience,
    )
    assert differences(table, "relay", found) == []
    assert sorted(differences(lies, "relay", found)) == sorted(
        f"{act}: {right}, and the table has {wrong}" for act, right, wrong in WRONG
    )
