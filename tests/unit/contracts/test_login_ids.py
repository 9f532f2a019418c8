"""How login ids are read as people type them."""

import pytest

from contracts.login_ids import new_login_id, normalized, parse_login_id


@pytest.mark.parametrize("typed", ["hom-0007", " HOM-0007 ", "Hom - 0007", "HOM-0007\x00"])
def test_a_typed_login_id_is_read_in_any_case_and_with_blanks(typed: str) -> None:
    assert normalized(typed) == parse_login_id(typed) == "HOM-0007"


@pytest.mark.parametrize("typed", ["sec-7k3m90", "SEC-7K3M9O", " Sec - 7k3m9o"])
def test_a_typed_login_id_is_read_with_its_look_alikes(typed: str) -> None:
    assert parse_login_id(typed) == "SEC-7K3M90"
    assert parse_login_id("Lok-llll0i") == "LOK-111101", "letters before the hyphen stay letters"


def test_new_login_ids_cannot_be_counted_up() -> None:
    ids = {new_login_id("SEC") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(parse_login_id(one) == one for one in ids)
    assert len({one[4:6] for one in ids}) > 500, "1,024 beginnings"


@pytest.mark.parametrize("login_id", ["A-0001", "IT-0001", "HOM-123456789"])
def test_short_prefixes_and_long_numbers_are_login_ids(login_id: str) -> None:
    assert parse_login_id(login_id) == login_id


@pytest.mark.parametrize(
    "text", ["", "HOM", "HOM-7", "HOME-0007", "HOM-0007x", "Kaur", "HOM-\u0a67\u0a68\u0a69\u0a6a"]
)
def test_a_text_of_another_form_is_no_login_id(text: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        parse_login_id(text)
