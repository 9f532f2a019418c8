"""`epass breach`: tell those whom a breach touched, count whom the messages reached, and fill the forms.

Whom it touched is the CSV of `epass affected list`; docs/runbooks.md has the order of it all.
"""

import sys
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import click
from pydantic import ValidationError

from contracts.errors import Conflict
from contracts.model import IST
from contracts.rpc.breaches import NAME, BreachTexts
from services.application.handlers import breaches
from services.application.settings import ApplicationSettings
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import context
from services.ops.breach_forms import FORMS, Extent, fill
from services.ops.commands.affected import parse_csv, parse_login
from services.ops.console import read_settings
from services.ops.databases import Snapshot, snapshots
from services.ops.settings import AffectedSettings

PAUSE = 1.0
_NOTICES = "select reference, event_id, told_at from breach_notices where breach = %(breach)s"
_MESSAGES = """
select event_id, state from messages where purpose = 'breach_notice' and event_id = any(%(events)s)
"""
REACHED, UNDER_WAY, FAILED, UNKNOWN = "reached", "under way", "failed", "no longer known"
_STATES = {
    "read": REACHED,
    "delivered": REACHED,
    "accepted": "handed over",
    "queued": UNDER_WAY,
}
"""State of a message → what it means for its person; the best of all channels counts."""
KEPT = timedelta(days=1)
"""Messages of no application are deleted after it, so what became of those to senders of requests is open."""


def _name(_context: click.Context, _option: click.Parameter, typed: str) -> str:
    name = typed.strip().upper()
    if not NAME.fullmatch(name):
        raise click.BadParameter("3 to 12 letters, digits and hyphens, such as 2026-1")
    return name


breach_name = click.argument("name", callback=_name)


@click.group()
def breach() -> None:
    """Tell people of a breach of their data, and the authorities (docs/runbooks.md)."""


@breach.command()
@breach_name
@click.option(
    "--texts", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What people are told, in three languages (TOML).",
)  # fmt: skip
@click.option("--by", required=True, callback=parse_login, help="Your login; it is recorded.")
@click.option("--a-second", default=10, type=click.IntRange(1, 200), show_default=True)
@click.option("--send", is_flag=True, help="Without it nobody is told: only counted.")
def tell(name: str, file: Path, by: str, a_second: int, *, send: bool) -> None:
    """Read the CSV of `affected list`, and tell each person once of the breach NAME.

    It runs with the settings of application, whose audit log says who was told. It can be stopped, and given
    again: who was told stays told.
    """
    texts = _read_texts(file)
    references = [line[0] for line in parse_csv(sys.stdin)]
    settings = read_settings(ApplicationSettings)
    with closing(Database.of(settings)) as db, context(correlation_id=f"breach-{name}"):
        with db.queries() as session:
            found = breaches.find(session, name, references)
        waiting = [one["reference"] for one in found if not one["is_told"]]
        before, missing = len(found) - len(waiting), len(references) - len(found)
        click.echo(
            f"{len(references)} affected: {len(waiting)} to be told, {before} told before, "
            f"{missing} without a mobile or an email address, or erased"
        )
        minutes = len(waiting) / a_second / 60
        click.echo(f"{a_second} a second: {minutes:.1f} minutes")
        if not send:
            click.echo("nobody was told: that needs --send")
            return
        told = 0
        for start in range(0, len(waiting), a_second):
            if start:
                time.sleep(PAUSE)
            try:
                with db.transaction() as session:
                    some = waiting[start : start + a_second]
                    told += breaches.tell(session, name, texts, some, by, now())
            except Conflict:
                raise click.ClickException(f"{name} was told in other words: take another name") from None
    click.echo(f"told: {told}. `epass breach told {name}` says whom it reached")


def _read_texts(file: Path) -> BreachTexts:
    try:
        return BreachTexts.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise click.ClickException(f"{file}: {'; '.join(wrong)}") from None


@breach.command()
@breach_name
@click.option("--failed", is_flag=True, help="The references alone of whom no message reaches.")
def told(name: str, *, failed: bool) -> None:
    """Count whom the messages about a breach have reached. It reads EPASS_OPS_DATABASE_URLS.

    Exit code 1: there are people whom no message reaches; they get a letter, or a notice is published.
    """
    with _databases() as databases:
        states = _states(databases, name)
    missed = sorted(reference for reference, state in states.items() if state == FAILED)
    if failed:
        for reference in missed:
            click.echo(reference)
    else:
        click.echo(f"{name}: {len(states)} told; {_counts(states) or '-'}")
    sys.exit(1 if missed else 0)


def _databases() -> AbstractContextManager[dict[str, Snapshot]]:
    return snapshots(read_settings(AffectedSettings).ops_database_urls, ("application", "notify"))


def _counts(states: Mapping[str, str]) -> str:
    return ", ".join(f"{state} {number}" for state, number in sorted(Counter(states.values()).items()))


def _states(databases: Mapping[str, Snapshot], name: str) -> dict[str, str]:
    """Return by reference what has become of the message about a breach."""
    notices = list(databases["application"].stream(_NOTICES, {"breach": name}))
    of_event: dict[UUID, set[str]] = {}
    events = [event_id for _, event_id, _ in notices]
    for event_id, state in databases["notify"].stream(_MESSAGES, {"events": events}):
        of_event.setdefault(event_id, set()).add(_STATES.get(state, FAILED))
    states = {}
    for reference, event_id, told_at in notices:
        known = of_event.get(event_id, {UNKNOWN if now() - told_at > KEPT else UNDER_WAY})
        states[reference] = next(one for one in (*_STATES.values(), FAILED, UNKNOWN) if one in known)
    return states


@breach.command()
@breach_name
@click.option("--form", "kind", required=True, type=click.Choice(list(FORMS)))
@click.option(
    "--noticed", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M"]),
    help="When somebody of the office noticed it, Indian Standard Time; the clocks run from then.",
)  # fmt: skip
def report(name: str, kind: str, noticed: datetime) -> None:
    """Read the CSV of `affected list`, and print a form as Markdown, filled as far as e-Pass knows.

    What only people know is marked with a line: ______.
    """
    lines = list(parse_csv(sys.stdin))
    with _databases() as databases:
        states = _states(databases, name)
    click.echo(fill(kind, name, noticed.replace(tzinfo=IST), Extent.of(lines), _counts(states)))
