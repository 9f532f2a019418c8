"""`epass`: the command line, with every process and every task of ops. `epass --help` lists them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeVar, cast

import click
import uvloop

from contracts.subscriptions import SERVICES
from services.chassis.runtime import logs, tracing
from services.chassis.runtime.clock import now
from services.chassis.runtime.health import Health
from services.chassis.runtime.settings import DatabaseSettings, ProcessSettings, read
from services.ops.settings import (
    DatabaseCommandSettings,
    DirectoryCommandSettings,
    ExporterSettings,
    LoginImportSettings,
    MigrationSettings,
)

if TYPE_CHECKING:
    from contracts.csv_table import Problem
    from contracts.model import DirectoryTable, Language
    from services.chassis.db.database import Database

P = TypeVar("P", bound=ProcessSettings)
GROUPS = {
    "affected": "affected",
    "audit": "audit",
    "breach": "breach",
    "dead-letters": "dead_letters",
    "invariants": "command",
    "jobs": "jobs",
    "keys": "keys",
    "messages": "messages",
    "outbox": "outbox",
    "topology": "topology",
}
"""The modules of ``services/ops/commands``, and what each calls its command."""
TABLES = ("sites", "gates", "hours", "departments", "officers", "holidays", "escalation")
service_name = click.argument("service", type=click.Choice(SERVICES))


class LazyGroup(click.Group):
    """The commands of this module and of ``services/ops/commands``; the latter are imported only when they
    run.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted([*super().list_commands(ctx), *GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, None if there is none."""
        if cmd_name in GROUPS:
            module = import_module(f"services.ops.commands.{cmd_name.replace('-', '_')}")
            return cast(click.Command, getattr(module, GROUPS[cmd_name]))
        return super().get_command(ctx, cmd_name)


@click.group(cls=LazyGroup)
def main() -> None:
    """e-Pass: visitor passes for the Punjab Civil Secretariat."""


@main.command()
@service_name
@click.option(
    "--only", type=click.Choice(["rpc", "events"]), help="One of the two containers; both by default."
)
def serve(service: str, only: str | None) -> None:
    """Serve a nameko service until SIGTERM."""
    arguments = [sys.executable, "-m", "services.ops.serve", service, *([only] if only else [])]
    os.execv(sys.executable, arguments)  # noqa: S606  a process of its own, patched before anything is imported


@main.command()
def relay() -> None:
    """Send the outboxes of all EPASS_RELAY_DATABASE_URLS to the broker."""
    from services.chassis.messaging import relay as relay_module
    from services.chassis.messaging.relay_settings import RelaySettings

    _run_until_stopped("relay", RelaySettings, relay_module.run)


@main.command("ops-exporter")
def ops_exporter() -> None:
    """Serve dead letters, depths of queues and the invariants as metrics."""
    from services.ops import exporter

    _run_until_stopped("exporter", ExporterSettings, exporter.run)


def _run_until_stopped(
    name: str, kind: type[P], run: Callable[[P, Health, asyncio.Event], Awaitable[None]]
) -> None:
    """Run an asyncio process with its health endpoint until SIGTERM or Ctrl-C."""
    options, health = read(kind), Health()
    logs.configure(name, options.log_level)
    health.serve(options.health_host, options.health_port, options.served_with())

    async def until_stopped() -> None:
        stop, health.loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            health.loop.add_signal_handler(number, stop.set)
        await run(options, health, stop)

    with tracing.exporting(name, options.otlp_endpoint, options.otlp_ratio):
        uvloop.run(until_stopped())


@main.command()
def gateway() -> None:
    """Serve HTTP: the JSON interface and the pages."""
    from services.gateway import main as process

    process.main()


@main.command()
def sender() -> None:
    """Send notify's messages through their channels."""
    from services.notify import sender as process

    process.main()


@main.command()
def register() -> None:
    """Print the register of processing as Markdown: periods as they are set, and who works for the site."""
    from contracts import processing
    from services.ops.settings import RegisterSettings

    for line in processing.lines(read(RegisterSettings).model_dump()):
        click.echo(line)


@main.command()
@service_name
def migrate(service: str) -> None:
    """Bring a service's database, as its owner, to its newest schema, and drop months that need not stay."""
    from services.chassis.db.migrate import UnknownRevision
    from services.ops.migrations import upgrade

    settings = read(MigrationSettings)
    try:
        upgrade(service, settings.database_url.get_secret_value(), settings.records_kept_months)
    except UnknownRevision as error:
        raise click.ClickException(f"{service}: {error}") from error


@main.command()
@service_name
@click.option("--apply", is_flag=True, help="Run it in EPASS_DATABASE_URL, as the owner of that database.")
def grants(service: str, apply: bool) -> None:
    """Print the SQL that gives the roles of a service, `relay` and `ops` their rights in its database."""
    from services.ops.databases import connect
    from services.ops.grants import statements
    from services.ops.migrations import grant

    if not apply:
        for statement in statements(service):
            click.echo(f"{statement};")
        return
    with connect(read(DatabaseSettings).database_url.get_secret_value()) as connection:
        grant(service, connection)


@main.command()
@click.argument("service", type=click.Choice(["accounts", "approval"]))
@click.option("--logins", type=click.Path(dir_okay=False), help="accounts: the demo logins, as JSON.")
def seed(service: str, logins: str | None) -> None:
    """Fill a database with the demo's directory or logins, once."""
    if service == "accounts":
        if logins is None:
            raise click.UsageError("the demo logins of accounts come from a file: --logins FILE")
        from services.accounts import commands

        with _database(read(DatabaseCommandSettings)) as db:
            commands.seed(db, now(), Path(logins))
    else:
        from services.approval import commands as approval

        with _database(read(DatabaseCommandSettings)) as db:
            approval.seed(db, now())


@main.command("import")
@click.argument("table", type=click.Choice(("logins", *TABLES)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Apply the file; without it the file is only checked.")
@click.option("--accept", default=0, help="How many visits and applications may be affected; 0 by default.")
@click.option(
    "--passwords",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Logins: a new file for the initial passwords, as CSV, which only its owner can read.",
)
@click.option("--language", type=click.Choice(["pa", "hi", "en"]), default="en", help="Of the problems.")
def import_file(
    table: "DirectoryTable | Literal['logins']",
    file: Path,
    apply: bool,
    accept: int,
    passwords: Path | None,
    language: "Language",
) -> None:
    """Check a CSV file of logins or of the directory, and apply it as a whole; exit code 1 for problems.

    Logins are checked against the directory in EPASS_DIRECTORY_DATABASE_URL. Applying them stores each
    with its initial password in the file that --passwords names.
    """
    from contracts.csv_table import Unreadable, decode
    from services.gateway.pages.shared.file_problems import sentence

    if table == "logins" and apply and passwords is None:
        raise click.UsageError("the initial passwords need a file: --passwords FILE")
    try:
        text = decode(file.read_bytes())
    except Unreadable as error:
        raise click.ClickException(
            f"line {error.problem.line}: {sentence(error.problem, language)}"
        ) from None
    if table == "logins":
        problems, outcome = _import_logins(text, passwords if apply else None, language)
    else:
        problems, outcome = _import_directory(table, text, apply, accept)
    for problem in problems:
        click.echo(f"line {problem.line}, {problem.column or '-'}: {sentence(problem, language)}")
    if problems:
        sys.exit(1)
    click.echo(outcome)


def _import_directory(
    table: "DirectoryTable", text: str, apply: bool, accept: int
) -> "tuple[list[Problem], str]":
    """Return the problems of a file of the directory, and what was or would be done."""
    from contracts.errors import Conflict
    from services.approval import commands as approval

    with _database(read(DatabaseCommandSettings)) as db:
        try:
            found, effects = approval.import_table(db, now(), table, text, apply=apply, accepted=accept)
        except Conflict as refused:
            numbers = ", ".join(f"{name} {number}" for name, number in refused.body.facts.items())
            raise click.ClickException(f"the file affects more than --accept {accept}: {numbers}") from None
    affected = ", ".join(f"{name} {number}" for name, number in effects.facts.items())
    done = "changed" if apply else "would change"
    return found.problems, (
        f"{len(found.changed)} lines {done}, {found.added} of them new; {found.unchanged} are as before\n"
        f"affected: {affected}"
    )


def _import_logins(text: str, passwords: Path | None, language: "Language") -> "tuple[list[Problem], str]":
    """Return the problems of a file of logins, and how many it made or would make.

    With a file for the initial passwords the logins are issued.
    """
    from contracts.csv_table import write
    from services.accounts import commands as accounts
    from services.accounts.domain.login_table import Places
    from services.approval import commands as approval

    settings = read(LoginImportSettings)
    where = read(DirectoryCommandSettings).directory_database_url
    with _database(DatabaseSettings(database_url=where)) as db:
        places = Places(**approval.directory_codes(db))
    if passwords is None:
        with _database(settings) as db:
            made, problems = accounts.import_logins(db, now(), places, text, language, None)
        return problems, f"{len(made)} logins would be issued"
    with _private_file(passwords) as out, _database(settings) as db:
        secret = settings.password_secret
        made, problems = accounts.import_logins(db, now(), places, text, language, secret)
        if not problems:
            lines = [(one.login_id, one.name, one.initial_password or "") for one in made]
            out.write(write(("login_id", "name", "initial_password"), lines))
    return problems, f"{len(made)} logins are issued; their initial passwords are in {passwords}"


@main.command("create-first-ado")
@click.option("--name", required=True, help="Of the holder.")
@click.option("--mobile", help="Of the holder, who then gets a message with the login.")
def create_first_ado(name: str, mobile: str | None) -> None:
    """Issue the first login of the ADO Branch and print its initial password; refuse if there is one."""
    from contracts.mobile import parse_mobile
    from services.accounts import commands as accounts

    try:
        number = None if mobile is None else parse_mobile(mobile)
    except ValueError:
        raise click.UsageError("--mobile is no mobile number") from None
    settings = read(LoginImportSettings)
    with _database(settings) as db:
        made = accounts.create_first_ado(db, now(), " ".join(name.split()), number, settings.password_secret)
    if made is None:
        raise click.ClickException("there is a login of the ADO Branch: it issues all others")
    click.echo(f"{made.login_id} {made.initial_password}")
    click.echo(
        "Hand it over now: it is not shown again, expires, and is changed at the first sign-in.", err=True
    )


@main.command("reset-factor")
@click.argument("login_id")
def reset_factor(login_id: str) -> None:
    """Remove the authenticator app of a login that is lost, when no colleague of the ADO Branch can."""
    from services.accounts import commands as accounts

    with _database(read(LoginImportSettings)) as db:
        if not accounts.reset_factor(db, now(), login_id):
            raise click.ClickException("there is no such login with an authenticator app")
    click.echo(f"{login_id} has no authenticator app any more and is signed out")


@main.command()
@click.argument("references", nargs=-1, required=True)
def erase(references: tuple[str, ...]) -> None:
    """Erase again, after a restore, what people had erased (docs/backup.md); exit code 1 if some stays."""
    from services.application.handlers import own_data
    from services.application.settings import ApplicationSettings

    settings = read(ApplicationSettings)
    with _database(settings) as db:
        gone, pictures, locked = own_data.erase_again(db, now(), references, settings)
    stays = set(references).difference(gone, locked)
    click.echo(
        f"erased: {' '.join(gone) or '-'}; the photograph alone: {' '.join(pictures) or '-'}; "
        f"locked: {' '.join(locked) or '-'}"
    )
    if stays:
        click.echo(f"stays, unless it is gone: {' '.join(sorted(stays))}", err=True)
        sys.exit(1)


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """Make a new file that only its owner can read; remove it again if nothing is written into it.

    Raises:
        click.ClickException: it exists, or cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
    finally:
        if path.stat().st_size == 0:
            path.unlink()


@contextmanager
def _database(settings: DatabaseSettings) -> "Iterator[Database]":
    """Connect to the database that EPASS_DATABASE_URL names."""
    from services.chassis.db.database import Database

    db = Database.of(settings)
    try:
        yield db
    finally:
        db.close()


if __name__ == "__main__":
    main()
