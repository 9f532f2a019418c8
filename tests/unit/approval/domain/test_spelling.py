"""An officer is found however the name is spelt."""

import pytest

from services.approval.domain.spelling import matches, sound

OFFICER = (
    "Harjinder Kaur Dhaliwal",
    "ਹਰਜਿੰਦਰ ਕੌਰ ਧਾਲੀਵਾਲ",
    "हरजिंदर कौर धालीवाल",
    "Additional Chief Secretary",
    "ਵਧੀਕ ਮੁੱਖ ਸਕੱਤਰ",
    "अपर मुख्य सचिव",
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "Harjinder",
        "HARJINDER",
        "harj",
        "jinder",
        "kaur harjinder",
        "ਹਰਜਿੰਦਰ",
        "हरजिंदर",
        "ਸਕੱਤਰ",
        "सचिव",
        "chief secretary",
        " dhaliwal ",
    ],
)
def test_a_name_is_found_in_any_language_and_case_and_in_parts(query) -> None:
    assert matches(query, *OFFICER)


@pytest.mark.parametrize(
    "query", ["harjindar", "Harjindr", "daliwal", "sakattar", "sachiv", "vadhik", "mukh"]
)
def test_a_name_is_found_by_its_sound_in_latin_letters(query) -> None:
    assert matches(query, *OFFICER)


def test_a_name_stored_in_one_script_is_found_from_another() -> None:
    assert matches("gurpreet", "ਗੁਰਪ੍ਰੀਤ")
    assert matches("gurprit", "गुरप्रीत")
    assert matches("ਗੁਰਪ੍ਰੀਤ", "Gurpreet")


@pytest.mark.parametrize("query", ["Balwinder", "kaur balwinder", "Kiran", "ਬਲਦੇਵ", "ashok", "a9z", "%", "_"])
def test_a_different_name_is_not_found(query) -> None:
    assert not matches(query, *OFFICER)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Singh", "ਸਿੰਘ", "sing"),
        ("Sharma", "ਸ਼ਰਮਾ", "शर्मा"),
        ("Verma", "Warma", "ਵਰਮਾ"),
        ("Ashok", "ਅਸ਼ੋਕ", "अशोक"),
        ("Zail", "ਜ਼ੈਲ"),
    ],
)
def test_spellings_of_one_name_sound_alike(spellings) -> None:
    assert len({sound(spelling) for spelling in spellings}) == 1
