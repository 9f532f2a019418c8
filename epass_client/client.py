"""The two clients, which send calls and repeat them. `epass_client.calls` describes the calls."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_before_delay
from tenacity.wait import wait_random_exponential

from contracts.model import Language
from contracts.proof_of_work import solve
from epass_client import calls
from epass_client.call import Call
from epass_client.errors import NoAnswer, Problem

R = TypeVar("R")
TIMEOUT_SECONDS = 10.0
REPEAT_SECONDS = 30.0
Failure = NoAnswer | Problem
OnFailure = Callable[[Failure], None]
_backoff = wait_random_exponential(multiplier=0.3, max=3)


def _pause(state: RetryCallState) -> float:
    """Return the seconds until the next attempt: at least what Retry-After asks for, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Problem) and error.retry_after is not None:
        return error.retry_after * random.uniform(1, 1.25)  # noqa: S311  jitter
    return _backoff(state)


def _work(refused: Problem) -> str:
    """Return the proof of work that a refusal asks for, or raise the refusal again.

    Raises:
        Problem: it asks for none.
    """
    if refused.code != "work_required":
        raise refused
    return solve(str(refused.facts["challenge"]), int(refused.facts["answers"]))


class _Client:
    """What both clients have: an address, a session, and the rule for repeats.

    Args:
        url: of the gateway.
        token: of a session; empty if nobody is signed in.
        repeat_seconds: how long one call is repeated on 503 and on a lost connection; 0 is a single attempt.
        on_failure: is called with each failure that is followed by a repeat.
    """

    def __init__(self, url: str, token: str, repeat_seconds: float, on_failure: OnFailure | None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.repeat_seconds = repeat_seconds
        self.on_failure = on_failure

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, {'signed in' if self.token else 'anonymous'})"

    def _request(self, call: Call[R]) -> dict[str, Any]:
        return {
            "method": call.method, "url": self.url + call.path, "params": call.query,
            "content": call.body, "headers": call.headers(self.token),
        }  # fmt: skip

    def _policy(self) -> dict[str, Any]:
        """Return the arguments of tenacity for one call."""

        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if self.on_failure and isinstance(error, NoAnswer | Problem):
                self.on_failure(error)

        return {
            "retry": retry_if_exception(
                lambda error: (
                    isinstance(error, NoAnswer) or (isinstance(error, Problem) and error.outcome_unknown)
                )
            ),
            "stop": stop_before_delay(self.repeat_seconds),
            "wait": _pause,
            "before_sleep": report,
            "reraise": True,
        }


class Client(_Client):
    """The synchronous client, which several threads may share. To close it closes ``http``."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        http: httpx.Client | None = None,
        repeat_seconds: float = REPEAT_SECONDS,
        on_failure: OnFailure | None = None,
    ) -> None:
        super().__init__(url, token, repeat_seconds, on_failure)
        self._http = http or httpx.Client(timeout=TIMEOUT_SECONDS)

    def with_token(self, token: str) -> Client:
        """Return a client for another session that shares the connections of this one."""
        return Client(
            self.url, token, http=self._http, repeat_seconds=self.repeat_seconds, on_failure=self.on_failure
        )

    def send(self, call: Call[R]) -> R:
        """Send a call, repeat it while its outcome is unknown, and return its answer.

        Raises:
            Problem: a refusal, or a 503 when the time for repeats is over.
            NoAnswer: the connection was refused or lost, and the time is over.
        """
        answer: R = Retrying(**self._policy())(self._send_once, call)
        return answer

    def _send_once(self, call: Call[R]) -> R:
        try:
            response = self._http.request(**self._request(call))
        except httpx.TransportError as error:
            raise NoAnswer(error) from error
        return call.parse(response)

    def sign_in_with_code(
        self, mobile: str, read_code: Callable[[str], str], language: Language = "en"
    ) -> Client:
        """Prove a mobile, with a proof of work if one is asked for; return a client for the session.

        Args:
            mobile: receives the code.
            read_code: returns the code that this mobile received; it may wait for it.
            language: of the message.
        """
        try:
            request = self.send(calls.request_otp(mobile, language=language))
        except Problem as refused:
            request = self.send(calls.request_otp(mobile, language=language, work=_work(refused)))
        session = self.send(calls.verify_otp(request.request_id, read_code(mobile)))
        return self.with_token(session.access_token)

    def sign_in(self, login_id: str, password: str) -> Client:
        """Sign in with a staff login and return a client for its session."""
        return self.with_token(self.send(calls.log_in(login_id, password)).access_token)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Client):
    """The client for asyncio. To close it closes ``http``."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        http: httpx.AsyncClient | None = None,
        repeat_seconds: float = REPEAT_SECONDS,
        on_failure: OnFailure | None = None,
    ) -> None:
        super().__init__(url, token, repeat_seconds, on_failure)
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)

    def with_token(self, token: str) -> AsyncClient:
        """Return a client for another session that shares the connections of this one."""
        return AsyncClient(
            self.url, token, http=self._http, repeat_seconds=self.repeat_seconds, on_failure=self.on_failure
        )

    async def send(self, call: Call[R]) -> R:
        """Do what `Client.send` does."""
        answer: R = await AsyncRetrying(**self._policy())(self._send_once, call)
        return answer

    async def _send_once(self, call: Call[R]) -> R:
        try:
            response = await self._http.request(**self._request(call))
        except httpx.TransportError as error:
            raise NoAnswer(error) from error
        return call.parse(response)

    async def sign_in_with_code(
        self, mobile: str, read_code: Callable[[str], Awaitable[str]], language: Language = "en"
    ) -> AsyncClient:
        """Do what `Client.sign_in_with_code` does."""
        try:
            request = await self.send(calls.request_otp(mobile, language=language))
        except Problem as refused:
            request = await self.send(calls.request_otp(mobile, language=language, work=_work(refused)))
        session = await self.send(calls.verify_otp(request.request_id, await read_code(mobile)))
        return self.with_token(session.access_token)

    async def sign_in(self, login_id: str, password: str) -> AsyncClient:
        """Do what `Client.sign_in` does."""
        return self.with_token((await self.send(calls.log_in(login_id, password))).access_token)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
