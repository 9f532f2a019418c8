"""The dead letters that a command works on: those of a queue, of an event, or the one with an id."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from contracts.events import BY_NAME
from services.ops.dead_letter import DeadLetter
from services.ops.queues import consumer_queues

Command = Callable[..., None]


@dataclass(frozen=True)
class Selection:
    """The choice of the caller; an empty one means every dead letter.

    Args:
        queue: only of this consumer.
        type: only of this event.
        key: only the letter with this id.
        requests: whether letters of RPC queues are included.
        also: a further condition.
    """

    queue: str | None = None
    type: str | None = None
    key: str | None = None
    requests: bool = True
    also: Callable[[DeadLetter], bool] = lambda _letter: True

    @property
    def is_everything(self) -> bool:
        """Return whether the caller chose nothing."""
        return not (self.queue or self.type or self.key)

    @property
    def queues(self) -> list[str]:
        """The consumers' queues whose dead letters are read."""
        return [
            queue
            for queue in consumer_queues()
            if self.queue in {None, queue}
            and (self.type is None or queue.endswith(f".{self.type}"))
            and (self.requests or not is_rpc(queue))
        ]

    def chooses(self, letter: DeadLetter) -> bool:
        """Return whether a letter of these queues is included."""
        return self.key in {None, letter.key} and self.also(letter)

    def only(self, also: Callable[[DeadLetter], bool]) -> "Selection":
        """Return the same selection, limited to letters for which ``also`` is true."""
        return replace(self, also=also)


def is_rpc(queue: str) -> bool:
    """Return whether a queue holds requests, whose callers gave up long ago."""
    return queue.startswith("rpc-")


def selection_options(command: Command) -> Command:
    """Give a command the options that select dead letters, as its argument ``selection``."""

    @functools.wraps(command)
    def chosen(queue: str | None, event: str | None, key: str | None, **rest: Any) -> None:
        command(selection=Selection(queue, event, key), **rest)

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


def require_selection(command: Command) -> Command:
    """Refuse an empty selection unless ``--all`` confirms it."""

    @functools.wraps(command)
    def chosen(selection: Selection, everything: bool, **rest: Any) -> None:
        if selection.is_everything and not everything:
            raise click.UsageError("choose with --queue, --type, --id or --all")
        command(selection=selection, **rest)

    return click.option("--all", "everything", is_flag=True, help="Every dead letter.")(chosen)


def _consumer_queue(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    queue = value.removesuffix(".dead") if value else None
    if queue is not None and queue not in set(consumer_queues()):
        raise click.BadParameter(f"no consumer has it; such as {next(consumer_queues())}")
    return queue
