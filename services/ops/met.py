"""The invariant of the visits after the gate: whoever was admitted was met or not, is gone, or is inside.

Part of `invariants`, which says what it may know of tables.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.ops.balances import Balance, merge_join
from services.ops.databases import Snapshot, in_flight

_SINCE = """
select greatest(coalesce(min(day), current_date), current_date - 7) from visits
"""
"""The first day that is compared: scans of older ones may be deleted, and came before visits were kept."""
_ADMITTED = """
select (application_id::text || (scanned_at at time zone interval '+05:30')::date) collate "C",
       min(recorded_at) < now() - make_interval(secs => %(grace)s)
from scans join passes on number = pass_number
where verdict = 'admit' and told and recorded_at >= %(day)s::date - 1
  and (scanned_at at time zone interval '+05:30')::date >= %(day)s
group by 1 order by 1
"""
_VISITS = """
select visit, state, is_old from (
  select application_id::text || day as visit,
         arrived_at < now() - make_interval(secs => %(grace)s) as is_old,
         case when outcome = 'met' then 'met' when outcome = 'not_met' then 'not met'
           when left_at >= entered_at or day < (now() at time zone interval '+05:30')::date
             then 'gone without a word'
           else 'inside' end as state
  from visits join reviews on id = review_id where day >= %(day)s
  union all
  select application_id::text || entered_on, false, 'heard before visits were kept'
  from reviews where entered_on >= %(day)s
    and not exists (select from visits where review_id = id and day = entered_on)
) as heard order by visit collate "C"
"""


def check_met(databases: Mapping[str, Snapshot], facts: Mapping[str, Any]) -> Balance:
    """Check that each day on which somebody was admitted is a visit of its department, and no other is."""
    verify, approval = databases["verify"], databases["approval"]
    (day,) = approval.row(_SINCE)
    parts = Counter(
        {"met": 0, "not met": 0, "gone without a word": 0, "inside": 0, "heard before visits were kept": 0}
    )
    parts["in flight"] = overdue = 0
    faults = Counter({"never admitted": 0})
    facts = {**facts, "day": day}
    for published, received in merge_join(verify.stream(_ADMITTED, facts), approval.stream(_VISITS, facts)):
        if published is None:
            faults["never admitted"] += received is not None and received[2]
            continue
        parts["in flight" if received is None else received[1]] += 1
        overdue += received is None and published[1]
    return Balance(
        "met",
        "visits of those who were admitted",
        parts.total(),
        parts,
        faults,
        (("in flight", in_flight(verify, overdue, "approval.PassScanned")),),
    )
