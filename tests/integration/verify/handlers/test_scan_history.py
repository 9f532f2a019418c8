"""The recorded scans of a pass: for auditors alone, the newest first, and nobody is named."""

from datetime import timedelta

import pytest

from contracts.errors import Forbidden, NotFound
from contracts.rpc.audit import AuditQuestion
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.scans import ScanHistory
from services.verify.handlers import scan_history
from tests.support.factories.verify import GATE, NOON, Gate, calling, officer, scan_of

MINUTE = timedelta(minutes=1)
AUDITOR = officer(role="auditor", site=None, gate=None, login_id="AUD-0001")


def history(gate: Gate, number: str, principal=AUDITOR) -> ScanHistory:
    with gate.database.transaction() as session:
        return scan_history.list_scans(PassNumber(number=number), calling(principal), session)


def test_every_recorded_scan_of_the_pass_is_listed_the_newest_first_and_no_preview(gate: Gate) -> None:
    issued, other = gate.issue_party(3), gate.issue()
    gate.enter(other)
    gate.scan(scan_of(issued, id_check=None))
    gate.enter(issued, count=2, at=NOON)
    gate.leave(issued, count=1, at=NOON + MINUTE)
    found = history(gate, issued.pass_number)
    assert (found.pass_number, found.reference) == (issued.pass_number, issued.reference)
    assert [(one.direction, one.verdict, one.count, one.inside) for one in found.items] == [
        ("exit", "exit", 1, 1),
        ("entry", "admit", 2, 2),
    ]
    assert {(one.gate, one.scanned_by) for one in found.items} == {(GATE, "SEC-0001")}
    assert "Gurpreet" not in found.model_dump_json()
    assert "ਗੁਰਪ੍ਰੀਤ" not in found.model_dump_json()


def test_a_pass_without_scans_has_none_and_an_unknown_one_is_not_found(gate: Gate) -> None:
    assert history(gate, gate.issue().pass_number).items == ()
    with pytest.raises(NotFound):
        history(gate, "7K3M9QW3")


def test_an_auditor_who_looks_for_scans_or_refusals_finds_these_alone(gate: Gate) -> None:
    gate.enter(gate.issue(), at=NOON)
    gate.scan(scan_of(gate.issue(valid_to=NOON - MINUTE)))

    def found(**wanted) -> list[str]:
        with gate.database.transaction() as session:
            return [
                one.result
                for one in scan_history.list_entries(
                    AuditQuestion(**wanted), calling(AUDITOR), session, NOON
                ).items
            ]

    assert sorted(found()) == sorted(found(actions=("scan",))) == ["admit", "expired"]
    assert found(refused=True) == ["expired"]
    assert found(actions=("set_pin",)) == []


def test_nobody_but_an_auditor_sees_them(gate: Gate) -> None:
    with pytest.raises(Forbidden):
        history(gate, gate.issue().pass_number, officer(role="ops"))
