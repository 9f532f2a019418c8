"""Spellings of the registration numbers of vehicles."""

import json

import pytest

from contracts.plates import is_plate, names_plate
from tests.support.stack.paths import ROOT

CASES = json.loads((ROOT / "contracts/samples/plates.json").read_text(encoding="utf-8"))
"""What is typed, a plate, and whether it is found by that; null for what nobody looks for a vehicle by."""


@pytest.mark.parametrize(("typed", "plate", "found"), CASES)
def test_a_vehicle_is_found_by_any_spelling_of_its_plate_and_by_its_last_four_digits(
    typed, plate, found
) -> None:
    assert (names_plate(typed, plate) if is_plate(typed) else None) is found
