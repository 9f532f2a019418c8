"""`epass jobs`: the jobs that erase, expire, drop or count out, and the permission for a refused one."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import click
import psycopg
from psycopg.rows import class_row

from contracts.subscriptions import SERVICES
from services.chassis.db.database import name_of
from services.chassis.db.destructive_jobs import Reason
from services.ops.commands.affected import parse_login
from services.ops.console import CannotInspect, as_json, print_result, read_settings
from services.ops.databases import connect
from services.ops.settings import OutboxCommandSettings

STATUS = """
select job, ran_at, refused_at, reason, detail, allowed_at, allowed_by from destructive_jobs order by job
"""
_ALLOW = """
update destructive_jobs set allowed_at = clock_timestamp(), allowed_by = %s
where job = %s and reason in ('leap', 'share')
"""


@dataclass(frozen=True)
class DestructiveJob:
    """A job of one database: when it ran last, and why and since when it is refused, if it is."""

    job: str
    ran_at: datetime | None
    refused_at: datetime | None
    reason: Reason | None
    detail: str | None
    allowed_at: datetime | None
    allowed_by: str | None


@click.group()
def jobs() -> None:
    """Jobs that erase, expire, drop or count out (docs/operations.md)."""


@jobs.command()
@as_json
def status(as_json: bool) -> None:
    """Print these jobs of each database of EPASS_OPS_DATABASE_URLS, and which of them are refused.

    Exit code 1: one is refused. 2: a database could not be read.
    """
    found: list[dict[str, Any]] = []
    for url in read_settings(OutboxCommandSettings).ops_database_urls:
        try:
            with connect(url) as connection, connection.cursor(row_factory=class_row(DestructiveJob)) as rows:
                found += [{"service": name_of(url), **asdict(one)} for one in rows.execute(STATUS)]
        except psycopg.Error as error:
            raise CannotInspect(f"{name_of(url)} cannot be read ({type(error).__name__})") from error
    written = [
        {
            key: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
            for key, value in one.items()
        }
        for one in found
    ]
    print_result({"jobs": written}, map(_line, written), as_json=as_json)
    if any(one["refused_at"] for one in found):
        raise click.exceptions.Exit(1)


@jobs.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("names", metavar="JOB...", nargs=-1, required=True)
@click.option(
    "--by", required=True, callback=parse_login, help="The login of whoever allows it; it is recorded."
)
def allow(service: str, names: tuple[str, ...], by: str) -> None:
    """Let refused jobs of a service run once, within two hours, whatever they take.

    First see that the clocks of all hosts and databases are right. A job is not allowed to run while the
    clocks of its process and its database differ.
    """
    urls = {name_of(url): url for url in read_settings(OutboxCommandSettings).ops_database_urls}
    if service not in urls:
        raise click.UsageError(f"EPASS_OPS_DATABASE_URLS does not name {service}")
    try:
        with connect(urls[service]) as connection:
            for name in names:
                if not connection.execute(_ALLOW, (by, name)).rowcount:
                    raise click.ClickException(f"{service} refuses no job {name} that can be allowed")
                click.echo(f"{service} {name} may run once within two hours")
    except psycopg.Error as error:
        raise CannotInspect(f"{service} cannot be changed ({type(error).__name__})") from error


def _line(one: dict[str, Any]) -> str:
    allowed = f"; allowed by {one['allowed_by']} at {one['allowed_at']}" if one["allowed_at"] else ""
    state = f"refused since {one['refused_at']}: {one['detail']}" if one["refused_at"] else "is not refused"
    return f"{one['service']:<12} {one['job']}: ran last at {one['ran_at'] or 'no time'}, {state}{allowed}"
