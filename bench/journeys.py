"""Whole journeys through HTTP: applicants apply, a department approves, the messages arrive."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from contracts.application_form import Applicant
from contracts.model import IST, Slot
from contracts.rpc.application import SubmitApplication
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.issuance import PassView
from contracts.rpc.notify import SentMessage
from epass_client import AsyncClient, calls, local

MOBILES = [f"+9198123000{number:02}" for number in range(8)]
OTHER_MOBILES = [f"+9198123001{number:02}" for number in range(8)]
MOBILES_BESIDE_SCANS = [f"+9198123002{number:02}" for number in range(8)]
PATIENCE = 60
"""Seconds for all approvals, after the time in which people apply, and then for all messages."""


@dataclass
class Journeys:
    """What came of the journeys.

    Attributes:
        seconds: from the first application to the last message.
        handed_over: seconds from the answer to the approval until a channel takes the message, per journey.
        tokens: of the passes.
        security: a session token of the gate.
    """

    seconds: float = 0.0
    handed_over: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    security: str = ""

    @property
    def rate(self) -> float:
        """Journeys a second."""
        return len(self.handed_over) / self.seconds

    def quantile(self, q: float) -> float:
        """Return a quantile of ``handed_over``, in milliseconds."""
        ordered = sorted(self.handed_over)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000


@dataclass(frozen=True)
class People:
    """Session tokens of people who work with one system."""

    applicants: tuple[str, ...]
    department: str
    security: str


async def sign_in(gateway: str, logins_file: Path, mobiles: Sequence[str]) -> People:
    """Sign in an applicant with each of these mobiles, an officer of the department, and one of a gate."""
    logins = json.loads(logins_file.read_text())
    async with AsyncClient(gateway, http=_http(), repeat_seconds=120) as anyone:
        applicants = [
            await anyone.sign_in_with_code(mobile, lambda one: _read_code(anyone, one)) for mobile in mobiles
        ]
        department, security = [
            await anyone.sign_in(logins[role]["login_id"], logins[role]["password"])
            for role in ("department", "security")
        ]
        return People(tuple(one.token for one in applicants), department.token, security.token)


async def wait_for_answer(url: str) -> None:
    """Wait until something answers there, at most a minute."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(1200):
            try:
                await http.get(url)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return
    raise TimeoutError(url)


async def run(
    gateway: str,
    logins_file: Path,
    count: int,
    mobiles: Sequence[str] = MOBILES,
    rate: float = float("inf"),
) -> Journeys:
    """Run so many journeys: applicants apply while the department approves and messages are sent.

    A second run on the same system needs other mobiles. ``rate`` is how many begin each second at most.
    """
    logins = json.loads(logins_file.read_text())
    async with AsyncClient(gateway, http=_http(), repeat_seconds=120) as anyone:

        async def as_staff(role: str) -> AsyncClient:
            return await anyone.sign_in(logins[role]["login_id"], logins[role]["password"])

        applicants = [
            await anyone.sign_in_with_code(mobile, lambda one: _read_code(anyone, one)) for mobile in mobiles
        ]
        department = await as_staff("department")
        result = Journeys(security=(await as_staff("security")).token)
        approved: dict[str, datetime] = {}
        began = datetime.now(UTC)
        await asyncio.gather(
            _apply(applicants, count, rate), _approve(department, count, approved, count / rate)
        )
        arrived = await _all_messages(anyone, count, mobiles)
        result.seconds = (max(arrived.values()) - began).total_seconds()
        for applicant in applicants:
            async for issued in _passes(applicant):
                handed_over = arrived[issued.number] - approved[issued.reference]
                result.handed_over.append(handed_over.total_seconds())
                result.tokens.append(issued.token)
    return result


def _http() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=64)
    trust = ssl.create_default_context()  # and SSL_CERT_FILE
    return httpx.AsyncClient(timeout=20, trust_env=False, limits=limits, verify=trust)


async def _read_code(anyone: AsyncClient, mobile: str) -> str:
    while (code := local.one_time_code(await _messages(anyone, mobile, "otp"))) is None:
        await asyncio.sleep(0.05)
    return code


async def _messages(anyone: AsyncClient, mobile: str, purpose: str) -> list[SentMessage]:
    received = (await anyone.send(local.list_messages(mobile))).root
    return [message for message in received if message.purpose == purpose]


def slot() -> Slot:
    """Return all of today. Just before midnight it is tomorrow, whose gates are open already."""
    day = (datetime.now(IST) + timedelta(minutes=25)).date()
    return Slot.model_validate({"date": day, "from": "00:00", "to": "23:59"})


def form() -> SubmitApplication:
    """Return an application for a visit today."""
    return SubmitApplication(
        applicant=Applicant(
            kind="citizen", name="Gurpreet Kaur", language="en", id_type="voter_id", id_last4="4821"
        ),
        site="PCS1",
        department="home",
        purpose_kind="meeting",
        purpose="Arms licence renewal",
        preferred=(slot(),),
    )


async def _apply(applicants: list[AsyncClient], count: int, rate: float) -> None:
    body, began = form(), time.monotonic()

    async def one(applicant: AsyncClient, numbers: range) -> None:
        for number in numbers:
            await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
            await applicant.send(calls.submit_application(body))

    among = len(applicants)
    await asyncio.gather(
        *(one(applicant, range(first, count, among)) for first, applicant in enumerate(applicants))
    )


async def _approve(
    department: AsyncClient, count: int, approved: dict[str, datetime], applying: float
) -> None:
    async def one(review: ReviewView) -> None:
        await department.send(calls.approve_review(review.id, slot(), entries=20))
        approved[review.reference] = datetime.now(UTC)

    until = time.monotonic() + applying + PATIENCE
    while len(approved) < count and time.monotonic() < until:
        waiting = (await department.send(calls.list_reviews(status="pending"))).items
        await asyncio.gather(*(one(review) for review in waiting))
        if not waiting:
            await asyncio.sleep(0.02)


async def _all_messages(anyone: AsyncClient, count: int, mobiles: Sequence[str]) -> dict[str, datetime]:
    """Wait for the messages of all passes; return when each was handed to its channel, by pass number."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [message for mobile in mobiles for message in await _messages(anyone, mobile, "pass_issued")]
        if len(found) >= count:
            numbers = [(re.search(r"\b[0-9A-Z]{4}-?[0-9A-Z]{4}\b", one.text), one.at) for one in found]
            return {match.group().replace("-", ""): at for match, at in numbers if match}
        await asyncio.sleep(0.3)
    raise TimeoutError(f"not all messages arrived within {PATIENCE} s")


async def _passes(applicant: AsyncClient) -> AsyncIterator[PassView]:
    """Read the passes of all applications of one applicant."""
    after: str | None = None
    while True:
        page = await applicant.send(calls.list_applications(after=after))
        for item in page.items:
            summary = (await applicant.send(calls.view_application(item.reference))).pass_
            if summary:
                yield await applicant.send(calls.view_pass(summary.number))
        after = page.next
        if after is None:
            return
