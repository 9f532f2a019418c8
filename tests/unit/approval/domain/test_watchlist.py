"""When a person matches an entry of the watchlist, and how seldom somebody else does."""

import itertools
import random
from datetime import date, timedelta

import pytest

from contracts.common_names import read
from contracts.errors import Conflict, InvalidInput
from contracts.model import Companion, Person
from services.approval.domain.watchlist import (
    Entry,
    Stage,
    entry_of,
    match,
    require_confirmable,
    traits,
    traits_of,
)

TODAY = date(2026, 3, 2)
ENTRY = Entry("Balvinder Singh Gill", "4821", "+919876543210", "Threatened an officer")


def person(name: str, last4: str | None = None, mobile: str | None = None, latin: str = "") -> Person:
    return Person(name=name, name_latin=latin, id_type="voter_id", id_last4=last4, mobile=mobile)


@pytest.mark.parametrize(
    "name", ["ਬਲਵਿੰਦਰ ਸਿੰਘ ਗਿੱਲ", "बलविंदर सिंह गिल", "BALWINDER SINGH GIL", "Balvinder Gill", "ਬਲਵਿੰਦਰ"]
)
def test_name_and_last_four_are_a_firm_match_in_any_spelling(name: str) -> None:
    assert match(ENTRY, person(name, "4821")) == "firm"
    assert match(ENTRY, Companion(name=name, id_last4="4821")) == "firm"
    assert traits("Balvinder Singh Gill", "4821", None) & traits_of([person(name, "4821")])


def test_name_and_mobile_are_a_firm_match_for_the_applicant() -> None:
    assert match(ENTRY, person("ਬਲਵਿੰਦਰ ਸਿੰਘ ਗਿੱਲ", "0000", "+919876543210")) == "firm"


def test_the_spelling_in_english_letters_counts_too() -> None:
    assert match(ENTRY, person("ਬਲਵਿੰਦਰ", "4821", latin="Balwinder Singh")) == "firm"


def test_a_name_alone_is_a_possible_match_if_it_is_the_whole_name() -> None:
    assert match(ENTRY, person("ਬਲਵਿੰਦਰ ਸਿੰਘ ਗਿੱਲ", "0000", "+911111111111")) == "possible"
    assert match(ENTRY, person("ਬਲਵਿੰਦਰ ਸਿੰਘ", "0000")) is None
    assert match(Entry("Balwinder", "1111", None, "r"), person("Balwinder", "0000")) is None


@pytest.mark.parametrize(
    ("entry", "given"),
    [
        ("Balvinder Singh Gill", "Gurpreet Singh"),
        ("Balvinder Singh Gill", "Singh"),
        ("Gurpreet Kaur", "Harpreet Kaur"),
        ("Ram Singh", "Ram Lal"),
    ],
)
def test_last_four_without_the_name_is_no_match(entry: str, given: str) -> None:
    assert match(Entry(entry, "4821", None, "r"), person(given, "4821")) is None


def test_a_name_that_many_carry_matches_only_as_a_whole_and_with_the_id() -> None:
    entry = Entry("Ram Singh", "4821", None, "r")
    assert match(entry, person("ਰਾਮ ਸਿੰਘ", "4821")) == "firm"
    assert match(entry, person("ਰਾਮ ਸਿੰਘ", "0000")) is None


def test_an_entry_without_content_matches_nobody() -> None:
    assert match(Entry("", None, None, ""), person("", None)) is None
    assert match(Entry("", None, None, ""), person("Ram", "4821")) is None


def test_few_strangers_match_firmly() -> None:
    """Of 400 strangers against 250 entries; the message says how many match."""
    chance = random.Random(2026)
    names = [name.customary for name in read()]

    def anybody() -> tuple[str, str]:
        return " ".join(chance.sample(names, 2)), f"{chance.randrange(10_000):04}"

    entries = [Entry(*anybody(), None, "r") for _ in range(250)]
    kinds = [
        match(entry, person(name, last4))
        for entry, (name, last4) in itertools.product(entries, [anybody() for _ in range(400)])
    ]
    firm, possible = kinds.count("firm"), kinds.count("possible")
    assert firm == 0, f"{firm} firm and {possible} possible of {len(kinds)} comparisons"
    assert possible <= len(kinds) / 10_000, f"{firm} firm and {possible} possible of {len(kinds)} comparisons"


# ----------------------------------------------------------------- entries


def entry(**changes: object) -> Entry:
    fields = {
        "name": "Balvinder Singh", "id_last4": "4821", "mobile": None, "reason": "Threats",
        "valid_until": TODAY + timedelta(days=30), "today": TODAY,
    }  # fmt: skip
    return entry_of(**fields | changes)  # type: ignore[arg-type]


def test_an_entry_is_cleaned() -> None:
    made = entry(
        name="  Balvinder  Singh\x00", id_last4="੪੮੨੧", mobile="098765 43210", reason=" 2345 6789 0124 "
    )
    assert made == Entry("Balvinder Singh", "4821", "+919876543210", "XXXX XXXX 0124")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name": " - "}, "name", "name_missing"),
        ({"id_last4": None}, "id_last4", "last4_or_mobile"),
        ({"id_last4": "234567890124"}, "id_last4", "full_number"),
        ({"id_last4": "12"}, "id_last4", "not_four"),
        ({"mobile": "12"}, "mobile", "not_a_mobile"),
        ({"valid_until": TODAY - timedelta(days=1)}, "valid_until", "date_past"),
        ({"valid_until": TODAY + timedelta(days=367)}, "valid_until", "date_too_far"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, object], field: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        entry(**changes)
    assert [(one.field, one.code) for one in refused.value.body.fields] == [(field, code)]


@pytest.mark.parametrize(
    ("stage", "by", "code"),
    [
        (Stage("ADO-0001"), "ADO-0001", "same_officer"),
        (Stage("ADO-0001", "SEC-0001"), "SEC-0002", "not_proposed"),
        (Stage("ADO-0001", ended=True), "SEC-0001", "not_proposed"),
    ],
)
def test_an_entry_is_confirmed_once_and_by_another_officer(stage: Stage, by: str, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        require_confirmable(stage, by)
    assert refused.value.body.code == code
    require_confirmable(Stage("ADO-0001"), "SEC-0001")
