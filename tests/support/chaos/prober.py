"""A prober that sends every kind of request all the time and records how each was answered.

There is a thread for each kind, or several where one that waits must not keep the next request from being
sent. A command is repeated with the same key until it has an outcome, as the
interface requires; the applications that were promised are in the ledger of the scenario. It does not use
`epass_client`, because it measures the raw responses.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from contracts.crockford import new_pass_number, new_reference
from tests.support.chaos.scenario import Scenario
from tests.support.stack.running import eventually
from tests.support.system.actors import Staff, application, new_mobile, slot

ANSWER_SECONDS = 5.0
"""The promise: every request is answered within this time, whatever has happened."""
PAUSE_SECONDS = 0.5
Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind of request. A body makes it a command; ``outcome`` is its status when all is well."""

    name: str
    path: str
    outcome: int = 200
    role: str = ""
    body: Callable[[], Json] | None = None


@dataclass(frozen=True)
class Answer:
    """How a request was answered.

    ``at`` is when it was, by ``time.monotonic``; status 0 is no answer at all.
    """

    kind: Kind
    at: float
    seconds: float
    status: int
    media_type: str
    retry_after: str


def kinds(scenario: Scenario) -> tuple[Kind, ...]:
    """Return pages, machine endpoints, reads, and a command of each service."""
    login, token, nobodys = scenario.system.login("department"), scenario.pass_token(), new_pass_number()
    return (
        Kind("healthz", "/healthz"),
        Kind("keys", "/.well-known/jwks.json"),
        Kind("status list", "/.well-known/pass-status"),
        Kind("landing page", "/en"),
        Kind("a pass behind its link", "/p/AAAAAAAAAAAAAAAAAAAAAA", 404),
        Kind("sites", "/api/v1/sites"),
        Kind("own applications", "/api/v1/applications", 200, "applicant"),
        Kind("pending reviews", "/api/v1/reviews?status=pending", 200, "department"),
        Kind("who is inside", "/api/v1/gate/inside?site=PCS1", 200, "security"),
        Kind("accounts: a code", "/api/v1/otp", 202, "", lambda: {"mobile": new_mobile(), "language": "en"}),
        Kind(
            "accounts: sign in",
            "/api/v1/sessions",
            200,
            "",
            lambda: {name: login[name] for name in ("login_id", "password")},
        ),
        Kind(
            "application: apply",
            "/api/v1/applications",
            201,
            "applicant",
            lambda: application(companions=[], preferred=[slot(1)]),
        ),
        Kind(
            "approval: decide",
            f"/api/v1/reviews/{uuid4()}/approve",
            404,
            "department",
            lambda: {"slot": slot(1)},
        ),
        Kind("issuance: reissue", f"/api/v1/passes/{nobodys}/reissue", 404, "applicant", dict),
        Kind("notify: send again", f"/api/v1/applications/{new_reference()}/resend", 404, "applicant", dict),
        Kind(
            "verify: scan",
            "/api/v1/scans",
            200,
            "security",
            lambda: scenario.scan(token).model_dump(mode="json", exclude_unset=True),
        ),
    )


class Prober:
    """Probes from the beginning of a block to its end; a command under way then continues until it has an
    outcome.

    Args:
        scenario: whose person applies, and whose ledger records it.
        names: of the kinds of requests; by default all.
        threads: of each kind. Together they send as often as one does that is answered at once.
    """

    def __init__(self, scenario: Scenario, names: Collection[str] | None = None, threads: int = 1) -> None:
        system = scenario.system
        tokens = {role: Staff(system, role).client.token for role in ("department", "security")}
        self._tokens = {"applicant": scenario.person.client.token, **tokens}
        self._scene = scenario
        self._over = threading.Event()
        self.kinds = tuple(one for one in kinds(scenario) if names is None or one.name in names)
        self.answers: list[Answer] = []
        self._pause = PAUSE_SECONDS * threads
        self._threads = [
            threading.Thread(target=self._repeat, args=(kind, PAUSE_SECONDS * number), daemon=True)
            for kind in self.kinds
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        try:
            self.until_all_succeed(time.monotonic(), 15)
        except BaseException:
            self._over.set()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _repeat(self, kind: Kind, after: float) -> None:
        self._over.wait(after)
        headers = {"Authorization": f"Bearer {self._tokens[kind.role]}"} if kind.role else {}
        with httpx.Client(
            base_url=self._scene.system.url, headers=headers, timeout=30, trust_env=False
        ) as http:
            body, key, answered = None, "", True
            while not self._over.is_set() or (kind.body and not answered):
                if kind.body and answered:
                    body, key = kind.body(), str(uuid4())
                answered = self._ask(http, kind, body, key) < 500
                time.sleep(self._pause)

    def _ask(self, http: httpx.Client, kind: Kind, body: Json | None, key: str) -> int:
        began = time.monotonic()
        try:
            response = (
                http.post(kind.path, json=body, headers={"Idempotency-Key": key})
                if kind.body
                else http.get(kind.path)
            )
        except httpx.HTTPError:
            response = httpx.Response(599)
        at, headers = time.monotonic(), response.headers
        if response.status_code == 201:
            self._scene.promises.mobiles[response.json()["reference"]] = self._scene.mobile
        media_type, retry_after = headers.get("Content-Type", ""), headers.get("Retry-After", "")
        self.answers.append(Answer(kind, at, at - began, response.status_code, media_type, retry_after))
        return response.status_code

    def late(self) -> list[Answer]:
        """Return the requests that were not answered in time, or not at all."""
        return [answer for answer in self.answers if answer.seconds > ANSWER_SECONDS or answer.status == 599]

    def odd(self) -> list[Answer]:
        """Return the answers to commands that are neither the outcome nor a proper 503."""
        return [
            answer
            for answer in self.answers
            if answer.kind.body and answer.status != answer.kind.outcome and not _is_503(answer)
        ]

    def refused(self) -> set[str]:
        """Return the kinds that were answered by a 503."""
        return {answer.kind.name for answer in self.answers if _is_503(answer)}

    def commands(self) -> set[str]:
        """Return all kinds that change something."""
        return {kind.name for kind in self.kinds if kind.body}

    def until_all_succeed(self, since: float, seconds: float) -> dict[str, float]:
        """Wait until each kind has succeeded after ``since``; return after how many seconds each did.

        Raises:
            AssertionError: not within ``seconds``.
        """

        def look() -> dict[str, float] | None:
            first: dict[str, float] = {}
            for answer in list(self.answers):
                if answer.at - answer.seconds >= since and answer.status == answer.kind.outcome:
                    first.setdefault(answer.kind.name, answer.at - since)
            return first if len(first) == len(self.kinds) else None

        try:
            return eventually(look, "all succeed", max(since + seconds - time.monotonic(), 0.1))
        except AssertionError:
            last = {answer.kind.name: (round(answer.at - since, 1), answer.status) for answer in self.answers}
            raise AssertionError(f"not within {seconds} s: {last}") from None


def _is_503(answer: Answer) -> bool:
    return (
        answer.status == 503
        and answer.media_type == "application/problem+json"
        and int(answer.retry_after or 0) > 0
    )
