"""A load of people who follow the interface: their clients repeat a call whose outcome is unknown, under the
same key.

What they are promised goes into their ledger (``promises.py``). Applicants prove a mobile by the code that
the provider got, apply, and some cancel; a department decides whatever is pending, some of it by two clicks
at once; a gate lets some in, and some of those out. Others have a fate that takes more steps.
"""

import asyncio
import random
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import httpx

from contracts.model import Slot
from contracts.rpc.application import ApplicationView, SubmitApplication
from contracts.rpc.approval.reviews import ReviewView
from epass_client import AsyncClient, Call, NoAnswer, Problem, calls
from epass_client.call import R
from epass_client.client import Failure
from tests.support.chaos.gates import GatesApart, Post
from tests.support.chaos.promises import Outcome, Promises, Scan
from tests.support.chaos.vendors_ledger import CHANNELS
from tests.support.stack.plain_http import NO_AUTHORITIES
from tests.support.system.actors import MATCHED, application, scan, slot

PATIENCE = 240.0
"""Seconds for which one command is repeated; longer than that is a broken promise."""
OTHER_DEPARTMENT = "finance"
APPLICATIONS_EACH = 25
AT_A_TIME = 24
QUEUE = 200
"""Undecided applications with which nobody applies any more. Their people ask for news all the time, and on a
slow machine those of a thousand leave nothing to the departments."""


FATES = {
    "amended": 0.04, "returned": 0.04, "forwarded": 0.04, "withdrawn": 0.04, "reissued": 0.03,
    "printed": 0.03, "resent": 0.03,
}  # fmt: skip
"""What happens to some applications besides their approval, as shares of all. Nobody cancels these."""


class GaveUp(Exception):
    """A person gave up: there was no outcome, or one that was not promised."""


class Pacer:
    """A rate limiter, in applications a second; the rate may be changed at any time, from any thread."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.closed = False
        """If set, nobody begins another application."""
        self._next = 0.0

    async def turn(self) -> None:
        at = max(self._next, time.monotonic())
        self._next = at + 1 / self.rate
        await asyncio.sleep(at - time.monotonic())


class RecordingClient:
    """A client that records tries without an outcome, and answers that no promise allows.

    Args:
        client: repeats a call for as long as a person is patient.
        promises: where it records.
    """

    def __init__(self, client: AsyncClient, promises: Promises) -> None:
        self._client = client
        self._client.on_failure = self._record
        self.url = client.url
        self.promises = promises

    def _record(self, failure: Failure) -> None:
        reason = failure.reason if isinstance(failure, NoAnswer) else str(failure.status)
        self.promises.unanswered[reason] += 1

    async def send(self, call: Call[R], token: str = "", *, allowed: tuple[int, ...] = ()) -> R:
        """Send a call until it has an outcome.

        Raises:
            Problem: one of the ``allowed`` statuses.
            GaveUp: another refusal, or no outcome for `PATIENCE` seconds; recorded.
        """
        try:
            return await self._client.with_token(token).send(call)
        except (NoAnswer, Problem) as failure:
            if isinstance(failure, Problem) and failure.status in allowed:
                raise
            unknown = isinstance(failure, NoAnswer) or failure.outcome_unknown
            what = f"no answer for {PATIENCE:.0f} s" if unknown else str(failure)
            self.promises.broken.append(f"{what} on {call.method} {without_ids(call.path)}")
            raise GaveUp from failure


def without_ids(path: str) -> str:
    """Return a path without its ids."""
    return "/".join(
        "…" if any(char.isdigit() for char in part) and len(part) > 3 else part
        for part in path.partition("?")[0].split("/")
    )


@dataclass(frozen=True)
class Plan:
    """What the people do, as shares of all applications.

    The day must be today if some go through the gate.
    """

    applications: int
    seed: int
    day: int = 0
    cancelling: float = 0.05
    entering: float = 0.05
    apart: float = 0.0
    """Share of those who come to gates whose networks come and go."""
    leaving: float = 0.5
    """Share of those who entered."""
    rejecting: float = 0.1
    on_every_channel: bool = False
    """Whether some want their messages by WhatsApp or email, as `CHANNELS` says; else all by SMS."""
    doubting: float = 0.1
    """Share of repeats of what was answered already, or of two clicks at once."""
    fates: Mapping[str, float] = field(default_factory=FATES.copy)

    def fate(self, reference: str) -> str:
        """Return what happens to an application, so that all who deal with it agree; empty for most."""
        chance = crc32(f"fate {reference}".encode()) % 1000 / 1000
        for name, share in self.fates.items():
            if chance < share:
                return name
            chance -= share
        return ""


class Crowd:
    """All people, on one event loop.

    Args:
        client: of the gateway.
        code_url: where a person reads a code.
        logins: of department, security and reception, and of another department.
        plan: what they do.
        pacer: how fast they apply.
        posts: the guards at the gates whose networks come and go; nobody where the plan has no such gates.
    """

    def __init__(
        self,
        client: RecordingClient,
        code_url: str,
        logins: dict[str, dict[str, str]],
        plan: Plan,
        pacer: Pacer,
        posts: Sequence[Post] = (),
    ) -> None:
        self._client = client
        self._promises = client.promises
        self._code_url = code_url
        self._logins = logins
        self._plan = plan
        self._pacer = pacer
        self._posts = posts
        self._gates = GatesApart(client.promises, plan.seed)
        self._followers: set[asyncio.Task[None]] = set()
        self._sessions: dict[str, asyncio.Task[str]] = {}
        self._completing: set[str] = set()
        """What may be returned: somebody waits to complete it."""
        self._applied_all = False

    @property
    def finished(self) -> bool:
        """Return whether everybody has applied, cancelled or entered as planned."""
        return self._applied_all and not self._followers and self._gates.finished

    async def run(self, until_over: asyncio.Event) -> None:
        """Make all applications, and continue to decide until it is over."""
        staff = [asyncio.create_task(self._department(role)) for role in ("department", "other department")]
        if self._posts:
            staff.append(asyncio.create_task(self._gates.run(self._client.url, self._posts)))
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
        await until_over.wait()
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
                    await self._turn()
                    if self._pacer.closed:
                        return
                    await self._apply(mobile, token, chance)

    async def _turn(self) -> None:
        """Wait until somebody else may apply; turns pass unused while the departments are far behind."""
        await self._pacer.turn()
        while self._promises.undecided >= QUEUE and not self._pacer.closed:
            await self._pacer.turn()

    async def _prove(self, mobile: str) -> str:
        request = await self._client.send(calls.request_otp(mobile, language="pa"))
        self._promises.numbers.add(mobile)
        code = await self._read_phone(mobile)
        return (await self._client.send(calls.verify_otp(request.request_id, code))).access_token

    async def _read_phone(self, mobile: str) -> str:
        """Wait until the code is on the phone."""
        async with httpx.AsyncClient(trust_env=False, verify=NO_AUTHORITIES) as phone:
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
        applicant = {"language": language}
        if self._plan.on_every_channel:
            applicant |= {"deliver_by": chance.choice(CHANNELS), "email": f"p{mobile[1:]}@people.example"}
        body = application(applicant=applicant, preferred=[slot(self._plan.day)], companions=[])
        call = calls.submit_application(SubmitApplication.model_validate(body))
        answer = await self._client.send(call, token)
        reference = answer.reference
        self._promises.mobiles[reference] = mobile
        if doubts:
            again = await self._client.send(call, token)
            if again != answer:
                self._promises.broken.append("a repeated application was answered otherwise")
        steps = {
            "amended": self._amend,
            "returned": self._complete,
            "reissued": self._reissue,
            "printed": self._print,
            "resent": self._resend,
        }
        fate = self._plan.fate(reference)
        if fate == "returned":
            self._completing.add(reference)
        if fate in steps:
            self._follow(steps[fate](reference, token))
        elif fate:
            return  # its department does it
        elif kind < self._plan.cancelling:
            self._follow(self._cancel(reference, token))
        elif kind < self._plan.cancelling + self._plan.entering:
            self._follow(self._enter(reference, token))
        elif kind < self._plan.cancelling + self._plan.entering + self._plan.apart:
            self._follow(self._come(reference, token))

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        async def as_long_as_it_is_answered() -> None:
            with suppress(GaveUp):
                await work

        task = asyncio.create_task(as_long_as_it_is_answered())
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)

    async def _cancel(self, reference: str, token: str) -> None:
        """Cancel at a random moment: before the decision, between decision and pass, or afterwards."""
        await asyncio.sleep(random.uniform(0, 3))
        with suppress(Problem):
            await self._client.send(calls.cancel_application(reference), token, allowed=(409,))
            self._promises.cancelled.add(reference)

    async def _enter(self, reference: str, token: str) -> None:
        number = await self._pass_number(reference, token)
        if not number:
            return
        the_pass = await self._client.send(calls.view_pass(number), token)
        officer = await self._session("security")
        body = scan(token=the_pass.token, id_check=MATCHED)
        result = await self._client.send(calls.scan_pass(body), officer)
        if result.verdict != "admit":
            self._promises.broken.append(f"a first scan was answered {result.verdict}")
            return
        self._promises.scans[reference][body.nonce] = Scan("admit")
        if crc32(body.nonce.encode()) % 1000 / 1000 < self._plan.leaving:
            exit_scan = scan(token=the_pass.token, direction="exit")
            result = await self._client.send(calls.scan_pass(exit_scan), officer)
            if result.verdict != "exit":
                self._promises.broken.append(f"an exit was answered {result.verdict}")
            self._promises.scans[reference][exit_scan.nonce] = Scan("exit")

    async def _come(self, reference: str, token: str) -> None:
        """Come to the gates whose networks come and go."""
        if number := await self._pass_number(reference, token):
            self._gates.arrive(reference, (await self._client.send(calls.view_pass(number), token)).token)

    async def _pass_number(self, reference: str, token: str) -> str:
        """Wait for the pass and return its number; an empty string if there will be none."""
        view = await self._wait_while({"submitted", "approved"}, reference, token)
        return view.pass_.number if view.status == "issued" and view.pass_ else ""

    async def _wait_while(self, statuses: set[str], reference: str, token: str) -> ApplicationView:
        while True:
            await asyncio.sleep(1)
            view = await self._client.send(calls.view_application(reference), token)
            if view.status not in statuses:
                return view

    async def _amend(self, reference: str, token: str) -> None:
        """Ask for another time, which is too late once the department has decided."""
        preferred = [Slot.model_validate(slot(self._plan.day, "00:30"))]
        with suppress(Problem):
            await self._client.send(
                calls.amend_application(reference, preferred=preferred), token, allowed=(409,)
            )

    async def _complete(self, reference: str, token: str) -> None:
        """Answer what the department asks for, unless it has approved already; then it approves."""
        view = await self._wait_while({"submitted"}, reference, token)
        if view.status != "returned":
            return
        await self._client.send(calls.amend_application(reference, purpose="Arms licence, file 114"), token)

    async def _reissue(self, reference: str, token: str) -> None:
        await self._client.send(calls.reissue_pass(await self._pass_number(reference, token)), token)
        self._promises.reissued.add(reference)

    async def _print(self, reference: str, token: str) -> None:
        number = await self._pass_number(reference, token)
        await self._client.send(calls.print_pass(number), await self._session("reception"))
        self._promises.printed.add(reference)

    async def _resend(self, reference: str, token: str) -> None:
        """Ask for the message with the pass once more, as soon as there is one."""
        await self._pass_number(reference, token)
        while reference not in self._promises.resent:
            with suppress(Problem):
                await self._client.send(calls.resend_message(reference), token, allowed=(404, 409))
                self._promises.resent.add(reference)
            await asyncio.sleep(1)

    async def _session(self, role: str) -> str:
        """Return the token of a login, which signs in once."""
        if role not in self._sessions:
            self._sessions[role] = asyncio.create_task(self._sign_in(role))
        return await self._sessions[role]

    async def _sign_in(self, role: str) -> str:
        login = self._logins[role]
        return (await self._client.send(calls.log_in(login["login_id"], login["password"]))).access_token

    async def _department(self, role: str) -> None:
        token = await self._session(role)
        hands = asyncio.Semaphore(8)
        while True:
            with suppress(GaveUp):
                waiting = (
                    await self._client.send(calls.list_reviews(status="pending", limit=100), token)
                ).items
                await asyncio.gather(*(self._decide(review, token, hands) for review in waiting))
                if not waiting:
                    await asyncio.sleep(0.3)

    async def _decide(self, review: ReviewView, token: str, hands: asyncio.Semaphore) -> None:
        reference, chance = review.reference, crc32(review.reference.encode()) % 1000 / 1000
        fate = self._plan.fate(reference)
        if fate == "forwarded" and review.department != OTHER_DEPARTMENT:
            forward = calls.forward_review(review.id, department=OTHER_DEPARTMENT)
            await self._client.send(forward.with_key(f"forward-{review.id}"), token)
            return
        if reference in self._completing - self._promises.returned:
            back = calls.return_review(review.id, "Which file?").with_key(f"return-{review.id}")
            await self._client.send(back, token)
            self._promises.returned.add(reference)
            return
        outcome: Outcome = "rejected" if not fate and chance < self._plan.rejecting else "approved"
        if outcome == "rejected":
            call = calls.reject_review(review.id, "insufficient_details")
        else:
            call = calls.approve_review(review.id, Slot.model_validate(slot(self._plan.day)))
        call = call.with_key(f"decide-{review.id}")
        clicks = 2 if chance > 1 - self._plan.doubting else 1

        async def click() -> int:
            try:
                await self._client.send(call, token, allowed=(409,))
            except Problem as problem:
                return problem.status
            return 200

        async with hands:
            statuses = set(await asyncio.gather(*(click() for _ in range(clicks))))
        if statuses == {200}:
            self._promises.decided[reference] = outcome
            if fate == "withdrawn":
                withdraw = calls.withdraw_approval(review.id, "security").with_key(f"withdraw-{review.id}")
                await self._client.send(withdraw, token)
                self._promises.withdrawn.add(reference)
        elif statuses == {409}:
            self._promises.decided.setdefault(reference, "refused")
        else:
            self._promises.broken.append(f"{sorted(statuses)} on a decision")
