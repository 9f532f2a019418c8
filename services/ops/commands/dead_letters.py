"""`epass dead-letters`: what no consumer could take, by queue and one by one; sent back, or dropped."""

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
from services.ops.console import Progress, as_json, broker_connection, tell
from services.ops.dead_letter import Facts, Letter
from services.ops.selection import Which, choosing, is_rpc, must_choose

T = TypeVar("T")
Work = Callable[[AbstractConnection, str, redrive.Wanted, redrive.Tally, redrive.Step], Awaitable[None]]
INTERRUPTED = 130


@click.group("dead-letters")
def dead_letters() -> None:
    """What no consumer could take: look at it, send it back, drop it."""


@dead_letters.command("list")
@choosing
@as_json
def list_(which: Which, as_json: bool) -> None:
    """How many each consumer has; with --queue, --type or --id one line for each letter."""
    if which.is_everything:
        counts = asyncio.run(_counts(which))
        lines = [f"{number:>8}  {queue}" for queue, number in counts.items()] or ["no dead letters"]
        tell({"queues": counts, "total": sum(counts.values())}, lines, as_json=as_json)
    else:
        letters = asyncio.run(_read(which, Letter.summary))
        tell({"letters": letters, "total": len(letters)}, map(_line, letters), as_json=as_json)


@dead_letters.command()
@choosing
@click.option("--limit", default=20, show_default=True, help="So many of each queue at most.")
@as_json
def show(which: Which, limit: int, as_json: bool) -> None:
    """What they say, without anything personal; of what is no event of ours only length and digest."""
    letters = asyncio.run(_read(which, Letter.whole, limit))
    tell({"letters": letters}, (line for letter in letters for line in _lines(letter)), as_json=as_json)


@dead_letters.command()
@choosing
@must_choose
@as_json
def replay(which: Which, as_json: bool) -> None:
    """Send them back to their consumer, who tries anew. Ctrl-C ends it after what is under way; run it again to go on."""
    if which.queue and is_rpc(which.queue):
        raise click.UsageError("nobody waits for the answers to these requests any more: show or drop them")
    _redrive(redrive.replay, replace(which, requests=False), "replayed", as_json=as_json)


@dead_letters.command()
@choosing
@must_choose
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def drop(which: Which, yes: bool, as_json: bool) -> None:
    """Delete them for good: those that are there now, and none that come meanwhile."""
    found = asyncio.run(_read(which, _identity))
    for queue, number in sorted(Counter(queue for queue, _ in found).items()):
        click.echo(f"{number:>8}  {queue}", err=True)
    if found and not yes:
        click.confirm(f"Delete {len(found)} for good?", abort=True, err=True)
    chosen = set(found)
    _redrive(redrive.drop, which.only(lambda letter: _identity(letter) in chosen), "dropped", as_json=as_json)


async def _counts(which: Which) -> dict[str, int]:
    async with broker_connection("dead-letters") as connection:
        found = await queues.dead_letters(connection, which.queues)
    return {queue: number for queue, number in sorted(found.items()) if number}


async def _read(which: Which, keep: Callable[[Letter], T], limit: int | None = None) -> list[T]:
    """What is to be kept of the chosen letters; the letters stay where they are."""
    found: list[T] = []
    async with broker_connection("dead-letters") as connection:
        for queue, number in (await queues.dead_letters(connection, which.queues)).items():
            async with queues.Look(connection, queue) as look:
                left = limit
                async for message in look.letters(number):
                    letter = Letter.of(queue, message)
                    if left == 0:
                        break
                    if which.chooses(letter):
                        found.append(keep(letter))
                        left = left - 1 if left else None
    return found


def _redrive(work: Work, which: Which, done: str, *, as_json: bool) -> None:
    """Does it queue by queue and shows how far it is; in the end it says what was done, and whether it was interrupted."""
    progress = Progress()
    try:
        tallies = asyncio.run(
            _work_through(work, which, lambda queue, tally: progress.show(_how_far(queue, tally, done)))
        )
    finally:
        progress.end()
    interrupted = any(tally.stop.is_set() for tally in tallies.values())
    by_queue = {queue: tally.done for queue, tally in tallies.items() if tally.done}
    lines = [_how_far(queue, tally, done) for queue, tally in tallies.items() if tally.seen] or [
        "no such dead letter"
    ]
    lines += ["interrupted: run it again to go on"] if interrupted else []
    tell(
        {done: sum(by_queue.values()), "queues": by_queue, "interrupted": interrupted}, lines, as_json=as_json
    )
    if interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


async def _work_through(
    work: Work, which: Which, step: Callable[[str, redrive.Tally], None]
) -> dict[str, redrive.Tally]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tallies: dict[str, redrive.Tally] = {}
    async with broker_connection("dead-letters") as connection:
        for queue, total in (await queues.dead_letters(connection, which.queues)).items():
            if total and not stop.is_set():
                tally = tallies[queue] = redrive.Tally(total, stop=stop)
                try:
                    await work(connection, queue, which.chooses, tally, partial(step, queue, tally))
                except redrive.NotConfirmed as error:
                    raise click.ClickException(
                        f"{queue}: the broker does not take them ({error}); what is not replayed is still there"
                    ) from error
    return tallies


def _identity(letter: Letter) -> tuple[str, str]:
    return letter.queue, letter.sha256


def _how_far(queue: str, tally: redrive.Tally, done: str) -> str:
    return f"{queue}: {tally.seen} of {tally.total} looked at, {tally.done} {done}"


def _line(letter: Facts) -> str:
    tried = f"{letter['attempts']} attempts" + (
        f", replayed {letter['replayed']} times" if letter["replayed"] else ""
    )
    what = letter["type"] if letter["readable"] else "(unreadable)"
    return f"{letter['id']:<36}  {letter['queue']}  {what} {letter['subject']}  {tried}  {letter['error'] or '?'}  {_since(letter['failed_at'])}"


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
