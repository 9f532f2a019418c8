"""The counters of rate limits in a real Valkey: shared by replicas, and what happens while it is away."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute

from contracts.crockford import new_reference
from contracts.errors import TooManyAttempts, Unavailable
from contracts.rpc.approval.reviews import LIST_REVIEWS
from contracts.rpc.call import Principal
from services.gateway.edge import rate_limits
from services.gateway.edge.look_budgets import LookCounter
from services.gateway.edge.rate_limits import LIMITS, RateLimits
from services.gateway.metrics import DROPPED
from tests.integration.encrypted_servers import Authority
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually, free_port

PASSWORD = "valkey-password-of-the-tests"
SERVER = shutil.which("valkey-server") or shutil.which("redis-server")
pytest.importorskip("valkey")
pytestmark = pytest.mark.skipif(SERVER is None, reason="Debian's package valkey-server is not installed here")


class Store:
    """A Valkey server of its own, that writes nothing to disk."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.port = free_port()
        self._options = options
        self.url = f"valkey://:{PASSWORD}@127.0.0.1:{self.port}"
        self._log = folder / "valkey.log"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert SERVER is not None
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "requirepass": PASSWORD}
        options |= {name.replace("_", "-"): value for name, value in self._options.items()}
        command = [SERVER, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        with self._log.open("ab") as out:
            self._child = subprocess.Popen(command, stdout=out, stderr=out)
        eventually(lambda: b"Ready to accept connections" in self._log.read_bytes(), "the store is ready")

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)
            self._child = None
            self._log.write_bytes(b"")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store.start()
    yield store
    store.stop()


Replicas = tuple[RateLimits, ...]


@pytest.fixture
async def replicas(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Replicas]:
    monkeypatch.setattr(rate_limits, "PAUSE_SECONDS", 0.0)
    for limit in ("status", "otp"):
        monkeypatch.setitem(LIMITS, limit, (RateLimitItemPerMinute(4),))
    two = RateLimits(True, store.url), RateLimits(True, store.url)
    yield two
    for one in two:
        await one.close()


async def hits(replicas: Replicas, count: int, limit: str = "status") -> int:
    """Hit a limit on the replicas in turn, and return how often it was allowed."""
    allowed = 0
    for number in range(count):
        with suppress(TooManyAttempts):
            await replicas[number % len(replicas)].hit(limit, "key")
            allowed += 1
    return allowed


async def test_all_replicas_share_one_counter_and_say_when_its_window_ends(replicas: Replicas) -> None:
    assert await hits(replicas, 10) == 4
    with pytest.raises(TooManyAttempts) as refused:
        await replicas[0].hit("status", "key")
    assert 1 <= int(refused.value.body.facts["retry_after"]) <= 61


async def test_control_counters_in_memory_are_not_shared(replicas: Replicas) -> None:
    assert await hits((RateLimits(True), RateLimits(True)), 10) == 8


async def test_simultaneous_attempts_are_counted_one_by_one(replicas: Replicas) -> None:
    outcomes = await asyncio.gather(
        *(replicas[number % 2].hit("status", "key") for number in range(40)), return_exceptions=True
    )
    assert sum(isinstance(one, TooManyAttempts) for one in outcomes) == 36


async def test_a_right_attempt_is_taken_back(replicas: Replicas) -> None:
    one, another = replicas
    for _ in range(9):
        await one.hit("status", "key")
        await another.forgive("status", "key")
    assert await hits(replicas, 10) == 4


async def test_while_the_store_is_away_guesses_are_refused_and_the_rest_goes_on_until_it_is_back(
    store: Store, replicas: Replicas
) -> None:
    assert await hits(replicas, 1) == 1
    store.stop()
    with pytest.raises(Unavailable):
        await replicas[0].hit("status", "key")
    assert await hits(replicas, 9, "otp") == 9, "accounts counts them too"
    store.start()
    assert await hits(replicas, 10) == 4


async def test_whom_a_login_has_seen_counts_once_over_all_replicas_and_restarts(store: Store) -> None:
    seen = []
    for first in (0, 5, 5):
        replica = RateLimits(True, store.url)
        seen.append(await replica.see("key", set(range(first, first + 10)), 60))
        await replica.close()
    assert [(one.before, one.after) for one in seen] == [(0, 10), (10, 15), (15, 15)]
    assert 1 <= seen[-1].seconds <= 60, "the window begins with the first"


async def test_while_the_store_is_away_a_replica_goes_by_what_it_has_shown_itself(
    store: Store, replicas: Replicas
) -> None:
    assert (await replicas[0].see("key", {1, 2}, 60)).after == 2
    store.stop()
    assert (await replicas[0].see("key", {2, 3}, 60)).after == 3
    assert (await replicas[1].see("key", {3}, 60)).after == 1
    store.start()
    assert (await replicas[0].see("key", {4}, 60)).before == 3, "the store has forgotten, the replica has not"


async def test_whom_a_replica_alone_remembers_counts_until_its_own_hour_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1_000.0]
    monkeypatch.setattr(rate_limits, "monotonic", lambda: at[0])
    replica = RateLimits(True, store.url)
    await replica.see("key", {1, 2}, 3_600)
    at[0] += 1_800
    await replica._storage.bridge.storage.flushall()  # as a store that was begun anew
    seen = await replica.see("key", {3}, 3_600)
    assert (seen.before, seen.seconds) == (2, 1_800)
    await replica.close()


def options_of(name: str) -> dict[str, object]:
    """Return the options of memory with which a deployment starts the store."""
    text = (ROOT / "deploy" / name).read_text()
    found = re.findall(r'- --(maxmemory|maxmemory-policy|set-max-intset-entries)\n *- "?([\w-]+)', text)
    assert len(found) == 3
    return {option.replace("-", "_"): value for option, value in found}


@pytest.mark.parametrize("deployment", ["compose.yaml", "kubernetes/base/servers/limits.yaml"])
async def test_five_thousand_logins_that_see_1500_people_each_fill_two_thirds_of_the_store(
    tmp_path: Path, deployment: str
) -> None:
    store = Store(tmp_path, **options_of(deployment))
    store.start()
    replica = RateLimits(True, store.url)
    counter = LookCounter(replica, lambda: None, lambda text: sha256(text.encode()).hexdigest())
    login = Principal(kind="staff", id="HOM-0001", login_id="HOM-0001", role="department")
    await counter.count(LIST_REVIEWS, login, [new_reference() for _ in range(1_500)])
    server = replica._storage.bridge.storage
    (key,) = await server.keys()
    assert 5_000 * await server.memory_usage(key) < 64 * 2**20 * 2 / 3
    await replica.close()
    store.stop()


async def test_what_a_full_store_drops_is_counted_and_each_replica_goes_by_what_it_has_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1_000.0]
    monkeypatch.setattr(rate_limits, "monotonic", lambda: at[0])
    store = Store(tmp_path, **options_of("compose.yaml") | {"maxmemory": "3mb"})
    store.start()
    replica, before = RateLimits(True, store.url), DROPPED._value.get()
    await replica.see("key", {1, 2}, 3_600)
    server = replica._storage.bridge.storage
    for number in range(30):
        await server.set(f"flood {number}", "x" * 100_000, ex=7_200)
    assert await server.exists("epass:looks:key") == 0
    at[0] += 60
    assert (await replica.see("key", {3}, 3_600)).before == 2
    assert DROPPED._value.get() > before
    await replica.close()
    store.stop()


async def test_over_tls_a_store_that_our_authority_did_not_sign_or_of_another_name_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(rate_limits, "STORE_SECONDS", 10.0)
    ours, theirs = (Authority(tmp_path / name) for name in ("ours", "theirs"))
    port = free_port()

    async def is_counted(scheme: str, ca: Path | None) -> bool:
        limits = RateLimits(True, f"{scheme}://:{PASSWORD}@localhost:{port}", ca)
        try:
            await limits.hit("status", "key")
        except Unavailable:
            return False
        finally:
            await limits.close()
        return True

    def over_tls(certificate: Path, key: Path) -> Store:
        """Return a store with the options of deploy/kubernetes/base/servers/limits.yaml."""
        return Store(
            tmp_path,
            port=0,
            tls_port=port,
            tls_cert_file=certificate,
            tls_key_file=key,
            tls_auth_clients="no",
        )

    store = over_tls(*ours.issue("localhost"))
    store.start()
    assert await is_counted("valkeys", ours.file)
    assert not await is_counted("valkeys", theirs.file)
    assert not await is_counted("valkeys", None)
    assert not await is_counted("valkey", None)
    store.stop()
    another = over_tls(*ours.issue("another"))
    another.start()
    assert not await is_counted("valkeys", ours.file)
    another.stop()
