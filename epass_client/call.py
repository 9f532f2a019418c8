"""A call of the JSON interface, and how the functions of `epass_client.calls` build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel
from pydantic_core import to_json

from epass_client.errors import Problem

R = TypeVar("R")


@dataclass(frozen=True)
class Call(Generic[R]):
    """One request and the type of its answer. Sending the same call again repeats it, under the same key.

    Attributes:
        method: of HTTP.
        path: below the address of the gateway.
        answer: a model, or ``bytes`` where the body is no JSON.
        body: the JSON document, None where there is none.
        query: parameters; those that are None are not sent.
        key: the Idempotency-Key, new for each call; None where the operation takes none.
        correlation_id: names the request in the logs of e-Pass, and all that it causes, where the gateway
            trusts the caller as a proxy; otherwise, and by default, e-Pass chooses one.
    """

    method: str
    path: str
    answer: type[R]
    body: str | None = field(default=None, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    key: str | None = None
    correlation_id: str | None = None

    @classmethod
    def new(
        cls,
        method: str,
        path: str,
        answer: type[R],
        *,
        body: BaseModel | Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        takes_key: bool = False,
    ) -> Call[R]:
        """Return a call of an operation, with a new Idempotency-Key where it takes one."""
        content = None if body is None else _encode(body)
        return cls(method, path, answer, content, query or {}, str(uuid4()) if takes_key else None)

    def with_key(self, key: str) -> Call[R]:
        """Return the same call under an Idempotency-Key of the caller's choice."""
        return replace(self, key=key)

    def headers(self, token: str) -> dict[str, str]:
        """Return its HTTP headers for the session of ``token``; without a token no session is sent."""
        optional = {
            "Authorization": f"Bearer {token}" if token else None,
            "Idempotency-Key": self.key,
            "X-Request-ID": self.correlation_id,
            "Content-Type": "application/json" if self.body is not None else None,
        }
        return {name: value for name, value in optional.items() if value is not None}

    def parse(self, response: httpx.Response) -> R:
        """Return the answer.

        Raises:
            Problem: it is a refusal.
            pydantic.ValidationError: it is not of the agreed shape; the message quotes no value.
        """
        if not response.is_success:
            raise Problem(response)
        if issubclass(self.answer, BaseModel):
            return self.answer.model_validate_json(response.content or b"{}")
        return cast("R", response.content)


def part(value: str | UUID) -> str:
    """Quote an identifier for a path; a comma joins the cells of one."""
    return quote(str(value), safe=",")


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that the caller has set; None leaves the interface's default."""
    return {name: value for name, value in fields.items() if value is not None}


def _encode(body: BaseModel | Mapping[str, Any]) -> str:
    """Encode what the caller set; the interface fills in the defaults."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_unset=True)
    return to_json(body).decode()
