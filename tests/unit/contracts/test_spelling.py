"""A name is found however it is spelt, in three scripts."""

import pytest

from contracts.spelling import keys, matches, sound, wanted

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
        ("Singh", "ਸਿੰਘ", "सिंह"),
        ("Gyan", "ज्ञान", "ਗਿਆਨ"),
        ("Laxmi", "Lakshmi", "लक्ष्मी"),
        ("Dhillon", "ਢਿੱਲੋਂ"),
        ("Khan", "ਖ਼ਾਨ", "ख़ान"),
        ("Mehta", "ਮਹਿਤਾ", "मेहता"),
        ("Bachchan", "Bachan", "बच्चन"),
        ("Kamla", "Kamala", "ਕਮਲਾ"),
        ("Priya", "Pria", "प्रिया"),
        ("Gandhi", "गाँधी"),
        ("Prince", "ਪ੍ਰਿੰਸ"),
    ],
)
def test_spellings_of_one_name_sound_alike(spellings) -> None:
    assert len({sound(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(("one", "other"), [("Mohan", "Meena"), ("Mamta", "Mata"), ("Harjit", "Arjit")])
def test_names_that_differ_in_a_consonant_are_heard_apart(one, other) -> None:
    assert sound(one) != sound(other)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Balvinder", "ਬਲਵਿੰਦਰ ਸਿੰਘ"),
        ("balv", "ਬਲਵਿੰਦਰ ਸਿੰਘ"),
        ("Geeta", "गीता"),
        ("har", "Harjinder Kaur"),
        ("harjinder", "Har Jinder"),
        ("ਗੀਤਾ", "Geeta Devi"),
        ("ram s/o", "Ram Lal"),
    ],
)
def test_a_name_is_kept_under_what_people_type(query, name) -> None:
    assert all(keys(name) & set(word) for word in wanted(query))


@pytest.mark.parametrize("query", ["Kiran", "Karan", "ਕਿਰਨ"])
def test_a_short_sound_finds_whole_words_only(query) -> None:
    assert not all(keys("ਕੌਰ", "Kaur") & set(word) for word in wanted(query))


def test_signs_alone_name_nobody() -> None:
    assert wanted("%% __ ' --") == []
