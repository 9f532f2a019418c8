"""Somebody with canaries in every field goes through the whole life, is erased, and is then nowhere.

Read are every column of all databases, queues, dead letters, delays and the stream, the store of limits, logs
and metrics, and what a backup of after brings back; in each of them what is sealed is opened with the keys of
the system, so that it does not count as gone. Sealed copies that end by themselves are named here. A backup
of before brings them back; `epass erase` erases them again.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import valkey
from cryptography.fernet import Fernet

from contracts.rpc.verify.offline_scans import OfflineScan
from contracts.subscriptions import SERVICES
from deploy.local import backup, restore
from epass_client import calls
from services.chassis.runtime.clock import now
from services.ops.queues import dead_queue
from tests.journey.commands import signed_in
from tests.journey.held import STREAM, Broker, away, columns_with, leaks, opener
from tests.support.stack.backends import TestStack, start_stack
from tests.support.stack.extent import long
from tests.support.stack.running import eventually, free_port
from tests.support.system.actors import Actor, Applicant, Department, Officer, messages, scan
from tests.support.system.page_reader import SAME_SITE, hidden
from tests.support.system.system import System

pytestmark = long
WORD, GURMUKHI, FOUR, EMAIL = "Qanarix", "ਕਨਾਰੀਕਸ", "QX7Z", "q4n4r1x@example.org"
CARD = {"id_type": "passport", "id_last4": FOUR}
PERSON = {"name": f"{GURMUKHI} ਕੌਰ", "name_latin": f"{WORD} Kaur", "email": EMAIL, **CARD}
COMPANION = {"name": f"{WORD} Singh", **CARD}
REQUEST, ANSWER = "Zanarix asks what is kept", "Zanarix is answered"
WORDS = {"purpose": f"{WORD} purpose", "vehicle": "PB65QX7777", "companions": [COMPANION]}
OTHER_ID = {"kind": "other_id", "id_type": "voter_id", "reason": f"{WORD} at the gate"}
WAITS, REVOKED = "notify.ApplicationSubmitted", "notify.PassRevoked"
OF_OTHERS = {
    "accounts.otp_codes.mobile_sealed",
    "accounts.sessions.mobile_sealed",
    "notify.local_phone.recipient",
}
"""Of sign-ins, for a day or two: no application. The phone is in local mode only, and has the codes."""
WEEK = {f"{service}.outbox.personal" for service in SERVICES}
"""Events are sealed, and deleted a week after they were sent."""
SETTINGS = {"EPASS_KEPT_AT_LEAST_DAYS": "0"}


def superuser(stack: TestStack, name: str) -> str:
    return stack.database_url("postgres", name).replace("+psycopg", "")


class Copies:
    """Backups of the databases of a stack, and their key."""

    def __init__(self, folder: Path) -> None:
        self._folder, key = folder, folder / "key"
        subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
        shown = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True)
        self._to, self._opening = shown.stdout.strip(), restore.Opening(key)

    def make(self, stack: TestStack, name: str) -> None:
        backup.dump(
            self._folder / name,
            lambda service: superuser(stack, service),
            stack.folder / backup.SECRETS,
            self._to,
        )

    @contextmanager
    def restored(self, name: str) -> Iterator[System]:
        """Give a system beside a new broker, with the databases of a backup; it is not started."""
        folder = self._folder / f"restored {name}"
        folder.mkdir()
        (folder / backup.SECRETS).write_text(restore.check(self._folder / name, self._opening))
        with start_stack(folder) as stack:
            restore.load(self._folder / name, lambda one: superuser(stack, one), self._opening.data)
            yield System(stack, **SETTINGS)


@dataclass(frozen=True)
class Erased:
    """Who was erased, on which system, and what was found meanwhile."""

    system: System
    copies: Copies
    reference: str
    mobile: str
    request: str
    before: set[str]
    queued: str
    dead: str
    limits: str

    @property
    def canaries(self) -> tuple[str, ...]:
        return (WORD, GURMUKHI, FOUR, EMAIL, "Zanarix", WORDS["vehicle"], self.mobile[3:])

    def found(self, system: System | None = None) -> set[str]:
        """Return the columns that have a canary, sealed or not."""
        there = system or self.system
        open_ = opener(there.stack)
        return {
            f"{service}.{column}"
            for service in SERVICES
            for column in columns_with(there, service, self.canaries, open_)
        }

    def leaked(self, text: str) -> list[str]:
        return leaks(text, self.canaries)


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    folder = tmp_path_factory.mktemp("erased")
    (folder / "stack").mkdir()
    with (
        limits_store(folder) as limits,
        start_stack(folder / "stack") as stack,
        System(stack, **SETTINGS, EPASS_RATE_LIMITS="true", EPASS_LIMITS_STORE=limits) as system,
    ):
        yield live_and_be_erased(system, Copies(folder), limits)


@contextmanager
def limits_store(folder: Path) -> Iterator[str]:
    """Give the address of a store of limits; it is empty where no server for it is installed."""
    server, port, log = shutil.which("valkey-server"), free_port(), folder / "valkey.log"
    if server is None:
        yield ""
        return
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", FOUR)
    with log.open("wb") as out:
        child = subprocess.Popen([server, *options], stdout=out, stderr=out)
    try:
        eventually(lambda: b"Ready to accept connections" in log.read_bytes(), "the store is ready")
        yield f"valkey://:{FOUR}@127.0.0.1:{port}"
    finally:
        child.kill()
        child.wait(10)


def live_and_be_erased(system: System, copies: Copies, limits: str) -> Erased:
    visitor, officer = Applicant(system), Officer(system)
    with away(system, "notify"):  # its event becomes a dead letter, which stays
        reference = visitor.apply(applicant=PERSON, **WORDS)
        blind = system.process("notify", "-blind", EPASS_PERSONAL_KEYS=Fernet.generate_key().decode())
        blind.start()
        eventually(lambda: Broker(system).depth(dead_queue(WAITS)), "it becomes a dead letter")
        blind.kill()
    department = Department(system)
    review = department.approve(reference)
    token = visitor.token(visitor.wait_for_pass(reference).number)
    officer.wait_to_know(token)
    assert officer.scan(token=token, id_check=OTHER_ID).verdict == "admit"
    eventually(lambda: messages(system, visitor.mobile, "pass_issued"), "the pass arrives")
    assert officer.scan(token=token, direction="exit", id_check=None, count=1).verdict == "exit"
    number = ask_and_be_answered(system, visitor)
    one = Erased(system, copies, reference, visitor.mobile, number, set(), "", "", limits)
    with away(system, "notify"):  # a message waits in its queue while they are erased
        department.send(calls.withdraw_approval(review.id, "security"))
        eventually(lambda: Broker(system).depth(REVOKED), "an event waits for notify")
        eventually(
            lambda: officer.scan(token=token, id_check=None).verdict == "revoked", "a gate hears of it"
        )
        eventually(lambda: is_heard(visitor, reference), "application hears of all that happened before")
        let_days_pass(system, reference)
        copies.make(system.stack, "before")
        before, waits = one.found(), opener(system.stack)("".join(Broker(system).read()[REVOKED]))
        erase(system, visitor)
    eventually(lambda: one.found() <= OF_OTHERS | WEEK, "the databases have nothing more", 60)
    late = scan(token=token, id_check=OTHER_ID, count=1).model_dump(exclude_unset=True)
    offline = {"verdict": "admit", "list_age_s": 60}
    sent = OfflineScan.model_validate({**late, "scanned_at": now(), "offline": offline})
    officer.send(calls.sync_scans("PCS1-G1", [sent]))
    dead = opener(system.stack)("".join(Broker(system).read()[dead_queue(WAITS)]))
    copies.make(system.stack, "after")
    return Erased(system, copies, reference, visitor.mobile, number, before, waits, dead, limits)


def is_heard(visitor: Applicant, reference: str) -> bool:
    """Return whether nothing is under way that application would hear of later, as of something of now."""
    timeline = visitor.view(reference).timeline
    told = any(one.what.startswith("message_") and one.facts["purpose"] == "pass_issued" for one in timeline)
    return told and {"withdrawn", "pass_revoked", "left"} <= {one.what for one in timeline}


def let_days_pass(system: System, reference: str) -> None:
    """Make it two days later: the message about the answer, as all of no application, is gone a day after."""
    earlier = "last_matters_at = now() - interval '2 days', cancelled_at = now() - interval '2 days'"
    with psycopg.connect(superuser(system.stack, "application")) as database:
        database.execute(f"update applications set {earlier} where reference = %s", (reference,))
    with psycopg.connect(superuser(system.stack, "notify")) as database:
        database.execute("delete from messages where application_id is null and ended_at is not null")


def pages_of(system: System, actor: Actor) -> httpx.Client:
    http = system.http()
    http.headers.update(SAME_SITE)
    http.cookies.set("session", actor.client.token)
    return http


def ask_and_be_answered(system: System, visitor: Applicant) -> str:
    """Return the number of a request of the visitor that is answered."""
    own, desk = pages_of(system, visitor), pages_of(system, signed_in(system, "privacy"))
    asked = {"kind": "own_data", "text": REQUEST, **hidden(own.get("/en/requests/new"))}
    sent = own.post("/en/requests/new", data=asked, follow_redirects=True)
    number = re.search(r"REQ-\w{4}-\w{4}", sent.text)
    assert number, sent.text
    place = f"/en/desk/requests/{number.group()}"
    answered = desk.post(place, data={**hidden(desk.get(place)), "answer": ANSWER})
    assert answered.status_code == 303, answered.text
    eventually(lambda: messages(system, visitor.mobile, "request_answered"), "they hear of the answer")
    return number.group()


def erase(system: System, visitor: Applicant) -> None:
    http = pages_of(system, visitor)
    asked = http.get("/en/my-data/erase")
    assert asked.status_code == 200, asked.text
    both = re.findall(r'name="reference" value="([^"]+)"', asked.text)
    assert len(both) == 2, "the application and the request"
    done = http.post("/en/my-data/erase", data={**hidden(asked), "reference": both})
    assert done.status_code == 303, done.text
    receipt = http.get("/en/my-data/erased").text
    assert re.search(r"They are gone by \w+day, \d+ \w+ 20", receipt), receipt


def test_before_it_the_canaries_are_in_each_of_these_places(erased: Erased) -> None:
    """The control: each place that is read afterwards was seen to have them."""
    tables = {place.rpartition(".")[0] for place in erased.before}
    assert tables >= {
        "application.applications", "approval.reviews", "issuance.passes", "verify.passes", "verify.scans",
        "notify.messages", "application.outbox", "application.requests",
    }  # fmt: skip
    assert erased.leaked(erased.queued)
    assert erased.leaked(erased.dead)


def test_an_erased_person_is_in_no_table_though_their_scan_came_late(erased: Erased) -> None:
    assert erased.found() <= OF_OTHERS | WEEK
    with psycopg.connect(superuser(erased.system.stack, "verify")) as database:
        assert database.execute("select count(*) from scans where reason is not null").fetchone() == (0,)


def test_an_erased_person_is_in_no_queue_and_sealed_in_the_stream_and_the_dead_letters_alone(
    erased: Erased,
) -> None:
    open_ = opener(erased.system.stack)
    held = {place: "".join(found) for place, found in Broker(erased.system).read().items()}
    assert {place for place, text in held.items() if erased.leaked(text)} == set()
    opened = {place for place, text in held.items() if erased.leaked(open_(text))}
    assert opened == {STREAM, dead_queue(WAITS)}, "the stream keeps events for a week, dead letters 30 days"


def test_an_erased_person_is_in_no_log_and_no_metric(erased: Erased) -> None:
    system = erased.system
    logs = {path.name: path.read_text() for path in system.folder.glob("*.log")}
    metrics = {
        name: httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text
        for name, process in system.processes.items()
    }
    assert "erased on request" in logs["application.log"]
    assert {place: found for place, text in (logs | metrics).items() if (found := erased.leaked(text))} == {}


def test_an_erased_person_is_not_in_the_store_of_limits(erased: Erased) -> None:
    if not erased.limits:
        pytest.skip("Debian's package valkey-server is not installed here")
    with valkey.Valkey.from_url(erased.limits.replace("valkey:", "redis:")) as store:

        def held() -> str:
            each = ((key, *(store.smembers(key) if store.type(key) == b"set" else (store.get(key),)))
                    for key in store.scan_iter())  # fmt: skip
            return repr(list(each))

        found = held()
        assert "LIMITS" in found, "the control: what is counted is there"
        assert erased.leaked(found) == []
        store.set("planted", erased.mobile)
        assert erased.leaked(held()) == [erased.mobile[3:]], "the control: a number would be seen"


def test_a_backup_of_after_brings_nothing_back(erased: Erased) -> None:
    with erased.copies.restored("after") as system:
        assert erased.found(system) <= OF_OTHERS | WEEK


def test_after_a_backup_of_before_is_restored_they_are_erased_again_and_are_nowhere(erased: Erased) -> None:
    with erased.copies.restored("before") as restored:
        assert "application.applications.name_latin" in erased.found(restored), "the control"
        restored.prepare()
        both = (erased.reference, erased.request)
        restored.epass("application", "erase", *both)  # before events come again (docs/backup.md)
        restored.start()
        try:
            eventually(
                lambda: erased.found(restored) <= OF_OTHERS | WEEK, "nothing there names them any more", 60
            )
            restored.epass("administrator", "invariants", "--grace", "10")
        finally:
            restored.stop()
