"""References, mobiles and ID proofs, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.commitment import commit, commitment_key
from contracts.crockford import ALPHABET, new_pass_number, new_reference, parse_pass_number, parse_reference
from contracts.identity import NotLastFour, last_four, mask_aadhaar
from contracts.mobile import parse_mobile

AADHAAR = "234123412346"


def test_a_reference_is_read_however_it_is_typed() -> None:
    reference = new_reference()
    body = reference.removeprefix("PCS-").replace("-", "")
    for typed in (
        reference,
        reference.lower(),
        body,
        f" {body[:4]} {body[4:]} ",
        f"pcs{body}",
        body.replace("1", "l").replace("0", "O"),
    ):
        assert parse_reference(typed) == reference


@given(st.integers(0, 7), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(position, char) -> None:
    number = new_pass_number()
    wrong = number[:position] + char + number[position + 1 :]
    if wrong == number:
        assert parse_pass_number(wrong) == number
    else:
        with pytest.raises(ValueError, match="not a pass number"):
            parse_pass_number(wrong)


@pytest.mark.parametrize("text", ["", "7K3M", "7K3M9QW49", "ੴੴੴੴੴੴੴੴ", "--------"])
def test_a_text_that_is_no_pass_number_is_refused(text) -> None:
    with pytest.raises(ValueError, match="not a pass number"):
        parse_pass_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "9876543210",
        "09876543210",
        "919876543210",
        "+91 98765-43210",
        " 98765 43210 ",
        "੯੮੭੬੫੪੩੨੧੦",
        "९८७६५४३२१०",
    ],
)
def test_an_indian_mobile_is_read_however_it_is_typed(text) -> None:
    assert parse_mobile(text) == "+919876543210"


@pytest.mark.parametrize("text", ["", "12345", "+91 172 274 0000", "hello", "98765432101234", "+999 123"])
def test_a_text_that_is_no_mobile_is_refused(text) -> None:
    with pytest.raises(ValueError, match="not a mobile"):
        parse_mobile(text)


def test_a_foreign_mobile_is_accepted() -> None:
    assert parse_mobile("+44 7911 123456") == "+447911123456"


@pytest.mark.parametrize(
    ("text", "four"), [("4821", "4821"), (" 48 21 ", "4821"), ("੪੮੨੧", "4821"), ("z12a", "Z12A")]
)
def test_last_four_characters_are_normalised(text, four) -> None:
    assert last_four(text) == four


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (AADHAAR, "full_number"),
        ("2341 2341 2346", "full_number"),
        ("2341-2341-2346", "full_number"),
        ("੨੩੪੧ ੨੩੪੧ ੨੩੪੬", "full_number"),
        ("२३४१२३४१२३४६", "full_number"),
        ("ABCDE1234F", "full_number"),
        ("482", "not_four"),
        ("", "not_four"),
        ("48*1", "not_four"),
    ],
)
def test_anything_but_four_characters_is_refused(text, code) -> None:
    with pytest.raises(NotLastFour) as caught:
        last_four(text)
    assert caught.value.code == code


@pytest.mark.parametrize("text", [AADHAAR, "2341 2341 2346", "2341-2341-2346", "੨੩੪੧ ੨੩੪੧ ੨੩੪੬"])
def test_an_aadhaar_number_in_free_text_is_masked(text) -> None:
    assert mask_aadhaar(f"my number is {text}, thank you") == ("my number is XXXX XXXX 2346, thank you", True)


@pytest.mark.parametrize(
    "text", ["file 114/2026", "234123412347 has a wrong check digit", "call 98765 43210", "1234567890123456"]
)
def test_other_numbers_in_free_text_stay(text) -> None:
    assert mask_aadhaar(text) == (text, False)


def test_a_commitment_matches_its_own_pass_and_id_only() -> None:
    key = commitment_key("master", "7K3M9QW4")
    ours = commit(key, "voter_id", "4821")
    assert len(ours) == 11
    others = {
        commit(key, "voter_id", "4822"),
        commit(key, "pan", "4821"),
        commit(commitment_key("master", "7K3M9QW5"), "voter_id", "4821"),
    }
    assert ours not in others
