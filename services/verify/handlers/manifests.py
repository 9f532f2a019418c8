"""What a gate holds to go on without a network: the passes of its day, and what it takes to check them."""

import base64
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import and_, or_, select, text, tuple_
from sqlalchemy.orm import Session

from contracts.commitment import commitment_key
from contracts.events import GateRules, PublicKey
from contracts.model import IST, Assistance, site_of
from contracts.rpc.call import Call, Nothing
from contracts.rpc.verify import Manifest, ManifestPass, ManifestQuestion, OfflinePolicy, Telephones
from services.chassis.audit import record
from services.chassis.db import cursors
from services.verify.domain.gates import require_existing
from services.verify.domain.passes import Visitors
from services.verify.handlers import pass_lookup, supervisors
from services.verify.handlers.authorization import require_gate_login
from services.verify.models import PassRow, SigningKeyRow, SiteRow

_FURTHEST = timedelta(days=8)
"""Farther than a day of a pass is from its first; the index then finds the passes of a day."""
_HAS_WINDOW = text("""exists (
  select from unnest(passes.further_days || passes.closed_days || 0) as day
  where passes.valid_from + day * interval '1 day' < :day_end
    and passes.valid_to + day * interval '1 day' > :day_start
)""")
"""Days that fell away count, too: the gate says ``day_closed`` on them."""


def make_manifest(
    request: ManifestQuestion,
    call: Call,
    session: Session,
    now: datetime,
    *,
    issuer: str,
    commitment_master: str,
    offline_then: str,
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
    knowledge = pass_lookup.knowledge_of(session, site)
    require_existing(request.gate, knowledge.gates)
    start = now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    of_today = and_(
        PassRow.site == site,
        PassRow.valid_from.between(start - _FURTHEST, start + _FURTHEST),
        _HAS_WINDOW.bindparams(day_start=start, day_end=start + timedelta(days=1)),
    )
    inside = and_(PassRow.inside_site == site, PassRow.inside > 0, PassRow.site == site)
    query = (
        select(PassRow)
        .where(or_(of_today, inside))
        .order_by(PassRow.valid_from, PassRow.number)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(tuple_(PassRow.valid_from, PassRow.number) > cursors.decode(request.after))
    rows = session.scalars(query).all()
    page = rows[: request.limit]
    known = session.get(SiteRow, site)
    rules = GateRules.model_validate((known.gate_rules if known is not None else None) or {})
    keys = session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.kid)).all()
    record.note_object(request.gate)
    record.add_done(session, Nothing())
    return Manifest(
        gate=request.gate,
        site=site,
        gates=tuple(knowledge.gates or ()),
        made_at=now,
        issuer=issuer,
        keys=tuple(PublicKey(kid=key.kid, x=key.x) for key in keys if not key.withdrawn),
        withdrawn=tuple(key.kid for key in keys if key.withdrawn),
        complete_at=knowledge.complete_at,
        offline=OfflinePolicy(
            green_s=rules.green * 60,
            amber_s=rules.amber * 60,
            then=rules.then or cast(Any, offline_then),
        ),
        telephones=Telephones(reception=rules.reception_phone, security=rules.security_phone),
        supervisors=supervisors.of_site(session, site),
        passes=tuple(_entry(row, commitment_master, request.gate) for row in page),
        next=_position(page[-1]) if len(rows) > request.limit else None,
    )


def _position(row: PassRow) -> str:
    assert row.valid_from is not None  # only a pass with terms is listed
    return cursors.encode(row.valid_from, row.number)


def _entry(row: PassRow, commitment_master: str, gate: str) -> ManifestPass:
    terms, people = row.terms, _people(row, gate)
    assert terms is not None
    key = commitment_key(commitment_master, row.number)
    return ManifestPass(
        pass_=row.number,
        reference=row.reference,
        site=terms.site,
        gate=terms.gate,
        party=terms.party,
        entries=terms.entries,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
        further_days=terms.further_days,
        closed_days=terms.closed_days,
        revoked=row.standing.revoked,
        inside=row.inside,
        admitted=row.admitted,
        day=row.day,
        admitted_before=row.admitted_before,
        presumed_gone_at=row.presumed_gone_at,
        inside_since=row.inside_since,
        last_gate=row.last_gate,
        id_commitments=tuple(row.id_commitments),
        commitment_key=base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
        applicant=people.applicant if people else None,
        companions=people.companions if people else (),
        vehicle=people.vehicle if people else None,
        vehicle_allowed=row.vehicle_allowed,
        assistance=cast(Assistance | None, row.assistance),
        department=row.department,
        officer=row.officer,
        call_supervisor=row.call_supervisor,
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
