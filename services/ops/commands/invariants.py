"""Check whether everything adds up, for `epass invariants` and for the exporter.

A check reads the queues, then the databases, then the queues again. A message may move from the broker into a
database meanwhile, so the number in a queue is the larger one of before and after. What seems broken is
checked again before it is reported.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import click
from aio_pika.abc import AbstractConnection

from services.chassis.messaging.topology import delay_name
from services.ops import invariants, queues
from services.ops.balances import Balance
from services.ops.console import as_json, broker_connection, print_result, read_settings
from services.ops.settings import ExporterSettings, InvariantsCommandSettings

Options = ExporterSettings | InvariantsCommandSettings
ATTEMPTS = 3
PAUSE_SECONDS = 2.0


@click.command("invariants")
@click.option(
    "--grace",
    default=invariants.GRACE_SECONDS,
    show_default=True,
    help="Seconds that a message may be under way without being counted anywhere.",
)
@as_json
def command(grace: float, as_json: bool) -> None:
    """Check whether everything adds up, and print the numbers.

    Exit code 0: it does. 1: something is broken. 2: the broker or a database could not be read.
    """
    found = asyncio.run(_examine(read_settings(InvariantsCommandSettings), grace))
    hold = all(balance.holds for balance in found)
    print_result(
        {"hold": hold, "invariants": list(map(_facts, found))},
        (line for one in found for line in _lines(one)),
        as_json=as_json,
    )
    if not hold:
        raise click.exceptions.Exit(1)


async def _examine(settings: InvariantsCommandSettings, grace: float) -> list[Balance]:
    async with broker_connection("invariants") as connection:
        return await balances(connection, settings, grace)


async def balances(connection: AbstractConnection, options: Options, grace: float) -> list[Balance]:
    """Check all invariants; report one as broken only after ``ATTEMPTS`` checks.

    Raises:
        DatabaseAway: one cannot be read.
    """
    for _ in range(ATTEMPTS - 1):
        judged = await _inspect(connection, options, grace)
        if all(balance.holds for balance in judged):
            return judged
        await asyncio.sleep(PAUSE_SECONDS)
    return await _inspect(connection, options, grace)


async def _inspect(connection: AbstractConnection, options: Options, grace: float) -> list[Balance]:
    consumers = list(queues.consumer_queues())
    delayed = [delay_name(step) for step in range(len(options.retry_delays))]
    names = [*consumers, *map(queues.dead_queue, consumers), *delayed]
    before = await queues.depths(connection, names)
    found = await asyncio.to_thread(invariants.inspect, options.ops_database_urls, grace)
    after = await queues.depths(connection, names)

    def queued(consumers: tuple[str, ...]) -> int:
        return sum(
            max(before.get(name, queues.NOTHING).messages, after.get(name, queues.NOTHING).messages)
            for name in (*consumers, *map(queues.dead_queue, consumers), *delayed)
        )

    return [balance.judge(queued) for balance in found]


def _facts(balance: Balance) -> dict[str, Any]:
    return {
        "name": balance.name,
        "holds": balance.holds,
        balance.whole: balance.number,
        "parts": dict(balance.parts),
        "faults": dict(balance.faults),
    }


def _lines(balance: Balance) -> Iterator[str]:
    parts = " + ".join(f"{name} {number}" for name, number in balance.parts.items())
    verdict = "holds " if balance.holds else "BROKEN"
    yield f"{balance.name:<9} {verdict}  {balance.whole} {balance.number} = {parts}"
    yield from (f"{'':<18}{name}: {number}" for name, number in balance.faults.items() if number)
