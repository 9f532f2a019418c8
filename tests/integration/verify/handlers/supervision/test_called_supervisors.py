"""Entries to which a supervisor is called: nobody goes in unless they agree."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.rpc.verify.scans import ScanPass, Seen, Supervisor
from services.verify.handlers import scan_records, scans
from tests.integration.verify.handlers.supervision.supervised import PIN, WRONG, Supervised, code, refusal
from tests.support.factories.verify import (
    MATCHED,
    NOON,
    OTHER_ID,
    SETTINGS,
    Gate,
    calling,
    gate_advised,
    offline_scan,
    scan_of,
)

SEEN = Seen(kind="seen", id_type="voter_id")


@pytest.mark.parametrize("check", [SEEN, MATCHED, OTHER_ID])
def test_nobody_goes_in_unless_the_supervisor_who_is_called_agrees(gate: Supervised, check: Any) -> None:
    issued = gate.issue()
    gate.handle(gate_advised(issued))
    assert gate.scan(scan_of(issued, id_check=None)).supervisors == ("SEC-0009",)
    scan = scan_of(issued, id_check=check)
    assert refusal(gate, scan) == "supervisor_missing"
    assert gate.scans() == []
    assert gate.scan(scan.model_copy(update={"supervisor": gate.agreement(scan)})).verdict == "admit"


@pytest.mark.parametrize("check", [SEEN, OTHER_ID])
def test_after_a_card_that_did_not_match_the_officers_word_alone_counts_no_more(
    gate: Supervised, check: Any
) -> None:
    issued = gate.issue()
    assert gate.scan(scan_of(issued, id_check=check)).verdict == "admit", "before it, it does"
    other = gate.issue_party(2)
    mismatch = gate.scan(scan_of(other, id_check=WRONG))
    assert (mismatch.verdict, mismatch.supervisors) == ("id_mismatch", ("SEC-0009",))
    assert gate.scan(scan_of(other, id_check=None)).supervisors == ("SEC-0009",)
    earlier = NOON - timedelta(minutes=4)
    for claimed in (None, earlier):
        assert refusal(gate, scan_of(other, id_check=check, scanned_at=claimed)) == "supervisor_missing"
    assert gate.scan(scan_of(other, count=1)).verdict == "admit", "who shows the right card goes in"
    assert gate.scan(scan_of(other, id_check=check, count=1)).verdict == "admit"


def test_a_card_that_did_not_match_is_forgotten_by_the_next_day(gate: Supervised) -> None:
    issued = gate.issue(valid_to=NOON + timedelta(hours=20))
    gate.scan(scan_of(issued, id_check=WRONG))
    assert refusal(gate, scan_of(issued, id_check=OTHER_ID), NOON + timedelta(hours=13)) is None


def test_a_site_without_a_supervisor_who_has_a_pin_goes_on_as_before(databases) -> None:
    gate = Gate(databases["verify"])
    issued = gate.issue()
    gate.handle(gate_advised(issued))
    assert gate.scan(scan_of(issued, id_check=None)).supervisors == ()
    assert gate.scan(scan_of(issued, id_check=OTHER_ID)).verdict == "admit"


def test_a_repeat_of_an_entry_has_its_answer_whatever_is_asked_by_then(gate: Supervised) -> None:
    issued = gate.issue_party(2)
    scan = scan_of(issued, id_check=SEEN, count=1)
    gate.scan(scan)
    gate.handle(gate_advised(issued))
    assert gate.scan(scan).verdict == "admit"
    assert len(gate.scans()) == 1


def test_scans_that_come_together_are_asked_for_a_supervisor_too(gate: Supervised) -> None:
    advised, mismatched, plain = gate.issue(), gate.issue(), gate.issue()
    gate.handle(gate_advised(advised))
    gate.scan(scan_of(mismatched, id_check=WRONG))
    asked = [(scan_of(one, id_check=SEEN), calling()) for one in (advised, mismatched, plain)]
    with gate.database.queries() as session:
        answers = scans.scan_together(asked, session, NOON, SETTINGS)
    assert [one.verdict if one else None for one in answers] == [None, None, "admit"]


def test_a_pin_from_a_page_without_scripts_agrees_as_a_proof_does(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    agreed = Supervisor(login_id="SEC-0009", reason="known to me", pin=PIN)
    assert gate.check(scan, agreed) is None
    assert code(gate.check(scan, agreed.model_copy(update={"pin": "000000"}))) == "wrong_pin"
    gate.scan(scan.model_copy(update={"supervisor": agreed}))
    assert PIN not in str(gate.everything())
    assert scan_records_digest(gate, scan, agreed) == gate.scans()[0].body_hmac


def scan_records_digest(gate: Gate, scan: ScanPass, agreed: Supervisor) -> str:
    """The digest of a scan whose PIN another one typed: it says nothing about the PIN."""
    other = scan.model_copy(update={"supervisor": agreed.model_copy(update={"pin": "999999"})})
    with gate.database.transaction() as session:
        return scan_records.digest_of(session, other)


def test_an_entry_without_a_network_that_no_supervisor_agreed_to_is_kept_and_found(gate: Supervised) -> None:
    advised, plain = gate.issue(), gate.issue()
    gate.handle(gate_advised(advised))
    assert all(one.recorded for one in gate.sync(offline_scan(advised), offline_scan(plain)))
    marks = {one.pass_number: one.marks for one in gate.scans()}
    assert "unproven" in marks[advised.pass_number]
    assert "unproven" not in marks[plain.pass_number]
    assert gate.row(advised).inside == 1, "they went in"
    (found,) = gate.found()
    assert (found.kind, found.detail, found.supervisor) == ("unproven", "supervisor_missing", None)
    assert (found.pass_number, found.login) == (advised.pass_number, "SEC-0001")
