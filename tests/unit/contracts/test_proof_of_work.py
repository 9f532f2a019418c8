"""The proof of work: what solves it, and how long a cheap phone needs for it."""

import math

import pytest

from contracts.proof_of_work import BITS, LONGEST_PROOF, MOST_ANSWERS, is_solved, solve

CHALLENGE = "aw5yDigZeJxhCwyi6YJN-Vs2cWkDV84ld3Nt"
CHEAP_PHONE = 100_000
"""SHA-256 in plain JavaScript, a second: the slower end."""


def test_a_proof_holds_for_its_challenge_and_its_number_of_answers() -> None:
    proof = solve(CHALLENGE, 3)
    assert is_solved(proof, 3)
    assert not is_solved(proof, 2)
    assert not is_solved(proof, 4)
    assert not is_solved("b" + proof[1:], 3)


@pytest.mark.parametrize("proof", ["", ".", CHALLENGE, f"{CHALLENGE}.1.2.3", f"{CHALLENGE}.½.x.-1"])
def test_what_solves_nothing_is_no_proof(proof: str) -> None:
    assert not is_solved(proof, 3)


def test_the_longest_proof_fits_into_its_field() -> None:
    assert len(CHALLENGE) + MOST_ANSWERS * len(".1000000") <= LONGEST_PROOF


def test_a_cheap_phone_does_the_most_work_within_two_seconds() -> None:
    mean = MOST_ANSWERS * 2**BITS
    deviation = math.sqrt(MOST_ANSWERS) * 2**BITS
    assert (mean + 2 * deviation) / CHEAP_PHONE < 2, "98 of 100 times"
