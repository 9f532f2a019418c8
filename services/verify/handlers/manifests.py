"""What a gate holds to go on without a network: the passes of its day, and what it takes to check them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, text, true, tuple_
from sqlalchemy.orm import Session

from contracts.commitment import commitment_key
from contracts.events import GateRules, PublicKey
from contracts.model import IST, MOST_STANDING_DAYS, site_of
from contracts.plates import canonical, is_plate, last_digits, names_plate
from contracts.rpc.call import Call, Nothing
from contracts.rpc.verify.incidents import Telephones
from contracts.rpc.verify.manifests import (
    Manifest,
    ManifestPass,
    ManifestQuestion,
    ManifestSnapshot,
    OfflinePolicy,
    PlateHit,
    PlateHits,
    PlateQuestion,
)
from services.chassis.audit import record
from services.chassis.db import cursors
from services.chassis.db.server import TIMELINE
from services.verify.domain.gates import require_existing
from services.verify.domain.passes import Visitors
from services.verify.handlers import pass_lookup, previews, supervisor_rules, supervisors
from services.verify.handlers.authorization import require_gate_login
from services.verify.models import PassRow, SigningKeyRow, SiteRow
from services.verify.settings import VerifySettings

_FURTHEST = timedelta(days=8)
"""Farther than a day of a pass is from its first; the index then finds the passes of a day."""
_LONGEST = timedelta(days=MOST_STANDING_DAYS)
"""The same of a standing pass; these have an index of their own."""
_HAS_WINDOW = text("""exists (
  select from unnest(passes.further_days || passes.closed_days || 0) as day
  where passes.valid_from + day * interval '1 day' < :day_end
    and passes.valid_to + day * interval '1 day' > :day_start
)""")
"""Days that fell away count, too: the gate says ``day_closed`` on them."""
_VERSION: ColumnElement[str] = literal_column("passes.xmin::text")
"""PostgreSQL gives a row another ``xmin`` with each change (manual, 5.6 System Columns)."""
_HORIZON = text(f"select {TIMELINE}, pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
"""All transactions with a lower number have ended: nothing that they did comes later."""
_NEWEST = text("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
"""No transaction with this number or a higher one has ended: nothing that it did was there by now."""
_DIGEST: ColumnElement[str] = literal_column("""left(encode(sha256(convert_to(
  coalesce(string_agg(number || ':' || version, chr(10) order by (number || ':' || version) collate "C"), ''),
  'UTF8')), 'hex'), 32)""")
"""`digest_of` of contracts/list_digest.py."""
MOST_HITS = 8
MOST_CHANGED = 1_000
"""Passes in one answer. A gate that lacks more fetches the manifest anew, page by page."""
OLDEST = 1_000_000_000
"""Transactions. PostgreSQL compares numbers of transactions over twice as many."""
RELEASE = version("epass")
"""A newer version may say more of a pass that has not changed, so its manifests begin anew."""


class Revision(NamedTuple):
    """The state of a manifest: of a release, for a gate, of a day, and all that had ended by then.

    On another timeline a row may have the version of a change that was lost.
    """

    release: str
    gate: str
    day: str
    timeline: int
    horizon: int

    def __str__(self) -> str:
        """Return it as gates send it back."""
        return "/".join(str(part) for part in self)

    def covers(self, since: str | None) -> int | None:
        """Return from which transaction on a gate with an earlier revision lacks something.

        None means that it needs the whole manifest: it has none, or that of another day, gate, release or
        timeline.
        """
        *same, horizon = (since or "").split("/")
        if same != [str(part) for part in self[:-1]] or not horizon.isascii() or not horizon.isdigit():
            return None
        return int(horizon) if self.horizon - OLDEST < int(horizon) <= self.horizon else None


@dataclass(frozen=True)
class Listed:
    """Passes of an answer, each with its version, and where it stands in the manifest."""

    passes: Sequence[tuple[PassRow, str]]
    next: str | None = None
    base: str | None = None
    gone: tuple[str, ...] = ()
    digest: str | None = None


def make_manifest(
    request: ManifestQuestion,
    call: Call,
    session: Session,
    now: datetime,
    settings: VerifySettings,
) -> Manifest:
    """Return a page of the manifest: passes of the gate's site of today, and those whose party is inside.

    Each page is recorded as a look at people's data, by its gate: a site may have thousands of passes a day,
    and each of its gates holds them all.

    Raises:
        Forbidden: the login does not stand at this gate.
        InvalidInput: there is no such gate, or ``after`` is not the ``next`` of an earlier page.
    """
    require_gate_login(call.principal, request.gate)
    site = site_of(request.gate)
    knowledge = pass_lookup.knowledge_of(session, site, now)
    require_existing(request.gate, knowledge.gates)
    start = _start_of_day(now)
    timeline, horizon = session.execute(_HORIZON).one()
    revision = Revision(RELEASE, request.gate, start.date().isoformat(), timeline, horizon)
    since = revision.covers(request.since) if request.after is None else None
    listed = None
    if since is not None:
        listed = _list_changed(session, site, start, since, base=str(request.since))
    if listed is None:
        listed = _list_page(session, site, start, request)
    newest = session.scalars(_NEWEST).one()
    master = settings.commitment_master.get_secret_value()
    rules = rules_of(session, site)
    keys = session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.kid)).all()
    record.note_object(request.gate)
    record.add_done(session, Nothing())
    return Manifest(
        gate=request.gate,
        site=site,
        gates=tuple(knowledge.gates or ()),
        made_at=now,
        issuer=settings.issuer,
        keys=tuple(PublicKey(kid=key.kid, x=key.x) for key in keys if not key.withdrawn),
        withdrawn=tuple(key.kid for key in keys if key.withdrawn),
        complete_at=knowledge.complete_at,
        snapshot=ManifestSnapshot(timeline=timeline, all_before=horizon, none_from=newest),
        offline=policy_of(rules, settings),
        telephones=telephones(rules),
        digits=rules.digits,
        supervisors=supervisors.of_site(session, site),
        supervisor_demanded=supervisor_rules.are_demanded(session, site),
        passes=tuple(
            _entry(row, row_version, master, request.gate, start) for row, row_version in listed.passes
        ),
        next=listed.next,
        revision=str(revision) if request.after is None else None,
        base=listed.base,
        gone=listed.gone,
        digest=listed.digest,
    )


def find_by_plate(request: PlateQuestion, call: Call, session: Session, now: datetime) -> PlateHits:
    """Return the passes of a gate's manifest with a vehicle, by its plate in any spelling or its last four.

    Passes that were revoked are left out, unless somebody is inside with them. Of one whose entry is not open
    now only department and time are told. A search counts as a look at each pass that it finds, or at one.

    Raises:
        Forbidden: the login does not stand at this gate.
        TooManyAttempts: the login has looked at too many passes.
    """
    login = require_gate_login(call.principal, request.gate)
    if not is_plate(request.plate):
        return PlateHits()
    record.note_search(session, "vehicle", canonical(request.plate))
    vehicle = PassRow.visitors["vehicle"].astext
    listed = _is_listed(site_of(request.gate), _start_of_day(now))
    named = session.execute(
        select(PassRow.number, vehicle).where(listed, vehicle.contains(last_digits(request.plate)))
    )
    numbers = [number for number, plate in named if names_plate(request.plate, plate)]
    found = select(PassRow).where(PassRow.number.in_(numbers)).order_by(PassRow.valid_from, PassRow.number)
    items = []
    for row in session.scalars(found):
        people, standing = _people(row, request.gate), row.standing
        if people is None or standing.terms is None:
            continue
        if standing.inside_at(now) > 0 or standing.terms.window_at(now) is not None:
            hit = PlateHit(
                pass_=row.number,
                reference=row.reference,
                name_latin=people.applicant.name_latin,
                party=standing.terms.party,
                vehicle=people.vehicle or "",
            )
        else:
            window = standing.terms.window_to_show(now)
            hit = PlateHit(
                party=standing.terms.party,
                department=row.department,
                valid_from=window.start,
                valid_to=window.end,
            )
        items.append(hit)
    for _ in range(min(max(len(items), 1), MOST_HITS)):
        previews.count(session, login, request.gate, now)
    return PlateHits(items=tuple(items[:MOST_HITS]), is_cut=len(items) > MOST_HITS)


def _start_of_day(now: datetime) -> datetime:
    return now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)


def telephones(rules: GateRules) -> Telephones:
    """Return whom the gates of a site telephone."""
    return Telephones(reception=rules.reception_phone, security=rules.security_phone)


def rules_of(session: Session, site: str) -> GateRules:
    """Return the rules of the gates of a site."""
    known = session.get(SiteRow, site)
    return GateRules.model_validate((known.gate_rules if known is not None else None) or {})


def policy_of(rules: GateRules, settings: VerifySettings) -> OfflinePolicy:
    """Return how far the gates of a site trust their lists without a network."""
    return OfflinePolicy(
        green_s=rules.green * 60, amber_s=rules.amber * 60, then=rules.then or settings.offline_then
    )


def _near(site: str, start: datetime) -> ColumnElement[bool]:
    """Return whether a pass of the site may be of this day, by what has an index."""
    near = PassRow.valid_from.between(start - _FURTHEST, start + _FURTHEST)
    standing = and_(
        PassRow.recurring == true(), PassRow.valid_from.between(start - _LONGEST, start + _FURTHEST)
    )
    return and_(PassRow.site == site, or_(near, standing))


def _is_inside(site: str) -> ColumnElement[bool]:
    return and_(PassRow.inside_site == site, PassRow.inside > 0, PassRow.site == site)


def _is_listed(site: str, start: datetime) -> ColumnElement[bool]:
    """Return whether a pass is in the manifest of a site for the day that begins then."""
    has_window = _HAS_WINDOW.bindparams(day_start=start, day_end=start + timedelta(days=1))
    return or_(and_(_near(site, start), has_window), _is_inside(site))


def _list_page(session: Session, site: str, start: datetime, request: ManifestQuestion) -> Listed:
    query = (
        select(PassRow, _VERSION)
        .where(_is_listed(site, start))
        .order_by(PassRow.valid_from, PassRow.number)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(tuple_(PassRow.valid_from, PassRow.number) > cursors.decode(request.after))
    rows = [(row, row_version) for row, row_version in session.execute(query)]
    page = rows[: request.limit]
    return Listed(page, next=_position(page[-1][0]) if len(rows) > request.limit else None)


def _list_changed(session: Session, site: str, start: datetime, since: int, base: str) -> Listed | None:
    """Return what has changed since a transaction, by one statement, so that it is of one moment.

    A pass of the site that changed and is not in the manifest now may have been in it before, and is gone.
    Passes of the coming days are not among these, since a gate is not to learn their numbers. So one that
    changed to a later day is not found here, nor one that was deleted: then the digest is not that of what
    the gate holds, and it fetches the manifest anew. None where very many have changed.
    """
    begin: ColumnElement[Any] = literal_column(f"'{since:d}'::xid8::xid")
    is_changed = func.age(literal_column("passes.xmin")) <= func.age(begin)
    near = (
        select(
            PassRow.number,
            _VERSION.label("version"),
            _is_listed(site, start).label("is_listed"),
            is_changed.label("is_changed"),
            (PassRow.valid_from < start + timedelta(days=1)).label("has_begun"),
        )
        .where(or_(_near(site, start), _is_inside(site)))
        .cte("near")
    )
    whole = select(_DIGEST.label("digest")).select_from(near).where(near.c.is_listed).subquery("whole")
    told = select(near).where(near.c.is_changed, or_(near.c.is_listed, near.c.has_begun))
    changed = told.limit(MOST_CHANGED + 1).subquery("changed")
    query = (
        select(whole.c.digest, changed.c.version, changed.c.is_listed, PassRow)
        .select_from(whole)
        .join(changed, true(), isouter=True)
        .join(PassRow, PassRow.number == changed.c.number, isouter=True)
    )
    rows = session.execute(query).all()
    found = [(row, row_version, is_listed) for _, row_version, is_listed, row in rows if row is not None]
    if len(found) > MOST_CHANGED:
        return None
    return Listed(
        [(row, row_version) for row, row_version, is_listed in found if is_listed],
        base=base,
        gone=tuple(sorted(row.number for row, _, is_listed in found if not is_listed)),
        digest=rows[0].digest,
    )


def _position(row: PassRow) -> str:
    assert row.valid_from is not None  # only a pass with terms is listed
    return cursors.encode(row.valid_from, row.number)


def _entry(
    row: PassRow, row_version: str, commitment_master: str, gate: str, start: datetime
) -> ManifestPass:
    """Return a pass for the manifest of a day; of a standing one only days near it, to keep it small."""
    people = _people(row, gate)
    days = row.further_days
    if row.recurring and row.valid_from is not None:
        today = (start - row.valid_from).days
        days = [day for day in days if abs(day - today) <= _FURTHEST.days]
    key = commitment_key(commitment_master, row.number)
    return ManifestPass.from_attributes(
        row,
        pass_=row.number,
        further_days=tuple(days),
        recurring=bool(row.recurring),
        revoked=row.standing.revoked,
        commitment_key=base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
        version=row_version,
        **(vars(people) if people is not None else {}),
    )


def _people(row: PassRow, gate: str) -> Visitors | None:
    """Return the people of a pass as far as this gate may have to show them, without what no gate needs.

    Whoever is inside may leave by any gate, and is on the list for an evacuation.
    """
    people = row.people
    may_enter = not row.standing.revoked and row.gate in {None, gate}
    if people is None or not (may_enter or row.inside > 0):
        return None
    return people.model_copy(update={"applicant": people.applicant.model_copy(update={"official": None})})
