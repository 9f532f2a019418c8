"""What a scan relies on besides the pass: the gates of the site, and how complete the revocations are."""

from datetime import timedelta

import pytest

from contracts.crockford import new_pass_number
from contracts.errors import InvalidInput
from contracts.events import PassIssued, Revocation, StatusListSigned
from services.chassis.runtime.clock import now
from services.verify.handlers import event_handlers, scans
from tests.support.factories.verify import (
    NOON,
    SETTINGS,
    Gate,
    calling,
    forgeries,
    gates_of,
    number_scan,
    officer,
    offline_scan,
    pass_issued,
    pass_revoked,
    scan_of,
    status_list,
)

GHOST = "PCS1-G999"
AT_ANY_GATE = officer(gate=None)
SECOND = timedelta(seconds=1)
CENTURY = timedelta(days=36_500)
"""So far ahead is no clock, that of the database included."""


# ------------------------------------------------------------------ gates


@pytest.mark.parametrize("preview", [True, False])
def test_a_scan_at_a_gate_that_does_not_exist_is_refused_and_leaves_nothing(
    gate: Gate, preview: bool
) -> None:
    gate.handle(gates_of("PCS1", "PCS1-G1", "PCS1-G2"))
    issued = gate.issue()
    before = gate.everything()
    changes = {"id_check": None} if preview else {}
    for request in (
        scan_of(issued, gate=GHOST, **changes),
        scan_of(forgeries(issued)["another key"], gate=GHOST, **changes),
        number_scan(new_pass_number(), gate=GHOST, **changes),
    ):
        with pytest.raises(InvalidInput) as refused:
            gate.scan(request, AT_ANY_GATE)
        assert refused.value.body.code == "unknown_gate"
    assert gate.everything() == before
    assert gate.scan(scan_of(issued, gate="PCS1-G2"), AT_ANY_GATE).verdict == "admit"


def test_an_exit_is_recorded_also_at_a_gate_that_the_directory_does_not_list(gate: Gate) -> None:
    gate.handle(gates_of("PCS1", "PCS1-G1"))
    issued = gate.issue()
    gate.enter(issued)
    left = gate.scan(scan_of(issued, gate=GHOST, direction="exit", id_check=None), AT_ANY_GATE)
    assert (left.verdict, left.inside) == ("exit", 0)


def test_a_gate_is_accepted_while_the_directory_has_not_arrived(gate: Gate) -> None:
    """Also when the directory knows another site only."""
    assert gate.scan(scan_of(gate.issue(), gate=GHOST), AT_ANY_GATE).verdict == "admit"
    gate.handle(gates_of("PCS2", "PCS2-G1"))
    assert gate.scan(scan_of(gate.issue(), gate=GHOST), AT_ANY_GATE).verdict == "admit"


def test_the_newest_record_of_a_site_counts_in_whatever_order_records_arrive(gate: Gate) -> None:
    gate.handle(gates_of("PCS1", "PCS1-G1", "PCS1-G2"), seq=2)
    gate.handle(gates_of("PCS1", "PCS1-G1", GHOST), seq=1)
    with pytest.raises(InvalidInput):
        gate.scan(scan_of(gate.issue(), gate=GHOST), AT_ANY_GATE)
    gate.handle(gates_of("PCS1", GHOST), seq=3)
    assert gate.scan(scan_of(gate.issue(), gate=GHOST), AT_ANY_GATE).verdict == "admit"
    with pytest.raises(InvalidInput):
        gate.enter(gate.issue())


def test_without_the_check_a_gate_that_does_not_exist_would_be_recorded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the tests above fail without the guard."""
    monkeypatch.setattr(scans, "require_existing", lambda *_: None)
    gate.handle(gates_of("PCS1", "PCS1-G1"))
    assert gate.scan(scan_of(gate.issue(), gate=GHOST), AT_ANY_GATE).verdict == "admit"
    assert [scan.gate for scan in gate.scans()] == [GHOST]


# ------------------------------------------------------------ age of the list


def test_the_age_of_the_list_is_unknown_until_one_has_arrived(gate: Gate) -> None:
    assert gate.enter(gate.issue()).list_age_s is None


@pytest.mark.parametrize("changes", [{"id_check": None}, {}, {"direction": "exit", "id_check": None}])
def test_a_scan_has_the_age_of_the_newest_complete_status_list(gate: Gate, changes: dict) -> None:
    issued = gate.issue()
    gate.handle(status_list(), at=NOON - 7 * SECOND)
    assert gate.scan(scan_of(issued, **changes)).list_age_s == 7
    gate.handle(status_list(), at=NOON - 2 * SECOND)
    gate.handle(status_list(), at=NOON - 5 * SECOND)
    assert gate.scan(scan_of(gate.issue(), **changes)).list_age_s == 2, "an older list changes nothing"


def test_a_list_with_a_revocation_that_has_not_arrived_does_not_make_the_knowledge_newer(gate: Gate) -> None:
    revoked = pass_issued()
    listed = status_list(revoked.pass_number)
    gate.handle(status_list(), at=NOON - 60 * SECOND)
    gate.handle(listed, at=NOON - 10 * SECOND)
    assert gate.enter(gate.issue()).list_age_s == 60
    gate.handle(pass_revoked(revoked), at=NOON - 11 * SECOND)
    gate.handle(listed, at=NOON)
    assert gate.enter(gate.issue()).list_age_s == 0


def test_a_revocation_after_the_list_does_not_stand_in_for_one_that_is_missing(gate: Gate) -> None:
    gate.handle(status_list(), at=NOON - 60 * SECOND)
    gate.handle(pass_revoked(pass_issued()), at=NOON - 5 * SECOND)
    gate.handle(status_list("MISSING"), at=NOON - 10 * SECOND)
    assert gate.enter(gate.issue()).list_age_s == 60


def test_a_revocation_that_was_committed_after_the_list_does_not_stand_in_for_one_that_is_missing(
    gate: Gate,
) -> None:
    """Issuance stamps a revocation before it commits: the list was signed between the two."""
    listed, committed_later = pass_issued(), pass_issued()
    gate.handle(status_list(), at=NOON - 60 * SECOND)
    gate.handle(pass_revoked(committed_later), at=NOON - 11 * SECOND)
    signed = status_list(listed.pass_number)
    gate.handle(signed, at=NOON - 10 * SECOND)
    assert gate.enter(gate.issue()).list_age_s == 60
    gate.handle(pass_revoked(listed), at=NOON - 12 * SECOND)
    gate.handle(status_list(committed_later.pass_number, listed.pass_number), at=NOON)
    assert gate.enter(gate.issue()).list_age_s == 0


def revocation(issued: PassIssued, before_noon: timedelta) -> Revocation:
    return Revocation(pass_number=issued.pass_number, reason="cancelled", revoked_at=NOON - before_noon)


def test_a_revocation_that_was_lost_is_learned_from_the_list_and_stops_nothing(gate: Gate) -> None:
    issued, never_issued = gate.issue(), pass_issued()
    assert gate.enter(issued).verdict == "admit"
    assert gate.leave(issued).verdict == "exit"
    gate.sync(offline_scan(issued, NOON - 100 * SECOND))
    lost = revocation(issued, 400 * SECOND), revocation(never_issued, 500 * SECOND)
    gate.handle(status_list(repeated=lost), at=NOON)

    refused = gate.enter(issued)
    assert (refused.verdict, refused.list_age_s) == ("revoked", 0)
    assert gate.enter(never_issued).verdict == "revoked"
    assert (gate.row(issued).revoked_reason, gate.row(issued).revoked_at) == ("cancelled", lost[0].revoked_at)
    before = gate.everything()
    gate.handle(status_list(repeated=lost), at=NOON)
    gate.handle(pass_revoked(issued), seq=2, at=lost[0].revoked_at)
    assert gate.everything()["scans"] == before["scans"]
    assert gate.row(issued).revoked_reason == "withdrawn", "what its event says, though it comes late"


def test_a_revocation_that_may_be_on_the_way_is_not_learned_from_the_list(gate: Gate) -> None:
    gate.handle(status_list(), at=NOON - 60 * SECOND)
    issued = gate.issue()
    gate.handle(status_list(repeated=(revocation(issued, 299 * SECOND),)), at=NOON)
    assert gate.enter(issued).list_age_s == 60


def test_a_list_that_lacks_a_revocation_that_is_missing_here_does_not_count(gate: Gate) -> None:
    gate.handle(status_list(), at=NOON - 60 * SECOND)
    gate.handle(status_list("MISSING", repeated=(revocation(pass_issued(), 400 * SECOND),)), at=NOON)
    assert gate.enter(gate.issue()).list_age_s == 60


def test_a_revocation_of_a_pass_that_is_long_over_stops_nothing(gate: Gate) -> None:
    gate.handle(pass_revoked(pass_issued()), at=NOON - StatusListSigned.live_for - SECOND)
    gate.handle(status_list(), at=NOON)
    assert gate.enter(gate.issue()).list_age_s == 0


def test_a_list_from_the_future_does_not_hide_that_later_lists_are_missing(gate: Gate) -> None:
    at = now() + timedelta(hours=1)
    gate.handle(status_list(), at=at + 86_400 * SECOND, now=at)
    assert gate.scan(scan_of(gate.issue()), at=at + 90 * SECOND).list_age_s == 90


def test_a_list_that_came_while_all_clocks_were_ahead_has_no_age_until_the_next_one(gate: Gate) -> None:
    ahead = NOON + CENTURY
    gate.handle(status_list(), at=ahead, now=ahead)
    issued = gate.issue()
    assert gate.enter(issued).list_age_s is None
    with gate.database.queries() as session:
        (leaving,) = scans.scan_together(
            [(scan_of(issued, direction="exit", id_check=None), calling())], session, NOON, SETTINGS
        )
    assert leaving is not None
    assert leaving.list_age_s is None
    assert gate.manifest().complete_at is None

    gate.handle(status_list(), at=NOON - 5 * SECOND)
    assert gate.enter(gate.issue()).list_age_s == 5
    gate.handle(status_list(), at=NOON - 9 * SECOND)
    assert gate.enter(gate.issue()).list_age_s == 5


def test_a_process_whose_clock_is_behind_leaves_the_time_of_the_list_as_it_is(gate: Gate) -> None:
    at = now()
    behind = at - timedelta(hours=1)
    gate.handle(status_list(), at=at, now=at)
    gate.handle(status_list(), at=at - 5 * SECOND, now=behind)
    assert gate.scan(scan_of(gate.issue()), at=behind).list_age_s == 0
    assert gate.scan(scan_of(gate.issue()), at=at + 3 * SECOND).list_age_s == 3


def test_without_the_comparison_the_age_would_be_too_small(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a list whose revocation is missing here would count."""
    monkeypatch.setattr(event_handlers, "_knows_all", lambda *_: True)
    gate.handle(status_list("MISSING"), at=NOON)
    assert gate.enter(gate.issue()).list_age_s == 0


def test_a_repeated_scan_has_the_age_of_its_first_answer(gate: Gate) -> None:
    gate.handle(status_list(), at=NOON)
    request = scan_of(gate.issue())
    first = gate.scan(request)
    gate.handle(status_list(), at=NOON + 30 * SECOND)
    assert gate.scan(request, at=NOON + 45 * SECOND) == first
    assert first.list_age_s == 0


def test_a_forged_token_gets_no_age(gate: Gate) -> None:
    gate.handle(status_list())
    assert gate.enter(forgeries(gate.issue())["another key"]).list_age_s is None
