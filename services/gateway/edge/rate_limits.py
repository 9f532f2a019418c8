"""Rate limits: every route has a class, and what only four characters protect has limits of its own.

Costly and guessable requests are counted in a store that all replicas share (``EPASS_LIMITS_STORE``), in
windows that begin with the first request. Ordinary requests are counted by each replica for itself: these
limits only prevent that one source takes a whole process.

The limits are generous, since a kiosk, an office or a mobile operator has many people behind one address;
``python -m bench.limits`` prints the arithmetic. accounts has its own, for each number, login and device;
application has one on opening applications. `look_budgets` counts whom staff look at in the same store.
"""

import asyncio
from collections import Counter
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, cast

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string
from valkey.exceptions import ResponseError

from contracts.errors import TooManyAttempts, Unavailable
from services.chassis.runtime import logs
from services.chassis.runtime.clock import monotonic, now
from services.gateway.metrics import DROPPED, UNCOUNTED

log = logs.logger(__name__)
LIMITS: dict[str, tuple[RateLimitItem, ...]] = {
    "otp": (RateLimitItemPerMinute(300), RateLimitItemPerHour(9_000)),
    "otp_verify": (RateLimitItemPerMinute(300), RateLimitItemPerHour(9_000)),
    "login": (RateLimitItemPerMinute(300), RateLimitItemPerHour(6_000)),
    "status": (RateLimitItemPerMinute(300), RateLimitItemPerHour(9_000)),
    "availability": (RateLimitItemPerMinute(300),),
    "status_reference": (RateLimitItemPerHour(10), RateLimitItemPerDay(20)),
    "status_anywhere": (RateLimitItemPerDay(200),),
    "code_by_reference": (RateLimitItemPerHour(3), RateLimitItemPerDay(5)),
}
"""Counted in the store: by address; `status_reference` by reference and address, `status_anywhere` and
`code_by_reference` by reference."""
GUESSES = {"status", "status_reference", "status_anywhere"}
"""Refused while the store is away. The others are allowed then, and accounts still counts guesses."""
MINUTE_LIMITS: dict[str, int | None] = {
    "read": 3_000,
    "link": 600,
    "applicant": 600,
    "staff": 1_200,
    "gate": 2_400,
    "sync": 60,
    "hook": 6_000,
    "hook_anywhere": 30_000,
    "older_heads": 60,
    "hook_strangers": 24,
    "unlimited": None,
}
"""Requests in a minute, counted by each replica: `read`, `link` and `hook` by address, the others by whose
session.

`link` is for random codes in the links of messages, of 60 bits or more. Nobody finds one by trying, so they
wait for no store, and whoever tries references shuts nobody's link.

`hook` is for reports of vendors, which come from few addresses and are many after a closed day.
`hook_anywhere` is for those of a vendor from all addresses together that have signed one. Before that an
address is a stranger, and shares those of `hook_strangers` with a 256th of all others, drawn by keyed hash.
So strangers with a hundred addresses keep a third of a vendor's new ones out, and a million cost no more than
6,144 calls to notify.

`older_heads`, of all together, is for heads of audit logs that are no copy in memory: each costs a call to
every service.

`sync` is for scans of a gate that was without a network, of which one request has up to two hundred.

`unlimited` is for probes of the machine that runs this process.
"""
CLASSES = {*LIMITS, *MINUTE_LIMITS}
_REASONS = {"status_reference": "reference", "status_anywhere": "reference"}
STORE_SECONDS = 0.5
"""A store that does not answer within this time is away."""
PAUSE_SECONDS = 1.0
"""For so long a store that was away is not asked again."""


class OwnCounters(MemoryStorage):
    """Counters of this process. The library's end their windows by the wall clock, which may be set back.

    A request looks only at the counters that have ended: an attacker has as many as they have addresses.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[tuple[float, str]] = []
        """A heap of the ends of windows."""

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        at = monotonic()
        while self._ends and self._ends[0][0] <= at:
            await self.clear(heappop(self._ends)[1])
        if key not in self.expirations:
            self.expirations[key] = at + expiry
            heappush(self._ends, (at + expiry, key))
        self.storage[key] += amount
        return self.storage[key]

    async def get(self, key: str) -> int:
        return self.storage[key] if self.expirations.get(key, 0) > monotonic() else 0

    async def get_expiry(self, key: str) -> float:
        return now().timestamp() + max(self.expirations.get(key, 0) - monotonic(), 0)


@dataclass(frozen=True)
class Seen:
    """How many different things a key had seen in its window before, and has now."""

    before: int
    after: int
    seconds: int
    """Until its window ends."""


class RateLimits:
    """Counters, one for each limit and key.

    Args:
        enabled: false counts nothing (the bench).
        store: ``valkey://`` or ``redis://`` for counters that all replicas share; empty for own ones.
        ca: who may have signed the store's certificate, where the scheme is ``valkeys://`` or ``rediss://``.
    """

    def __init__(self, enabled: bool, store: str = "", ca: Path | None = None) -> None:
        self._enabled = enabled
        self.counted_in = "a store that all replicas share" if store else "the memory of this process"
        storage: Any = OwnCounters()
        if store:
            options: Any = {"socket_timeout": STORE_SECONDS, "socket_connect_timeout": STORE_SECONDS}
            if ca:
                options |= {"ssl_ca_certs": str(ca), "ssl_check_hostname": True}
            storage = storage_from_string(f"async+{store}", implementation="valkey", **options)
        assert isinstance(storage, Storage)
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._away_until = self._dropped_asked_at = float("-inf")
        self._dropped: int | None = None
        """How many counters the store has dropped, when it was last asked."""
        self._minute = -1
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seen: dict[str, tuple[float, set[int]]] = {}
        """By key: when its window ends, and what it has seen here."""

    async def hit(self, limit: str, key: str) -> None:
        """Count one attempt of a key: a hashed address, or what is guessed at.

        Raises:
            TooManyAttempts: with ``retry_after`` in seconds, and ``limit``: what was tried too often.
            Unavailable: the store is away, and this guards what can be guessed.
        """
        if not self._enabled:
            return
        if limit in MINUTE_LIMITS:
            self._hit_here(limit, key)
            return
        for item in LIMITS[limit]:
            if not await self._ask(limit, self._limiter.hit(item, limit, key), True):
                stats = await self._ask(limit, self._limiter.get_window_stats(item, limit, key), None)
                seconds = 60 if stats is None else int(stats.reset_time - now().timestamp()) + 1
                raise TooManyAttempts(
                    "too many requests", retry_after=max(seconds, 1), limit=_REASONS.get(limit, "address")
                )

    async def forgive(self, limit: str, key: str) -> None:
        """Take back an attempt that was counted, because it was no wrong one."""
        if self._enabled:
            for item in LIMITS[limit]:
                counter = self._storage.incr(item.key_for(limit, key), item.get_expiry(), amount=-1)
                with suppress(Unavailable):
                    await self._ask(limit, counter, 0)

    async def see(self, key: str, names: AbstractSet[int], seconds: int) -> Seen:
        """Count what a key sees, each name once in a window that begins with the first.

        Names are numbers of 32 bits with a sign: the store keeps a set of them in four bytes each, and a text
        costs ten times that. Of 1,500 names two are the same once in 4,000 sets.

        While the store is away, this process goes by what it has counted itself.
        """
        if not self._enabled:
            return Seen(0, 0, seconds)
        here = self._see_here(key, names, seconds)
        if not isinstance(self._storage, RedisStorage):
            return here
        known: Seen = await self._ask("looks", self._see_together(key, names, seconds), here)
        # a store that was begun anew has forgotten what this process has not, until its own window ends
        seconds = known.seconds if known.before >= here.before else here.seconds
        return Seen(max(known.before, here.before), max(known.after, here.after), seconds)

    def _see_here(self, key: str, names: AbstractSet[int], seconds: int) -> Seen:
        at = monotonic()
        if self._seen.get(key, (at, ()))[0] <= at:
            self._seen = {one: window for one, window in self._seen.items() if window[0] > at}
            self._seen[key] = (at + seconds, set())
        ends, known = self._seen[key]
        before = len(known)
        known |= names
        return Seen(before, len(known), max(int(ends - at), 1))

    async def _see_together(self, key: str, names: AbstractSet[int], seconds: int) -> Seen:
        stored = f"epass:looks:{key}"
        async with cast(Any, self._storage).bridge.storage.pipeline(transaction=True) as pipe:
            pipe.scard(stored).sadd(stored, *sorted(names)).scard(stored)
            pipe.expire(stored, seconds, nx=True).ttl(stored)
            before, _added, after, _set, left = await pipe.execute()
        return Seen(before, after, max(left, 1))

    async def close(self) -> None:
        """Close the connections to the store, if there is one."""
        if isinstance(self._storage, RedisStorage):
            await cast(Any, self._storage.bridge).storage.aclose()

    async def _count_dropped(self) -> None:
        """Count once a minute what the store has dropped because it was full, if it tells."""
        if monotonic() < self._dropped_asked_at + 60 or not isinstance(self._storage, RedisStorage):
            return
        self._dropped_asked_at = monotonic()
        with suppress(ResponseError):
            stats = await cast(Any, self._storage.bridge).storage.info("stats")
            dropped = int(stats["evicted_keys"])
            DROPPED.inc(max(dropped - (dropped if self._dropped is None else self._dropped), 0))
            self._dropped = dropped

    def _hit_here(self, limit: str, key: str) -> None:
        minute, most = int(monotonic() // 60), MINUTE_LIMITS[limit]
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[limit, key] += 1
        if most is not None and self._counts[limit, key] > most:
            facts: dict[str, Any] = {"limit": "address"} if limit in ("read", "link") else {}
            raise TooManyAttempts("too many requests", retry_after=60 - int(monotonic() % 60), **facts)

    async def _ask(self, limit: str, question: Any, otherwise: Any) -> Any:
        """Return what the store answers; if it is away, the answer that allows what is no guess.

        Raises:
            Unavailable: it is a guess.
        """
        try:
            if monotonic() < self._away_until:
                question.close()
                raise TimeoutError  # noqa: TRY301  as if it had been asked
            async with asyncio.timeout(STORE_SECONDS):
                answer = await question
                await self._count_dropped()
                return answer
        except Exception as error:  # noqa: BLE001  whatever the client of the store raises
            if monotonic() >= self._away_until:
                log.warning("the store of rate limits is away", why=type(error).__name__)
                self._away_until = monotonic() + PAUSE_SECONDS
        UNCOUNTED.labels(limit).inc()
        if limit in GUESSES:
            raise Unavailable("attempts cannot be counted now")
        return otherwise
