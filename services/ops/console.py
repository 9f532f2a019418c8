"""What the ops commands share: output as lines or one JSON document, settings, the broker connection."""

import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

import click
import structlog
from aio_pika.abc import AbstractConnection

from services.chassis.messaging import broker
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.settings import Section, WrongSettings, read
from services.ops.settings import BrokerCommandSettings

S = TypeVar("S", bound=Section)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")


class CannotInspect(click.ClickException):
    """The broker or a database does not answer, so the result is unknown: neither yes (0) nor no (1)."""

    exit_code = 2


def read_settings(kind: type[S]) -> S:
    """Return the settings of a command.

    Raises:
        click.UsageError: a setting is missing or wrong. Its exit code is 2, because 1 is an answer of some
            commands.
    """
    try:
        return read(kind)
    except WrongSettings as error:
        raise click.UsageError(str(error)) from None


def print_result(document: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print the document as JSON, or else the lines."""
    if as_json:
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


@asynccontextmanager
async def broker_connection(part: str) -> AsyncIterator[AbstractConnection]:
    """Connect to the broker for the length of a command.

    Raises:
        CannotInspect: no node answers, or the connection is lost.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        async with await broker.connect(read_settings(BrokerCommandSettings).broker_urls, part) as connection:
            yield connection
    except broker.LOST as error:
        raise CannotInspect(
            f"the broker does not answer ({type(error).__name__}); EPASS_BROKER_URLS names its nodes"
        ) from error


class Progress:
    """A progress line on stderr, at most twice a second. On a terminal each line overwrites the last one."""

    def __init__(self) -> None:
        self._due = monotonic() + 0.5
        self._watched = sys.stderr.isatty()
        self._shown = False

    def update(self, line: str) -> None:
        """Print a line unless the last one is younger than half a second."""
        if monotonic() >= self._due:
            self._due = monotonic() + 0.5
            self._shown = True
            click.echo(f"\r{line}\033[K" if self._watched else line, nl=not self._watched, err=True)

    def end(self) -> None:
        """Move on to a new line after the last progress line."""
        if self._shown and self._watched:
            click.echo(err=True)
