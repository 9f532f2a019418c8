"""`epass affected`: whose data was seen or taken, by the audit logs; docs/runbooks.md says what follows.

A row names references and passes. That of a gate's manifest names the gate alone: it had all passes of its
site that were issued by then and have a window on that day, and those whose party was scanned there shortly
before. Of a process that was taken over, all applications and requests of people count that it may have held.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import click
from psycopg import Connection

from contracts.crockford import parse_reference, parse_request_number
from contracts.login_ids import parse_login_id
from contracts.model import IST, site_of
from contracts.subscriptions import SERVICES
from services.chassis.audit.record import DONE, FORMS, KNOWN_FOR, MOST_OBJECTS, REFRESHED, REPEATED
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import DatabaseSettings
from services.ops.console import read_settings
from services.ops.databases import Row, Snapshot, connect, snapshots
from services.ops.settings import AffectedSettings

HELD_BY = (*(one for one in SERVICES if one != "accounts"), "gateway", "relay", "sender")
ONLY_PASSES = frozenset({"issuance", "verify"})
HOLD_REQUESTS = frozenset({"application", "gateway", "notify", "sender"})
"""Processes that read requests of people, or tell them of the answer."""
NAMES = ("reference", "request")
"""What is listed by its own name, of `FORMS`."""
STAYS = timedelta(days=8)
"""Farther than a day of a pass is from its first, and longer than a party stays inside."""
_ROWS = """
select at, action, objects from audit_log
where at >= %(since)s - %(known_for)s and at < %(until)s and result = any(%(results)s)
  and (actor = any(%(logins)s) or objects && %(objects)s)
"""
_SCANS = """
select recorded_at, pass_number from scans
where recorded_at >= %(since)s and recorded_at < %(until)s and pass_number is not null
  and (scanned_by = any(%(logins)s) or gate = any(%(objects)s))
"""
_MANIFEST = """
select number from passes
where site = %(site)s and valid_from between %(start)s - %(stays)s and %(start)s + %(stays)s and exists (
  select from unnest(further_days || closed_days || 0) as day
  where valid_from + day * interval '1 day' < %(end)s and valid_to + day * interval '1 day' > %(start)s)
union
select pass_number from scans
where gate like %(site)s || '-G%%' and recorded_at between %(start)s - %(stays)s and %(newest)s
"""
_PASSES = "select number, application_id, issued_at from passes"
_HELD = """
select id, submitted_at from applications
where submitted_at < %(until)s and (erased_at is null or erased_at > %(since)s)
"""
_HELD_REQUESTS = "select number, sent_at from requests where sent_at < %(until)s"
_MOBILES = """
select reference, language, mobile from applications where reference = any(%(names)s)
union all
select number, language, mobile from requests where number = any(%(names)s) order by 1
"""
_RECORD = """
insert into audit_log (at, actor, role, action, objects, result, address, correlation_id)
values (%s, 'command line', 'operations', 'affected_mobiles', %s, 'done', '', '')
"""


@dataclass
class Touched:
    """An application or a request, when its data was seen first and last, and by which acts."""

    first: datetime
    last: datetime
    acts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Seen:
    """What the logs say: references and numbers → how they were touched, and lists that gates took."""

    names: dict[str, Touched] = field(default_factory=dict)
    manifests: dict[tuple[str, date], tuple[datetime, datetime]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: {"rows": 0, "cut": 0})

    def add(self, name: str, act: str, first: datetime, last: datetime | None = None) -> None:
        """Note that an application, a pass or a request was touched."""
        touched = self.names.setdefault(name, Touched(first, last or first))
        touched.first, touched.last = min(touched.first, first), max(touched.last, last or first)
        touched.acts.add(act)

    def read(self, service: str, rows: Iterable[Row]) -> None:
        """Note what rows of the log of a service name."""
        for at, action, objects in rows:
            self.counts["rows"] += 1
            self.counts["cut"] += len(objects) == MOST_OBJECTS
            gate = next((one for one in objects if site_of(one)), "")
            if action == "manifest" and gate:
                key = (site_of(gate), at.astimezone(IST).date())
                first, last = self.manifests.get(key, (at, at))
                self.manifests[key] = min(first, at), max(last, at)
            for name in objects:
                if any(FORMS[kind].fullmatch(name) for kind in (*NAMES, "pass number")):
                    self.add(name, f"{service}.{action}", at)


@click.group()
def affected() -> None:
    """Whose data was seen or taken (docs/runbooks.md, "Personal data was seen or taken")."""


_INSTANT = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d"])


@affected.command("list")
@click.option("--since", required=True, type=_INSTANT, help="Indian Standard Time.")
@click.option("--until", type=_INSTANT, help="By default now.")
@click.option("--login", "logins", multiple=True, help="Whoever is signed in with it, or a device of a gate.")
@click.option("--object", "objects", multiple=True, help="A gate, device, kiosk, pass or reference.")
@click.option("--process", type=click.Choice(HELD_BY), help="A process that was taken over.")
def list_affected(
    since: datetime,
    until: datetime | None,
    logins: Sequence[str],
    objects: Sequence[str],
    process: str | None,
) -> None:
    """Print the applications and requests whose data was seen or taken, as CSV: reference, first, last, acts.

    It reads EPASS_OPS_DATABASE_URLS, and no name or mobile. Exit code 2: a database could not be read.
    """
    if not (logins or objects or process):
        raise click.UsageError("name a --login, an --object or a --process")
    begin = since.replace(tzinfo=IST)
    span = {"since": begin, "until": until.replace(tzinfo=IST) if until else now()}
    # logins are in upper case, keyed names of applicants in lower case
    known = [*logins, *(one.upper() for one in logins)]
    asked = {**span, "logins": known, "objects": [*objects, *known]}
    seen = Seen()
    with snapshots(read_settings(AffectedSettings).ops_database_urls, SERVICES) as databases:
        _read_logs(seen, databases, asked)
        if process:
            _read_held(seen, databases, span, process)
        found = _by_reference(seen, databases)
    lines = csv.writer(sys.stdout)
    lines.writerow(("reference", "first", "last", "acts"))
    for reference, touched in sorted(found.items()):
        times = (f"{at.astimezone(IST):%Y-%m-%dT%H:%M:%S%z}" for at in (touched.first, touched.last))
        lines.writerow((reference, *times, " ".join(sorted(touched.acts))))
    rows, cut = seen.counts["rows"], seen.counts["cut"]
    click.echo(
        f"{len(found)} applications and requests, by {rows} rows and {len(seen.manifests)} lists of gates",
        err=True,
    )
    if cut:
        click.echo(f"{cut} rows have {MOST_OBJECTS} names: those of before 0.26.0 may lack some", err=True)


def _read_logs(seen: Seen, databases: Mapping[str, Snapshot], asked: Mapping[str, object]) -> None:
    # what an open page showed in the first minutes may be recorded shortly before them alone
    facts = {"results": [DONE, REPEATED, REFRESHED], "known_for": KNOWN_FOR}
    for service in SERVICES:
        seen.read(service, databases[service].stream(_ROWS, {**asked, **facts}))
    for at, number in databases["verify"].stream(_SCANS, asked):
        seen.add(number, "verify.scan", at)
    issued = {number: at for number, _, at in databases["issuance"].stream(_PASSES)}
    for (site, day), (first, last) in seen.manifests.items():
        start = datetime.combine(day, datetime.min.time(), IST)
        of_day = {
            "site": site,
            "start": start,
            "end": start + timedelta(days=1),
            "stays": STAYS,
            "newest": last,
        }
        for (number,) in databases["verify"].stream(_MANIFEST, of_day):
            if number in issued and issued[number] <= last:
                seen.add(number, "verify.manifest", first, last)


def _read_held(
    seen: Seen, databases: Mapping[str, Snapshot], span: Mapping[str, datetime], process: str
) -> None:
    """Note every application and request whose people a process may have held in a span of time."""
    issued = {one for _, one, at in databases["issuance"].stream(_PASSES) if at < span["until"]}
    for application_id, submitted_at in databases["application"].stream(_HELD, span):
        if process not in ONLY_PASSES or application_id in issued:
            seen.add(
                str(application_id), f"held by {process}", max(submitted_at, span["since"]), span["until"]
            )
    if process in HOLD_REQUESTS:
        for number, sent_at in databases["application"].stream(_HELD_REQUESTS, span):
            seen.add(number, f"held by {process}", max(sent_at, span["since"]), span["until"])


def _by_reference(seen: Seen, databases: Mapping[str, Snapshot]) -> dict[str, Touched]:
    """Return all that was touched by the reference of its application, or the number of its request."""
    passes = {number: one for number, one, _ in databases["issuance"].stream(_PASSES)}
    references = databases["application"].stream("select id, reference from applications")
    by_id = {str(one): reference for one, reference in references}
    found = Seen()
    for name, touched in seen.names.items():
        is_listed = any(FORMS[kind].fullmatch(name) for kind in NAMES)
        reference = name if is_listed else by_id.get(str(passes.get(name, name)))
        for act in touched.acts if reference else ():
            found.add(str(reference), act, touched.first, touched.last)
    return found.names


def parse_login(_context: click.Context, _option: click.Parameter, typed: str) -> str:
    """Return the login of whoever gives a command."""
    try:
        return parse_login_id(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@affected.command("mobiles")
@click.option("--by", required=True, callback=parse_login, help="Your login; it is recorded.")
def mobiles(by: str) -> None:
    """Read the CSV of `list`, and print reference, language and mobile of each, to tell them.

    It runs with EPASS_DATABASE_URL of application, whose audit log says who got which numbers. Of people who
    are erased nothing is left; whoever has no mobile is told on paper, if at all.
    """
    references = [line[0] for line in parse_csv(sys.stdin)]
    with connect(read_settings(DatabaseSettings).database_url.get_secret_value()) as connection:
        found = list(_mobiles(connection, references, by))
    lines = csv.writer(sys.stdout)
    lines.writerow(("reference", "language", "mobile"))
    lines.writerows(found)
    missing = len(references) - len(found)
    click.echo(f"{len(found)} people; {missing} without a mobile, or erased", err=True)


def parse_csv(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the lines of the CSV of `list`, each with its reference in canonical form."""
    for reference, *others in filter(None, list(csv.reader(lines))[1:]):
        try:
            form = parse_request_number if reference.startswith("REQ") else parse_reference
            yield [form(reference), *others]
        except ValueError as error:
            raise click.UsageError(f"this is not the CSV of `epass affected list`: {error}") from None


def _mobiles(connection: Connection[Row], references: Sequence[str], by: str) -> Iterator[Row]:
    """Yield reference, language and mobile, once the audit log has them."""
    with connection.transaction():
        for start in range(0, len(references), MOST_OBJECTS - 1):
            some = references[start : start + MOST_OBJECTS - 1]
            connection.execute(_RECORD, (now(), [by, *some]))
        found = connection.execute(_MOBILES, {"names": list(references)}).fetchall()
    yield from (row for row in found if row[2])
