"""The Latin spelling that is suggested for a name in Gurmukhi or Devanagari."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.application.domain.transliteration import suggest_latin


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Gurpreet Kaur"), ("ਬਲਵਿੰਦਰ", "Balwinder"), ("गीता", "Geeta"),
        ("ਸਿੰਘ", "Singh"), ("सिंह", "Singh"), ("ਸ਼ਰਮਾ", "Sharma"),
        ("शर्मा", "Sharma"), ("ਹਰਜੀਤ", "Harjit"),
        ("ਮਨਮੋਹਨ", "Manmohan"), ("ਅਮਰਜੀਤ", "Amarjit"), ("ਕਮਲਜੀਤ", "Kamaljit"), ("ਹਰਮਨਪ੍ਰੀਤ", "Harmanpreet"),
        ("ਸਿਮਰਨ", "Simran"),
        ("ਅੰਮ੍ਰਿਤ", "Amrit"), ("ਖ਼ਾਨ", "Khan"), ("ਜ਼ੋਰਾਵਰ", "Zorawar"), ("ਸੱਜਣ", "Sajjan"),
        ("ਇੰਦਰਜੀਤ", "Inderjit"),
        ("चन्द्र", "Chandra"), ("मिश्र", "Mishra"), ("कृष्ण", "Krishna"), ("राजेन्द्र", "Rajendra"),
        ("आनन्द", "Anand"), ("ज्ञान", "Gyan"),
        ("ਸ/ਓ ਰਾਮ Lal ੧੨", "S/O Ram Lal 12"), ("Maria-José", "Maria-José"),
    ],
)  # fmt: skip
def test_a_common_name_is_spelt_as_is_customary(name: str, latin: str) -> None:
    assert suggest_latin(unicodedata.normalize("NFC", name)) == latin


@pytest.mark.parametrize(
    ("name", "latin"),
    [("ਰਿੰਪਲਜੀਤ", "Rimpaljit"), ("मृणालिनी", "Mrinalini"), ("ਸ/ਓ ਜ਼ੁਲਫ਼ੀ", "S/O Zulfi")],
)
def test_any_other_name_is_spelt_as_it_is_pronounced(name: str, latin: str) -> None:
    assert suggest_latin(unicodedata.normalize("NFC", name)) == latin


@given(
    st.text(
        alphabet="".join(chr(code) for start in (0x0905, 0x0A05) for code in range(start, start + 0x6B))
        + " .",
        max_size=40,
    )
)
def test_whatever_is_written_comes_out_in_ascii(name: str) -> None:
    assert not any(
        unicodedata.name(char, "").startswith(("GURMUKHI LETTER", "DEVANAGARI LETTER"))
        for char in suggest_latin(name)
    )
