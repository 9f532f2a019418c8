"""A backup of a system at work, restored beside a new broker: the restored system continues where it was."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import pytest

from contracts.subscriptions import Subscription, subscriptions
from deploy.local import backup, restore, snapshots
from deploy.local.errors import StackFailed
from deploy.local.stack import Stack
from epass_client import calls
from services.ops import unseen_events
from tests.chaos.backup_scenario import Stage, judged, play, quick_day, submission, superuser
from tests.support.chaos.crowd import CrowdThread
from tests.support.chaos.deployment import Deployment, settings_for
from tests.support.chaos.evidence import collect
from tests.support.chaos.oracle import Findings
from tests.support.chaos.promises import Promises, Scan
from tests.support.chaos.provider import Provider
from tests.support.chaos.workload import Pacer, Plan
from tests.support.stack.backends import TestStack, backend_name, start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Officer
from tests.support.system.system import System

pytestmark = pytest.mark.outage


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that outlives both systems and honours keys, so that it recognises a message sent again."""
    with Provider(tmp_path_factory.mktemp("provider"), "all") as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("before")
    (folder / "stack").mkdir()
    with start_stack(folder / "stack") as stack, System(stack, **settings_for(provider)) as system:
        made = play(stack, system, provider, folder / "backup")
    yield made
    shutil.rmtree(made.folder)


@dataclass
class After:
    """The restored system."""

    stack: TestStack
    system: System
    held: Promises
    """What it must fulfil: all promises before the backup, and those after it that it happens to have."""
    seconds: float
    """From the empty stack until everything is ready."""
    done: restore.Restored


@contextmanager
def _restored(stage: Stage, folder: Path) -> Iterator[After]:
    secrets = restore.check(stage.folder, stage.opening)
    (folder / "stack").mkdir()
    (folder / "stack" / backup.SECRETS).write_text(secrets)
    with start_stack(folder / "stack") as stack:
        began = monotonic()
        done = restore.load(stage.folder, superuser(stack), stage.opening.data)
        with System(stack, **settings_for(stage.provider)) as system:
            held = deepcopy(stage.promises)
            there = collect(stack, set(held.mobiles.values())).ids
            held.mobiles = {
                reference: mobile
                for reference, mobile in held.mobiles.items()
                if reference in there or reference in stage.before.mobiles
            }
            yield After(stack, system, held, monotonic() - began, done)


def _deciding(after: After, stage: Stage) -> CrowdThread:
    """Return a crowd of which only the department works, with its old login."""
    plan = Plan(0, 7, quick_day(), doubting=0, fates={})
    return CrowdThread(after.system, stage.provider, after.held, plan, Pacer(1))


def test_a_restored_system_continues_where_it_was(stage: Stage, tmp_path: Path) -> None:
    with _restored(stage, tmp_path) as after:
        again = calls.submit_application(submission()).with_key(stage.keys[stage.holder])
        assert after.system.client(stage.session).send(again).reference == stage.holder
        if quick_day() == 0:
            _enter(after, stage)
        with _deciding(after, stage):
            eventually(
                lambda: not judged(after.stack, stage.provider, after.held)[0].problems(),
                "all is final",
                150,
            )
        found, evidence = judged(after.stack, stage.provider, after.held)
        assert found.problems() == {}, list(found.details())
        assert set(stage.before.mobiles) <= set(evidence.ids)
        examined = after.system.try_epass("administrator", "invariants", "--grace", "1")
        assert examined.returncode == 0, examined.stdout
        print(
            f"restored {len(evidence.ids)} applications, "
            f"ready after {after.seconds:.1f} s (databases {after.done.seconds:.1f} s)"
        )


def _enter(after: After, stage: Stage) -> None:
    """Enter with a pass that was signed before the backup."""
    nonce = str(uuid4())
    assert Officer(after.system).scan(token=stage.token, nonce=nonce, id_check=MATCHED).verdict == "admit"
    after.held.scans[stage.holder][nonce] = Scan("admit")


def test_without_the_replay_the_events_of_the_broker_are_lost(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: oracle and invariants both find it."""
    monkeypatch.setattr(unseen_events, "mark_unsent", lambda _connect: {})
    with _restored(stage, tmp_path) as after, _deciding(after, stage):

        def only_they_are_missing() -> bool:
            found, _ = judged(after.stack, stage.provider, after.held)
            return (
                not found.unfinished
                and {line.partition(":")[0] for line in found.lost} == stage.in_broker_only
            )

        eventually(only_they_are_missing, "everything else is final", 150)
        examined = after.system.try_epass("administrator", "invariants", "--grace", "1")
        assert examined.returncode == 1, examined.stdout
        assert "and lost" in examined.stdout


def test_what_is_damaged_or_cannot_be_opened_is_refused_before_anything_is_changed(
    stage: Stage, tmp_path: Path
) -> None:
    copy, target, opening = tmp_path / "copy", tmp_path / "target", stage.opening
    shutil.copytree(stage.folder, copy)

    def refuses(words: str, opened: restore.Opening = opening) -> None:
        with pytest.raises(StackFailed, match=words):
            restore.into_folder(copy, target, opened)
        assert not target.exists()

    assert restore.check(copy, opening) == restore.check(stage.folder, opening)
    refuses(r"keys\.key does not open", restore.Opening(opening.secrets or opening.data))
    refuses("the keys of this backup are not in", restore.Opening(opening.data, at=tmp_path / "none"))
    beside = Path(shutil.copy(opening.data, copy))
    refuses("lies beside what it opens", restore.Opening(beside, opening.secrets))
    beside.unlink()
    with (copy / "verify.dump.age").open("r+b") as dump:
        dump.truncate((copy / "verify.dump.age").stat().st_size - 1)
    refuses(r"verify\.dump\.age is missing or is not what was written: nothing was restored")
    (copy / "manifest.json").unlink()
    refuses("is no backup")


def test_a_stack_with_data_is_overwritten_only_on_request(stage: Stage, tmp_path: Path) -> None:
    folder, secrets = tmp_path / "stack", tmp_path / "stack" / "secrets.json"
    folder.mkdir()
    secrets.write_text("{}")
    with pytest.raises(StackFailed, match="has data"):
        restore.into_folder(stage.folder, folder, stage.opening)
    assert secrets.read_text() == "{}"
    if backend_name() == "processes":  # as `deploy.local.restore` does it, on this machine's own programs
        assert restore.into_folder(stage.folder, folder, stage.opening, replace=True).to_send_again >= len(
            stage.in_broker_only
        )
        assert secrets.read_text() == restore.check(stage.folder, stage.opening)
        with pytest.raises(StackFailed, match="the databases do not answer"):
            backup.back_up_folder(folder, tmp_path / "of a stopped one", str(_recipients(stage, tmp_path)))
        Stack(folder).remove()


def _recipients(stage: Stage, folder: Path) -> Path:
    """Return a file of recipients, with that of the data."""
    file = folder / "recipients"
    subprocess.run(["age-keygen", "-y", "-o", str(file), str(stage.opening.data)], check=True)
    return file


def test_nobody_is_found_in_a_backup_without_its_key(stage: Stage) -> None:
    """The name is in the dump of application, once it is opened."""
    for file in stage.folder.iterdir():
        assert file.name == backup.MANIFEST or file.read_bytes().startswith(b"age-encryption.org/")
    dump = [
        "age",
        "--decrypt",
        f"--identity={stage.opening.data}",
        str(stage.folder / "application.dump.age"),
    ]
    assert subprocess.run(dump, check=True, capture_output=True).stdout.startswith(b"PGDMP")


def test_a_backup_without_a_recipient_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackFailed, match="age-keygen"):
        backup.dump(tmp_path / "backup", str, tmp_path / "secrets.json", "")
    assert not (tmp_path / "backup").exists()


def test_a_folder_without_a_stack_cannot_be_backed_up(tmp_path: Path) -> None:
    with pytest.raises(StackFailed, match="there is no stack"):
        backup.back_up_folder(tmp_path, tmp_path / "backup", "age1somebody")


def test_only_the_owner_may_read_a_backup(stage: Stage) -> None:
    assert {oct(file.stat().st_mode & 0o777) for file in stage.folder.iterdir()} == {"0o600"}
    assert oct(stage.folder.stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
def test_no_consumer_is_ahead_of_its_producer_in_a_backup_unless_inboxes_are_not_locked(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Under load, with a third of a second between two snapshots, which are milliseconds apart otherwise."""
    monkeypatch.setattr(snapshots, "FIRST", "select 1 from pg_sleep(0.3)")
    if not guarded:
        monkeypatch.setattr(snapshots, "LOCK", "select 1")
    strangers = set(_ahead_now(deployment.stack))
    promises = Promises()
    crowd = CrowdThread(
        deployment.system,
        deployment.provider,
        promises,
        Plan(90, 11 + guarded, quick_day(), entering=0, doubting=0, fates={}),
        Pacer(15),
    )
    crowd.start()
    eventually(lambda: len(promises.mobiles) > 10 and promises.decided, "there is load", 60)
    looked, ahead = 0, set[UUID]()
    while not crowd.finished and looked < 4 and (guarded or not ahead):
        ahead |= _ahead_now(deployment.stack) - strangers
        looked += 1
    eventually(
        lambda: crowd.finished and _is_final(judged(deployment.stack, deployment.provider, promises)[0]),
        "all is final",
        150,
    )
    crowd.stop()
    assert looked
    assert bool(ahead) is not guarded


def _is_final(found: Findings) -> bool:
    return not (found.lost or found.unfinished)


def _ahead_now(stack: TestStack) -> set[UUID]:
    """Return events that a consumer has seen and its producer has not published, in one snapshot.

    What other tests put into queues is among them.
    """
    with snapshots.snapshots(superuser(stack)) as moment:
        return set().union(
            *(_ahead(moment[one.event.producer], moment[one.service], one) for one in subscriptions())
        )


def _ahead(
    producer: snapshots.Connection, consumer: snapshots.Connection, subscription: Subscription
) -> set[UUID]:
    """Return the events that the consumer has seen and the producer does not know."""
    published = {
        event_id
        for (event_id,) in producer.execute(
            "select id from outbox where type = %s", (subscription.event.__name__,)
        )
    }
    seen = {
        event_id
        for (event_id,) in consumer.execute(
            "select event_id from inbox where consumer = %s", (subscription.queue,)
        )
    }
    return seen - published
