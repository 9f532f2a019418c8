"""`epass outbox`: what waits in the outboxes, and what to do after a database lost its last commits."""

from dataclasses import asdict, dataclass
from typing import Any

import click
import psycopg

from contracts.subscriptions import SERVICES
from services.chassis.db.database import name_of
from services.ops import unseen_events
from services.ops.console import as_json, print_result, read_settings
from services.ops.databases import DatabaseAway, connect, snapshot
from services.ops.settings import OutboxCommandSettings

STATUS = """
select (select count(*) from outbox where sent_at is null),
       (select coalesce(extract(epoch from now() - min(added_at)), 0)::float8
        from outbox where sent_at is null),
       (select count(*) from outbox where sent_at > now() - interval '1 minute'),
       (select count(*) from outbox where sent_at > now() - interval '1 hour'),
       current_setting('default_transaction_read_only') = 'off' and not pg_is_in_recovery()
"""


@dataclass(frozen=True)
class Outbox:
    """One database's outbox.

    ``oldest_seconds`` is the age of the event that waits longest, 0 if none waits. ``writable`` tells whether
    the database takes changes.
    """

    database: str
    waiting: int
    oldest_seconds: float
    sent_last_minute: int
    sent_last_hour: int
    writable: bool


def inspect(url: str) -> Outbox:
    """Read the state of an outbox.

    Raises:
        DatabaseAway: it cannot be read.
    """
    with snapshot(url) as database:
        return Outbox(database.name, *database.row(STATUS))


@click.group()
def outbox() -> None:
    """Events on their way to the broker."""


@outbox.command()
@as_json
def status(as_json: bool) -> None:
    """Print what waits in each database of EPASS_RELAY_DATABASE_URLS (or of EPASS_OPS_DATABASE_URLS).

    Exit code 2: a database could not be read.
    """
    options = read_settings(OutboxCommandSettings)
    found: list[dict[str, Any]] = []
    for url in options.relay_database_urls or options.ops_database_urls:
        try:
            found.append(asdict(inspect(url)))
        except DatabaseAway as error:
            found.append({"database": name_of(url), "away": str(error).partition(": ")[2]})
    print_result({"outboxes": found}, map(_line, found), as_json=as_json)
    if not found:
        raise click.UsageError("EPASS_RELAY_DATABASE_URLS names no database")
    if any("away" in one for one in found):
        raise click.exceptions.Exit(2)


@outbox.command("replay-unseen")
@click.option("--dry-run", is_flag=True, help="Only count; change nothing.")
@click.option("--broker-is-empty", is_flag=True, help="After a restore: leave out nothing.")
@as_json
def replay_unseen(dry_run: bool, broker_is_empty: bool, as_json: bool) -> None:
    """Send again what a consumer has not received, after its database lost commits. Runs as the relay.

    What was sent within the last minute is left out: it may still be in its queue. Consumers that have an
    event already ignore it.
    """
    urls = {name_of(url): url for url in read_settings(OutboxCommandSettings).relay_database_urls}
    missing = [service for service in SERVICES if service not in urls]
    if missing:
        raise click.UsageError(f"EPASS_RELAY_DATABASE_URLS does not name {', '.join(missing)}")
    try:
        found = unseen_events.mark_unsent(
            lambda service: connect(urls[service]),
            sent_for=0 if broker_is_empty else unseen_events.ON_THE_WAY_SECONDS,
            only_count=dry_run,
        )
    except psycopg.Error as error:
        raise click.ClickException(f"a database did not answer: {type(error).__name__}") from error
    what = "would be sent" if dry_run else "are sent"
    lines = (f"{producer:<12} {count} {what} again" for producer, count in found.items())
    print_result({"unseen": found}, lines, as_json=as_json)


def _line(one: dict[str, Any]) -> str:
    if "away" in one:
        return f"{one['database']:<12} cannot be read ({one['away']})"
    oldest = f", the oldest for {one['oldest_seconds']:.1f} s" if one["waiting"] else ""
    return (
        f"{one['database']:<12} {one['waiting']} waiting{oldest}; "
        f"{one['sent_last_minute']} sent in the last minute, {one['sent_last_hour']} in the last hour"
    )
