"""Looking at passes without letting anybody in is counted, and limited."""

from datetime import timedelta

import pytest

from contracts.errors import TooManyAttempts
from services.verify.handlers import previews
from tests.support.factories.verify import NOON, Gate, number_scan, officer, pass_issued, scan_of


@pytest.fixture
def gate(databases, monkeypatch) -> Gate:
    monkeypatch.setattr(previews, "LIMIT", 3)
    return Gate(databases["verify"])


def test_a_login_looks_at_so_many_passes_and_then_waits(gate: Gate) -> None:
    issued = gate.issue(gate=None)
    looks = [scan_of(issued, id_check=None), number_scan(issued.pass_number, id_check=None)]
    for look in [*looks, looks[0]]:
        assert gate.scan(look).applicant is not None
    before = gate.everything()
    for look in looks:
        with pytest.raises(TooManyAttempts) as refused:
            gate.scan(look, at=NOON + timedelta(seconds=10))
        assert refused.value.body.facts == {"retry_after": 291}
    assert gate.everything() == before
    elsewhere = scan_of(issued, gate="PCS1-G2", id_check=None)
    assert gate.scan(elsewhere, officer(gate="PCS1-G2")).preview
    assert gate.scan(looks[0], officer(login_id="SEC-0002")).preview
    assert gate.enter(issued).verdict == "admit", "who checks the ID lets people in"
    assert gate.scan(scan_of(issued, id_check=None), at=NOON + timedelta(minutes=5)).preview


def test_nobody_is_kept_from_leaving_by_too_many_looks_and_nobody_is_named_then(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued)
    leaving = {"direction": "exit", "id_check": None, "ask_count": True}
    looks = [gate.scan(scan_of(issued, **leaving)) for _ in range(5)]
    assert [(one.verdict, one.preview, one.inside) for one in looks] == [("exit", True, 3)] * 5
    assert [one.applicant is not None for one in looks] == [True] * 3 + [False] * 2
    for hidden in looks[3:]:
        assert (hidden.companions, hidden.vehicle, hidden.department, hidden.officer) == (
            (),
            None,
            None,
            None,
        )
    assert gate.scan(scan_of(issued, **leaving, count=2)).inside == 1
    with pytest.raises(TooManyAttempts) as refused:
        gate.enter(gate.issue(), id_check=None)
    assert refused.value.body.facts == {"retry_after": 301}, "the exits beyond it count no more"


def test_what_names_nobody_is_no_look_at_anybody(gate: Gate) -> None:
    elsewhere = gate.issue(site="PCS2")
    for _ in range(5):
        assert gate.scan(number_scan(pass_issued().pass_number, id_check=None)).verdict == "unknown_pass"
        assert gate.enter(elsewhere, id_check=None).verdict == "wrong_site"
        assert gate.enter(pass_issued(), id_check=None).verdict == "admit", "of whom nothing is known yet"
    assert gate.everything()["previews"] == []


def test_old_counts_are_deleted(gate: Gate) -> None:
    gate.enter(gate.issue(), id_check=None)
    for minutes, left in ((4, 1), (5, 0)):
        with gate.database.transaction() as session:
            previews.delete_old(session, NOON + timedelta(minutes=minutes))
        assert len(gate.everything()["previews"]) == left
