"""The alternative: one FastAPI process that verifies the token and does the same three inserts.

`python -m bench.monolith DATABASE_URL PORT JWKS_URL`. No broker, no services, no outbox: it is the comparison
for `make bench`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

_TABLES = """
create table if not exists scan (
  id uuid primary key, nonce text unique, pass text, gate text, direction text, verdict text,
  at timestamptz default now()
);
create table if not exists presence (pass text primary key, inside int not null, admitted int not null);
create table if not exists event (
  id uuid primary key, type text, body jsonb, added_at timestamptz default now(), sent_at timestamptz
);
"""
CONNECTIONS = 10


class Scan(BaseModel):
    """The same body that the gateway takes."""

    token: str
    gate: str
    direction: str
    nonce: str
    id_check: dict[str, Any] | None = None


def application(database_url: str, jwks_url: str) -> FastAPI:
    """Create the monolith."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in httpx.get(jwks_url, trust_env=False).json()["keys"]}
    pool: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for _ in range(CONNECTIONS):
            pool.put_nowait(await psycopg.AsyncConnection.connect(database_url))
        connection = await pool.get()
        await connection.execute(_TABLES)
        await connection.commit()
        pool.put_nowait(connection)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/v1/scans")
    async def scan(body: Scan) -> dict[str, Any]:
        header = jwt.get_unverified_header(body.token)
        claims = jwt.decode(body.token, keys[header["kid"]], algorithms=["EdDSA"], audience="gate")
        inside = claims["party"] if body.direction == "entry" else 0
        connection = await pool.get()
        try:
            async with connection.transaction():
                await connection.execute(
                    "insert into scan (id, nonce, pass, gate, direction, verdict) "
                    "values (%s, %s, %s, %s, %s, %s)",
                    (uuid4(), body.nonce, claims["jti"], body.gate, body.direction, "admit"),
                )
                await connection.execute(
                    "insert into presence values (%s, %s, %s) on conflict (pass) "
                    "do update set inside = excluded.inside, admitted = presence.admitted + 1",
                    (claims["jti"], inside, inside),
                )
                await connection.execute(
                    "insert into event (id, type, body) values (%s, 'PassScanned', %s)",
                    (uuid4(), psycopg.types.json.Jsonb({"pass": claims["jti"], "inside": inside})),
                )
        finally:
            pool.put_nowait(connection)
        return {"verdict": "admit", "inside": inside, "party": claims["party"]}

    return app


def main() -> None:
    """Serve until killed."""
    database_url, port, jwks_url = sys.argv[1:4]
    uvicorn.run(application(database_url, jwks_url), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
