"""The key that makes a repeated command of the JSON interface safe."""

import secrets
from typing import Annotated

from fastapi import Depends, Header


async def idempotency_key(  # async, because FastAPI runs a plain function in a thread
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            pattern=r"^[\x20-\x7e]+$",
            description=(
                "Any text of yours that is new for each command. Repeating a command with the same key "
                "has one effect and gives one answer."
            ),
        ),
    ] = None,
) -> str:
    """Return the caller's key; without one a random key, so that the gateway's own repetition is safe."""
    return idempotency_key or secrets.token_urlsafe(16)


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
