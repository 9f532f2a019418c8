"""Whether the limits let the normal peaks of a secretariat through, and what they leave to an attacker.

``python -m bench.limits`` prints both; nothing runs but arithmetic. The assumptions stand here.
"""

import heapq
import random
import sys
from collections import defaultdict, deque
from dataclasses import dataclass

from bench.sizes import PEAK, WINDOW_SECONDS
from services.accounts.domain import limits as accounts
from services.accounts.domain.codes import TRIES
from services.accounts.domain.limits import CEILING_WITHIN, Limit, pressure
from services.accounts.settings import AccountsSettings
from services.gateway.edge.rate_limits import LIMITS, MINUTE_LIMITS

VISITORS = 15_000
"""The busiest day of a secretariat, all within three hours."""
BEHIND_ONE_ADDRESS = 0.4
"""The largest mobile operator's share, as if it had one single address for all of them (IPv4, NAT)."""
ASKS = 1.3
"""Requests for a code, for each visitor: some ask again."""
ABANDONED = 0.1
"""Visitors who never type their code."""
TYPED = 1.2
"""Times that a code is typed."""
LOOKUPS = 2
"""Of the status, and by the link of a message, for each visitor."""
PAGES = 25
"""Of one visitor, from the first page to the pass."""
STAFF = 2_000
"""Logins that sign in within an hour, all behind the address of one office."""
SIGN_INS = 1.2
CEILING: int = AccountsSettings.model_fields["unproved_codes_per_hour"].default
GATE_SCANS = 20
"""In a minute at one gate, each with a preview."""
SECONDS_TO_TYPE = 60.0
SECONDS_TO_ASK_AGAIN = 40.0


OPENS = 9 * 3600
WITHOUT_SCRIPTS = 0.01
"""Visitors whose browser runs no scripts."""
FIRST_STRANGER = 1_000_000
MOST_ASKS = 300_000
FLOODS = (
    (100, "0.23.0", None, False),
    (100, "no proof of work", CEILING, False),
    (100, "proof of work", CEILING, True),
    (1_000, "proof of work", CEILING, True),
    (10_000, "proof of work", CEILING, True),
)
"""Addresses of the strangers, the ceiling, and whether their programs do the work."""
Step = tuple[float, str, int]
"""When somebody does what: ``ask`` for a code, ``type`` it, or ``flood``."""


@dataclass(frozen=True)
class Flood:
    """What a day is like on which strangers ask for codes.

    Attributes:
        messages: to numbers that strangers have named.
        kept_out: visitors who got no code.
    """

    messages: int
    kept_out: int


@dataclass(frozen=True)
class Row:
    """What a normal peak needs of one limit.

    Attributes:
        limit: what is counted, and by what.
        window: seconds.
        needed: the most in a window in a normal peak.
        allowed: by the limit.
    """

    limit: str
    window: int
    needed: float
    allowed: int

    @property
    def margin(self) -> float:
        """Return how many times the peak would fit."""
        return self.allowed / self.needed


def people_behind_one_address(seconds: int) -> float:
    """Return how many visitors of one address come within so many seconds of the peak."""
    mean = VISITORS * BEHIND_ONE_ADDRESS * min(seconds, WINDOW_SECONDS) / WINDOW_SECONDS
    return mean * PEAK if seconds <= 3600 else mean


def rows() -> list[Row]:
    """Return what the normal peaks need of each limit by address."""
    per_visitor = {"otp": ASKS, "otp_verify": TYPED, "status": LOOKUPS, "availability": LOOKUPS}
    of_gateway = [
        Row(f"{name} by address", item.get_expiry(), people_behind_one_address(item.get_expiry()) * each,
            item.amount)
        for name, each in per_visitor.items()
        for item in LIMITS[name]
    ]  # fmt: skip
    logins = [
        Row("login by address", item.get_expiry(), STAFF * SIGN_INS * min(item.get_expiry() / 3600 * PEAK, 1),
            item.amount)
        for item in LIMITS["login"]
    ]  # fmt: skip
    of_minute = [
        Row(f"{name} by address", 60, people_behind_one_address(60) * each, MINUTE_LIMITS[name] or 0)
        for name, each in (("read", PAGES), ("link", LOOKUPS))
    ]
    gate = Row("gate by login", 60, GATE_SCANS * 2, MINUTE_LIMITS["gate"] or 0)
    unused = [
        Row("unused codes by address", int(limit.within.total_seconds()), unused_codes(limit), limit.times)
        for limit in accounts.UNUSED_FROM_ADDRESS
    ]
    hour = int(CEILING_WITHIN.total_seconds())
    of_all = unused_codes(Limit(0, CEILING_WITHIN)) / BEHIND_ONE_ADDRESS
    ceiling = [
        Row("untyped codes to new numbers", hour, of_all, CEILING),
        Row("the same without a proof of work", hour, of_all, CEILING // 2),
    ]
    return [*of_gateway, *logins, *of_minute, gate, *unused, *ceiling]


def unused_codes(limit: Limit) -> float:
    """Return how many codes of one address are not typed at the end of a window of the peak."""
    seconds = int(limit.within.total_seconds())
    waiting = people_behind_one_address(60) * ASKS * SECONDS_TO_TYPE / 60
    return people_behind_one_address(seconds) * ABANDONED * ASKS + waiting


class Unused:
    """Codes of one address that were asked for within a window and not typed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: deque[tuple[float, int]] = deque()
        self._open: set[int] = set()

    def count(self, at: float) -> int:
        """Return how many there are."""
        while self._asked and self._asked[0][0] <= at - self._seconds:
            self._open.discard(self._asked.popleft()[1])
        return len(self._open)

    @property
    def asked(self) -> int:
        """Return how many there were, with those that were typed, when they were counted last."""
        return len(self._asked)

    def ask(self, at: float, who: int) -> None:
        """Ask for a code."""
        self._asked.append((at, who))
        self._open.add(who)

    def type(self, who: int) -> None:
        """Use the code of a visitor."""
        self._open.discard(who)


def refused(limits: tuple[Limit, ...], seed: int = 1) -> int:
    """Return how many requests for a code are refused on the busiest day, all of one address.

    Visitors come at random, half of the time one and a half times as often as on average. A second request
    of a visitor counts as one more code that waits, until the code is typed.
    """
    windows = [(Unused(limit.within.total_seconds()), limit.times) for limit in limits]
    steps = _visits(random.Random(seed), range(1, 1 + round(VISITORS * BEHIND_ONE_ADDRESS)))
    heapq.heapify(steps)
    out = 0
    while steps:
        at, what, who = heapq.heappop(steps)
        if what == "type":
            for window, _ in windows:
                window.type(who)
                window.type(-who)
        elif any(window.count(at) >= most for window, most in windows):
            out += 1
        else:
            for window, _ in windows:
                window.ask(at, who)
    return out


def _visits(chance: random.Random, visitors: range) -> list[Step]:
    """Return when visitors ask for a code, ask again (as ``-who``) and type it, of whom who does."""
    steps: list[Step] = []
    for who in visitors:
        in_peak = chance.random() < PEAK / 2
        at = chance.uniform(0, WINDOW_SECONDS / 2) + (WINDOW_SECONDS / 4 if in_peak else 0)
        if not in_peak:
            at = at if at < WINDOW_SECONDS / 4 else at + WINDOW_SECONDS / 2
        steps.append((at, "ask", who))
        if chance.random() < ASKS - 1:
            steps.append((at + SECONDS_TO_ASK_AGAIN, "ask", -who))
        if chance.random() >= ABANDONED:
            steps.append((at + chance.expovariate(1 / SECONDS_TO_TYPE), "type", who))
    return steps


def flood(addresses: int, *, ceiling: int | None, works: bool, seed: int = 1) -> Flood:
    """Return what the busiest day is like while strangers ask for codes to ever new numbers, and type none.

    Nobody has ever proved their number, as on the first day of a secretariat. The strangers ask all day, each
    address 3,000 times at most (`UNUSED_FROM_ADDRESS`), and all together `MOST_ASKS` times.

    Args:
        addresses: how many the strangers have.
        ceiling: of codes to unproved numbers; None for the limits of 0.23.0.
        works: whether their programs show the proof of work.
        seed: of the day.
    """
    chance, messages, kept_out, hour = random.Random(seed), 0, set[int](), CEILING_WITHIN.total_seconds()
    steps = _visits(chance, range(1, 1 + VISITORS))
    steps = [(at + OPENS, what, who) for at, what, who in steps]
    asks = min(addresses * accounts.UNUSED_FROM_ADDRESS[-1].times, MOST_ASKS)
    steps += [(chance.uniform(0, 24 * 3600), "flood", FIRST_STRANGER + number) for number in range(asks)]
    heapq.heapify(steps)
    all_codes, codes = Unused(hour), defaultdict[str, Unused](lambda: Unused(hour))
    while steps:
        at, what, who = heapq.heappop(steps)
        visitor = abs(who)
        address = f"stranger {who % addresses}" if what == "flood" else f"visitor {visitor}"
        if visitor <= VISITORS * BEHIND_ONE_ADDRESS:
            address = "operator"
        here = codes[address]
        if what == "type":
            for window in (all_codes, here):
                window.type(visitor)
                window.type(-visitor)
            continue
        can_work = works if what == "flood" else visitor % round(1 / WITHOUT_SCRIPTS) != 0
        untyped = all_codes.count(at)
        if ceiling is not None and (asked := pressure(untyped, ceiling)):
            held = here.count(at) >= asked.untyped.times and 2 * here.count(at) > here.asked
            if held or untyped >= ceiling or not can_work:
                kept_out |= {visitor} if what == "ask" else set()
                continue
        messages += what == "flood"
        kept_out.discard(visitor)
        all_codes.ask(at, who)
        here.ask(at, who)
    return Flood(messages, len(kept_out))


def attacks(addresses: int) -> dict[str, int]:
    """Return what strangers with so many addresses get in a day."""
    _, passwords = accounts.FAILURES_OF_STRANGERS
    _, codes = accounts.SENDS_TO_NUMBER
    (shared,), (later,) = accounts.SHARED_SENDS_TO_NUMBER, accounts.LATER_SENDS_FROM_SOURCE
    _, unused = accounts.UNUSED_FROM_ADDRESS
    _, reference = LIMITS["status_reference"]
    (anywhere,) = LIMITS["status_anywhere"]
    most_codes = min(codes.times, shared.times + later.times * (addresses - 1))
    return {
        "wrong passwords of one login": min(passwords.times, tried_alone() * addresses),
        "codes to one phone": most_codes,
        "guesses at one phone's codes": most_codes * TRIES,
        "wrong lookups of one reference": min(anywhere.amount, reference.amount * addresses),
        "codes to all phones": unused.times * addresses,
    }


def tried_alone() -> int:
    """Return how many wrong passwords one source can try in a day, when it waits as told."""
    seconds, tries = 0, 0
    while seconds < 24 * 3600:
        tries += 1
        seconds += min(2**tries, 900) if tries >= accounts.FREE_FAILURES else 0
    return tries


def main() -> None:
    """Print the arithmetic."""
    lines = ["limit                          window s   needed  allowed  margin"]
    lines += [
        f"{row.limit:30} {row.window:8} {row.needed:8.0f} {row.allowed:8} {row.margin:6.1f}x"
        for row in rows()
    ]
    lines.append(f"refused on the busiest day, simulated: {refused(accounts.UNUSED_FROM_ADDRESS)}")
    lines += ["", "in a day strangers get                  1 address  10 addresses  1,000 addresses"]
    found = [attacks(addresses) for addresses in (1, 10, 1_000)]
    lines += [f"{name:36} {found[0][name]:12} {found[1][name]:13} {found[2][name]:16}" for name in found[0]]
    lines += ["", "in a day of 15,000 visitors          messages to strangers' numbers  visitors kept out"]
    for addresses, name, ceiling, works in FLOODS:
        day = flood(addresses, ceiling=ceiling, works=works)
        lines.append(f"{addresses:5,} addresses, {name:24} {day.messages:24,} {day.kept_out:18,}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
