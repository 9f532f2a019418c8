"""The failures that alerts name, each as a block in which it lasts.

They are named as in the table of ``docs/runbooks.md``, "Which alert names which failure". Where the chaos
suite has such a block, it is the same one.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from contracts.subscriptions import SERVICES, rpc_queue, subscriptions
from epass_client import calls
from tests.chaos import faults
from tests.chaos.clocks import Clocks
from tests.chaos.outage_table import BROKER, POSTGRES
from tests.chaos.outages import away
from tests.chaos.watched import AT_ONCE, Watched, meanwhile
from tests.support.chaos import proxy as proxies
from tests.support.chaos.evidence import database
from tests.support.stack.backends import TestStack
from tests.support.stack.database_faults import end_sessions, superuser
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import wire
from tests.support.system.actors import MATCHED, Actor, new_mobile, slot

POISONED, FORGED, BEHIND = "verify.PassRevoked", "application.PassIssued", "notify.PassRevoked"
PROCESSES = (*SERVICES, "relay", "sender", "gateway", "exporter")
Inject = Callable[[Watched], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        inject: for the length of a block.
        named: by alert, the values that its labels must have.
    """

    inject: Inject
    named: Mapping[str, set[str]] = field(default_factory=dict)


@contextmanager
def killed(watched: Watched, *names: str) -> Iterator[None]:
    """Kill processes for the length of the block."""
    for name in names:
        watched.processes[name].kill()
    try:
        yield
    finally:
        for name in names:
            watched.processes[name].start(ready=False)
        for name in names:
            watched.processes[name].wait_ready(60)


@contextmanager
def stopped(watched: Watched, *names: str) -> Iterator[None]:
    """Let processes hang (SIGSTOP) for the length of the block."""
    with ExitStack() as all_of_them:
        for name in names:
            all_of_them.enter_context(faults.stopped(watched.deployment.system, name))
        yield


@contextmanager
def killed_relay(watched: Watched) -> Iterator[None]:
    """Kill the relay, and let somebody apply, so that an event waits in an outbox."""
    with killed(watched, "relay"):
        watched.waiting.holder.apply()
        yield


@contextmanager
def also(watched: Watched, name: str, process: Process) -> Iterator[Process]:
    """Let Prometheus watch another process of a kind for the length of the block, and kill it."""
    watched.monitor.watch({**watched.processes, f"{name}-2": process})
    try:
        yield process
    finally:
        process.kill()
        watched.monitor.watch(watched.processes)


@contextmanager
def a_killed_replica(watched: Watched) -> Iterator[None]:
    """Kill the second of two senders, once Prometheus knows both."""
    with also(watched, "sender", watched.deployment.system.process("sender", "-2")) as replica:
        replica.start()
        eventually(lambda: watched.monitor.one('sum(up{process="sender"})') == 2, "two senders answer")
        replica.kill()
        yield


@contextmanager
def a_message(watched: Watched, queue: str, sender: str) -> Iterator[None]:
    """Publish bytes that are no event to a consumer, in somebody's name; ops drop them afterwards."""
    with wire(watched.deployment.stack.broker_url("administrator")) as broker:
        broker.publish("", queue, b"no event", user_id=sender)
    try:
        yield
    finally:
        watched.deployment.system.epass("administrator", "dead-letters", "drop", "--queue", queue, "--yes")


@contextmanager
def nobody_signs(watched: Watched) -> Iterator[None]:
    """Hold the row of the status list, so that the job that signs it finds it taken each time."""
    with database(watched.deployment.stack, "issuance") as connection, connection.transaction():
        connection.execute("set local idle_in_transaction_session_timeout = 0")
        connection.execute("select from status_list for update")
        yield


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
def a_job_that_fails(watched: Watched) -> Iterator[None]:
    """Lock the table of a job for the length of the block, so that each of its runs ends by a timeout."""
    with database(watched.deployment.stack, "approval") as connection, connection.transaction():
        connection.execute("lock table closures in access exclusive mode")
        yield


@contextmanager
def nobody_can_agree(watched: Watched) -> Iterator[None]:
    """Have the gates of a site demand a supervisor where nobody has a PIN."""
    with database(watched.deployment.stack, "verify") as connection:
        connection.execute("insert into supervisor_rules values ('PCS1', true, 'ADO-0001', now())")
        try:
            yield
        finally:
            connection.execute("delete from supervisor_rules")


@contextmanager
def a_backlog(watched: Watched) -> Iterator[None]:
    """Publish more events than a consumer that is away will handle, and drop them afterwards."""
    stack = watched.deployment.stack
    with killed(watched, "notify"):
        faults.publish_backlog(stack, "notify", 1100)
        try:
            yield
        finally:
            faults.purge(stack, "notify")


@contextmanager
def a_full_queue(watched: Watched) -> Iterator[None]:
    """Let the queue of the gate take no events, among them the one of a new pass."""
    stack = watched.deployment.stack
    with (
        killed(watched, "verify"),
        wire(stack.broker_url("administrator")) as broker,
        faults.full(stack, broker),
    ):
        watched.department.approve(watched.waiting.holder.apply(preferred=[slot(1)]), date=slot(1)["date"])
        try:
            yield
        finally:
            broker.purge(faults.FULL)


@contextmanager
def a_database_away(watched: Watched) -> Iterator[None]:
    """Let nobody connect to one database."""
    with superuser(watched.deployment.stack) as connection:
        connection.execute("alter database accounts allow_connections false")
        end_sessions(connection, "accounts")
        try:
            yield
        finally:
            connection.execute("alter database accounts allow_connections true")


@contextmanager
def codes_asked_for(watched: Watched) -> Iterator[None]:
    """Let people ask for codes, several at once."""
    people = [Actor(watched.deployment.system) for _ in range(AT_ONCE)]
    asks = (lambda one=one: one.post("/otp", {"mobile": new_mobile(), "language": "en"}) for one in people)
    with meanwhile(*asks, pause=0.3):
        yield


@contextmanager
def a_provider_away(watched: Watched) -> Iterator[None]:
    """Kill the provider while people ask for codes."""
    with watched.deployment.provider.away(), codes_asked_for(watched):
        yield


@contextmanager
def a_provider_that_refuses(watched: Watched) -> Iterator[None]:
    """Let the provider refuse every message while people ask for codes."""
    with watched.deployment.provider.refusing(), codes_asked_for(watched):
        yield


@contextmanager
def no_sender(watched: Watched) -> Iterator[None]:
    """Kill the sender while people ask for codes."""
    with killed(watched, "sender"), codes_asked_for(watched):
        yield


@contextmanager
def a_wrong_clock(watched: Watched) -> Iterator[None]:
    """Let a service's clock go ahead while its department works."""
    process = watched.processes["approval"]
    before = dict(process.environment)
    process.stop()
    clocks = Clocks(watched.deployment.system.folder, {"approval": process})
    process.start()
    with (
        faults.off(clocks, faults.OFF),
        meanwhile(lambda: watched.department.send(calls.list_reviews(status="pending"))),
    ):
        yield
    process.stop()
    process.environment = before
    process.start()


@contextmanager
def a_leap(watched: Watched) -> Iterator[None]:
    """Let a job that counts out have run last before a clock went ahead, until ops allow it to run."""
    job = "close_overdue_visits"
    leap = """
    insert into destructive_jobs (job, ran_at) values (%s, now() - interval '5 days')
    on conflict (job) do update set ran_at = excluded.ran_at
    """
    with database(watched.deployment.stack, "verify") as connection:

        def is_refused() -> bool:
            connection.execute(leap, (job,))
            asked = "select reason = 'leap' from destructive_jobs where job = %s"
            return connection.execute(asked, (job,)).fetchone() == (True,)

        eventually(is_refused, "the job is refused", 90)
        try:
            yield
        finally:
            allow = ("jobs", "allow", "verify", job, "--by", "OPS-0001")
            watched.deployment.system.epass("administrator", *allow)


@contextmanager
def forged_passes(watched: Watched) -> Iterator[None]:
    """Let somebody try to enter with a pass that nobody has signed."""
    forged = f"{watched.waiting.token[:-8]}AAAAAAAA"
    with meanwhile(lambda: watched.officer.scan(token=forged, id_check=MATCHED)):
        yield


def asked(inject: Inject) -> Inject:
    """Return the fault while people ask."""

    @contextmanager
    def both(watched: Watched) -> Iterator[None]:
        with watched.people_ask(), inject(watched):
            yield

    return both


def of_stack(inject: Callable[[TestStack], AbstractContextManager[None]]) -> Inject:
    """Return the fault of a server."""
    return lambda watched: inject(watched.deployment.stack)


def of_server(part: str, way: str) -> Inject:
    """Return the fault of a server that is killed or stopped."""
    return lambda watched: away(watched.deployment.stack, watched.deployment.system, part, way)


_QUEUES_OF_ISSUANCE = {one.queue for one in subscriptions() if one.queue.startswith("issuance.")}
_EACH_DATABASE = {"DatabaseAway": {*SERVICES}}
FAULTS: Mapping[str, Fault] = {
    "each process is killed": Fault(
        lambda watched: killed(watched, *PROCESSES), {"ProcessGone": {*PROCESSES}}
    ),
    "each process hangs (SIGSTOP)": Fault(
        lambda watched: stopped(watched, *PROCESSES), {"ProcessGone": {*PROCESSES}}
    ),
    "one of two replicas is killed": Fault(a_killed_replica, {"ReplicaGone": {"sender"}}),
    "a service is killed": Fault(
        lambda watched: killed(watched, "issuance"),
        {"ConsumerGone": {*_QUEUES_OF_ISSUANCE, rpc_queue("issuance")}, "ProcessGone": {"issuance"}},
    ),
    "the relay is killed": Fault(killed_relay, {"RelayBehind": {"application"}}),
    "the exporter is killed": Fault(lambda watched: killed(watched, "exporter")),
    "the broker is killed": Fault(asked(of_server(BROKER, "killed"))),
    "the broker hangs": Fault(asked(of_server(BROKER, "stopped"))),
    "the broker's memory is full": Fault(of_stack(faults.out_of_memory), {"BrokerFull": {"memory"}}),
    "the broker's disk is full": Fault(of_stack(faults.out_of_disk), {"BrokerFull": {"disk"}}),
    "a queue is full": Fault(a_full_queue, {"RelayBehind": {"issuance"}}),
    "more events than are handled": Fault(a_backlog, {"QueueBehind": {BEHIND}}),
    "a message that its consumer cannot read": Fault(
        lambda watched: a_message(watched, POISONED, "relay"), {"DeadLetters": {POISONED}}
    ),
    "somebody forges messages": Fault(
        lambda watched: a_message(watched, FORGED, "notify"), {"DeadLetters": {FORGED}}
    ),
    "a database is away": Fault(a_database_away, {"DatabaseAway": {"accounts"}}),
    "the database server is killed": Fault(asked(of_server(POSTGRES, "killed")), _EACH_DATABASE),
    "the databases take no changes": Fault(of_stack(faults.database_takes_no_changes), _EACH_DATABASE),
    "the databases hang": Fault(asked(of_server(POSTGRES, "stopped")), _EACH_DATABASE),
    "connections to the broker close": Fault(
        asked(lambda watched: faults.at(proxies.OPEN_OK, "cut", watched.broker)),
        {"ProcessNotReady": {*SERVICES, "relay", "gateway"}},
    ),
    "connections to the broker are half-open": Fault(
        asked(lambda watched: watched.broker.half_open()),
        {"ProcessNotReady": {*SERVICES, "relay", "gateway"}},
    ),
    "connections to the databases are late": Fault(asked(lambda watched: watched.databases.latency(2))),
    "connections to the databases are half-open": Fault(asked(lambda watched: watched.databases.half_open())),
    "the provider is away": Fault(
        a_provider_away, {"ProviderFails": {"sms"}, "VendorLeftAlone": {"sms_gateway"}}
    ),
    "the provider refuses every message": Fault(a_provider_that_refuses, {"MessagesReachNobody": {"otp"}}),
    "nobody sends codes": Fault(no_sender, {"ProcessGone": {"sender"}}),
    "a clock is wrong": Fault(a_wrong_clock, {"ClockSkew": {"approval"}, "HostClock": {"approval"}}),
    "nobody signs the list of revoked passes": Fault(
        nobody_signs, {"RevocationsOld": {"issuance", "verify", "gateway"}}
    ),
    "a clock is wrong where something is destroyed": Fault(
        a_leap, {"DestructiveJobRefused": {"verify", "close_overdue_visits"}}
    ),
    "forged passes at a gate": Fault(forged_passes, {"GateRefusesEverything": {"PCS1", "PCS1-G1"}}),
    "a job of a process fails each time": Fault(
        a_job_that_fails, {"JobLate": {"approval", "ask_visitors_of_closed_days"}}
    ),
    "a count is wrong, or an event is lost": Fault(a_false_count, {"InvariantBroken": {"inside"}}),
    "nobody of a site can give a supervisor's PIN": Fault(
        nobody_can_agree,
        {"SiteUnguarded": {"PCS1", "nobody_can_agree"}, "InvariantBroken": {"guarded"}},
    ),
}
GROUPS = (
    (
        "a clock is wrong where something is destroyed",
        "the relay is killed",
        "a service is killed",
        "more events than are handled",
        "a message that its consumer cannot read",
        "somebody forges messages",
        "a job of a process fails each time",
        "a count is wrong, or an event is lost",
        "nobody of a site can give a supervisor's PIN",
        "forged passes at a gate",
        "one of two replicas is killed",
    ),
    ("a database is away",),  # the invariants are not counted then
    ("a queue is full", "a clock is wrong", "the provider is away"),
    ("nobody signs the list of revoked passes",),
    ("the exporter is killed",),
    ("the provider refuses every message",),
    ("nobody sends codes",),
    ("each process hangs (SIGSTOP)",),
    ("each process is killed",),
    ("the broker's memory is full", "the broker's disk is full", "the databases take no changes"),
    ("the broker is killed",),
    ("the broker hangs",),
    ("the database server is killed",),
    ("the databases hang",),
    ("connections to the broker close",),
    ("connections to the broker are half-open",),
    ("connections to the databases are late",),
    ("connections to the databases are half-open",),
)
"""What is injected at the same time. The last of a group ends first."""
