"""The invariants of the whole system: what is counted, in which database, and what must add up.

This is the one place that knows tables of several services. It reads them by SQL, read-only. No service
imports it and it imports none, so no service depends on another one's tables. ``grants.py`` lists the columns
that it may read. Of people it reads the IDs of staff logins, to compare them; they go into no number.

Databases are read downstream first (a consumer before its producer), so that "received, but never published"
is always a fault. But decisions and messages about an application whose people are erased may be gone: they
are deleted when records are not kept any longer.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from contracts.events import StatusListSigned
from services.chassis.runtime.clock import now
from services.ops.balances import Balance, merge_join
from services.ops.databases import Snapshot, in_flight, snapshots
from services.ops.grants import STILL_NAMED
from services.ops.met import check_met

GRACE_SECONDS = 60.0
"""What was published longer ago must have been received, or be in a queue."""
DOWNSTREAM_FIRST = ("verify", "notify", "issuance", "approval", "application", "accounts")
_DECISIONS = {
    "approved": "PassApproved",
    "rejected": "PassRejected",
    "returned": "PassReturned",
    "withdrawn": "ApprovalWithdrawn",
}
Databases = Mapping[str, Snapshot]


def inspect(urls: Sequence[str], grace: float = GRACE_SECONDS) -> list[Balance]:
    """Count all invariants, without judging what is in flight.

    Args:
        urls: of the databases, each named as its service.
        grace: seconds after which an event must have been received.

    Raises:
        DatabaseAway: one cannot be read.
    """
    with snapshots(urls, DOWNSTREAM_FIRST) as databases:
        return count(databases, grace)


def count(databases: Databases, grace: float) -> list[Balance]:
    """Count all invariants in these open databases."""
    facts = {"grace": grace, "since": now() - StatusListSigned.live_for}
    checks = (
        check_applied,
        check_approved,
        check_issued,
        check_revoked,
        check_inside,
        check_met,
        check_pins,
        check_guarded,
        check_erased,
    )
    return [check(databases, facts) for check in checks]


_BY_STATUS = """
select count(*) filter (
         where status in ('approved', 'issued', 'entered', 'left', 'revoked', 'rejected', 'returned')
       ),
       count(*) filter (where status = 'submitted'),
       count(*) filter (where status = 'cancelled'),
       count(*) filter (where status = 'expired'),
       (select count(*) from revisions where revision = 1)
from applications
"""
_APPLICATIONS = """
select id, submitted_at < now() - make_interval(secs => %(grace)s), decision_kind, decision_revision
from applications order by id
"""
_DESKS = """
select known.application_id, known.details_seq > 0, nullif(last.status, 'pending'), last.revision,
       last.decided_at < now() - make_interval(secs => %(grace)s)
from heard_applications known
left join reviews on reviews.application_id = known.application_id
left join (
  select distinct on (review_id) review_id, status, revision, decided_at
  from decisions order by review_id, number desc
) last on last.review_id = reviews.id
order by known.application_id
"""


def check_applied(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that each application is in one state and has a review, and that its last decision arrived."""
    application, approval = databases["application"], databases["approval"]
    decided, pending, cancelled, expired, number = application.row(_BY_STATUS)
    to_desk, to_applicant, faults = 0, 0, Counter({"on a desk and never applied for": 0})
    for mine, theirs in merge_join(application.stream(_APPLICATIONS, facts), approval.stream(_DESKS, facts)):
        if mine is None:
            faults["on a desk and never applied for"] += 1
            continue
        if theirs is None or not theirs[1]:
            to_desk += mine[1]
        if theirs is not None and theirs[2] is not None and mine[2:4] != theirs[2:4]:
            to_applicant += theirs[4]
    received = tuple(
        f"application.{event}" for event in (*_DECISIONS.values(), "VisitDayClosed", "VisitDayReopened")
    )
    return Balance(
        "applied",
        "applied",
        number,
        {"decided": decided, "pending": pending, "cancelled": cancelled, "expired": expired},
        faults,
        (
            (
                "on the way to a desk",
                in_flight(
                    application, to_desk, "approval.ApplicationSubmitted", "approval.ApplicationAmended"
                ),
            ),
            ("decisions on the way to the applicant", in_flight(approval, to_applicant, *received)),
        ),
    )


_APPROVED = """
select reviews.application_id, max(decisions.revision),
       max(decisions.decided_at) < now() - make_interval(secs => %(grace)s)
from decisions join reviews on reviews.id = decisions.review_id
where decisions.status = 'approved' and not exists (
  select from decisions as undone
  where undone.review_id = decisions.review_id and undone.number = decisions.number + 1
    and undone.status = 'pending'
) group by reviews.application_id order by reviews.application_id
"""
_RECEIVED_APPROVALS = """
select application_id, approved_revision,
       exists (select from passes where passes.application_id = applications.application_id),
       cancelled or erased or withdrawn_revision >= approved_revision, erased
from applications where approved_revision > 0 order by application_id
"""


def check_approved(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that each approved application has a pass, unless it ended before it could have one."""
    approval, issuance = databases["approval"], databases["issuance"]
    parts = Counter({"issued": 0, "ended before": 0, "in flight": 0})
    faults = Counter({"heard and without a pass": 0, "issued and never approved": 0})
    number, overdue = 0, 0
    for published, received in merge_join(
        approval.stream(_APPROVED, facts), issuance.stream(_RECEIVED_APPROVALS)
    ):
        if published is None:
            faults["issued and never approved"] += received is not None and not received[4]
            continue
        number += 1
        if received is None or received[1] < published[1]:
            parts["in flight"] += 1
            overdue += published[2]
        elif received[2] or received[3]:
            parts["issued" if received[2] else "ended before"] += 1
        else:
            faults["heard and without a pass"] += 1
    return Balance(
        "approved",
        "approved",
        number,
        parts,
        faults,
        (("in flight", in_flight(approval, overdue, "issuance.PassApproved")),),
    )


_PASSES = """
select number collate "C", issued_at < now() - make_interval(secs => %(grace)s), erased
from passes join applications using (application_id) order by number collate "C"
"""
_MESSAGES = """
select pass_number collate "C",
       case when bool_or(state in ('accepted', 'delivered', 'read')) then 'delivered'
            when bool_or(printed_at is not null) then 'printed'
            when bool_or(state = 'queued') then 'in flight'
            when bool_or(state in ('failed', 'expired')) then 'failed'
            when bool_or(state = 'withdrawn') then 'withdrawn'
            when bool_or(state = 'not_needed') then 'to be printed' end
from messages left join passes on passes.number = messages.pass_number
where purpose = 'pass_issued' group by pass_number collate "C" order by pass_number collate "C"
"""


def check_issued(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that each pass was delivered or printed, is under way, or is known to have failed."""
    issuance, notify = databases["issuance"], databases["notify"]
    parts = Counter(
        {"delivered": 0, "printed": 0, "failed": 0, "withdrawn": 0, "to be printed": 0, "in flight": 0}
    )
    number, overdue, faults = 0, 0, Counter({"told of and never issued": 0})
    for published, received in merge_join(issuance.stream(_PASSES, facts), notify.stream(_MESSAGES)):
        if published is None:
            faults["told of and never issued"] += 1
            continue
        if received is None and published[2]:
            continue
        number += 1
        if received is None:
            parts["in flight"] += 1
            overdue += published[1]
        elif received[1] is not None:
            parts[received[1]] += 1
    return Balance(
        "issued",
        "issued",
        number,
        parts,
        faults,
        (("in flight", in_flight(issuance, overdue, "notify.PassIssued")),),
    )


_REVOKED = """
select number collate "C", revoked_at < now() - make_interval(secs => %(grace)s)
from passes where revoked_at > %(since)s order by number collate "C"
"""
_KNOWN_AT_GATES = """
select number collate "C" from passes
where revoked_seq > 0 and revoked_at > %(since)s order by number collate "C"
"""


def check_revoked(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that the gates know each pass that was revoked while it could still be used, and no other."""
    issuance, verify = databases["issuance"], databases["verify"]
    parts, faults = Counter({"known at gates": 0, "in flight": 0}), Counter({"known at gates alone": 0})
    number, overdue = 0, 0
    for published, received in merge_join(
        issuance.stream(_REVOKED, facts), verify.stream(_KNOWN_AT_GATES, facts)
    ):
        if published is None:
            faults["known at gates alone"] += 1
            continue
        number += 1
        parts["in flight" if received is None else "known at gates"] += 1
        overdue += received is None and published[1]
    return Balance(
        "revoked",
        "revoked",
        number,
        parts,
        faults,
        (("in flight", in_flight(issuance, overdue, "verify.PassRevoked")),),
    )


_INSIDE = """
with kept as (
  select case when bool_or(position('(MINVALUE)' in bounds) > 0) then '-infinity'
    else min(substring(bounds from $$FROM \\('([^']+)'\\)$$)::timestamptz) end as since
  from (
    select pg_get_expr(relpartbound, pg_class.oid) as bounds from pg_inherits
    join pg_class on pg_class.oid = inhrelid where inhparent = 'scans'::regclass and not inhdetachpending
  ) as months
), moved as (
  select pass_number,
         coalesce(sum(count) filter (where verdict = 'admit'), 0) as came,
         coalesce(sum(count) filter (where verdict = 'exit' and not 'no_entry' = any(marks)), 0) as went,
         coalesce(sum(count - 1) filter (where verdict = 'exit' and 'no_entry' = any(marks)), 0) as doubtful,
         coalesce(sum(count) filter (
           where verdict = 'exit' and marks && array['no_entry', 'assumed_left']
         ), 0) as unsure,
         coalesce(-sum(count) filter (where verdict = 'admit' and 'no_entry' = any(marks)), 0) as uncame,
         coalesce(sum(greatest(count, 0)) filter (where verdict = 'admit' and 'offline' = any(marks)), 0)
           as came_late,
         coalesce(sum(count) filter (where 'assumed_left' = any(marks)), 0) as assumed,
         coalesce(sum(count) filter (where 'all' = any(marks) and not 'no_entry' = any(marks)), 0)
           as guessed,
         bool_or('all' = any(marks)) as left_uncounted,
         bool_or('offline' = any(marks)) as heard_late
  from scans where verdict in ('admit', 'exit') and pass_number is not null group by pass_number
), each as (
  select coalesce(moved.came, 0) as came,
         coalesce(case when heard_late then went - assumed - guessed - uncame else went end, 0) as went,
         coalesce(case when heard_late then unsure + uncame + case when assumed > 0 then came_late else 0 end
           + case when left_uncounted then guessed + came else 0 end else doubtful end, 0) as doubtful,
         coalesce(passes.inside, 0) as inside,
         coalesce(passes.admitted, 0) as admitted
  from kept, passes full join moved on moved.pass_number = passes.number
  where passes.valid_from is null or passes.valid_from >= kept.since
)
select coalesce(sum(came), 0)::bigint,
       coalesce(sum(least(greatest(came - inside, went), went + doubtful)), 0)::bigint,
       coalesce(sum(inside), 0)::bigint,
       count(*) filter (where came - inside not between went and went + doubtful),
       count(*) filter (where came <> admitted)
from each
"""


def check_inside(databases: Databases, _facts: Mapping[str, Any]) -> Balance:
    """Check for each pass whose scans are all kept that those who entered and did not leave are inside.

    An exit of more persons than had entered is recorded whole and marked ``no_entry``. Between none and all
    but one of them had entered, so such a pass balances within that range. Where scans came late from a gate
    without a network, the entry or the exit that was missing may have arrived since: all who left with such
    an exit, or were presumed gone, may have entered or not. An exit that nobody counted means all who
    were inside, and a late scan changes how many those were; so does one that was presumed. Where an entry is
    counted again and fewer came in than left, its recount is marked ``no_entry``.
    """
    entries, exits, now_inside, unbalanced, miscounted = databases["verify"].row(_INSIDE)
    faults = {"passes that do not balance": unbalanced, "passes with another count of entries": miscounted}
    return Balance("inside", "entries", entries, {"exits": exits, "inside": now_inside}, faults)


_PINS = 'select login_id collate "C" from supervisors where key_id is not null order by 1'
_SECURITY = """
select login_id collate "C", disabled_at is not null,
       coalesce(disabled_at < now() - make_interval(secs => %(grace)s), false),
       coalesce(valid_until < (now() at time zone interval '+05:30')::date, false)
from logins where role = 'security' order by 1
"""


_ENDED = "of a login whose last day has passed"


def check_pins(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that each PIN of a supervisor is of a login that was not disabled, nor has passed its last day.

    No event says that a last day has passed, so verify keeps such a PIN until the ADO Branch ends the task.
    """
    verify, accounts = databases["verify"], databases["accounts"]
    parts, faults = Counter({"in use": 0, "of a disabled login": 0}), Counter({"of no login": 0, _ENDED: 0})
    overdue = 0
    for pin, login in merge_join(verify.stream(_PINS), accounts.stream(_SECURITY, facts)):
        if pin is None:
            continue
        if login is None:
            faults["of no login"] += 1
            continue
        if login[3] and not login[1]:
            faults[_ENDED] += 1
            continue
        parts["of a disabled login" if login[1] else "in use"] += 1
        overdue += login[2]
    return Balance(
        "pins",
        "pins of supervisors",
        parts.total(),
        parts,
        faults,
        (("of a disabled login", in_flight(accounts, overdue, "verify.LoginDisabled")),),
    )


_WATCHED = """
select count(*) from watchlist_entries
where confirmed_at is not null and ended_at is null and valid_until >= current_date
"""
_GUARDED = """
select count(*),
       count(*) filter (where can_agree and demanded),
       count(*) filter (where not can_agree),
       count(*) filter (where can_agree and not demanded)
from (
  select coalesce(rule.demanded, false) as demanded,
         exists (
           select from supervisors where supervisors.site = known.site and key_id is not null
         ) as can_agree
  from (
    select site from supervisor_rules where demanded
    union select code from sites where %(is_watched)s
  ) as known left join supervisor_rules as rule using (site)
) as judged
"""


def check_guarded(databases: Databases, _facts: Mapping[str, Any]) -> Balance:
    """Check that gates demand a supervisor where there is a watchlist, and that somebody can agree.

    verify names the same problems of a site (`SiteProblem`), but only once somebody is expected there for
    whom the supervisor is called: it does not know the watchlist.
    """
    (watched,) = databases["approval"].row(_WATCHED)
    number, guarded, nobody, lifted = databases["verify"].row(_GUARDED, {"is_watched": watched > 0})
    return Balance(
        "guarded",
        "sites",
        number,
        {"demanded, and somebody can agree": guarded},
        {"nobody can agree": nobody, "watched and not demanded": lifted},
    )


_ERASED = {
    "approval": "select application_id from heard_applications where erased_at is not null order by 1",
    "issuance": "select application_id from applications where erased order by 1",
    "notify": "select id from applications where erased_at is not null order by 1",
    "verify": "select application_id from erased_applications order by 1",
}
_TO_ERASE = """
select id, coalesce(erased_at, locked_at) is not null,
       coalesce(coalesce(erased_at, locked_at) < now() - make_interval(secs => %(grace)s), false),
       erased_at is null and locked_at is not null,
       coalesce(erased_at is null and locked_until < now() - interval '1 day', false)
from applications order by id
"""
_LATE = "locked, and not erased a day after it could be"


def check_erased(databases: Databases, facts: Mapping[str, Any]) -> Balance:
    """Check that the people of an erased application are erased in each service that knew them.

    Those of one that is locked are, too, in all but application, which has them until its day and no longer.

    Each service says so of itself, and what it erases are columns that nobody may read here. A function of
    the owner of each database counts where one of them is still filled (`grants.STILL_NAMED`).
    """
    application = databases["application"]
    parts = Counter({"everywhere": 0, "locked": 0, "in flight": 0})
    faults = Counter({"erased elsewhere alone": 0, _LATE: 0})
    overdue = Counter(dict.fromkeys(_ERASED, 0))

    def heard(service: str) -> Iterator[tuple[Any, ...]]:
        return ((one, service) for (one,) in databases[service].stream(_ERASED[service]))

    streams = (application.stream(_TO_ERASE, facts), *map(heard, _ERASED))
    for _, rows in groupby(merge(*streams, key=itemgetter(0)), itemgetter(0)):
        known = list(rows)
        here = next((row for row in known if len(row) > 2), (None, False, False, False, False))
        missing = _ERASED.keys() - {row[1] for row in known if row is not here}
        if here[1]:
            parts["in flight" if missing else "locked" if here[3] else "everywhere"] += 1
            faults[_LATE] += here[4]
            overdue.update(dict.fromkeys(missing, int(here[2])))
        else:
            faults["erased elsewhere alone"] += len(missing) < len(_ERASED)
    for service in STILL_NAMED:
        (faults[f"{service} still names them"],) = databases[service].row("select erased_and_still_named()")
    under_way = tuple(
        (one, in_flight(application, overdue[one], f"{one}.PersonalDataErased")) for one in _ERASED
    )
    return Balance("erased", "erased", parts.total(), parts, faults, under_way)
