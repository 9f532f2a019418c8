"""Refused tokens at a gate: an attempt with a forged one is recorded, a scan that failed leaves no trace."""

import pytest

from contracts.errors import InvalidInput
from tests.support.factories.verify import Gate, forgeries, pass_issued, scan_of, token_of, unreadable_tokens


def test_a_forged_token_is_refused_and_only_the_attempt_is_recorded(gate: Gate) -> None:
    """The pass itself is genuine and known, so that only the token can be the reason."""
    issued = gate.issue()
    before = gate.everything()
    forged = forgeries(issued)
    for kind, token in forged.items():
        for result in (gate.enter(token, id_check=None), gate.enter(token), gate.leave(token)):
            assert result.verdict == "bad_signature", kind
            assert result.model_dump(exclude_defaults=True).keys() == {"verdict", "preview"}
    after = gate.everything()
    assert [scan.pass_number for scan in gate.scans()] == [None, None] * len(forged)
    assert len(after["scan_nonces"]) == 2 * len(forged)
    for recorded in ("scans", "scan_nonces"):
        del before[recorded], after[recorded]
    assert after == before
    assert gate.enter(issued).verdict == "admit"


def test_a_forged_token_of_an_unknown_pass_creates_no_pass(gate: Gate) -> None:
    gate.issue()
    before = gate.everything()["passes"]
    unknown = pass_issued()
    for forged in forgeries(unknown).values():
        assert gate.scan(scan_of(forged)).verdict == "bad_signature"
    assert gate.everything()["passes"] == before


def test_a_token_that_cannot_be_read_is_to_be_scanned_again_and_leaves_no_trace(gate: Gate) -> None:
    torn = unreadable_tokens(gate.issue())
    before = gate.everything()
    for kind, token in torn.items():
        for direction in ("entry", "exit") * 2:
            with pytest.raises(InvalidInput) as refused:
                gate.scan(scan_of(token, direction=direction))
            assert refused.value.body.code == "unreadable_token", kind
    assert gate.everything() == before


def test_the_nonce_of_a_failed_scan_serves_for_the_scan_that_succeeds(gate: Gate) -> None:
    issued = gate.issue()
    with pytest.raises(InvalidInput):
        gate.enter(token_of(issued)[:-1], nonce="the same nonce")
    assert gate.enter(issued, nonce="the same nonce").verdict == "admit"
