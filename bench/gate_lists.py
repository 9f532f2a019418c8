"""What a gate downloads in a day: the list of revoked passes and the manifest, whole and by what has changed.

Each answer is fetched from the gateway and its bytes are counted, headers included, compressed as a browser
asks for it. A day is computed from them and from the assumptions that stand here.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from bench.load import GATE
from contracts.crockford import new_pass_number
from deploy.local.stack import Stack

PASSES, REVOKED = 1_000_000, 0.01
"""Passes that have not ended, and the share of them that is revoked."""
REVOCATIONS_A_MINUTE = 10
SITE_PASSES = 5_000
"""Of one day."""
CHANGES = 4
"""Of each of them in the day: issued, in, out, and one more (moved, revoked, its party's second entry)."""
LIST_S, MANIFEST_S, DAY_S = 10, 30, 86_400
"""Between two lists, and two manifests (web/gate/core/rounds.ts)."""
WHOLE_MANIFEST_S = 300
"""Between two whole manifests, before there were deltas."""
WHOLES_A_DAY = 3
"""Guards who sign in at the device: each begins with whole lists."""
MANY = 100
"""Revocations and changes of one measurement."""
PAGE = 100
PATIENCE = 60.0
_REVOKE = """
with one as (select passes as row from passes where revoked_at is null limit 1)
insert into passes
select (jsonb_populate_record(one.row, jsonb_build_object(
  'number', number, 'link_code', null, 'replaces', null, 'revocation', 'withdrawn', 'revoked_at', now(),
  'ends_at', now() + interval '1 day'
))).*
from one, unnest(%(numbers)s::text[]) as number
"""


@dataclass(frozen=True)
class Answer:
    """An answer of the gateway: its bytes on the line, and what it says."""

    size: int
    status: int
    text: str


@dataclass(frozen=True)
class Lists:
    """The gates of a running system.

    Attributes:
        stack: its servers.
        address: of the gateway.
        session: the token of an officer of `GATE`.
    """

    stack: Stack
    address: str
    session: str

    async def measure(self) -> dict[str, Any]:
        """Return the bytes of each answer, and of a day with and without deltas."""
        async with httpx.AsyncClient(base_url=self.address, headers=self._headers) as http:
            revoked = [new_pass_number() for _ in range(int(PASSES * REVOKED))]
            try:
                found = await self._lists(http, revoked)
            finally:
                with self.stack.postgres.connect("issuance") as issuance:
                    issuance.execute("delete from passes where number = any(%s)", (revoked,))
            found |= await self._manifests(http)
        return found | day(found)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}", "Accept-Encoding": "gzip"}

    async def _lists(self, http: httpx.AsyncClient, revoked: list[str]) -> dict[str, int]:
        self._revoke(revoked[:-MANY])
        whole = await self._until(http, None, lambda answer: len(answer.text) > 10 * len(revoked))
        held = self._mark()
        none = await _fetch(http, _status(held))
        same = await self._until(http, held, lambda answer: answer.status == 200)
        held = self._mark()
        self._revoke(revoked[-MANY:])
        many = await self._until(http, held, lambda answer: len(answer.text) > 10 * MANY)
        return {
            "list_whole_bytes": whole.size,
            "list_held_bytes": none.size,
            "list_delta_bytes": same.size,
            "list_delta_of_100_bytes": many.size,
        }

    async def _manifests(self, http: httpx.AsyncClient) -> dict[str, int]:
        first = json.loads((await _fetch(http, _manifest(""))).text)
        revision, after = first["revision"], first["next"]
        size, count = 0, 0  # of the other pages, which have no list of revoked passes
        while after is not None:
            page = await _fetch(http, _manifest(f"&after={after}"))
            said = json.loads(page.text)
            size, count, after = size + page.size, count + len(said["passes"]), said["next"]
        nothing = await _fetch(http, _manifest(f"&since={revision}"))
        with self.stack.postgres.connect("verify") as verify:
            verify.execute(
                "update passes set call_supervisor = call_supervisor where number in "
                "(select number from passes where site = 'PCS1' and inside = 0 limit %s)",
                (MANY,),
            )
        many = await _fetch(http, _manifest(f"&since={revision}"))
        changed = json.loads(many.text)
        assert changed["base"] == revision
        return {
            "manifest_bytes_a_pass": size // count,
            "manifest_delta_bytes": nothing.size,
            "manifest_delta_bytes_a_pass": (many.size - nothing.size) // max(len(changed["passes"]), 1),
        }

    def _revoke(self, numbers: list[str]) -> None:
        with self.stack.postgres.connect("issuance") as issuance:
            issuance.execute(_REVOKE, {"numbers": numbers})

    def _mark(self) -> str:
        """Return what a gate sends that holds the newest list."""
        with self.stack.postgres.connect("issuance") as issuance:
            row = issuance.execute("select seq, steps -> -1 ->> 1 from status_list").fetchone()
        assert row is not None
        return f"{row[0]}.{row[1]}"

    async def _until(
        self, http: httpx.AsyncClient, held: str | None, wanted: Callable[[Answer], bool]
    ) -> Answer:
        """Fetch the list until a newer one has what is wanted."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            answer = await _fetch(http, _status(held))
            if wanted(answer):
                return answer
            await asyncio.sleep(0.5)
        raise TimeoutError(f"no such list within {PATIENCE} s")


def day(found: dict[str, int]) -> dict[str, Any]:
    """Return the megabytes of a day, and which part of them is left with deltas."""
    lists, manifests = DAY_S // LIST_S, DAY_S // MANIFEST_S
    of_revocation = (found["list_delta_of_100_bytes"] - found["list_delta_bytes"]) / MANY
    of_manifest = found["manifest_bytes_a_pass"] * SITE_PASSES
    minutes = DAY_S / 60
    whole = (found["list_whole_bytes"] * lists, of_manifest * (DAY_S // WHOLE_MANIFEST_S))
    # In a third of the rounds of ten seconds the list could be newer, and is not.
    deltas = (
        found["list_whole_bytes"] * WHOLES_A_DAY
        + (found["list_delta_bytes"] + found["list_held_bytes"] / 3) * lists
        + of_revocation * REVOCATIONS_A_MINUTE * minutes,
        of_manifest * WHOLES_A_DAY
        + found["manifest_delta_bytes"] * manifests
        + found["manifest_delta_bytes_a_pass"] * CHANGES * SITE_PASSES,
    )
    return {
        "list_whole_mb_a_day": round(whole[0] / 1e6, 1),
        "list_mb_a_day": round(deltas[0] / 1e6, 1),
        "manifest_whole_mb_a_day": round(whole[1] / 1e6, 1),
        "manifest_mb_a_day": round(deltas[1] / 1e6, 1),
        "of_whole": f"{sum(deltas) / sum(whole):.3f}",
    }


async def _fetch(http: httpx.AsyncClient, path: str) -> Answer:
    answer = await http.get(path)
    if answer.status_code >= 400:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
    head = sum(len(name) + len(value) + len(": \r\n") for name, value in answer.headers.raw)
    first_line = len(f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n\r\n")
    return Answer(first_line + head + answer.num_bytes_downloaded, answer.status_code, answer.text)


def _status(held: str | None) -> str:
    return "/.well-known/pass-status" + ("" if held is None else f"?held={held}")


def _manifest(rest: str) -> str:
    return f"/api/v1/gate/manifest?gate={GATE}&limit={PAGE}{rest}"
