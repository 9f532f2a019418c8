"""The list of common names: its form, and that names find each other by ear."""

import itertools
import random
import re
from functools import cache

import pytest

from contracts import spelling
from contracts.common_names import common_name, customary, read

NAMES = read()
keys, sound, wanted = cache(spelling.keys), cache(spelling.sound), cache(spelling.wanted)
SCRIPTS = ("[\u0a01-\u0a75]+", "[\u0901-\u097f]+")
IN_THREE_SCRIPTS = [
    (name.customary, *(next((f for f in name.forms if re.fullmatch(script, f)), "") for script in SCRIPTS))
    for name in NAMES
]


def finds(query: str, name: str) -> bool:
    return all(keys(name) & set(word) for word in wanted(query))


def test_the_list_is_long_enough_sorted_and_names_each_once() -> None:
    customary_spellings = [name.customary for name in NAMES]
    assert len(NAMES) >= 600
    assert customary_spellings == sorted(set(customary_spellings))


def test_each_spelling_is_one_word_of_one_script() -> None:
    latin = re.compile("[A-Z][a-z]+")
    for name in NAMES:
        assert name.forms, name
        assert all(any(re.fullmatch(script, form) for script in SCRIPTS) for form in name.forms), name
        assert all(latin.fullmatch(spelling) for spelling in (name.customary, *name.alternates)), name
        assert name.customary not in name.alternates, name


def test_no_form_has_two_customary_spellings() -> None:
    forms = [form for name in NAMES for form in name.forms]
    assert len(forms) == len(set(forms))


@pytest.mark.parametrize(
    ("word", "latin"),
    [("ਗੁਰਪ੍ਰੀਤ", "Gurpreet"), ("ਸਿੰਘ", "Singh"), ("सिंह", "Singh"), ("ਕੌਰ", "Kaur"), ("गीता", "Geeta")],
)
def test_a_common_name_has_its_customary_spelling(word: str, latin: str) -> None:
    assert customary(word) == latin


def test_what_is_no_common_name_has_none() -> None:
    assert customary("ਕੁੰਜਵਿੰਦਰ") is None
    assert customary("Gurprit") is None, "a name in Latin letters stays as it was written"
    assert common_name("Xyz") is None


def test_names_in_three_scripts_find_each_other() -> None:
    whole = [three for three in IN_THREE_SCRIPTS if all(three)]
    assert len(whole) >= 300
    for three in whole:
        for query, name in itertools.permutations(three, 2):
            assert finds(query, name), (query, name)


def test_each_spelling_that_people_use_finds_the_name() -> None:
    for name in NAMES:
        for query, form in itertools.product((name.customary, *name.alternates), name.forms):
            assert finds(query, form), (query, form)


def test_different_names_are_heard_apart() -> None:
    """Of 20,000 pairs of names in two scripts, few are taken for each other; the message says how many.

    Names that are spellings of one another, such as Rajinder and Rajendra, do not count as different.
    """
    chance = random.Random(2026)
    pairs = []
    while len(pairs) < 20_000:
        one, other = chance.sample(NAMES, 2)
        if not {one.customary, *one.alternates} & {other.customary, *other.alternates}:
            pairs.append((one, other))
    taken = [(a.customary, b.customary) for a, b in pairs if sound(a.forms[0]) == sound(b.customary)]
    precision = 1 - len(taken) / len(pairs)
    assert precision >= 0.999, f"precision {precision:.4%}: {len(taken)} of {len(pairs)} pairs, {taken[:20]}"
