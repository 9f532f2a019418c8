"""What several services work out in the same way from a code or a time."""

import pytest

from contracts.model import site_of


@pytest.mark.parametrize(
    ("gate", "site"),
    [("PCS1-G1", "PCS1"), ("PCS1-G12", "PCS1"), ("A-G1-G2", "A-G1"), ("PCS1", ""), ("G1", ""), ("", "")],
)
def test_the_site_of_a_gate_is_the_part_before_its_number(gate: str, site: str) -> None:
    assert site_of(gate) == site
