"""Whole journeys through HTTP: one applicant applies again and again, a department approves, the messages arrive."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from services.chassis.runtime.clock import IST

MOBILES = [f"+9198123000{number:02}" for number in range(8)]
PATIENCE = 60


@dataclass
class Journeys:
    """What came of them."""

    seconds: float = 0.0
    handed_over: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    security: str = ""

    @property
    def rate(self) -> float:
        """Journeys a second, from the first application to the last message."""
        return len(self.handed_over) / self.seconds

    def quantile(self, q: float) -> float:
        """Milliseconds from the answer to the approval until the message is handed to its channel."""
        ordered = sorted(self.handed_over)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000


async def answering(url: str) -> None:
    """Waits until something answers there."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(200):
            try:
                await http.get(url)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return
    raise TimeoutError(url)


async def _post(
    http: httpx.AsyncClient, path: str, body: dict[str, Any] | None, token: str = ""
) -> dict[str, Any]:
    headers = {"Idempotency-Key": str(uuid4()), **({"Authorization": f"Bearer {token}"} if token else {})}
    answer = await http.post(f"/api/v1{path}", json=body, headers=headers)
    answer.raise_for_status()
    return dict(answer.json())


async def _sign_in(http: httpx.AsyncClient, login: dict[str, str]) -> str:
    return str(
        (await _post(http, "/sessions", {"login_id": login["login_id"], "password": login["password"]}))[
            "access_token"
        ]
    )


async def _messages(http: httpx.AsyncClient, mobile: str, purpose: str) -> list[dict[str, Any]]:
    answer = await http.get("/dev/messages", params={"to": mobile})
    return [message for message in answer.json() if message["purpose"] == purpose]


async def _applicant(http: httpx.AsyncClient, mobile: str) -> str:
    request = await _post(http, "/otp", {"mobile": mobile})
    while not (messages := await _messages(http, mobile, "otp")):
        await asyncio.sleep(0.05)
    code = re.search(r"\b\d{6}\b", messages[-1]["text"])
    assert code is not None
    return str(
        (await _post(http, "/otp/verify", {"request_id": request["request_id"], "code": code.group()}))[
            "access_token"
        ]
    )


def _body() -> dict[str, Any]:
    return {
        "applicant": {
            "kind": "citizen",
            "name": "Gurpreet Kaur",
            "language": "en",
            "id_type": "voter_id",
            "id_last4": "4821",
        },
        "site": "PCS1",
        "department": "home",
        "purpose_kind": "meeting",
        "purpose": "Arms licence renewal",
        "preferred": [_slot()],
    }


def _slot() -> dict[str, str]:
    day = (
        datetime.now(IST) + timedelta(minutes=25)
    ).date()  # just before midnight tomorrow's gates are open already
    return {"date": day.isoformat(), "from": "00:00", "to": "23:59"}


async def run(gateway: str, logins_file: Path, count: int) -> Journeys:
    """So many journeys: applicants apply while the department approves what is in its queue and messages go out."""
    logins = json.loads(logins_file.read_text())
    async with httpx.AsyncClient(
        base_url=gateway, timeout=20, trust_env=False, limits=httpx.Limits(max_connections=64)
    ) as http:
        applicants = {mobile: await _applicant(http, mobile) for mobile in MOBILES}
        department = await _sign_in(http, logins["department"])
        result = Journeys(security=await _sign_in(http, logins["security"]))
        approved: dict[str, datetime] = {}
        began = datetime.now(UTC)
        await asyncio.gather(
            _apply(http, list(applicants.values()), count), _approve(http, department, count, approved)
        )
        arrived = await _all_messages(http, count)
        passes = await _passes(http, applicants)
        result.seconds = (max(arrived.values()) - began).total_seconds()
        for reference, (number, token) in passes.items():
            result.handed_over.append((arrived[number] - approved[reference]).total_seconds())
            result.tokens.append(token)
    return result


async def _apply(http: httpx.AsyncClient, tokens: list[str], count: int) -> None:
    async def one(token: str, times: int) -> None:
        for _ in range(times):
            await _post(http, "/applications", _body(), token)

    share, rest = divmod(count, len(tokens))
    await asyncio.gather(*(one(token, share + (number < rest)) for number, token in enumerate(tokens)))


async def _approve(http: httpx.AsyncClient, token: str, count: int, approved: dict[str, datetime]) -> None:
    async def one(review: dict[str, Any]) -> None:
        await _post(http, f"/reviews/{review['id']}/approve", {**_slot(), "entries": 20}, token)
        approved[review["reference"]] = datetime.now(UTC)

    until = time.monotonic() + PATIENCE
    while len(approved) < count and time.monotonic() < until:
        answer = await http.get(
            "/api/v1/reviews", params={"status": "pending"}, headers={"Authorization": f"Bearer {token}"}
        )
        waiting = answer.json()["items"]
        await asyncio.gather(*(one(review) for review in waiting))
        if not waiting:
            await asyncio.sleep(0.02)


async def _all_messages(http: httpx.AsyncClient, count: int) -> dict[str, datetime]:
    """When the message of each pass was handed to its channel, by pass number."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [message for mobile in MOBILES for message in await _messages(http, mobile, "pass_issued")]
        if len(found) >= count:
            numbers = [
                (re.search(r"\b[0-9A-Z]{4}-?[0-9A-Z]{4}\b", message["text"]), message["at"])
                for message in found
            ]
            return {
                match.group().replace("-", ""): datetime.fromisoformat(at) for match, at in numbers if match
            }
        await asyncio.sleep(0.3)
    raise TimeoutError(f"not all messages arrived within {PATIENCE} s")


async def _passes(http: httpx.AsyncClient, applicants: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Pass number and token by reference."""
    found = {}
    for token in applicants.values():
        headers = {"Authorization": f"Bearer {token}"}
        after: str | None = None
        while True:
            page = (
                await http.get(
                    "/api/v1/applications", params={"after": after} if after else {}, headers=headers
                )
            ).json()
            for item in page["items"]:
                view = (await http.get(f"/api/v1/applications/{item['reference']}", headers=headers)).json()
                if view.get("pass"):
                    number = view["pass"]["number"]
                    found[item["reference"]] = (
                        number,
                        (await http.get(f"/api/v1/passes/{number}", headers=headers)).json()["token"],
                    )
            after = page["next"]
            if after is None:
                break
    return found
