"""`epass topology`: exchanges, queues and bindings on the broker."""

import asyncio
import sys

import click

from services.chassis.messaging import broker
from services.chassis.messaging import topology as wire
from services.chassis.runtime.settings import read
from services.ops.settings import BrokerCommandSettings


@click.group()
def topology() -> None:
    """Exchanges, queues and bindings on the broker."""


@topology.command("apply")
def topology_apply() -> None:
    """Declare everything that contracts/subscriptions.py asks for; print which queues were not there.

    A queue that exists with other arguments is made anew, with its messages.
    """
    created: list[str] = []

    def tell(queue: str) -> None:
        created.append(queue)
        click.echo(f"declared: {queue}")

    async def apply() -> None:
        settings = read(BrokerCommandSettings)
        async with await broker.connect(settings.broker_urls, "topology") as connection:
            await wire.apply(connection, settings.retry_delays, tell)

    try:
        asyncio.run(apply())
    except wire.CannotMigrate as error:
        raise click.ClickException(str(error)) from error
    finally:
        if created:
            click.echo("if one had been deleted: in two minutes run `epass outbox replay-unseen`")


@topology.command("check")
def topology_check() -> None:
    """Print what is missing; exit code 1 if anything is."""

    async def check() -> list[str]:
        settings = read(BrokerCommandSettings)
        async with await broker.connect(settings.broker_urls, "topology") as connection:
            return await wire.missing(connection, settings.retry_delays)

    absent = asyncio.run(check())
    for name in absent:
        click.echo(f"missing: {name}")
    sys.exit(1 if absent else 0)
