"""Forged tokens at a gate: each is refused, and nothing follows from it but the record of the attempt."""

import pytest

from tests.support.factories.verify import Gate, forgeries, pass_issued, scan_of

KINDS = tuple(forgeries(pass_issued()))


@pytest.fixture
def gate(databases) -> Gate:
    return Gate(databases["verify"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_token_is_refused_and_only_the_attempt_is_recorded(gate: Gate, kind: str) -> None:
    """The pass itself is genuine and known, so that only the token can be the reason."""
    issued = gate.issue()
    before = gate.everything()
    forged = forgeries(issued)[kind]
    preview, entry, exit_ = gate.enter(forged, id_check=None), gate.enter(forged), gate.leave(forged)
    for result in (preview, entry, exit_):
        assert result.verdict == "bad_signature"
        assert result.model_dump(exclude_defaults=True).keys() == {"verdict", "preview"}
    after = gate.everything()
    assert [scan.pass_number for scan in gate.scans()] == [None, None]
    del before["scans"], after["scans"]
    assert after == before
    assert gate.enter(issued).verdict == "admit"


def test_a_forged_token_of_an_unknown_pass_creates_no_pass(gate: Gate) -> None:
    gate.issue()
    before = gate.everything()["passes"]
    unknown = pass_issued()
    for forged in forgeries(unknown).values():
        assert gate.scan(scan_of(forged)).verdict == "bad_signature"
    assert gate.everything()["passes"] == before
