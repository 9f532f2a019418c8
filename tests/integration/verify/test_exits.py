"""An exit at the site of the pass is never refused: it is recorded, and marked where something is odd."""

from datetime import timedelta

from contracts.rpc.verify.scans import Matched
from services.verify.handlers import scans
from tests.support.factories.verify import (
    NOON,
    SETTINGS,
    VALID_FROM,
    VALID_TO,
    Gate,
    calling,
    number_scan,
    officer,
    pass_issued,
    pass_revoked,
    scan_of,
)

DAY = timedelta(days=1)


def test_a_party_that_entered_leaves(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued)
    result = gate.leave(issued)
    assert (result.verdict, result.preview, result.inside, result.marks) == ("exit", False, 0, ())
    event = gate.published()[-1]
    assert {name: event[name] for name in ("direction", "verdict", "count", "inside")} == {
        "direction": "exit",
        "verdict": "exit",
        "count": 3,
        "inside": 0,
    }
    row = gate.row(issued)
    assert (row.inside, row.inside_site, row.inside_since, row.presumed_gone_at) == (0, None, None, None)


def test_an_exit_without_a_recorded_entry_is_recorded_in_every_state(gate: Gate) -> None:
    for changes, marks in (
        ({"valid_from": VALID_FROM - DAY, "valid_to": VALID_TO - DAY}, ("late", "no_entry")),
        ({"valid_from": VALID_FROM + DAY, "valid_to": VALID_TO + DAY}, ("no_entry",)),
        ({"gate": "PCS1-G2"}, ("other_gate", "no_entry")),
    ):
        issued = gate.issue(**changes)
        assert gate.leave(issued).marks == marks
        assert gate.published()[-1]["marks"] == list(marks)
        assert gate.row(issued).inside == 0
    unheard = pass_issued()
    gate.handle(pass_revoked(unheard), seq=2)
    assert gate.leave(unheard).marks == ("revoked", "no_entry")
    assert gate.scan(number_scan(unheard.pass_number, direction="exit")).marks == ("revoked", "no_entry")


def test_an_exit_by_another_gate_ends_the_presence(gate: Gate) -> None:
    issued = gate.issue(gate="PCS1-G1")
    gate.enter(issued)
    result = gate.scan(
        scan_of(issued, gate="PCS1-G2", direction="exit", id_check=None), officer("PCS1", None)
    )
    assert (result.verdict, result.marks) == ("exit", ("other_gate",))
    assert gate.inside().persons == 0


def test_an_exit_does_not_remove_another_sites_people(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued)
    before = gate.row(issued)
    for shown in (scan_of(issued), number_scan(issued.pass_number)):
        leaving = shown.model_copy(update={"gate": "PCS2-G1", "direction": "exit", "id_check": None})
        result = gate.scan(leaving, officer("PCS2", None))
        assert (result.verdict, result.site, result.inside) == ("wrong_site", "PCS1", 0)
        assert (result.applicant, result.companions, result.department) == (None, (), None)
    after = gate.row(issued)
    assert (after.inside, after.inside_site, after.last_gate) == (3, "PCS1", before.last_gate)
    assert gate.inside().persons == 3
    scan, event = gate.scans()[-1], gate.published()[-1]
    assert (scan.verdict, scan.direction, scan.site, scan.count) == ("wrong_site", "exit", "PCS2", 0)
    assert (event["verdict"], event["count"], event["inside"]) == ("wrong_site", 0, 3)
    assert gate.leave(issued).inside == 0


def test_an_exit_with_a_revoked_pass_is_recorded(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    gate.handle(pass_revoked(issued), seq=2)
    assert gate.leave(issued).marks == ("revoked",)


def test_an_exit_needs_no_id_and_ignores_one(gate: Gate) -> None:
    issued = gate.issue()
    for shown in ("0000", "234123412346", ""):
        wrong = Matched(kind="matched", id_type="aadhaar", id_last4=shown)
        assert gate.scan(scan_of(issued, direction="exit", id_check=wrong)).verdict == "exit"
    assert "234123412346" not in str(gate.everything())


def test_an_exit_by_an_unknown_number_is_recorded_without_a_pass_number(gate: Gate) -> None:
    result = gate.scan(number_scan(pass_issued().pass_number, direction="exit", id_check=None))
    (scan,) = gate.scans()
    assert result.verdict == scan.verdict == "unknown_pass"
    assert (scan.pass_number, scan.direction, scan.published) == (None, "exit", False)
    assert gate.published() == []


def test_a_late_exit_of_the_next_day_is_recorded(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    gate.close(NOON + DAY)
    assert gate.leave(issued, at=NOON + DAY).marks == ("late", "no_entry")


def test_a_party_leaves_in_parts_and_the_list_of_people_inside_has_the_rest(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued)
    asked = gate.leave(issued, ask_count=True)
    assert (asked.verdict, asked.preview, asked.inside, len(gate.scans())) == ("exit", True, 3, 1)
    assert asked.applicant is not None
    left = gate.leave(issued, ask_count=True, count=1)
    assert (left.preview, left.inside, left.marks) == (False, 2, ())
    (party,) = gate.inside().items
    assert (party.inside, party.party, gate.inside().persons) == (2, 3, 2)
    assert gate.leave(issued, ask_count=True, count=1).inside == 1
    last = gate.leave(issued, ask_count=True)
    assert (last.preview, last.inside, gate.inside().persons) == (False, 0, 0), "of one nobody is asked"
    assert [scan.count for scan in gate.scans()[1:]] == [1, 1, 1]


def test_nobody_is_asked_how_many_leave_of_whom_none_is_inside_or_at_another_site(gate: Gate) -> None:
    issued = gate.issue_party(3)
    assert gate.leave(issued, ask_count=True).marks == ("no_entry",)
    gate.enter(issued)
    elsewhere = scan_of(issued, gate="PCS2-G1", direction="exit", id_check=None, ask_count=True)
    assert gate.scan(elsewhere, officer("PCS2", None)).preview is False
    assert gate.row(issued).inside == 3


def test_an_exit_that_is_only_looked_at_goes_alone_and_leaves_its_nonce_for_the_answer(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued)
    leaving = scan_of(issued, direction="exit", id_check=None, ask_count=True)
    with gate.database.queries() as session:
        assert scans.scan_together([(leaving, calling())], session, NOON, SETTINGS) == [None]
    assert gate.scan(leaving).preview
    assert gate.scan(leaving.model_copy(update={"count": 2})).inside == 1


def test_an_exit_that_is_repeated_after_more_came_in_gets_its_first_answer(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued, count=1)
    leaving = scan_of(issued, direction="exit", id_check=None, ask_count=True)
    first = gate.scan(leaving)
    assert (first.preview, first.inside) == (False, 0)
    gate.enter(issued, count=2)
    assert gate.scan(leaving) == first
    assert gate.row(issued).inside == 2
