"""`epass outbox status`: how many events wait in each outbox, how long, and how many were sent lately."""

from dataclasses import asdict, dataclass
from typing import Any

import click

from services.ops.console import as_json, print_result, read_settings
from services.ops.databases import DatabaseAway, name_of, snapshots
from services.ops.settings import OutboxCommandSettings

_STATUS = """
select (select count(*) from outbox where sent_at is null),
       (select coalesce(extract(epoch from now() - min(added_at)), 0)::float8
        from outbox where sent_at is null),
       (select count(*) from outbox where sent_at > now() - interval '1 minute'),
       (select count(*) from outbox where sent_at > now() - interval '1 hour')
"""


@dataclass(frozen=True)
class Outbox:
    """One database's outbox.

    ``oldest_seconds`` is the age of the event that waits longest, 0 if none waits.
    """

    database: str
    waiting: int
    oldest_seconds: float
    sent_last_minute: int
    sent_last_hour: int


def inspect(url: str) -> Outbox:
    """Read the state of an outbox.

    Raises:
        DatabaseAway: it cannot be read.
    """
    name = name_of(url)
    with snapshots([url], [name]) as found:
        return Outbox(name, *found[name].row(_STATUS))


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


def _line(one: dict[str, Any]) -> str:
    if "away" in one:
        return f"{one['database']:<12} cannot be read ({one['away']})"
    oldest = f", the oldest for {one['oldest_seconds']:.1f} s" if one["waiting"] else ""
    return (
        f"{one['database']:<12} {one['waiting']} waiting{oldest}; "
        f"{one['sent_last_minute']} sent in the last minute, {one['sent_last_hour']} in the last hour"
    )
