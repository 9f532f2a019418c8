"""Characters that nobody sees: refused where they change how a text is read, kept if they shape letters."""

import pytest

from contracts.characters import has_control_character


@pytest.mark.parametrize(
    "sign",
    [*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)), "\n", "\x00", "\x85"],
)
def test_a_character_that_ends_a_line_or_turns_its_direction_is_found(sign: str) -> None:
    assert has_control_character(f"Home{sign}Secretary")


@pytest.mark.parametrize(
    "text", ["Home Secretary", "ਗ੍ਰਹਿ ਸਕੱਤਰ", "क्\u200dष", "क्\u200cष", "हिंदी।", "Café – 4/18"]
)
def test_ordinary_text_and_the_joiners_of_indic_letters_are_not(text: str) -> None:
    assert not has_control_character(text)
