"""Whether the gates of a site demand a supervisor, and what is wrong with that.

It is a decision of the ADO Branch, apart from who is a supervisor: no PIN that is gone turns it off.
"""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.rpc.call import Call
from contracts.rpc.verify.supervisors import (
    DEMAND_SUPERVISORS,
    LIFT_SUPERVISORS,
    SiteId,
    SiteProblem,
    SiteSupervision,
)
from services.chassis.audit import record
from services.chassis.rpc.idempotency import once
from services.verify.handlers.authorization import require_ado
from services.verify.metrics import SITES_UNGUARDED
from services.verify.models import SupervisorRuleRow


def demand(request: SiteId, call: Call, session: Session, now: datetime) -> SiteSupervision:
    """Let the gates of a site demand a supervisor; see `decide`."""
    return decide(request, call, session, now, demanded=True)


def lift(request: SiteId, call: Call, session: Session, now: datetime) -> SiteSupervision:
    """Let the gates of a site demand no supervisor any more; see `decide`."""
    return decide(request, call, session, now, demanded=False)


def decide(
    request: SiteId, call: Call, session: Session, now: datetime, *, demanded: bool
) -> SiteSupervision:
    """Decide whether the gates of a site demand a supervisor, for the audit log with who did.

    Raises:
        Forbidden: the principal is not of the ADO Branch.
    """
    login = require_ado(call.principal)
    record.note_object(request.site)

    def effect() -> str:
        values = {"demanded": demanded, "decided_by": login, "decided_at": now}
        new = insert(SupervisorRuleRow).values(site=request.site, **values)
        session.execute(new.on_conflict_do_update(index_elements=["site"], set_=values))
        return request.site

    def answer(site: str) -> SiteSupervision:
        return next(one for one in list_sites(session, now) if one.site == site)

    method = DEMAND_SUPERVISORS if demanded else LIFT_SUPERVISORS
    return once(session, call, f"verify.{method.name}", request, effect, answer, reference=str)


def are_demanded(session: Session, site: str) -> bool:
    """Return whether the gates of a site ask for a supervisor: the ADO Branch has decided so.

    Whether anybody has a PIN is no part of it: else a reset, a disabled login, or whoever guesses at a gate
    would turn the question off.
    """
    rule = session.get(SupervisorRuleRow, site)
    return rule is not None and rule.demanded


_SITES = text("""
select known.site, coalesce(rule.demanded, false) as demanded, rule.decided_by, rule.decided_at,
  exists (select from supervisors where supervisors.site = known.site and verifier is not null) as can_agree,
  exists (
    select from passes where passes.site = known.site and call_supervisor and revoked_seq = 0
      and valid_to + make_interval(days => (select coalesce(max(day), 0) from unnest(further_days) as day))
        > :now
  ) as is_watched
from (
  select code as site from sites union select site from supervisor_rules union select site from supervisors
) as known left join supervisor_rules as rule using (site) order by known.site
""")
"""``is_watched``: a pass for which the supervisor is called has not ended yet."""


def list_sites(session: Session, now: datetime) -> tuple[SiteSupervision, ...]:
    """Return of each site whether its gates demand a supervisor, and what is wrong with that."""
    return tuple(
        SiteSupervision.from_attributes(row, problem=_problem(row))
        for row in session.execute(_SITES, {"now": now})
    )


def show_unguarded_sites(session: Session, now: datetime) -> None:
    """Show at which sites nobody can agree, or who is on the watchlist goes in without a supervisor."""
    found = list_sites(session, now)
    SITES_UNGUARDED.clear()  # a site that is gone has no problem
    for one in found:
        for problem in get_args(SiteProblem):
            SITES_UNGUARDED.labels(one.site, problem).set(one.problem == problem)


def _problem(row: Row[Any]) -> SiteProblem | None:
    if not row.can_agree:
        return "nobody_can_agree" if row.demanded or row.is_watched else None
    if row.is_watched and not row.demanded:
        return "watched_not_demanded"
    return "nobody_decided" if row.decided_at is None else None
