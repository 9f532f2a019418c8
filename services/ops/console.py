"""How an ops command speaks: lines for a person or one JSON document, and one line where it could not look at all."""

import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

import click
import structlog
from aio_pika.abc import AbstractConnection

from services.chassis.messaging import broker
from services.chassis.runtime.settings import Section, WrongSettings, read
from services.ops.settings import BrokerCommandSettings

S = TypeVar("S", bound=Section)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")


class CannotLook(click.ClickException):
    """The broker or a database does not answer: nothing is known, which is neither yes (0) nor no (1)."""

    exit_code = 2


def read_settings(kind: type[S]) -> S:
    """Return the settings of a command.

    Raises:
        click.UsageError: a setting is missing or wrong. Its exit code is 2, because 1 is an answer of some commands.
    """
    try:
        return read(kind)
    except WrongSettings as error:
        raise click.UsageError(str(error)) from None


def tell(document: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Prints the one or the other."""
    if as_json:
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


@asynccontextmanager
async def broker_connection(part: str) -> AsyncIterator[AbstractConnection]:
    """A connection to the broker for the length of a command.

    Raises:
        CannotLook: no node answers, or it went away meanwhile.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        async with await broker.connect(read_settings(BrokerCommandSettings).broker_urls, part) as connection:
            yield connection
    except broker.LOST as error:
        raise CannotLook(
            f"the broker does not answer ({type(error).__name__}); EPASS_BROKER_URLS names its nodes"
        ) from error


class Progress:
    """A line on stderr, twice a second: written over where somebody watches, else one below the other."""

    def __init__(self) -> None:
        self._due = monotonic() + 0.5
        self._watched = sys.stderr.isatty()
        self._shown = False

    def show(self, line: str) -> None:
        """Shows a line when its time has come."""
        if monotonic() >= self._due:
            self._due = monotonic() + 0.5
            self._shown = True
            click.echo(f"\r{line}\033[K" if self._watched else line, nl=not self._watched, err=True)

    def end(self) -> None:
        """Leaves the line that was written over."""
        if self._shown and self._watched:
            click.echo(err=True)
