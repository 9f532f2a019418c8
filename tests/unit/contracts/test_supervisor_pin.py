"""The PIN of a supervisor: server and app make the same of it, and a proof counts for one scan."""

import pytest

from contracts import supervisor_pin

KEY = supervisor_pin.derive("481516", b"0123456789abcdef", 1000)


def test_the_server_makes_of_a_pin_what_the_app_does() -> None:
    """The app has the same values in ``web/gate/test``."""
    assert supervisor_pin.verifier(KEY) == "ijckjjIhm1f9MzH_c3NLpfT2ILAh7m0O57YaMkwhzoA"
    proof = supervisor_pin.prove(KEY, "nonce-1", "7K3M9QW3")
    assert proof == "sTmZeHZj6xGlSHwul5idX9CdJyFr8KhzbPSuoMbeT30"


@pytest.mark.parametrize(
    ("nonce", "scanned", "holds"),
    [("nonce-1", "7K3M9QW3", True), ("nonce-2", "7K3M9QW3", False), ("nonce-1", "AB3D5FGM", False)],
)
def test_a_proof_counts_for_one_scan_of_one_pass(nonce: str, scanned: str, *, holds: bool) -> None:
    proof = supervisor_pin.prove(KEY, "nonce-1", "7K3M9QW3")
    assert supervisor_pin.is_proof(proof, KEY, nonce, scanned) is holds
    assert not supervisor_pin.is_proof(None, KEY, nonce, scanned)


def test_a_pin_costs_600_000_rounds() -> None:
    """Tests of integration set this number down, so nothing else sees it."""
    salt = bytes(16)
    assert supervisor_pin.ITERATIONS == 600_000
    assert supervisor_pin.derive("481516", salt) == supervisor_pin.derive("481516", salt, 600_000)
