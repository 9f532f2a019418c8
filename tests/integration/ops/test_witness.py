"""Who rewrites an audit log with all its seals and heads is found by what went out before they did."""

import hashlib
import mailbox
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result
from prometheus_client import REGISTRY

from contracts.rpc.audit import AuditHeads
from contracts.subscriptions import SERVICES
from services.chassis.audit import record, seals
from services.chassis.audit.seals import AUDIT_LOG
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime.clock import now
from services.ops import witness
from services.ops.cli import main
from services.ops.databases import DatabaseAway
from services.ops.settings import WitnessSettings
from services.ops.witness import Witness
from tests.support.stack.database_faults import superuser
from tests.support.stack.databases import execute
from tests.support.stack.settings import EVENT_KEYS, make_settings
from tests.support.vendors.mail import MailBox


@pytest.fixture
def database(databases, topology):
    for service in SERVICES:  # the rights are granted in all of them
        databases[service]
    topology.grant_rights()
    return databases["approval"]


@pytest.fixture
def tamper(stack, database) -> Iterator[psycopg.Connection]:
    with superuser(stack, "approval") as connection:
        connection.execute("set timezone to 'UTC'")
        yield connection


@pytest.fixture
def auditor() -> Iterator[MailBox]:
    box = MailBox()
    yield box
    box.close()


class Store:
    """A bucket: each name has the versions that were put, the newest last."""

    def __init__(self) -> None:
        self.objects: dict[str, list[bytes]] = {}
        self.reads_with: int | None = None
        """The status of each answer to a question, in place of an object."""
        self.lists = True
        """Whether it says of what is not there that it is not there, and no 403."""
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path
        if request.method == "PUT":
            self.objects.setdefault(name, []).append(request.content)
        elif self.reads_with is not None:
            return httpx.Response(self.reads_with)
        elif name not in self.objects:
            return httpx.Response(404 if self.lists else 403)
        return httpx.Response(200, content=self.objects[name][-1])


def exporter(
    topology,
    monkeypatch,
    auditor: MailBox | None = None,
    store: Store | None = None,
    services: Sequence[str] = ("approval",),
    to: Sequence[str] = ("auditor@punjab.example",),
) -> Witness:
    """Return the witness of an exporter that has just started."""
    monkeypatch.setattr(witness, "FIRST", 0.0)
    mail = {
        "witness_mail": to,
        "smtp_sender": "epass@punjab.example",
        "smtp_url": f"smtp-plain://127.0.0.1:{auditor.port}" if auditor else "",
    }
    bucket = {
        "witness_store_url": "http://store.example/bucket/epass",
        "witness_store_key_id": "key",
        "witness_store_secret": "secret",
    }
    given = (mail if auditor else {}) | (bucket if store else {})
    options = make_settings(WitnessSettings, local_mode=True, **given)
    urls = tuple(topology.database_url("ops", service) for service in services)
    return Witness(options, EventKeys(EVENT_KEYS), urls, store.http if store else httpx.AsyncClient())


def add(
    database, remembered: seals.Remembered | None = None, count: int = 2, service: str = "approval"
) -> None:
    """Add rows, and let the process of a service seal them and sign the head, if it will."""
    for number in range(count):
        with database.transaction() as session:
            record.record_task(session, f"action {number}", ["PCS-7K3M-9QWX"], now())
    seals.seal(database, service, (AUDIT_LOG,), 24, remembered=remembered)


def age(way: str, database: str = "approval") -> float:
    of = {"way": way, "database": database}
    return REGISTRY.get_sample_value("epass_audit_witness_age_seconds", of) or 0.0


def rewrite(tamper: psycopg.Connection) -> None:
    """Change a row as a superuser can: with every digest and seal computed anew, and the heads gone."""
    tamper.execute("update audit_log set actor = 'SEC-0001' where position = 1")
    previous = ""
    for *values, _ in tamper.execute(
        f"select {seals.COLUMNS}, head from audit_seals order by number"
    ).fetchall():
        facts = dict(zip(seals.Seal.__dataclass_fields__, values, strict=True))
        lines = tamper.execute(
            f"select {AUDIT_LOG.line} from audit_log where position <@ %s::int8multirange order by position",
            (facts["positions"],),
        ).fetchall()
        digest = hashlib.sha256("\n".join(line for (line,) in lines).encode()).hexdigest()
        seal = seals.Seal(**facts | {"digest": digest, "previous": previous})
        previous_before, previous = previous, seal.head("approval")
        tamper.execute(
            "update audit_seals set digest = %s, previous = %s, head = %s where number = %s",
            (digest, previous_before, previous, seal.number),
        )
    tamper.execute("delete from audit_heads")


def verify(database, monkeypatch, *options: str) -> Result:
    monkeypatch.setenv("EPASS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("EPASS_EVENT_KEYS", ",".join(EVENT_KEYS))
    return CliRunner().invoke(main, ["audit", "verify", "approval", *options])


def lost() -> float | None:
    return REGISTRY.get_sample_value("epass_audit_chain_lost", {"database": "approval"})


def saved(auditor: MailBox, folder: Path) -> list[Path]:
    """Save the auditor's mail as mail programs do: each message, and all of them as a mailbox."""
    for number, letter in enumerate(auditor.letters):
        (folder / f"{number}.eml").write_bytes(bytes(letter))
    box = mailbox.mbox(folder / "all.mbox")
    for letter in auditor.letters:
        box.add(letter)
    box.close()
    return sorted(folder.iterdir())


async def test_a_log_that_a_superuser_wrote_anew_is_found_by_the_mail_that_went_out_before(
    database, topology, tamper, auditor, monkeypatch, tmp_path
) -> None:
    add(database)
    add(database)
    await exporter(topology, monkeypatch, auditor).look()
    files = saved(auditor, tmp_path)
    for file in (*files, tmp_path):
        assert verify(database, monkeypatch, "--witness", str(file)).exit_code == 0
    rewrite(tamper)
    seals.seal(database, "approval", (AUDIT_LOG,), 24)  # a process that has just started signs it
    alone = verify(database, monkeypatch)
    assert (alone.exit_code, "1 heads, 0 problems" in alone.output) == (0, True), "nothing else finds it"
    for file in (*files, tmp_path):
        result = verify(database, monkeypatch, "--witness", str(file))
        assert result.exit_code == 1, file
        assert "this seal is another one now, the chain was made anew" in result.output


async def test_a_process_signs_no_chain_that_lacks_what_it_has_seen(database, tamper, monkeypatch) -> None:
    remembered = seals.Remembered()
    add(database, remembered)
    assert lost() == 0
    rewrite(tamper)
    add(database, remembered)
    assert tamper.execute("select count(*) from audit_heads").fetchone() == (0,)
    assert lost() == 1
    assert "no head was signed" in verify(database, monkeypatch).output
    tamper.execute("delete from audit_seals")
    seals.seal(database, "approval", (AUDIT_LOG,), 24, remembered=remembered)
    assert lost() == 1, "nor one that was cut off"


async def test_the_exporter_tells_of_a_log_that_lacks_what_it_has_seen_and_sends_no_head_of_it(
    database, topology, tamper, auditor, monkeypatch
) -> None:
    monkeypatch.setattr(witness, "EVERY", 0.0)
    add(database)
    running = exporter(topology, monkeypatch, auditor)
    await running.look()
    assert (lost(), len(auditor.letters)) == (0, 1)
    rewrite(tamper)
    seals.seal(database, "approval", (AUDIT_LOG,), 24)
    await running.look()
    assert (lost(), len(auditor.letters)) == (1, 1)


async def test_an_exporter_that_starts_anew_asks_the_store_what_went_out_last(
    database, topology, tamper, monkeypatch
) -> None:
    store = Store()
    add(database)
    await exporter(topology, monkeypatch, store=store).look()
    assert [len(versions) for versions in store.objects.values()] == [1, 1]
    rewrite(tamper)
    seals.seal(database, "approval", (AUDIT_LOG,), 24)
    await exporter(topology, monkeypatch, store=store).look()
    assert lost() == 1
    assert [len(versions) for versions in store.objects.values()] == [1, 1]


async def test_what_the_store_knows_is_replaced_by_nobody_who_could_not_read_it(
    database, topology, monkeypatch
) -> None:
    store = Store()
    add(database)
    store.reads_with = 503
    starts = exporter(topology, monkeypatch, store=store)
    await starts.look()
    assert [name.rpartition("/")[2] == witness.NEWEST for name in store.objects] == [False], (
        "the heads went out"
    )
    store.reads_with, store.lists = None, False  # nothing is there yet, and the key may not list what is
    await exporter(topology, monkeypatch, store=store).look()
    assert any(name.endswith(witness.NEWEST) for name in store.objects)


async def test_a_store_that_refused_a_question_is_asked_again_before_what_it_knows_is_replaced(
    database, topology, tamper, monkeypatch
) -> None:
    monkeypatch.setattr(witness, "EVERY", 0.0)
    store = Store()
    add(database)
    await exporter(topology, monkeypatch, store=store).look()
    rewrite(tamper)
    seals.seal(database, "approval", (AUDIT_LOG,), 24)
    store.reads_with = 403  # a wrong clock, or a key that may not read
    starts = exporter(topology, monkeypatch, store=store)
    before = dict(starts._sent_at)
    await starts.look()
    assert starts._sent_at == before, "its age grows while it is not known what went out last"
    store.reads_with = None
    await starts.look()
    assert lost() == 1
    assert [len(store.objects[name]) for name in store.objects if name.endswith(witness.NEWEST)] == [1]


async def test_what_the_store_knows_of_a_log_that_was_changed_stays_known_while_the_others_go_on(
    databases, database, topology, tamper, monkeypatch
) -> None:
    monkeypatch.setattr(witness, "EVERY", 0.0)
    store, both = Store(), ("accounts", "approval")
    add(databases["accounts"], service="accounts")
    add(database)
    running = exporter(topology, monkeypatch, store=store, services=both)
    await running.look()
    rewrite(tamper)
    seals.seal(database, "approval", (AUDIT_LOG,), 24)
    await running.look()
    assert [len(store.objects[name]) for name in store.objects if name.endswith(witness.NEWEST)] == [2]
    await exporter(topology, monkeypatch, store=store, services=both).look()
    assert lost() == 1, "an exporter that starts anew knows it, too"


async def test_heads_of_the_others_go_out_while_a_database_is_away_and_their_age_says_that_one_is_missing(
    database, topology, auditor, monkeypatch
) -> None:
    add(database)
    running = exporter(topology, monkeypatch, auditor, services=("accounts", "approval"))
    running._urls["accounts"] = "postgresql://ops:secret@127.0.0.1:1/accounts"
    with pytest.raises(DatabaseAway):
        await running.look()
    assert (len(auditor.letters), age("mail") < inf, age("mail", "accounts")) == (1, True, inf)


async def test_an_address_that_is_refused_keeps_no_other_one_from_its_one_message_an_hour(
    database, topology, auditor, monkeypatch
) -> None:
    class Refusals(dict[str, str]):
        asked = 0

        def __contains__(self, command: object) -> bool:
            self.asked += command == "RCPT"
            return command == "RCPT" and self.asked != 2

    monkeypatch.setattr(witness, "RETRY", 0.0)
    auditor.replies = Refusals(RCPT="550 no such person")
    add(database)
    running = exporter(topology, monkeypatch, auditor, to=("gone@punjab.example", "auditor@punjab.example"))
    for _ in range(3):
        await running.look()
    assert [letter["To"] for letter in auditor.letters] == ["auditor@punjab.example"]
    assert auditor.replies.asked == 4, "the other one is tried again"


async def test_a_head_that_no_service_signed_is_not_sent(
    database, topology, tamper, auditor, monkeypatch
) -> None:
    add(database)
    tamper.execute(
        "insert into audit_heads select gen_random_uuid(), 7, head, signed_at, 'forged' from audit_heads"
    )
    await exporter(topology, monkeypatch, auditor).look()
    (file,) = auditor.letters[0].iter_attachments()
    (head,) = AuditHeads.model_validate_json(file.get_content()).items
    assert (head.service, head.number) == ("approval", 1)


async def test_no_heads_that_a_service_did_not_sign_hide_the_one_that_it_signed(
    database, topology, auditor, monkeypatch
) -> None:
    monkeypatch.setattr(witness, "EVERY", 0.0)
    add(database)
    junk = (
        "insert into audit_heads select gen_random_uuid(), 7, '', now(), 'forged' from generate_series(1, {})"
    )
    execute(database, junk.format(40))
    running = exporter(topology, monkeypatch, auditor)
    await running.look()
    (file,) = auditor.letters[0].iter_attachments()
    assert [one.number for one in AuditHeads.model_validate_json(file.get_content()).items] == [1]


async def test_the_age_of_a_service_grows_whose_head_is_not_found_although_others_go_out(
    databases, database, topology, auditor, monkeypatch
) -> None:
    add(databases["accounts"], service="accounts")
    add(database)
    monkeypatch.setattr(witness, "LOOKED_AT", (1,))
    execute(database, "insert into audit_heads values (gen_random_uuid(), 7, '', now(), 'forged')")
    running = exporter(topology, monkeypatch, auditor, services=("accounts", "approval", "notify"))
    await running.look()
    ages = {service: age("mail", service) for service in ("accounts", "approval", "notify")}
    assert [service for service in ages if ages[service] == inf] == ["approval"], "notify has no seal yet"


async def test_a_witness_that_cannot_be_reached_is_tried_again_and_its_age_grows(
    database, topology, auditor, monkeypatch
) -> None:
    monkeypatch.setattr(witness, "RETRY", 0.0)
    add(database)
    running = exporter(topology, monkeypatch, auditor)
    auditor.replies["RCPT"] = "451 try later"
    await running.look()
    assert (auditor.letters, age("mail")) == ([], inf)
    auditor.replies.clear()
    await running.look()
    await running.look()
    assert len(auditor.letters) == 1, "and not again within the hour"
    assert age("mail") < inf
    exporter(topology, monkeypatch, auditor)
    assert age("mail") == inf, "an exporter that starts does not count from zero: nothing has gone out yet"


def test_without_a_witness_its_age_is_told_under_the_name_of_nobody(topology) -> None:
    options = make_settings(WitnessSettings, local_mode=False)
    Witness(options, EventKeys(EVENT_KEYS), (), httpx.AsyncClient())
    assert age("none", "") == inf
