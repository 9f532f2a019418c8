"""`epass audit`: check that a service's audit log is whole, export a range of it, find a search in it."""

import csv
import hashlib
import json
import mailbox
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any, cast

import click
from pydantic import ValidationError

from contracts.mobile import parse_mobile
from contracts.model import IST
from contracts.plates import canonical
from contracts.rpc.audit import AuditHead, AuditHeads
from contracts.subscriptions import SERVICES
from services.chassis.audit.heads import is_genuine
from services.chassis.audit.record import search_name
from services.chassis.audit.seals import AUDIT_LOG, COLUMNS, SETTLED, Seal, Source
from services.chassis.db.retention import kept_since
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime.settings import DatabaseSettings, EventKeysSettings, IdempotencySettings
from services.ops.console import as_json, print_result, read_settings
from services.ops.databases import Snapshot, snapshot

MOST_PROBLEMS = 50
"""Problems that are named one by one; the others are counted."""
CLOCK_SKEW = timedelta(minutes=5)
"""Between the clocks of the servers that a database has been on, and between theirs and a process's."""
OLDEST_HEAD = timedelta(hours=2)
"""A newer seal is signed within an hour."""
LEAST_MONTHS = 13
"""No setting lets rows of later months be dropped (`RetentionSettings`)."""
_SEARCHES = """
select at, actor, role, action, result from audit_log where objects @> array[%(name)s::text] order by position
"""
_MULTIRANGE = "select lower(part), upper(part), {columns} from audit_seals, unnest(positions) as part"
service_name = click.argument("service", type=click.Choice(SERVICES))


class VerifySettings(DatabaseSettings, EventKeysSettings):
    """`epass audit verify`: the database of one service, and the keys that sign heads."""


class SearchSettings(DatabaseSettings, IdempotencySettings):
    """`epass audit searches`: the database of one service, and the secret of its digests."""


@dataclass
class Findings:
    """What a check has found.

    Attributes:
        rows: that fit their seals.
        unsealed: rows that are too new to have a seal.
        pruned: seals whose months were dropped, as the rule says.
    """

    service: str
    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    pruned: int = 0
    pruned_before: date | None = None
    heads: int = 0
    newest: str = ""
    newest_head: str = ""
    count: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def sources_of(service: str) -> Sequence[Source]:
    """Return the tables of a service that are sealed."""
    if service == "verify":
        from services.verify.models import SEALED_SCANS

        return AUDIT_LOG, SEALED_SCANS
    return (AUDIT_LOG,)


def check(service: str, database: Snapshot, keys: EventKeys, kept: Iterable[AuditHead]) -> Findings:
    """Return whether rows, seals and heads of a service fit each other.

    Args:
        database: a snapshot of it.
        keys: the public keys of the services.
        kept: heads of this service that somebody kept, beside those in the database.
    """
    findings = Findings(service)
    (clock,) = database.row("select now()")
    heads = _check_chain(service, database, findings, clock)
    for source in sources_of(service):
        _check_rows(source, database, findings, clock)
    own = [
        AuditHead(id=id_, service=service, number=number, head=head, signed_at=at, signature=signature)
        for id_, number, head, at, signature in database.stream(
            "select id, number, head, signed_at, signature from audit_heads order by signed_at"
        )
    ]
    for where, head in [("of the database", one) for one in own] + [("that was kept", one) for one in kept]:
        findings.heads += 1
        name = f"head {where}, of seal {head.number}, signed {_text(head.signed_at)}"
        if not is_genuine(head, keys):
            findings.add(f"{name}: no key of EPASS_EVENT_KEYS has signed it")
        elif head.number not in heads:
            findings.add(f"{name}: this seal is gone, the chain was cut off")
        elif heads[head.number] != head.head:
            findings.add(f"{name}: this seal is another one now, the chain was made anew")
    genuine = [one for one in own if is_genuine(one, keys) and one.signed_at <= clock + CLOCK_SKEW]
    newest = max(genuine, key=lambda one: one.number, default=None)
    if newest is not None:
        findings.newest_head = (
            f"of seal {newest.number}, signed {_text(newest.signed_at)}, {clock - newest.signed_at} ago"
        )
    if heads and (newest is None or (newest.number < max(heads) and newest.signed_at < clock - OLDEST_HEAD)):
        findings.add("seals were added, and no head was signed for two hours")
    return findings


def _check_chain(service: str, database: Snapshot, findings: Findings, clock: datetime) -> dict[int, str]:
    """Check that each seal fits the one before it, and says what can be true; return the heads by number."""
    heads: dict[int, str] = {}
    following, previous, pruned = 1, "", date.min
    latest = datetime(1970, 1, 1, tzinfo=UTC)
    through: dict[str, int] = {}
    query = f"select {COLUMNS}, head, upper(positions) from audit_seals order by number"  # noqa: S608  names of our own
    for *values, head, upper in database.stream(query):
        seal = Seal(*values)
        findings.seals += 1
        name = f"seal {seal.number}"
        if seal.number != following or seal.previous != previous:
            findings.add(f"{name} does not follow the one before it: seals were removed, edited or reordered")
        if seal.head(service) != head:
            findings.add(f"{name} was edited")
        if not latest <= seal.sealed_at <= clock + CLOCK_SKEW:
            findings.add(f"{name} says that it is of {_text(seal.sealed_at)}, which cannot be")
        highest = max(through.get(seal.source, 0), (upper or 1) - 1)
        if seal.through != highest:
            findings.add(f"{name} says that it goes through {seal.through}, but it goes through {highest}")
        least = kept_since(min(seal.sealed_at, clock), LEAST_MONTHS).astimezone(IST).date()
        if not pruned <= seal.pruned_before <= least:
            findings.add(f"{name} says that rows were dropped that have to be kept")
        previous = heads[seal.number] = head
        following, latest, pruned = seal.number + 1, seal.sealed_at, seal.pruned_before
        through[seal.source] = highest
        findings.newest = f"seal {seal.number} of {_text(seal.sealed_at)}, {head}"
    findings.pruned_before = pruned if heads else None
    return heads


@dataclass
class _Open:
    """A seal whose rows are being read."""

    number: int
    rows: int
    digest: str
    month: date
    found: int = 0
    state: Any = field(default_factory=hashlib.sha256)


def _check_rows(source: Source, database: Snapshot, findings: Findings, clock: datetime) -> None:
    """Check that each seal has its rows, and that no row is without a seal that should have one."""
    starts: list[int] = []
    ends: list[tuple[int, _Open]] = []
    seals: dict[int, _Open] = {}
    query = _MULTIRANGE.format(columns="number, rows, digest, month")
    for lower, upper, number, rows, digest, month in database.stream(
        f"{query} where source = %(source)s order by 1", {"source": source.table}
    ):
        seal = seals.setdefault(number, _Open(number, rows, digest, month))
        starts.append(lower)
        ends.append((upper, seal))
    through = max((upper for upper, _ in ends), default=0)
    rows_query = f"select position, {source.at}, {source.line} from {source.table} order by position"  # noqa: S608  names of our own
    for position, at, line in database.stream(rows_query):
        place = bisect_right(starts, position) - 1
        if place >= 0 and position < ends[place][0]:
            seal = ends[place][1]
            seal.state.update(b"\n" * bool(seal.found) + line.encode())
            seal.found += 1
        elif clock - 2 * SETTLED < at <= clock + CLOCK_SKEW:
            findings.unsealed += 1
        else:
            why = "was slipped in" if position < through else "was not sealed in time"
            findings.add(f"{source.table}: row {position} of {_text(at)} {why}, no seal has it")
    for seal in seals.values():
        whole = seal.found == seal.rows and seal.state.hexdigest() == seal.digest
        if whole:
            findings.rows += seal.found
        elif not seal.found and findings.pruned_before and seal.month < findings.pruned_before:
            findings.pruned += 1
        else:
            what = (
                f"{seal.rows - seal.found} rows are gone"
                if seal.found < seal.rows
                else f"{seal.found - seal.rows} rows were slipped in"
                if seal.found > seal.rows
                else "a row was edited or moved"
            )
            findings.add(f"{source.table}: seal {seal.number} does not fit its rows: {what}")


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


@click.group()
def audit() -> None:
    """Who looked at and did what: whether the record is whole, and a part of it as a file."""


@audit.command()
@service_name
@click.option(
    "--witness",
    "--heads",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Heads that are kept elsewhere: a saved mail or mailbox, an object of the store, what "
    "/.well-known/audit-heads gave, or a folder of such files.",
)
@as_json
def verify(service: str, witness: Sequence[Path], as_json: bool) -> None:
    """Check the audit log in EPASS_DATABASE_URL: every row, every seal, every head.

    Exit code 1: something was edited, removed, reordered, slipped in or cut off. Exit code 2: the database
    cannot be read.
    """
    settings = read_settings(VerifySettings)
    kept = [head for file in witness for head in _read_heads(file) if head.service == service]
    with snapshot(settings.database_url.get_secret_value()) as database:
        findings = check(service, database, EventKeys(settings.event_keys), kept)
    document = {
        **vars(findings),
        "pruned_before": findings.pruned_before and findings.pruned_before.isoformat(),
    }
    print_result(document, _lines(findings), as_json=as_json)
    if findings.count:
        raise click.exceptions.Exit(1)


def _lines(findings: Findings) -> Iterator[str]:
    yield from findings.problems
    if findings.count > len(findings.problems):
        yield f"and {findings.count - len(findings.problems)} problems more"
    yield (
        f"{findings.service}: {findings.rows} rows fit {findings.seals} seals, {findings.unsealed} are too "
        f"new to have one, {findings.heads} heads, {findings.count} problems"
    )
    if findings.pruned:
        yield (
            f"{findings.pruned} seals are of months before {findings.pruned_before}, "
            "whose rows were dropped as the rule says"
        )
    if findings.newest:
        yield f"the newest is {findings.newest}"
    if findings.newest_head:
        yield f"the newest head is {findings.newest_head}"


def _read_heads(path: Path) -> Iterator[AuditHead]:
    """Yield the heads in a file or in the files of a folder.

    Raises:
        click.UsageError: a file has none.
    """
    for file in sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path]:
        try:
            for document in _documents(file):
                yield from AuditHeads.model_validate_json(document).items
        except ValidationError:
            raise click.UsageError(f"{file} has no heads of audit logs") from None


def _documents(file: Path) -> Iterator[bytes]:
    """Yield the JSON documents of a file, which may be mail: one message, or a mailbox with several."""
    content = file.read_bytes()
    if content.lstrip().startswith(b"{"):
        yield content
        return
    with closing(mailbox.mbox(file)) as box:
        messages = list(box) if content.startswith(b"From ") else [message_from_bytes(content)]
    for message in messages:
        found = [part for part in message.walk() if part.get_content_type() == "application/json"]
        if not found:
            yield b""
        for part in found:
            yield cast(bytes, part.get_payload(decode=True))


@audit.command()
@service_name
@click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First day.")
@click.option("--to", "last", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
def export(service: str, first: datetime, last: datetime) -> None:
    """Print the audit log of some days (Indian Standard Time) in EPASS_DATABASE_URL, as JSON lines.

    Each table begins with the names of its columns; then come the seals of these days, each with its rows.
    The digest of a seal is the SHA-256 of its rows' "values", as they stand here, with a line feed between
    them. A seal at the edge has rows of the day before or after, too. Rows without a seal come last.
    """
    begin = datetime.combine(first.date(), time.min, IST)
    end = datetime.combine(last.date() + timedelta(days=1), time.min, IST)
    if begin >= end:
        raise click.UsageError("--to is before --from")
    settings = read_settings(DatabaseSettings)
    with snapshot(settings.database_url.get_secret_value()) as database:
        for source in sources_of(service):
            click.echo(json.dumps({"source": source.table, "columns": ["position", *source.columns]}))
            for line in _exported(source, database, begin, end):
                click.echo(line)


@audit.command()
@click.option("--vehicle", type=canonical, metavar="PLATE", help="In any spelling.")
@click.option("--mobile", help="In any spelling.")
@click.option("--name")
def searches(**sought: str | None) -> None:
    """Print who searched for a vehicle, mobile or name, as CSV: the log in EPASS_DATABASE_URL has a digest.

    It is keyed by EPASS_IDEMPOTENCY_SECRET of the service: ask application, approval and verify, each with
    its own settings.
    """
    asked = {kind: text for kind, text in sought.items() if text}
    if len(asked) != 1:
        raise click.UsageError("name one of --vehicle, --mobile and --name")
    try:
        ((kind, text),) = asked.items()
        text = parse_mobile(text) if kind == "mobile" else text
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    settings = read_settings(SearchSettings)
    secret = settings.idempotency_secret.get_secret_value().encode()
    lines = csv.writer(sys.stdout)
    lines.writerow(("at", "actor", "role", "action", "result"))
    with snapshot(settings.database_url.get_secret_value()) as database:
        for at, *row in database.stream(_SEARCHES, {"name": search_name(secret, kind, text)}):
            lines.writerow((_text(at), *row))


def _exported(source: Source, database: Snapshot, begin: datetime, end: datetime) -> Iterator[str]:
    between = {"begin": begin, "end": end, "source": source.table}
    first, last = database.row(
        f"select coalesce(min(position), 1), coalesce(max(position), 0) from {source.table} "  # noqa: S608  names of our own
        f"where {source.at} >= %(begin)s and {source.at} < %(end)s",
        between,
    )
    facts = {**between, "first": first, "last": last}
    seals = list(
        database.stream(
            f"select {COLUMNS}, head from audit_seals where source = %(source)s "  # noqa: S608  names of our own
            "and positions && int8range(%(first)s, %(last)s, '[]') order by number",
            facts,
        )
    )
    rows = f"select {source.line} from {source.table} where {{}} order by position"  # noqa: S608  names of our own
    for *values, head in seals:
        seal = Seal(*values)
        yield json.dumps({"source": source.table, "seal": {**vars(seal), "head": head}}, default=str)
        mine = rows.format(
            "position >= lower(%(positions)s::int8multirange) "
            "and position < upper(%(positions)s::int8multirange) "
            "and position <@ %(positions)s::int8multirange"
        )
        for (line,) in database.stream(mine, {"positions": seal.positions}):
            yield f'{{"source": "{source.table}", "values": {line}}}'
    unsealed = rows.format(
        f"{source.at} >= %(begin)s and {source.at} < %(end)s and not exists "
        "(select from audit_seals where audit_seals.source = %(source)s and positions @> position)"
    )
    for (line,) in database.stream(unsealed, facts):
        yield f'{{"source": "{source.table}", "unsealed": {line}}}'
