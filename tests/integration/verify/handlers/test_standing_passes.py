"""Standing passes at a gate: an old code is worth no more than its number, and the list stays bounded."""

from datetime import date, timedelta

import pytest

from contracts.rpc.verify.scans import Seen
from tests.support.factories.verify import (
    ISSUER,
    MATCHED,
    NOON,
    OTHER_ID,
    VALID_FROM,
    VALID_TO,
    claims_of,
    number_scan,
    offline_scan,
    pass_issued,
    pass_revoked,
)

DAY = timedelta(days=1)
FIRST = date(2026, 12, 1)
SEEN = Seen(kind="seen", id_type="voter_id")
BEGUN = 90 * DAY


def begun(gate, **changes):
    """Return a standing pass for each weekday, whose first day was ninety days ago."""
    first = FIRST - BEGUN
    days = tuple(
        first + timedelta(days=day) for day in range(1, 180) if (first + timedelta(days=day)).weekday() < 5
    )
    slot = pass_issued().slot.model_copy(update={"day": first})
    facts = {"slot": slot, "entries": 4, "recurring": True, "further_days": days, **changes}
    return gate.issue(valid_from=VALID_FROM - BEGUN, valid_to=VALID_TO - BEGUN, **facts)


def token(issued, fresh):
    until = int(fresh.timestamp()) if fresh else 0
    claims = claims_of(
        issued, fresh=until, nbf=int(VALID_FROM.timestamp()), exp=int(VALID_TO.timestamp()), days=None
    )
    return ISSUER.sign(claims)


@pytest.mark.parametrize(
    ("fresh", "check", "verdict", "marks"),
    [
        (NOON + timedelta(seconds=90), SEEN, "admit", ("id_seen",)),
        (NOON - DAY, SEEN, "id_mismatch", ("old_code",)),
        (NOON - DAY, OTHER_ID, "id_mismatch", ("old_code",)),
        (NOON - DAY, MATCHED, "admit", ("old_code",)),
        (None, SEEN, "id_mismatch", ("old_code",)),
        (None, MATCHED, "admit", ("old_code",)),
    ],
)
def test_a_new_code_goes_in_and_paper_or_a_picture_needs_the_last_four(
    gate, fresh, check, verdict, marks
) -> None:
    issued = begun(gate)
    looked = gate.enter(token(issued, fresh), id_check=None)
    assert (looked.verdict, "old_code" in looked.marks) == ("admit", "old_code" in marks)
    result = gate.enter(token(issued, fresh), id_check=check)
    assert (result.verdict, result.marks) == (verdict, marks)


def test_a_typed_number_needs_the_last_four_too(gate) -> None:
    issued = begun(gate)
    for check, verdict in ((SEEN, "id_mismatch"), (MATCHED, "admit")):
        result = gate.scan(number_scan(issued.pass_number, id_check=check))
        assert result.verdict == verdict


def test_a_gate_holds_it_on_its_days_long_after_the_first_and_only_the_days_near_it(gate) -> None:
    issued = begun(gate)
    (one,) = gate.manifest().passes
    assert (one.pass_, one.recurring) == (issued.pass_number, True)
    near = [(FIRST - BEGUN + timedelta(days=day)) for day in one.further_days]
    assert FIRST in near
    assert len(near) < 15 < len(issued.further_days)
    assert min(near) >= FIRST - 8 * DAY
    assert max(near) <= FIRST + 8 * DAY
    assert gate.manifest(at=NOON + 4 * DAY).passes == (), "a Saturday"


def test_one_that_is_suspended_is_refused_and_stays_on_the_list_as_revoked(gate) -> None:
    issued = begun(gate)
    gate.handle(pass_revoked(issued, reason="suspended"))
    assert gate.enter(token(issued, NOON + DAY)).verdict == "revoked"
    (one,) = gate.manifest().passes
    assert (one.revoked, one.applicant) == (True, None)


def test_one_that_ends_while_suspended_is_revoked_since_it_was_suspended(gate) -> None:
    issued, suspended = begun(gate), NOON - timedelta(hours=1)
    gate.handle(pass_revoked(issued, reason="suspended"), seq=2, at=suspended)
    gate.handle(pass_revoked(issued, reason="withdrawn"), seq=3, at=NOON)
    assert (gate.row(issued).revoked_reason, gate.row(issued).revoked_at) == ("withdrawn", suspended)


def test_a_gate_that_let_one_in_offline_by_an_old_code_and_a_look_made_a_mistake(gate) -> None:
    (right,) = gate.sync(offline_scan(token(begun(gate), NOON - DAY)))
    (wrong,) = gate.sync(offline_scan(token(begun(gate), NOON - DAY), id_check=SEEN.model_dump()))
    assert (right.conflict, wrong.conflict) == (False, True)
    (conflict,) = gate.conflicts()
    assert conflict["kind"] == "id_mismatch"


def test_a_gate_whose_clock_is_late_makes_no_old_code_new(gate) -> None:
    issued, seen = begun(gate), NOON + timedelta(seconds=80)
    shown, checked = token(issued, NOON + timedelta(seconds=90)), NOON + timedelta(seconds=100)
    late = {"scanned_at": NOON, "at": NOON + timedelta(minutes=4)}
    assert "old_code" in gate.enter(shown, id_check=None, **late).marks
    assert gate.enter(shown, id_check=SEEN, **late).verdict == "id_mismatch"
    assert gate.enter(shown, id_check=None, scanned_at=seen, at=seen).marks == ()
    result = gate.enter(shown, id_check=SEEN, scanned_at=seen, at=checked)
    assert (result.verdict, result.marks) == ("admit", ("id_seen",)), "the officer looked at the ID meanwhile"
