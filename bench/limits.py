"""Whether the limits let the normal peaks of a secretariat through, and what they leave to an attacker.

``python -m bench.limits`` prints both; nothing runs but arithmetic. The assumptions stand here.
"""

import heapq
import random
import sys
from collections import deque
from dataclasses import dataclass

from bench.sizes import PEAK, WINDOW_SECONDS
from services.accounts.domain import limits as accounts
from services.accounts.domain.codes import TRIES
from services.accounts.domain.limits import Limit
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
"""Of the status, for each visitor."""
PAGES = 25
"""Of one visitor, from the first page to the pass."""
STAFF = 2_000
"""Logins that sign in within an hour, all behind the address of one office."""
SIGN_INS = 1.2
GATE_SCANS = 20
"""In a minute at one gate, each with a preview."""
SECONDS_TO_TYPE = 60.0
SECONDS_TO_ASK_AGAIN = 40.0


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
    reads = Row("read by address", 60, people_behind_one_address(60) * PAGES, MINUTE_LIMITS["read"] or 0)
    gate = Row("gate by login", 60, GATE_SCANS * 2, MINUTE_LIMITS["gate"] or 0)
    unused = [
        Row("unused codes by address", int(limit.within.total_seconds()), unused_codes(limit), limit.times)
        for limit in accounts.UNUSED_FROM_ADDRESS
    ]
    return [*of_gateway, *logins, reads, gate, *unused]


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
    chance = random.Random(seed)
    windows = [(Unused(limit.within.total_seconds()), limit.times) for limit in limits]
    steps: list[tuple[float, str, int]] = []
    for who in range(round(VISITORS * BEHIND_ONE_ADDRESS)):
        in_peak = chance.random() < PEAK / 2
        at = chance.uniform(0, WINDOW_SECONDS / 2) + (WINDOW_SECONDS / 4 if in_peak else 0)
        if not in_peak:
            at = at if at < WINDOW_SECONDS / 4 else at + WINDOW_SECONDS / 2
        steps.append((at, "ask", who))
        if chance.random() < ASKS - 1:
            steps.append((at + SECONDS_TO_ASK_AGAIN, "ask", -who - 1))
        if chance.random() >= ABANDONED:
            steps.append((at + chance.expovariate(1 / SECONDS_TO_TYPE), "type", who))
    heapq.heapify(steps)
    out = 0
    while steps:
        at, what, who = heapq.heappop(steps)
        if what == "type":
            for window, _ in windows:
                window.type(who)
                window.type(-who - 1)
        elif any(window.count(at) >= most for window, most in windows):
            out += 1
        else:
            for window, _ in windows:
                window.ask(at, who)
    return out


def attacks(addresses: int) -> dict[str, int]:
    """Return what strangers with so many addresses get in a day."""
    _, passwords = accounts.FAILURES_OF_STRANGERS
    _, codes = accounts.SENDS_TO_NUMBER
    _, from_source = accounts.SENDS_TO_NUMBER_FROM_SOURCE
    _, unused = accounts.UNUSED_FROM_ADDRESS
    _, reference = LIMITS["status_reference"]
    (anywhere,) = LIMITS["status_anywhere"]
    most_codes = min(codes.times, from_source.times * addresses)
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
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
