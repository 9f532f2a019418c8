"""The faults that alerts are for, each as a block in which it lasts.

They are named as in the table of ``docs/operations.md``, "Which alert names which failure".
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from contracts.subscriptions import rpc_queue, subscriptions
from epass_client import NoAnswer, Problem
from tests.support.actors import MATCHED
from tests.support.chaos.evidence import database
from tests.support.chaos.watched import Watched
from tests.support.wire import wire

POISONED = "verify.PassRevoked"
Inject = Callable[[Watched], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        inject: for the length of a block.
        named: by alert, the values that its labels must have, all of them and no other.
        work: what goes on meanwhile, again and again.
    """

    inject: Inject
    named: Mapping[str, set[str]] = field(default_factory=dict)
    work: Callable[[Watched], None] = lambda _: None


@contextmanager
def killed(watched: Watched, *names: str) -> Iterator[None]:
    """Kill processes for the length of the block."""
    for name in names:
        watched.processes[name].kill()
    try:
        yield
    finally:
        for name in names:
            if not watched.processes[name].alive:
                watched.processes[name].start(ready=False)
        for name in names:
            watched.processes[name].wait_ready(60)


@contextmanager
def killed_relay(watched: Watched) -> Iterator[None]:
    """Kill the relay, and let somebody apply, so that an event waits in an outbox."""
    with killed(watched, "relay"):
        watched.waiting.holder.apply()
        yield


@contextmanager
def a_poison_message(watched: Watched) -> Iterator[None]:
    """Publish bytes that are no event to a consumer; ops drop them afterwards."""
    with wire(watched.deployment.stack.broker_url("administrator")) as broker:
        broker.publish("", POISONED, b"no event")
    try:
        yield
    finally:
        watched.deployment.system.epass("administrator", "dead-letters", "drop", "--queue", POISONED, "--yes")


@contextmanager
def a_false_count(watched: Watched) -> Iterator[None]:
    """Count somebody as inside who has never entered."""
    statement = "update passes set inside = inside + %s where number = %s"
    with database(watched.deployment.stack, "verify") as connection:
        connection.execute(statement, (1, watched.inside.number))
        try:
            yield
        finally:
            connection.execute(statement, (-1, watched.inside.number))


@contextmanager
def nothing(_: Watched) -> Iterator[None]:
    """Inject nothing: the fault is what goes on."""
    yield


def show_a_forged_pass(watched: Watched) -> None:
    """Try to enter with a pass that nobody has signed."""
    with suppress(Problem, NoAnswer):
        watched.officer.scan(token=f"{watched.waiting.token[:-8]}AAAAAAAA", id_check=MATCHED)


_QUEUES_OF_ISSUANCE = {one.queue for one in subscriptions() if one.queue.startswith("issuance.")}
GROUPS: tuple[Mapping[str, Fault], ...] = (
    {
        "the relay is killed": Fault(killed_relay),
        "a service is killed": Fault(
            lambda watched: killed(watched, "issuance"),
            {"ConsumerGone": {*_QUEUES_OF_ISSUANCE, rpc_queue("issuance")}},
        ),
        "a message that its consumer cannot read": Fault(a_poison_message, {"DeadLetters": {POISONED}}),
        "a count is wrong, or an event is lost": Fault(a_false_count, {"InvariantBroken": {"inside"}}),
        "forged passes at a gate": Fault(
            nothing, {"GateRefusesEverything": {"PCS1", "PCS1-G1"}}, show_a_forged_pass
        ),
    },
    {"the exporter is killed": Fault(lambda watched: killed(watched, "exporter"))},
)
"""What is injected at the same time."""
