"""The desk of a department with very many undecided applications: how long its page takes at the gateway."""

import json
import time
from pathlib import Path

import httpx
import psycopg

PENDING = 10_000
PAGES = 30
COPY = """
with one as (select reviews as row from reviews limit 1)
insert into reviews
select (jsonb_populate_record(one.row, jsonb_build_object(
  'id', gen_random_uuid(), 'application_id', gen_random_uuid(), 'reference', 'BENCH-' || number,
  'status', 'pending', 'department', %(department)s::text, 'precedence', least(number %% 500, 1),
  'visit_at', now() + number * interval '1 minute', 'waiting_since', now() - number * interval '1 minute'
))).* from one, generate_series(1, %(count)s) as number
"""
"""Copies of one review, spread over a week of visits; one of 500 waits at the counter."""


def fill(approval: "psycopg.Connection[tuple[object, ...]]", department: str) -> None:
    """Store `PENDING` reviews of a department, all copies of one that is there.

    Args:
        approval: connection in autocommit mode to the database of approval, which has at least one review.
        department: whose desk it is.
    """
    approval.execute(COPY, {"department": department, "count": PENDING})
    approval.execute("vacuum analyze reviews")


def page_milliseconds(gateway: str, logins: Path, path: str) -> list[float]:
    """Return how long the gateway takes for a page of the desk, `PAGES` times; sorted.

    Raises:
        httpx.HTTPStatusError: the page was not shown.
    """
    login = json.loads(logins.read_text())["department"]
    with httpx.Client(base_url=gateway, headers={"Origin": gateway}, trust_env=False) as client:
        form = {"login_id": login["login_id"], "password": login["password"]}
        client.post("/en/staff/sign-in", data=form)
        found = []
        for _ in range(PAGES):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            found.append((time.perf_counter() - began) * 1000)
    return sorted(found)
