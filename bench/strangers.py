"""What strangers with many addresses get from a running `make run`, and whom they keep out.

``python -m bench.strangers [--folder .local] [--codes 40] [--work]`` attacks the stack of that folder, on
this only: 100 addresses (127.0.1.1 and on) ask for codes to ever new numbers, try passwords of a guard, and
send requests that are refused. It sends some ten thousand requests at most, and prints figures. It runs at
older releases, too (copy it there), so that both can be compared. The stack should be a new one: what it
counts lasts for hours.
"""

import argparse
import asyncio
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from psycopg import Connection

from deploy.local.services import gateway_port_of
from deploy.local.stack import Stack

ADDRESSES = 100
PEOPLE = 20
PASSWORDS = 5
"""Wrong ones of the guard from each of ten addresses."""
BAD_REQUESTS = 500
AT_ONCE = 16
T = TypeVar("T")
_mobiles = count(1)


@dataclass
class Somebody:
    """Who sends requests from an address of their own, with a browser that keeps its devices.

    Args:
        url: of the gateway.
        address: on the loopback network.
        works: whether they show a proof of work where one is asked for, as a browser does.
    """

    url: str
    address: str
    works: bool = False
    devices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        transport = httpx.AsyncHTTPTransport(local_address=self.address)
        self._http = httpx.AsyncClient(base_url=self.url, transport=transport, timeout=30)

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Send a command, and again with the same key while the system is too busy for it."""
        headers = {"Idempotency-Key": str(uuid4())}
        for _ in range(10):
            answer = await self._http.post(f"/api/v1{path}", json=body, headers=headers)
            if answer.status_code != 503:
                break
            await asyncio.sleep(1)
        return answer

    async def ask_code(self, mobile: str) -> httpx.Response:
        """Ask for a code, and once more with a proof of work where one is asked for."""
        body: dict[str, Any] = {"mobile": mobile}
        body |= {"devices": self.devices} if self.devices else {}
        answer = await self.post("/otp", body)
        if self.works and answer.status_code == 429 and answer.json()["code"] == "work_required":
            return await self.post("/otp", body | {"work": proof_of(answer.json()["facts"])})
        return answer

    async def prove(self, mobile: str) -> bool:
        """Sign in with a mobile, whose phone is the local one; return whether a code could be had."""
        answer = await self.ask_code(mobile)
        if answer.status_code != 202:
            return False
        for _ in range(200):
            messages = (await self._http.get("/dev/messages", params={"to": mobile})).json()
            codes = [found.group() for one in messages if (found := re.search(r"\b\d{6}\b", one["text"]))]
            if codes:
                break
            await asyncio.sleep(0.1)
        typed = {"request_id": answer.json()["request_id"], "code": codes[-1]}
        session = await self.post("/otp/verify", typed)
        self.devices = [session.json()["device"]]
        return True

    async def sign_in(self, login_id: str, password: str) -> httpx.Response:
        """Sign in as staff."""
        body: dict[str, Any] = {"login_id": login_id, "password": password}
        answer = await self.post("/sessions", body | ({"devices": self.devices} if self.devices else {}))
        if answer.is_success:
            self.devices = [answer.json()["device"]]
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def proof_of(facts: dict[str, Any]) -> str:
    """Return the proof of work for a challenge (`contracts.proof_of_work`, which 0.23.0 does not have)."""
    challenge, bits = facts["challenge"], facts["bits"]
    found = (
        next(n for n in count() if _is_zero(f"{challenge}:{i}:{n}", bits)) for i in range(facts["answers"])
    )
    return ".".join(map(str, [challenge, *found]))


def _is_zero(text: str, bits: int) -> bool:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> (32 - bits) == 0


def a_mobile() -> str:
    """Return a number that nobody has used."""
    return f"+9197{next(_mobiles):08d}"


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """Do some at once; return what each gives."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(task: Awaitable[T]) -> T:
        async with turn:
            return await task

    return await asyncio.gather(*map(one, work))


class Attack:
    """An attack on one system, and what came of it.

    Args:
        url: of the gateway.
        guard: the login and the password of a guard.
        audit: a connection to the database of accounts.
        works: whether the strangers' programs show the proof of work.
        codes: for which each address asks, each to another number.
    """

    def __init__(
        self, url: str, guard: tuple[str, str], audit: Connection[Any], *, works: bool, codes: int
    ) -> None:
        self._url, self._guard, self._audit, self._codes = url, guard, audit, codes
        self._strangers = [Somebody(url, f"127.0.1.{1 + at}", works) for at in range(ADDRESSES)]
        self.figures: dict[str, str] = {}

    def visitor(self, number: int) -> Somebody:
        """Return a visitor with an address and a browser of their own, which runs scripts."""
        return Somebody(self._url, f"127.0.2.{1 + number}", works=True)

    async def run(self) -> None:
        """Attack, and have people come in between."""
        known = [(self.visitor(at), a_mobile()) for at in range(PEOPLE)]
        proved = await together(person.prove(mobile) for person, mobile in known)
        self.figures["people who signed in before"] = f"{sum(proved)} of {PEOPLE}"
        at_gate = Somebody(self._url, "127.0.3.1")
        assert (await at_gate.sign_in(*self._guard)).is_success, "the guard could sign in before"

        await self._ask_codes()
        again = [(Somebody(self._url, person.address), mobile) for person, mobile in known]
        same = await together(person.ask_code(mobile) for person, mobile in known)
        other = await together(person.ask_code(mobile) for person, mobile in again)
        new = await together(self.visitor(100 + at).ask_code(a_mobile()) for at in range(PEOPLE))
        for who, answers in (("known browsers", same), ("known numbers", other), ("new numbers", new)):
            self.figures[f"{who} kept out"] = self._refused(answers)

        await self._guess()
        for who, person in (("a known browser", at_gate), ("a new one", Somebody(self._url, "127.0.3.2"))):
            answer = await person.sign_in(*self._guard)
            why = "" if answer.is_success else f" ({answer.json().get('facts', {}).get('limit')})"
            self.figures[f"guard kept out, in {who}"] = ("no" if answer.is_success else "yes") + why
        await self._fill_audit_log()
        for stranger in self._strangers:
            await stranger.close()

    async def _ask_codes(self) -> None:
        asked = [(one, a_mobile()) for _ in range(self._codes) for one in self._strangers]
        answers = await together(one.ask_code(mobile) for one, mobile in asked)
        sent = sum(answer.status_code == 202 for answer in answers)
        self.figures["codes to numbers of others"] = f"{sent:,} of {len(asked):,} asked for"
        self.figures["why the others were refused"] = self._refused(answers)

    def _refused(self, answers: list[httpx.Response]) -> str:
        whys = Counter(
            f"{answer.json()['code']} {answer.json().get('facts', {}).get('limit', '')}".strip()
            for answer in answers
            if answer.status_code != 202
        )
        return ", ".join(f"{times:,} {why}" for why, times in whys.items()) or "0"

    async def _guess(self) -> None:
        tries = [one for _ in range(PASSWORDS) for one in self._strangers[:10]]
        answers = await together(one.sign_in(self._guard[0], str(uuid4())) for one in tries)
        wrong = sum(answer.status_code == 401 for answer in answers)
        self.figures["wrong passwords of the guard"] = f"{wrong} of {len(tries)} were looked at"

    async def _fill_audit_log(self) -> None:
        rows, size = self._audit_log()
        senders = [self._strangers[at % ADDRESSES] for at in range(BAD_REQUESTS)]
        await together(one.post("/otp", {"mobile": "12"}) for one in senders)
        more_rows, more_size = self._audit_log()
        self.figures["audit rows of bad requests"] = f"{more_rows - rows:,} of {BAD_REQUESTS:,} requests"
        self.figures["audit bytes of a bad request"] = f"{(more_size - size) / BAD_REQUESTS:.0f}"

    def _audit_log(self) -> tuple[int, int]:
        """Return how many rows the audit log of accounts has, and how many bytes."""
        of_tables = (
            "select coalesce(sum(pg_total_relation_size(relid)), 0) from pg_partition_tree('audit_log')"
        )
        found = self._audit.execute(f"select (select count(*) from audit_log), ({of_tables})").fetchone()
        assert found is not None
        return int(found[0]), int(found[1])


def main() -> None:
    """Attack the stack of a folder, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".local"), help="of the running stack")
    parser.add_argument("--codes", type=int, default=40, help="for which each address asks")
    parser.add_argument("--work", action="store_true", help="the strangers' programs show the proof of work")
    options = parser.parse_args()
    stack = Stack(options.folder)
    guard = json.loads((options.folder / "logins.json").read_text())["security"]
    url = f"http://127.0.0.1:{gateway_port_of(options.folder)}"
    with stack.postgres.connect("accounts") as audit:
        attack = Attack(
            url, (guard["login_id"], guard["password"]), audit, works=options.work, codes=options.codes
        )
        asyncio.run(attack.run())
    sys.stdout.write("".join(f"{name:32} {value}\n" for name, value in attack.figures.items()))


if __name__ == "__main__":
    main()
