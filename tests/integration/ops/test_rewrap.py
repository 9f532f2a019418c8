"""A key of a ring is replaced: `epass keys rewrap` seals all under the new one, then the old one may go."""

from importlib import import_module
from uuid import uuid4

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import Text, select

from contracts.envelope import PersonalKeyRing
from contracts.sealing import CannotOpen, SealedBox
from contracts.subscriptions import SERVICES
from services.chassis.db import batches
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import KeyEncryptionSettings
from services.notify.models import MessageRow
from services.ops import rewrap
from services.ops.cli import main
from tests.support.stack.databases import execute

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
OUTBOX = "of the outbox, whose events may be sent for days yet, with the old key in the ring"


def messages(database, keys: str, count: int) -> None:
    """Store messages of notify with a personal block sealed under these keys."""
    with database.transaction() as session:
        for _ in range(count):
            message_id = uuid4()
            session.add(
                MessageRow(
                    id=message_id,
                    event_id=uuid4(),
                    purpose="otp",
                    lane="urgent",
                    channel="sms",
                    language="en",
                    personal=PersonalKeyRing([keys]).seal(message_id, {"name": "Gurpreet Kaur"}),
                    state="queued",
                    due_at=now(),
                    created_at=now(),
                )
            )


def opened_by(database, key: str) -> int:
    """Return how many messages this key alone opens, each with the content of its own row."""
    ring, found = PersonalKeyRing([key]), 0
    with database.transaction() as session:
        for row in session.scalars(select(MessageRow).where(MessageRow.personal.is_not(None))):
            try:
                found += ring.open(row.id, row.personal) == {"name": "Gurpreet Kaur"}
            except ValueError:
                continue
    return found


def run(database, monkeypatch, service: str, **rings: str):
    monkeypatch.setenv("EPASS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    for name, ring in rings.items():
        monkeypatch.setenv(f"EPASS_{name.upper()}", ring)
    return CliRunner().invoke(main, ["keys", "rewrap", service])


def test_all_rows_are_sealed_under_the_new_key_in_batches_and_a_second_run_changes_nothing(
    databases, monkeypatch
) -> None:
    database = databases["notify"]
    messages(database, OLD, batches.ROWS + 3)
    messages(database, NEW, 2)
    execute(database, "update messages set personal = null where id = (select id from messages limit 1)")
    first = run(database, monkeypatch, "notify", personal_keys=f"{NEW},{OLD}")
    total = batches.ROWS + 4
    assert first.exit_code == 0, first.output
    assert opened_by(database, NEW) == total
    assert opened_by(database, OLD) == 0
    second = run(database, monkeypatch, "notify", personal_keys=f"{NEW},{OLD}")
    assert second.output == (
        f"messages.personal: 0 sealed again, {total} good already, 0 that no key opens\n"
        "messages.email_sealed: 0 sealed again, 0 good already, 0 that no key opens\n"
        "applications.mobile_sealed: 0 sealed again, 0 good already, 0 that no key opens\n"
        "media.sealed: 0 sealed again, 0 good already, 0 that no key opens\n"
    )


def test_a_run_that_was_interrupted_is_finished_by_the_next(databases, monkeypatch) -> None:
    database = databases["notify"]
    messages(database, OLD, 5)
    monkeypatch.setattr(batches, "ROWS", 2)

    def once(db, work, rows=2) -> None:
        with db.transaction() as session:
            work(session)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(batches, "run", once)
        rewrap.rewrap(database, "notify", "messages.personal", (NEW, OLD))
    assert (opened_by(database, NEW), opened_by(database, OLD)) == (2, 3)
    monkeypatch.setattr(batches, "ROWS", 500)
    done = rewrap.rewrap(database, "notify", "messages.personal", (NEW, OLD))
    assert (done.sealed_again, done.good_already) == (3, 2)


def test_what_no_key_opens_stays_as_it_is_and_is_counted(databases, monkeypatch) -> None:
    database = databases["notify"]
    messages(database, OLD, 2)
    result = run(database, monkeypatch, "notify", personal_keys=NEW)
    assert (result.exit_code, opened_by(database, OLD)) == (1, 2)
    assert result.output.splitlines()[0] == (
        "messages.personal: 0 sealed again, 0 good already, 2 that no key opens"
    )


@pytest.mark.parametrize("service", ["accounts", "issuance"])
def test_private_signing_keys_are_sealed_under_the_new_key_encryption_key(
    databases, monkeypatch, service
) -> None:
    database = databases[service]
    keys = import_module(f"services.{service}.adapters.keys").key_store
    old, new = (KeyEncryptionSettings(key_encryption_keys=(ring,)) for ring in (OLD, NEW))
    with database.transaction() as session:
        withdrawn = keys(old).current(session, now()).kid
        kid = keys(old).withdraw(session, withdrawn, now()).kid
    result = run(database, monkeypatch, service, personal_keys=NEW, key_encryption_keys=f"{NEW},{OLD}")
    assert result.exit_code == 0, result.output
    assert "signing_keys.private_sealed: 1 sealed again, 0 good already" in result.output
    with database.transaction() as session:
        assert keys(new).by_kid(session, kid).kid == kid
        with pytest.raises(CannotOpen):
            keys(old).by_kid(session, kid)


def test_every_sealed_column_of_the_models_is_in_one_of_the_lists() -> None:
    """A new column that is sealed is found by its name; of notify's block, by what it holds."""
    found = {
        f"{service}.{table.name}.{column.name}"
        for service in SERVICES
        for table in import_module(f"services.{service}.models").Base.metadata.tables.values()
        for column in table.columns
        if "sealed" in column.name and isinstance(column.type, Text)
    }
    listed = {
        f"{service}.{column}"
        for lists in (rewrap.PERSONAL, rewrap.KEY_ENCRYPTION)
        for service, columns in lists.items()
        for column in columns
    }
    assert found | {"notify.messages.personal"} == listed


def test_content_is_sealed_again_only_where_the_first_key_does_not_open_it() -> None:
    first, ring = SealedBox([NEW]), SealedBox([NEW, OLD])
    good, old = first.seal(b"x"), SealedBox([OLD]).seal(b"x")
    assert rewrap._sealed_again(good, first, ring) == good
    assert first.open(rewrap._sealed_again(old, first, ring) or "") == b"x"
    assert rewrap._sealed_again("not sealed", first, ring) is None
