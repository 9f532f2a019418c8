"""Which dead letters a command is about: of a queue, of an event, or the one with an id."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from contracts.events import BY_NAME
from services.ops.dead_letter import Letter
from services.ops.queues import consumer_queues

Command = Callable[..., None]


@dataclass(frozen=True)
class Which:
    """What was chosen; nothing given is everything. ``requests``: whether those of RPC queues are meant too."""

    queue: str | None = None
    type: str | None = None
    key: str | None = None
    requests: bool = True
    also: Callable[[Letter], bool] = lambda _letter: True

    @property
    def is_everything(self) -> bool:
        """Whether nothing was given."""
        return not (self.queue or self.type or self.key)

    @property
    def queues(self) -> list[str]:
        """The consumers' queues whose dead letters are to be looked at."""
        return [
            queue
            for queue in consumer_queues()
            if self.queue in {None, queue}
            and (self.type is None or queue.endswith(f".{self.type}"))
            and (self.requests or not is_rpc(queue))
        ]

    def chooses(self, letter: Letter) -> bool:
        """Whether a letter of these queues is meant."""
        return self.key in {None, letter.key} and self.also(letter)

    def only(self, also: Callable[[Letter], bool]) -> "Which":
        """Of these the ones for which ``also`` is true."""
        return replace(self, also=also)


def is_rpc(queue: str) -> bool:
    """Whether requests lie there, whose callers have given up long ago."""
    return queue.startswith("rpc-")


def choosing(command: Command) -> Command:
    """Gives a command the options that choose dead letters, as its argument ``which``."""

    @functools.wraps(command)
    def chosen(queue: str | None, event: str | None, key: str | None, **rest: Any) -> None:
        command(which=Which(queue, event, key), **rest)

    for option in (
        click.option("--id", "key", help="Of one letter, as `list` shows it."),
        click.option(
            "--type", "event", type=click.Choice(sorted(BY_NAME)), help="Of all consumers of this event."
        ),
        click.option(
            "--queue", callback=_consumer_queue, help="Of this consumer: its queue, or its dead queue."
        ),
    ):
        chosen = option(chosen)
    return chosen


def must_choose(command: Command) -> Command:
    """Refuses ``choosing`` nothing, unless ``--all`` says that it is meant."""

    @functools.wraps(command)
    def chosen(which: Which, everything: bool, **rest: Any) -> None:
        if which.is_everything and not everything:
            raise click.UsageError("say which: --queue, --type, --id or --all")
        command(which=which, **rest)

    return click.option("--all", "everything", is_flag=True, help="All there are.")(chosen)


def _consumer_queue(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    queue = value.removesuffix(".dead") if value else None
    if queue is not None and queue not in set(consumer_queues()):
        raise click.BadParameter(f"no consumer has it; such as {next(consumer_queues())}")
    return queue
