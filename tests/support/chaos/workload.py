"""People who follow the interface: on a 503, on no answer and on a broken connection they repeat with the same key.

What they are told goes into their ledger (``promises.py``). Applicants prove a mobile by the code that the provider got,
apply, and some cancel; a department decides whatever is pending, some of it by two clicks at once; a gate lets some in.
"""

import asyncio
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from zlib import crc32

import httpx

from tests.support.actors import MATCHED, application, slot
from tests.support.chaos.promises import Outcome, Promises

Json = dict[str, Any]
ANSWER_SECONDS = 6.0
PATIENCE = 240.0
"""Seconds for which one command is repeated; longer than that is a broken promise."""
APPLICATIONS_EACH = 25
AT_A_TIME = 24


class GaveUp(Exception):
    """No answer for so long that a person would go home."""


class Pacer:
    """Lets so many through in a second; the rate may be changed at any time, from any thread."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.closed = False
        """Set, nobody begins another application."""
        self._next = 0.0

    async def turn(self) -> None:
        at = max(self._next, time.monotonic())
        self._next = at + 1 / self.rate
        await asyncio.sleep(at - time.monotonic())


class Line:
    """HTTP with repeats.

    Args:
        http: of the gateway.
        promises: where tries without an outcome are counted.
    """

    def __init__(self, http: httpx.AsyncClient, promises: Promises) -> None:
        self._http = http
        self.promises = promises

    async def command(self, path: str, body: Json | None, token: str = "", key: str = "") -> httpx.Response:
        """A POST, repeated with its key until it has an outcome."""
        return await self._until_answered("POST", path, token, {"Idempotency-Key": key or str(uuid4())}, body)

    async def ask(self, path: str, token: str = "") -> Json:
        answer = await self._until_answered("GET", path, token, {}, None)
        self.expect(answer, 200)
        return dict(answer.json())

    async def _until_answered(
        self, method: str, path: str, token: str, headers: dict[str, str], body: Json | None
    ) -> httpx.Response:
        if token:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            pause = 0.4
            try:
                answer = await self._http.request(method, f"/api/v1{path}", json=body, headers=headers)
            except httpx.HTTPError as error:
                self.promises.unanswered[type(error).__name__] += 1
            else:
                if answer.status_code < 500:
                    return answer
                self.promises.unanswered[str(answer.status_code)] += 1
                pause = float(answer.headers.get("Retry-After", 1))
                if answer.status_code != 503:
                    self.promises.broken.append(f"{answer.status_code} on {method} {shape(path)}")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        self.promises.broken.append(f"no answer for {PATIENCE:.0f} s on {method} {shape(path)}")
        raise GaveUp

    def expect(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            self.promises.broken.append(
                f"{answer.status_code} on {answer.request.method} {shape(answer.request.url.path)}: {answer.text[:300]}"
            )
            raise GaveUp


def shape(path: str) -> str:
    """A path without its ids."""
    return "/".join(
        "…" if any(char.isdigit() for char in part) and len(part) > 3 else part
        for part in path.partition("?")[0].split("/")
    )


@dataclass(frozen=True)
class Plan:
    """What the people do. Shares are of applications; the day must be today where some go through the gate."""

    applications: int
    seed: int
    day: int = 0
    cancelling: float = 0.05
    entering: float = 0.05
    rejecting: float = 0.1
    doubting: float = 0.1
    """Repeats of what was answered already, or two clicks at once."""


class Crowd:
    """All of them, on one event loop.

    Args:
        line: to the gateway.
        code_url: where a person reads a code.
        logins: of department and security.
        plan: what they do.
        pacer: how fast they apply.
    """

    def __init__(
        self, line: Line, code_url: str, logins: dict[str, dict[str, str]], plan: Plan, pacer: Pacer
    ) -> None:
        self._line = line
        self._promises = line.promises
        self._code_url = code_url
        self._logins = logins
        self._plan = plan
        self._pacer = pacer
        self._followers: set[asyncio.Task[None]] = set()
        self._officer = asyncio.Event()
        self._officer_token = ""
        self._applied_all = False

    @property
    def finished(self) -> bool:
        """Whether all have applied, cancelled and entered who were to."""
        return self._applied_all and not self._followers

    async def run(self, until_told: asyncio.Event) -> None:
        """All applications; then decisions go on until told that it is over."""
        staff = [asyncio.create_task(self._department()), asyncio.create_task(self._sign_in_officer())]
        turns = asyncio.Semaphore(AT_A_TIME)
        numbers = random.Random(self._plan.seed).sample(
            range(10**8, 10**9), -(-self._plan.applications // APPLICATIONS_EACH)
        )
        shares = [
            min(APPLICATIONS_EACH, self._plan.applications - at * APPLICATIONS_EACH)
            for at in range(len(numbers))
        ]
        await asyncio.gather(
            *(
                self._applicant(f"+919{number}", share, turns)
                for number, share in zip(numbers, shares, strict=True)
            )
        )
        self._applied_all = True
        await until_told.wait()
        for task in (*staff, *self._followers):
            task.cancel()
        await asyncio.gather(*staff, *self._followers, return_exceptions=True)

    async def _applicant(self, mobile: str, share: int, turns: asyncio.Semaphore) -> None:
        chance = random.Random(f"{self._plan.seed} {mobile}")
        async with turns:
            if self._pacer.closed:
                return
            with suppress(GaveUp):
                token = await self._prove(mobile)
                for _ in range(share):
                    await self._pacer.turn()
                    if self._pacer.closed:
                        return
                    await self._apply(mobile, token, chance)

    async def _prove(self, mobile: str) -> str:
        request = await self._line.command("/otp", {"mobile": mobile, "language": "pa"})
        self._line.expect(request, 202)
        self._promises.numbers.add(mobile)
        code = await self._read_phone(mobile)
        session = await self._line.command(
            "/otp/verify", {"request_id": request.json()["request_id"], "code": code}
        )
        self._line.expect(session, 200)
        return str(session.json()["access_token"])

    async def _read_phone(self, mobile: str) -> str:
        """Looks at the phone until the code is there."""
        async with httpx.AsyncClient(trust_env=False) as phone:
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                answer = await phone.get(self._code_url, params={"to": mobile})
                if answer.status_code == 200:
                    return str(answer.json()["code"])
                await asyncio.sleep(0.2)
        self._promises.broken.append("a code did not come")
        raise GaveUp

    async def _apply(self, mobile: str, token: str, chance: random.Random) -> None:
        kind, doubts, language = (
            chance.random(),
            chance.random() < self._plan.doubting,
            chance.choice(["pa", "hi", "en"]),
        )
        body = application(applicant={"language": language}, preferred=[slot(self._plan.day)], companions=[])
        key = str(uuid4())
        answer = await self._line.command("/applications", body, token, key)
        self._line.expect(answer, 201)
        reference = str(answer.json()["reference"])
        self._promises.mobiles[reference] = mobile
        if doubts:
            again = await self._line.command("/applications", body, token, key)
            if again.json() != answer.json():
                self._promises.broken.append("a repeated application was answered otherwise")
        if kind < self._plan.cancelling:
            self._follow(self._cancel(reference, token))
        elif kind < self._plan.cancelling + self._plan.entering:
            self._follow(self._enter(reference, token))

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        async def as_long_as_it_is_answered() -> None:
            with suppress(GaveUp):
                await work

        task = asyncio.create_task(as_long_as_it_is_answered())
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)

    async def _cancel(self, reference: str, token: str) -> None:
        """At a moment of its own: before the decision, between decision and pass, or afterwards."""
        await asyncio.sleep(random.uniform(0, 3))
        answer = await self._line.command(f"/applications/{reference}/cancel", None, token)
        if answer.status_code == 200:
            self._promises.cancelled.add(reference)
        elif answer.status_code != 409:
            self._promises.broken.append(f"{answer.status_code} on a cancellation")

    async def _enter(self, reference: str, token: str) -> None:
        view: Json = {"status": "submitted"}
        while view["status"] in {"submitted", "approved"}:
            await asyncio.sleep(1)
            view = await self._line.ask(f"/applications/{reference}", token)
        if view["status"] != "issued":
            return
        the_pass = await self._line.ask(f"/passes/{view['pass']['number']}", token)
        await self._officer.wait()
        scan = {
            "token": the_pass["token"],
            "gate": "PCS1-G1",
            "direction": "entry",
            "nonce": str(uuid4()),
            "id_check": MATCHED,
        }
        answer = await self._line.command("/scans", scan, self._officer_token)
        self._line.expect(answer, 200)
        if answer.json()["verdict"] == "admit":
            self._promises.admitted[reference] = scan["nonce"]
        else:
            self._promises.broken.append(f"a first scan was answered {answer.json()['verdict']}")

    async def _sign_in(self, role: str) -> str:
        login = self._logins[role]
        session = await self._line.command(
            "/sessions", {"login_id": login["login_id"], "password": login["password"]}
        )
        self._line.expect(session, 200)
        return str(session.json()["access_token"])

    async def _sign_in_officer(self) -> None:
        self._officer_token = await self._sign_in("security")
        self._officer.set()

    async def _department(self) -> None:
        token = await self._sign_in("department")
        hands = asyncio.Semaphore(8)
        while True:
            with suppress(GaveUp):
                waiting = (await self._line.ask("/reviews?status=pending&limit=100", token))["items"]
                await asyncio.gather(*(self._decide(review, token, hands) for review in waiting))
                if not waiting:
                    await asyncio.sleep(0.3)

    async def _decide(self, review: Json, token: str, hands: asyncio.Semaphore) -> None:
        reference, chance = review["reference"], crc32(review["reference"].encode()) % 1000 / 1000
        outcome: Outcome = "rejected" if chance < self._plan.rejecting else "approved"
        verb = "reject" if outcome == "rejected" else "approve"
        body = {"reason": "insufficient_details"} if outcome == "rejected" else slot(self._plan.day)
        clicks = 2 if chance > 1 - self._plan.doubting else 1
        path, key = f"/reviews/{review['id']}/{verb}", f"decide-{review['id']}"
        async with hands:
            answers = await asyncio.gather(
                *(self._line.command(path, body, token, key) for _ in range(clicks))
            )
        statuses = {answer.status_code for answer in answers}
        if statuses == {200}:
            self._promises.decided[reference] = outcome
        elif statuses == {409}:
            self._promises.decided.setdefault(reference, "refused")
        else:
            self._promises.broken.append(f"{sorted(statuses)} on a decision")
