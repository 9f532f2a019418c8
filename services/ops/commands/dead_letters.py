"""`epass dead-letters`: list, show, replay and drop the messages that no consumer could handle."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import click
from aio_pika.abc import AbstractConnection

from services.chassis.runtime.clock import now
from services.ops import queues, redrive
from services.ops.console import Progress, as_json, broker_connection, print_result
from services.ops.dead_letter import DeadLetter, Facts
from services.ops.selection import Selection, is_rpc, require_selection, selection_options

T = TypeVar("T")
Work = Callable[[AbstractConnection, str, redrive.Wanted, redrive.Tally, redrive.Step], Awaitable[None]]
INTERRUPTED = 130


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that no consumer could handle: list, show, replay or drop them."""


@dead_letters.command("list")
@selection_options
@as_json
def list_(selection: Selection, as_json: bool) -> None:
    """Count the dead letters of each consumer. With --queue, --type or --id print a line for each letter."""
    if selection.is_everything:
        counts = asyncio.run(_counts(selection))
        lines = [f"{number:>8}  {queue}" for queue, number in counts.items()] or ["no dead letters"]
        print_result({"queues": counts, "total": sum(counts.values())}, lines, as_json=as_json)
    else:
        letters = asyncio.run(_read(selection, DeadLetter.summary))
        print_result({"letters": letters, "total": len(letters)}, map(_line, letters), as_json=as_json)


@dead_letters.command()
@selection_options
@click.option("--limit", default=20, show_default=True, help="Letters of each queue, at most.")
@as_json
def show(selection: Selection, limit: int, as_json: bool) -> None:
    """Show the contents without anything personal; of a message that is no event only length and digest."""
    letters = asyncio.run(_read(selection, DeadLetter.detail, limit))
    print_result(
        {"letters": letters}, (line for letter in letters for line in _lines(letter)), as_json=as_json
    )


@dead_letters.command()
@selection_options
@require_selection
@as_json
def replay(selection: Selection, as_json: bool) -> None:
    """Send dead letters back to their consumer, which tries again. Forged ones stay.

    Ctrl-C stops safely; run it again to continue.
    """
    if selection.queue and is_rpc(selection.queue):
        raise click.UsageError("nobody waits for the answers to these requests any more: show or drop them")
    _redrive(redrive.replay, replace(selection, requests=False), "replayed", as_json=as_json)


@dead_letters.command()
@selection_options
@require_selection
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@as_json
def drop(selection: Selection, yes: bool, as_json: bool) -> None:
    """Delete dead letters for good: those that exist now, and none that arrive meanwhile."""
    found = asyncio.run(_read(selection, _identity))
    for queue, number in sorted(Counter(queue for queue, _ in found).items()):
        click.echo(f"{number:>8}  {queue}", err=True)
    if found and not yes:
        click.confirm(f"Delete {len(found)} for good?", abort=True, err=True)
    chosen = set(found)
    _redrive(
        redrive.drop, selection.only(lambda letter: _identity(letter) in chosen), "dropped", as_json=as_json
    )


async def _counts(selection: Selection) -> dict[str, int]:
    async with broker_connection("dead-letters") as connection:
        found = await queues.dead_letters(connection, selection.queues)
    return {queue: number for queue, number in sorted(found.items()) if number}


async def _read(
    selection: Selection, convert: Callable[[DeadLetter], T], limit: int | None = None
) -> list[T]:
    """Read the selected letters and convert each; the letters stay in their queues."""
    found: list[T] = []
    async with broker_connection("dead-letters") as connection:
        for queue, number in (await queues.dead_letters(connection, selection.queues)).items():
            async with queues.QueueBrowser(connection, queue) as browser:
                left = limit
                async for message in browser.messages(number):
                    letter = DeadLetter.of(queue, message)
                    if left == 0:
                        break
                    if selection.chooses(letter):
                        found.append(convert(letter))
                        left = left - 1 if left else None
    return found


def _redrive(work: Work, selection: Selection, done: str, *, as_json: bool) -> None:
    """Replay or drop queue by queue with a progress line, then print what was done."""
    progress = Progress()
    try:
        tallies = asyncio.run(
            _work_through(work, selection, lambda queue, tally: progress.update(_how_far(queue, tally, done)))
        )
    finally:
        progress.end()
    interrupted = any(tally.stop.is_set() for tally in tallies.values())
    by_queue = {queue: tally.done for queue, tally in tallies.items() if tally.done}
    lines = [_how_far(queue, tally, done) for queue, tally in tallies.items() if tally.seen] or [
        "no such dead letter"
    ]
    lines += ["interrupted: run it again to continue"] if interrupted else []
    print_result(
        {done: sum(by_queue.values()), "queues": by_queue, "interrupted": interrupted}, lines, as_json=as_json
    )
    if interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


async def _work_through(
    work: Work, selection: Selection, step: Callable[[str, redrive.Tally], None]
) -> dict[str, redrive.Tally]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tallies: dict[str, redrive.Tally] = {}
    async with broker_connection("dead-letters") as connection:
        for queue, total in (await queues.dead_letters(connection, selection.queues)).items():
            if total and not stop.is_set():
                tally = tallies[queue] = redrive.Tally(total, stop=stop)
                try:
                    await work(connection, queue, selection.chooses, tally, partial(step, queue, tally))
                except redrive.NotConfirmed as error:
                    raise click.ClickException(
                        f"{queue}: the broker does not take them ({error}); "
                        "what is not replayed is still there"
                    ) from error
    return tallies


def _identity(letter: DeadLetter) -> tuple[str, str]:
    return letter.queue, letter.sha256


def _how_far(queue: str, tally: redrive.Tally, done: str) -> str:
    return f"{queue}: {tally.seen} of {tally.total} looked at, {tally.done} {done}"


def _line(letter: Facts) -> str:
    tried = f"{letter['attempts']} attempts" + (
        f", replayed {letter['replayed']} times" if letter["replayed"] else ""
    )
    what = letter["type"] if letter["readable"] else "(unreadable)"
    if not letter["genuine"]:
        what += " (forged)"
    identity = f"{letter['id']:<36}  {letter['queue']}  {what} {letter['subject']}"
    return f"{identity}  {tried}  {letter['error'] or '?'}  {_since(letter['failed_at'])}"


def _since(instant: str | None) -> str:
    if instant is None:
        return "?"
    minutes, seconds = divmod(int((now() - datetime.fromisoformat(instant)).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    age = (
        f"{hours // 24} d {hours % 24} h"
        if hours >= 24
        else f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {seconds} s"
    )
    return f"{instant} ({age} ago)"


def _lines(letter: Facts) -> Iterator[str]:
    yield _line(letter)
    yield f"  {letter['bytes']} bytes, sha256 {letter['sha256']}"
    event: dict[str, Any] = letter["event"] or {}
    for name, value in {**event, **event.get("data", {})}.items():
        if name != "data" and value is not None:
            yield f"  {name:<16} {value}"
    yield ""
