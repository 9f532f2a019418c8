"""Each process in turn is taken over: its passwords and keys, and a running system to use them on.

The table of what such a process reaches is `REACHED` of `stolen.py`; docs/security.md shows it. Here each
cell is tried. Controls show that the same attempt works for whoever has the right to it.
"""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from amqp.exceptions import AccessRefused
from kombu import Consumer, Queue

from contracts.crockford import new_pass_number
from contracts.envelope import Envelope, PersonalKeyRing, seal, signed_content
from contracts.events import Event, PassApproved
from contracts.model import Slot
from contracts.rpc.call import Principal, Proof
from contracts.subscriptions import SERVICES, exchange_of, rpc_queue, subscriptions
from contracts.tokens import PASS_TYP, SESSION_TYP, PassClaims, SessionClaims
from epass_client import Call, Problem, calls
from services.accounts.adapters.keys import key_store as session_keys
from services.accounts.settings import AccountsSettings
from services.chassis.messaging import outbox, signatures
from services.chassis.messaging.topology import REPLAY_EXCHANGE, delay_name
from services.chassis.runtime.clock import now
from services.chassis.tokens.signing_key import SigningKey
from services.issuance.adapters.keys import key_store as pass_keys
from services.issuance.settings import IssuanceSettings
from services.notify.adapters.sealing import unseal
from tests.integration.attacks.stolen import (
    ALL_QUEUES,
    GOALS,
    NO,
    REACHED,
    RECORDS,
    SPIES,
    Stolen,
    changes_allowed,
    connected,
    database_of,
    is_denied,
    listening,
    may,
    outcome,
    published,
    readable,
    session_tokens,
    text,
    text_of,
)
from tests.support.factories.approval import invited, personal
from tests.support.stack.database_faults import superuser
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.stack.settings import make_settings
from tests.support.stack.wire import call_body, wire
from tests.support.system.actors import (
    MATCHED,
    Applicant,
    Department,
    Officer,
    Staff,
    issued,
    new_mobile,
    slot,
)
from tests.support.system.system import System

pytestmark = [pytest.mark.xdist_group("stolen processes"), long]  # of one system
NAME = "Amrit Sandhuwalia"
"""Of an applicant whom nobody else is to read."""
ISSUER = "epass.punjab.gov.in"
VISIT = Slot.model_validate(slot())
ADO = {"kind": "staff", "sub": "ADO-0001", "role": "ado"}
END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity
where usename not in (current_user, 'postgres')
"""
CHANGE_PASSWORD = "alter role postgres password 'another'"
PROBE = "{}.Probe"
"""The name of a queue that belongs to a service, and which nobody needs."""


@dataclass(frozen=True)
class People:
    """Who uses the system meanwhile, and one visit of theirs."""

    applicant: Applicant
    department: Department
    officer: Officer
    ado: Staff
    reference: str
    number: str


@pytest.fixture(scope="module")
def people(system: System) -> People:
    applicant, department, officer = Applicant(system), Department(system), Officer(system)
    reference, summary = issued(
        applicant, department, known_to=officer, applicant={"name": NAME, "name_latin": NAME}
    )
    return People(applicant, department, officer, Staff(system, "ado"), reference, summary.number)


@pytest.fixture(scope="module")
def stolen(system: System) -> Mapping[str, Stolen]:
    return {name: Stolen(name, system.stack.environment(name)) for name in REACHED}


def scalar(system: System, service: str, query: str, *values: Any) -> Any:
    """Return what a query finds, for the test itself."""
    with superuser(system.stack, service) as connection:
        row = connection.execute(query, values).fetchone()  # type: ignore[call-overload]
    return row and row[0]


# ------------------------------------------------- events and requests in the name of others


@dataclass(frozen=True)
class Forged:
    """What a process says in the name of others: an approval, and an invitation.

    ``dead`` counts, by queue, the messages that the broker takes: they have to become dead letters.
    """

    reference: str
    application_id: UUID
    invited_id: UUID
    dead: Mapping[str, int]


def envelope_of(event: Event, key: SigningKey, ring: PersonalKeyRing) -> bytes:
    """Return an event in the name of its producer, signed with somebody's key."""
    event_id = uuid4()
    data, sealed = seal(event, event_id, ring)
    whole = Envelope(
        id=event_id, type=type(event).__name__, version=event.version, producer=event.producer,
        subject=event.subject, seq=1, occurred_at=now(), data=data, personal=sealed,
    )  # fmt: skip
    (signature,) = signatures.sign(key, [signed_content(dict(whole))])
    return whole.model_copy(update={"signature": signature}).to_bytes()


def send(stolen: Stolen, event: Event, ring: PersonalKeyRing, dead: dict[str, int]) -> None:
    """Publish an event on every way to those who wait for it; count what the broker takes."""
    kind = type(event).__name__
    queues = [one.queue for one in subscriptions() if one.event is type(event)]
    for address in stolen.brokers:
        ways = [(exchange_of(event.producer), kind, queues)]
        for queue in queues:
            exchanges = ("", delay_name(0), REPLAY_EXCHANGE, "nameko-rpc")
            ways += [(exchange, queue, [queue]) for exchange in exchanges]
        for exchange, key, reached in ways:
            if published(address, exchange, key, envelope_of(event, stolen.signer, ring)):
                for queue in reached:
                    dead[queue] = dead.get(queue, 0) + 1


def store(stolen: Stolen, event: Event) -> None:
    """Add an event to the process's own outbox; the relay sends what names this database's service."""
    if stolen.own and "EPASS_EVENT_KEY" in stolen.settings:
        with database_of(stolen) as database, database.transaction() as session:
            outbox.add(session, event, at=now())


def decide(stolen: Stolen, review_id: UUID, dead: dict[str, int]) -> None:
    """Ask approval to approve, as the department, without its session."""
    said = Principal(kind="staff", id="HOM-0001", login_id="HOM-0001", role="department", department="home")
    request = {"review_id": str(review_id), "slot": slot(), "revision": 1}
    body = json.dumps(
        call_body(request, principal=said.model_dump(mode="json"), idempotency_key=str(uuid4()))
    ).encode()
    queue = rpc_queue("approval")
    ways = (("nameko-rpc", "approval.approve"), ("", queue), (delay_name(0), queue), (REPLAY_EXCHANGE, queue))
    for address in stolen.brokers:
        for exchange, key in ways:
            properties = {"reply_to": str(uuid4()), "correlation_id": "1"}
            if published(address, exchange, key, body, **properties) and stolen.name != "gateway":
                dead[f"{queue}.dead"] = dead.get(f"{queue}.dead", 0) + 1


@pytest.fixture(scope="module")
def forged(system: System, people: People, stolen: Mapping[str, Stolen]) -> Mapping[str, Forged]:
    """Each process says that a visit of its own was approved, in every way; all of it has been handled."""
    ring = PersonalKeyRing(stolen["notify"].settings["EPASS_PERSONAL_KEYS"].split(","))
    before = depths(system)
    said: dict[str, Forged] = {}
    for one in stolen.values():
        dead: dict[str, int] = {}
        reference = people.applicant.apply()
        application_id = scalar(
            system, "application", "select id from applications where reference = %s", reference
        )
        review_id = people.department.review_of(reference).id
        approved = PassApproved.model_validate({
            "application_id": application_id, "reference": reference, "review_id": review_id, "revision": 1,
            "department": "home", "decided_by": "HOM-0001", "language": "pa", "deliver_by": "sms",
            "site": "PCS1", "slot": VISIT, "kind": "citizen", "party": 2, "personal": personal(),
        })  # fmt: skip
        invitation = invited(site="PCS1", preferred=(VISIT,))
        for event in (approved, invitation):
            send(one, event, one.ring or ring, dead)
            store(one, event)
        decide(one, review_id, dead)
        said[one.name] = Forged(reference, application_id, invitation.application_id, dead)
    expected: dict[str, int] = {}
    for each in said.values():
        for queue, count in each.dead.items():
            name = queue if queue.endswith(".dead") else f"{queue}.dead"
            expected[name] = expected.get(name, 0) + count

    def are_dead() -> bool:
        found = depths(system)
        return all(found[queue] - before[queue] >= count for queue, count in expected.items())

    eventually(are_dead, f"what the broker took is dead: {expected}", 30)
    eventually(lambda: has_pass(system, said["approval"].application_id), "approval's own word counts")
    eventually(lambda: has_pass(system, said["application"].invited_id), "so does an invitation")
    eventually(
        lambda: people.applicant.view(said["approval"].reference).status != "submitted",
        "its application hears of it",
    )
    return said


def depths(system: System) -> dict[str, int]:
    with wire(system.stack.broker_url("administrator")) as administrator:
        return {name: administrator.depth(name) for name in ALL_QUEUES if name.endswith(".dead")}


def has_pass(system: System, application_id: UUID) -> bool:
    query = "select count(*) from passes where application_id = %s"
    return bool(scalar(system, "issuance", query, application_id))


# --------------------------------------------------------------------- the goals


def issue(one: Stolen, system: System, people: People, forged: Mapping[str, Forged], **_: Any) -> str:
    """Try to open the gate: by an event, by a token under a key of one's own, by the gate's own rows."""
    if has_pass(system, forged[one.name].application_id):
        return "yes"
    if has_pass(system, forged[one.name].invited_id):
        return "by an invitation"
    claims = PassClaims(
        iss=ISSUER, jti=new_pass_number(), site="PCS1", party=1,
        nbf=int(now().timestamp()) - 60, exp=int(now().timestamp()) + 3600,
    )  # fmt: skip
    named = SigningKey(_kid_of(people.applicant.token(people.number)), one.signer.private)
    for key in (*_pass_keys(one), one.signer, named):
        if _admits(people.officer, key.sign(claims.payload(), PASS_TYP)):
            return "for 30 minutes"
    for address in one.databases:
        with connected(address, "verify") as connection:
            if connection is None:
                continue
            again = "update passes set admitted = 0, inside = 0 where number = %s"
            if not is_denied(connection, again.replace("%s", "''")):
                return "at gates" if _comes_in_twice(people, connection, again) else NO
    return NO


def _admits(officer: Officer, token: str) -> bool:
    try:
        return officer.scan(token=token).verdict == "admit"
    except Problem as problem:
        if problem.code != "unreadable_token":  # no key has this name
            raise
        return False


def _kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def _pass_keys(one: Stolen) -> list[SigningKey]:
    """Return issuance's key, opened with what its process has."""
    if one.name != "issuance":
        return []
    keys = tuple(one.settings["EPASS_KEY_ENCRYPTION_KEYS"].split(","))
    with database_of(one) as database, database.transaction() as session:
        return [pass_keys(make_settings(IssuanceSettings, key_encryption_keys=keys)).current(session, now())]


def _comes_in_twice(people: People, connection: Any, again: str) -> bool:
    entry = {"pass_number": people.number, "id_check": MATCHED}
    assert people.officer.scan(**entry).verdict == "admit"
    assert people.officer.scan(**entry).verdict != "admit", "a pass admits once"
    connection.execute(again, [people.number])
    return people.officer.scan(**entry).verdict == "admit"


def approve(one: Stolen, people: People, forged: Mapping[str, Forged], **_: Any) -> str:
    """See whether the application of this process was approved by anything it said."""
    status = people.applicant.view(forged[one.name].reference).status
    return NO if status == "submitted" else "yes"


def read(one: Stolen, system: System, people: People, **_: Any) -> str:
    """Look into the databases and queues of others, and for requests on their way."""
    for address in one.databases:
        for service in set(SERVICES) - one.own:
            with connected(address, service) as connection:
                assert connection is None or one.name in {"relay", "exporter"}, service
                found = text_of(connection) if connection else ""
                assert NAME not in found, service
                assert people.applicant.mobile not in found, service
    for address in one.brokers:
        with wire(address) as broker:
            others = [queue for queue in ALL_QUEUES if not one.is_own_queue(queue)]
            seen = readable(broker, others)
            assert not seen or one.ring is None, "people in events are sealed"
            letters = [queue for queue in others if queue.endswith(".dead") and not queue.startswith("rpc-")]
            of_events = [each.queue for each in subscriptions()]
            allowed = {"relay": of_events, "exporter": letters if seen else []}.get(one.name, [])
            assert seen == allowed
            for name, keys in SPIES:
                with suppress(AccessRefused), listening(broker, name.format(one.name), keys) as copies:
                    people.applicant.apply(applicant={"name": NAME, "name_latin": NAME})
                    _drain(broker, lambda: any(NAME in copy for copy in copies))
                    assert any(NAME in copy for copy in copies)
                    return "requests on their way"
    return NO


def _drain(broker: Any, done: Callable[[], bool]) -> None:
    for _ in range(50):
        if done():
            return
        with suppress(TimeoutError):
            broker.connection.drain_events(timeout=0.1)


def erase(one: Stolen, system: System, **_: Any) -> str:
    """Try to change records in each database, and to take dead letters away."""
    changed = set()
    for address in one.databases:
        for service, tables in RECORDS.items():
            with connected(address, service) as connection:
                for name, column in tables.items():
                    if connection and changes_allowed(connection, name, column):
                        changed.add(name)
    reached = [ERASED[name] for name in sorted(changed)]
    with Probe(system, f"{_other(one)}.Probe.dead") as name:
        for address in one.brokers:
            with wire(address) as broker:
                if may(broker, "queue_purge", name):
                    reached.append("dead letters")
    return " and ".join(reached) or NO


def pose(one: Stolen, system: System, people: People, captured: Mapping[str, str], **_: Any) -> str:
    """Try sessions under keys of one's own, of one's callers, and by codes on their way."""
    if any(_is_accepted(system, token) for token in _sessions_by(one, people)):
        return "as anybody"
    if _code_of(one, system):
        return "as applicants"
    for address in one.brokers:
        for name, keys in SPIES:
            spy = (name.format(one.name), keys)
            with wire(address) as broker, suppress(AccessRefused), listening(broker, *spy) as copies:
                people.ado.send(calls.list_logins())
                _drain(broker, lambda: any(session_tokens(copy) for copy in copies))
                tokens = [token for copy in copies for token in session_tokens(copy)]
                assert any(_is_accepted(system, token) for token in tokens)
                return "as all callers"
    if one.name == "gateway" and _is_accepted(system, people.ado.client.token):
        return "as its callers"  # it has their tokens; what it calls with them is a control below
    if one.name in captured and _works(system, one.name, people, captured[one.name]):
        return "as its callers"
    return NO


def _sessions_by(one: Stolen, people: People) -> Iterator[str]:
    """Yield sessions of the ADO Branch under each key that a process has or names."""
    claims = SessionClaims(
        iss=ISSUER, sid=uuid4(), iat=int(now().timestamp()),
        exp=int(now().timestamp()) + 600, **ADO,
    )  # fmt: skip
    payload = claims.model_dump(mode="json", exclude_none=True)
    keys = [one.signer, SigningKey(_kid_of(people.ado.client.token), one.signer.private)]
    if one.name == "accounts":
        sealed = tuple(one.settings["EPASS_KEY_ENCRYPTION_KEYS"].split(","))
        settings = make_settings(AccountsSettings, key_encryption_keys=sealed)
        with database_of(one) as database, database.transaction() as session:
            keys.append(session_keys(settings).current(session, now()))
    for key in keys:
        yield key.sign(payload, SESSION_TYP)


def _is_accepted(system: System, token: str) -> bool:
    """Return whether a token is that of an ADO; wait for keys that somebody took on their way."""

    def status() -> int | None:
        try:
            return 200 if system.client(token).send(calls.list_logins()).items else None
        except Problem as problem:
            return None if problem.status == 503 else problem.status

    answer = eventually(status, "the gateway answers")
    assert answer in {200, 401, 403}
    return answer == 200


def _code_of(one: Stolen, system: System) -> bool:
    """Sign in with a code that the process reads before it is sent."""
    mobile, anyone = new_mobile(), system.client()
    sender = system.processes["sender"]
    sender.signal(signal.SIGSTOP)
    try:
        request_id = anyone.send(calls.request_otp(mobile)).request_id
        waiting = "select count(*) from messages where purpose = 'otp' and state = 'queued'"
        eventually(lambda: scalar(system, "notify", waiting), "the code waits for the sender")
        for address in one.databases:
            with connected(address, "notify") as connection:
                if one.ring is None or connection is None:
                    continue
                if is_denied(connection, "select personal from messages"):
                    continue
                rows = connection.execute("select id, personal from messages where state = 'queued'")
                for message_id, token in rows.fetchall():
                    message = unseal(message_id, token, one.ring)
                    if message.to == mobile:
                        code = message.parameters["code"]
                        return bool(anyone.send(calls.verify_otp(request_id, code)).access_token)
    finally:
        sender.signal(signal.SIGCONT)
    return False


CALLS: Mapping[str, Callable[[People], tuple[Any, Call[Any]]]] = {
    "accounts": lambda people: (people.ado, calls.list_logins()),
    "application": lambda people: (people.applicant, calls.list_applications()),
    "approval": lambda people: (people.department, calls.list_reviews()),
    "issuance": lambda people: (people.applicant, calls.view_pass(people.number)),
    "notify": lambda people: (people.applicant, calls.resend_message(people.reference)),
    "verify": lambda people: (people.officer, calls.list_inside("PCS1")),
}
"""Of each service, somebody who calls it and how."""


def _works(system: System, service: str, people: People, token: str) -> bool:
    _, call = CALLS[service](people)
    return system.client(token).send(call) is not None


@pytest.fixture(scope="module")
def captured(system: System, people: People, stolen: Mapping[str, Stolen]) -> Mapping[str, str]:
    """The session token that each service sees of somebody who calls it."""

    def capture(service: str) -> tuple[str, str]:
        tokens: list[str] = []
        with wire(stolen[service].settings["EPASS_BROKER_URLS"]) as broker:
            queue = Queue(
                rpc_queue(service), no_declare=True, consumer_arguments={"x-priority": 10}, durable=True
            )
            with broker.connection.channel() as channel, Consumer(
                channel, [queue], callbacks=[lambda body, _: tokens.extend(session_tokens(text(body)))],
                no_ack=True, accept=["json"],
            ):  # fmt: skip
                actor, call = CALLS[service](people)
                with ThreadPoolExecutor(1) as pool:
                    sent = pool.submit(actor.send, call)
                    _drain(broker, lambda: bool(tokens) and sent.done())
                    with suppress(Problem):
                        sent.result(10)
        assert tokens, service
        return service, tokens[0]

    with ThreadPoolExecutor(len(CALLS)) as pool:
        return dict(pool.map(capture, CALLS))


def shut(one: Stolen, system: System, **_: Any) -> str:
    """Try to take and delete queues of others, and to end their connections."""
    for address in one.databases:
        for service in SERVICES:
            with connected(address, service) as connection:
                if connection is None:
                    continue
                for statement in (END_SESSIONS, CHANGE_PASSWORD):
                    assert is_denied(connection, statement), (service, statement)
    with Probe(system, PROBE.format(_other(one))) as name:
        for address in one.brokers:
            with wire(address) as broker:
                reached = [action for action in ("queue_purge", "queue_delete") if may(broker, action, name)]
                if reached:
                    return "queues of events"
    for address in one.brokers:
        with wire(address) as broker:
            for service in set(SERVICES) - one.own:
                assert not may(broker, "queue_delete", rpc_queue(service), if_unused=True), service
                assert not may(broker, "queue_bind", rpc_queue(service), exchange_of("verify"), "#"), service
    with Probe(system, "gateway.probe") as name:
        for address in one.brokers:
            with wire(address) as broker:
                if may(broker, "queue_delete", name):
                    return "other gateways"
    return NO


def _other(one: Stolen) -> str:
    return "notify" if one.name == "verify" else "verify"


class Probe:
    """A queue that the administrator makes, and deletes if it is still there."""

    def __init__(self, system: System, name: str) -> None:
        self._url = system.stack.broker_url("administrator")
        self._name = name

    def __enter__(self) -> str:
        with wire(self._url) as administrator, administrator.connection.channel() as channel:
            channel.queue_declare(self._name, durable=True, auto_delete=False)
        return self._name

    def __exit__(self, *_: object) -> None:
        with wire(self._url) as administrator, administrator.connection.channel() as channel:
            channel.queue_delete(self._name)


ERASED = {"logins": "who issued a login", "outbox": "events"}
"""What a process reaches that may change a table of records."""
GOAL = {"issue": issue, "approve": approve, "read": read, "erase": erase, "pose": pose, "shut": shut}


def test_each_stolen_process_reaches_what_the_table_says_and_no_more(
    system: System, people: People, stolen, forged, captured
) -> None:
    found = {
        process: {
            goal: attack(one, system=system, people=people, forged=forged, captured=captured)
            for goal, attack in GOAL.items()
        }
        for process, one in stolen.items()
    }
    assert found == {process: {goal: outcome(process, goal) for goal in GOALS} for process in REACHED}


# ---------------------------------------------------------------------- controls


def test_control_a_service_reads_its_own_and_takes_from_its_own_queues(
    system: System, people: People, stolen
) -> None:
    application = stolen["application"]
    with connected(application.databases[0], "application") as connection:
        assert connection is not None
        assert people.reference in text_of(connection)
    with wire(application.brokers[0]) as broker:
        assert readable(broker, ["rpc-application"]) == ["rpc-application"]
    with Probe(system, PROBE.format("verify")) as name, wire(stolen["verify"].brokers[0]) as broker:
        assert may(broker, "queue_purge", name)
        assert not may(broker, "queue_delete", name)


def test_control_a_gateway_approves_with_the_session_of_the_department_and_not_without(
    system: System, people: People, stolen
) -> None:
    review = people.department.review_of(people.applicant.apply())
    token = people.department.client.token
    said = {"kind": "staff", "id": "HOM-0001", "login_id": "HOM-0001", "role": "department"}
    with wire(stolen["gateway"].brokers[0]) as broker:
        keys = broker.call("accounts", "session_keys", {})["result"]["certificates"]
        proof = Proof(session=token, keys=tuple(keys.values())).model_dump(mode="json")
        for given, code in ((None, "unproven_principal"), (proof, None)):
            principal = {**said, "department": "home", "proof": given}
            reply = broker.call(
                "approval", "approve", {"review_id": str(review.id), "slot": slot()},
                call={"principal": principal, "idempotency_key": str(uuid4())},
            )  # fmt: skip
            error = reply["error"] and json.loads(reply["error"]["exc_args"][0])["code"]
            assert error == code
