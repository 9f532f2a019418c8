"""`epass`: every process and every chore of ops, by name. `epass --help` lists them."""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import click

from contracts.subscriptions import SERVICES
from services.chassis.runtime import logs
from services.chassis.runtime.settings import Settings, settings

service_name = click.argument("service", type=click.Choice(SERVICES))
OPS = {
    "dead-letters": "dead_letters:dead_letters",
    "outbox": "outbox:outbox",
    "invariants": "invariants:command",
}
"""Commands that live in ``services/ops/commands``, imported when they are asked for."""


class WithOps(click.Group):
    """The commands here and those of ops."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted([*super().list_commands(ctx), *OPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in OPS:
            return super().get_command(ctx, cmd_name)
        module, name = OPS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(f"services.ops.commands.{module}"), name)
        return command


@click.group(cls=WithOps)
def main() -> None:
    """e-Pass: visitor passes for the Punjab Civil Secretariat."""


@main.command()
@service_name
@click.option(
    "--only", type=click.Choice(["rpc", "events"]), help="One of the two containers; both where left out."
)
def serve(service: str, only: str | None) -> None:
    """Serve a nameko service until SIGTERM."""
    arguments = [sys.executable, "-m", "services.chassis.runtime.serve", service, *([only] if only else [])]
    os.execv(sys.executable, arguments)  # noqa: S606  a process of its own, patched before anything is imported


@main.command()
def relay() -> None:
    """Send the outboxes of all EPASS_RELAY_DATABASE_URLS to the broker."""
    from services.chassis.messaging import relay as relay_module

    _run_until_stopped("relay", relay_module.run)


@main.command("ops-exporter")
def ops_exporter() -> None:
    """Serve dead letters, depths of queues and the invariants as metrics."""
    from services.ops import exporter

    _run_until_stopped("exporter", exporter.run)


def _run_until_stopped(name: str, run: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> None:
    """A process on asyncio, with its health, until SIGTERM or Ctrl-C."""
    from services.chassis.runtime.health import health

    options = settings()
    logs.configure(name, options.log_level)
    health.serve(options.health_host, options.health_port)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(options, stop)

    asyncio.run(until_stopped())


@main.command()
def gateway() -> None:
    """Serve HTTP: the JSON interface and the pages."""
    importlib.import_module("services.gateway.main").main()


@main.command()
def sender() -> None:
    """Send notify's messages through their channels."""
    importlib.import_module("services.notify.sender").main()


@main.command()
@service_name
def migrate(service: str) -> None:
    """Bring a service's database to its newest schema."""
    from services.chassis.db.migrate import upgrade

    upgrade(service, settings().database_url.get_secret_value())


@main.command()
@service_name
def grants(service: str) -> None:
    """Print the SQL that lets the role `ops` count in a service's database."""
    from services.ops.grants import statements

    for statement in statements(service):
        click.echo(f"{statement};")


@main.command()
@click.argument("service", type=click.Choice(["accounts", "approval"]))
@click.option("--logins", type=click.Path(dir_okay=False), help="accounts: the demo logins, as JSON.")
def seed(service: str, logins: str | None) -> None:
    """Fill a database with the demo's directory or logins, once."""
    importlib.import_module(f"services.{service}.seed").main(logins) if logins else importlib.import_module(
        f"services.{service}.seed"
    ).main()


@main.group()
def topology() -> None:
    """Exchanges, queues and bindings on the broker."""


@topology.command("apply")
def topology_apply() -> None:
    """Declare everything that contracts/subscriptions.py asks for."""
    from services.chassis.messaging import broker
    from services.chassis.messaging import topology as topology_module

    async def apply() -> None:
        connection = await broker.connect(settings().broker_urls, "topology")
        async with connection:
            await topology_module.declare(await connection.channel(), settings().retry_delays)

    asyncio.run(apply())


@topology.command("check")
def topology_check() -> None:
    """Name what is missing; exit code 1 where anything is."""
    from services.chassis.messaging import broker
    from services.chassis.messaging import topology as topology_module

    async def check() -> list[str]:
        connection = await broker.connect(settings().broker_urls, "topology")
        async with connection:
            return await topology_module.missing(connection, settings().retry_delays)

    absent = asyncio.run(check())
    for name in absent:
        click.echo(f"missing: {name}")
    sys.exit(1 if absent else 0)


if __name__ == "__main__":
    main()
