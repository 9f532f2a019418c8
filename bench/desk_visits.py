"""The desk's live page of visitors: 1,000 of a department are inside, and 200 desks are open.

Meanwhile visitors come: how long until a desk counts each, which asks by its own rhythm.

`python -m bench.desk_visits` measures it alone, on a system of its own.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Iterable
from itertools import cycle, islice

import httpx

from bench import journeys, processor
from bench.load import Connection, Request, Result, requests
from bench.one_run import running_system
from deploy.local.stack import Stack

INSIDE, DESKS = 1_000, 200
EACH_SECONDS, ROUNDS = 5.0, 4
"""How often an open page asks again (`desk/visits.html`), and how often each does here."""
ARRIVALS, EACH_ARRIVAL = 8, 1.5
"""Visitors who come meanwhile, and seconds from one to the next."""
MOBILES = [f"+9198123003{number:02}" for number in range(ARRIVALS)]
PATHS = ("/en/desk/visits?part=here", "/en/desk/visits?part=expected")
_FILL = """
with one as (select reviews as row from reviews limit 1), made as (
  insert into reviews
  select (jsonb_populate_record(one.row, jsonb_build_object(
    'id', gen_random_uuid(), 'application_id', gen_random_uuid(), 'reference', 'INSIDE-' || number,
    'status', 'approved', 'department', 'home', 'entered_on', (now() at time zone interval '+05:30')::date
  ))).* from one, generate_series(1, %(count)s) as number returning id, site
)
insert into visits (review_id, day, site, department, gate, arrived_at, entered_at)
select id, (now() at time zone interval '+05:30')::date, site, 'home', site || '-G1', now(), now() from made
"""


async def _come(client: httpx.AsyncClient, gate: Connection, entries: Iterable[Request]) -> Result:
    """Let visitors come; return for each how long after the gate's answer a desk counts them."""
    result = Result()

    async def waiting() -> int:
        answer = await client.get(PATHS[0])
        found = re.search(r'part=here".*?epass-count">([\d,]+)', answer.text)
        if answer.status_code == httpx.codes.OK and found:
            return int(found[1].replace(",", ""))
        return 0  # refused: the page asks again

    async def follow(count: int, since: float) -> None:
        await asyncio.sleep(random.uniform(0, EACH_SECONDS))  # somewhen between two questions of its page
        while await waiting() < count:
            await asyncio.sleep(EACH_SECONDS)
        result.latencies.append(time.perf_counter() - since)

    following = []
    for count, entry in enumerate(entries, INSIDE + 1):
        await asyncio.sleep(EACH_ARRIVAL)
        status, body = await gate.send(entry)
        assert (status, json.loads(body)["verdict"]) == (200, "admit"), body
        following.append(asyncio.create_task(follow(count, time.perf_counter())))
    await asyncio.gather(*following)
    return result


async def _watch(gateway: str, stack: Stack, entries: Iterable[Request]) -> tuple[Result, Result]:
    login = json.loads((stack.folder / "logins.json").read_text())["department"]
    limits = httpx.Limits(max_connections=DESKS)
    result = Result()
    async with httpx.AsyncClient(
        base_url=gateway, headers={"Origin": gateway}, trust_env=False, limits=limits, timeout=30
    ) as client:
        form = {"login_id": login["login_id"], "password": login["password"]}
        await client.post("/en/staff/sign-in", data=form)
        began = time.perf_counter()

        known: dict[str, str] = {}

        async def ask(path: str, due: float) -> None:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            answer = await client.get(path, headers={"If-None-Match": known.get(path, "")})
            if answer.status_code in {httpx.codes.OK, httpx.codes.NOT_MODIFIED}:
                result.latencies.append(time.perf_counter() - due)
                if found := re.search('data-state="(.+?)"', answer.text):
                    known[path] = f'"{found[1]}"'
            else:
                result.refused[answer.status_code] = result.refused.get(answer.status_code, 0) + 1

        turns = range(DESKS * ROUNDS)
        due = (began + turn * EACH_SECONDS / DESKS for turn in turns)
        come = asyncio.create_task(_come(client, await Connection(gateway).open(), entries))
        await asyncio.gather(*map(ask, (path for path, _ in zip(cycle(PATHS), turns, strict=False)), due))
        result.seconds = time.perf_counter() - began
        return result, await come


def show(stack: Stack, gateway: str, print_line: Callable[[str], None]) -> None:
    """Print how long open pages take at the gateway, what they cost, and when one knows who has come."""
    logins = stack.folder / "logins.json"
    visitors = asyncio.run(journeys.run(gateway, logins, ARRIVALS, MOBILES))
    with stack.postgres.connect("approval") as connection:
        connection.execute(_FILL, {"count": INSIDE})
        connection.execute("vacuum analyze reviews")
        connection.execute("vacuum analyze visits")
    entries = islice(requests(visitors.tokens, visitors.security), 0, None, 2)  # and no exits
    print_line(f"\n{DESKS} desks, {INSIDE:,} visitors inside, each asks every {EACH_SECONDS:.0f} seconds")
    for name, who in (("nobody comes", ()), ("some come", entries)):
        before = processor.seconds(stack)
        found, come = asyncio.run(_watch(gateway, stack, who))
        used = processor.seconds(stack)
        used.subtract(before)
        print_line(
            f"  {name}: {found.rate:.0f} pages a second, refused {found.refused or 'none'}:"
            f"  p50 {found.quantile(0.5):.0f} ms  p99 {found.quantile(0.99):.0f} ms"
            f"  {used.total() * 1000 / (DESKS * ROUNDS):.1f} ms of a processor each"
        )
        most = ", ".join(f"{part} {seconds / found.seconds:.0%}" for part, seconds in used.most_common(5))
        print_line(f"  of a processor: {most}")
    print_line(
        f"  from the gate's answer until a desk counts a visitor: p50 {come.quantile(0.5) / 1000:.1f} s"
        f"  longest of {len(come.latencies)} {come.quantile(1) / 1000:.1f} s"
    )


def main() -> None:
    """Measure on a system of its own."""
    with running_system() as (stack, services):
        show(stack, services.address("gateway"), lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
