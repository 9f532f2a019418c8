"""The texts of messages in Punjabi, Hindi and English."""

import unicodedata
from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import ClosureReason, Language, RejectionReason, RevocationReason
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from services.notify.domain.sms_segments import count_segments, count_units, is_gsm
from services.notify.domain.templates import ReasonKind, Template, Unrenderable
from tests.support.factories.notify import SAMPLE, sample
from tests.support.factories.registered_texts import VARIABLE_UNITS

PURPOSES = get_args(Purpose)
LANGUAGES = get_args(Language)
SCRIPT = {"pa": range(0x0A00, 0x0A80), "hi": range(0x0900, 0x0980), "en": range(0x41, 0x7B)}

SPOKEN = {
    "pa": ("ਸ਼ਾਮ 6:00 ਵਜੇ ਤੋਂ ਰਾਤ 11:59 ਵਜੇ ਤੱਕ",),
    "hi": ("शाम 6:00 बजे से रात 11:59 बजे तक",),
    "en": ("6:00 pm to 11:59 pm",),
}


def test_there_is_no_template_without_a_purpose() -> None:
    files = {path.stem for path in templates.FOLDER.glob("*.toml")} - {"words"}
    assert files == set(PURPOSES)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_template_has_the_same_parameters_in_all_three_languages(purpose: Purpose) -> None:
    placeholders = {language: set(templates.find(purpose, language).placeholders) for language in LANGUAGES}
    assert placeholders["pa"] == placeholders["hi"] == placeholders["en"] != set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_message_is_in_the_script_of_its_language_and_takes_few_segments(
    purpose: Purpose, language: Language
) -> None:
    text = templates.find(purpose, language).render(sample(language))
    segments = count_segments(text)
    print(f"{purpose:<24}{language}  {segments} segments  {text}")
    assert "{" not in text
    assert any(ord(char) in SCRIPT[language] for char in text)
    assert not any(
        ord(char) in SCRIPT[other] for other in {"pa", "hi"} - {language} for char in text if char != "।"
    )
    assert is_gsm(text) == (language == "en")
    assert segments <= (2 if language == "en" else 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_one_time_code_comes_first_in_a_message_of_one_segment(language: Language) -> None:
    text = templates.find("otp", language).render(sample(language))
    assert text.startswith("482917")
    assert count_segments(text) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pass_message_can_be_used_on_a_phone_without_internet(language: Language) -> None:
    text = templates.find("pass_issued", language).render(sample(language))
    for part in (
        "7K3M9QW4",
        "01-12-2026",
        *SPOKEN[language],
        templates.site("PCS1", {}, language),
        "Gate 1 (main)",
        SAMPLE["link"],
    ):
        assert part in text


def test_braces_in_a_parameter_are_not_interpreted() -> None:
    assert Template(1, "x", "{note}").render({"note": "{code} {0.__class__}"}) == "{code} {0.__class__}"


def test_a_missing_parameter_raises_unrenderable() -> None:
    with pytest.raises(Unrenderable):
        templates.find("otp", "en").render({"code": "482917"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", get_args(RejectionReason))
def test_every_rejection_reason_has_a_text_in_every_language(reason: str, language: Language) -> None:
    assert any(ord(char) in SCRIPT[language] for char in templates.reason(reason, language))


def test_a_known_site_has_a_name_and_an_unknown_code_is_shown_unchanged() -> None:
    assert templates.site("PCS1", {}, "pa") == "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1"
    assert templates.site("PCS2", {}, "hi") == "पंजाब सिविल सचिवालय-2"
    assert templates.site("PCS9", {}, "en") == "PCS9"
    assert templates.site("PCS1", {"pa": "ਪੰਜਾਬ ਸਕੱਤਰੇਤ"}, "pa") == "ਪੰਜਾਬ ਸਕੱਤਰੇਤ", "the directory comes first"
    assert templates.gate(None, {}, "pa") == "ਕੋਈ ਵੀ"


def test_a_gate_is_called_by_its_name_else_by_its_number() -> None:
    names: dict[Language, str] = {"en": "Gate 1 (main)", "pa": "ਗੇਟ 1 (ਮੁੱਖ)"}
    assert templates.gate("PCS1-G1", names, "pa") == "ਗੇਟ 1 (ਮੁੱਖ)"
    assert templates.gate("PCS1-G1", names, "hi") == "1", "the template has the word for a gate"
    assert templates.gate("NORTH", {}, "en") == "NORTH"


PUBLIC_WORKS: dict[Language, str] = {
    "en": "Department of Public Works (Buildings and Roads)",
    "pa": "ਲੋਕ ਨਿਰਮਾਣ ਵਿਭਾਗ (ਭਵਨ ਤੇ ਮਾਰਗ)",
    "hi": "लोक निर्माण विभाग (भवन एवं मार्ग)",
}


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Public Works"), ("pa", "ਲੋਕ ਨਿਰਮਾਣ"), ("hi", "लोक निर्माण")]
)
def test_a_department_is_called_by_its_name_without_the_word_that_the_templates_have(
    language: Language, name: str
) -> None:
    assert templates.department("pwd", PUBLIC_WORKS, language) == name


def test_a_department_without_a_name_in_the_language_has_its_english_one() -> None:
    names: dict[Language, str] = {"en": "Personnel (Services)", "pa": " "}
    assert templates.department("dop", names, "pa") == "Personnel"
    assert templates.department("dop", {"en": "Department of Law"}, "en") == "Law"
    assert templates.department("dop", {"en": "Department"}, "en") == "Department"


def test_a_department_without_a_name_is_called_after_its_code() -> None:
    assert templates.department("public_works", {}, "pa") == "Public Works"
    assert templates.department("PWD", {}, "en") == "PWD"


def test_a_date_is_written_day_first() -> None:
    assert templates.day(date(2026, 12, 1)) == "01-12-2026"


@pytest.mark.parametrize(
    ("language", "later", "text"),
    [
        ("en", (), "27-11-2026"),
        ("en", (1,), "27 and 28 November 2026"),
        ("en", (1, 2), "27 to 29 November 2026"),
        ("pa", (1, 2), "27 ਤੋਂ 29 ਨਵੰਬਰ 2026"),
        ("hi", (1, 2), "27 से 29 नवंबर 2026"),
        ("en", (1, 3), "27, 28 and 30 November 2026"),
        ("pa", (1, 3), "27, 28 ਅਤੇ 30 ਨਵੰਬਰ 2026"),
        ("en", (3, 4, 5), "27 and 30 Nov to 2 Dec 2026"),
        ("en", (1, 2, 3, 4, 5, 6), "27 November to 3 December 2026"),
        ("hi", (1, 2, 4), "27-11 से 01-12-2026, 4 दिन"),
        ("en", (2, 4, 6), "27, 29 Nov, 1 and 3 Dec 2026"),
        ("en", (1, 3, 4, 6), "27-11 to 03-12-2026, 5 days"),
    ],
)
def test_several_days_are_written_as_people_say_them(
    language: Language, later: tuple[int, ...], text: str
) -> None:
    first = date(2026, 11, 27)
    assert templates.days([first + timedelta(days=days) for days in (0, *later)], language) == text


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sets(st.integers(1, 6)), st.sampled_from(LANGUAGES))
def test_the_days_of_a_visit_fit_into_a_variable(first: date, later: set[int], language: Language) -> None:
    days = [first + timedelta(days=days) for days in (0, *sorted(later))]
    assert count_units(templates.days(days, language)) <= VARIABLE_UNITS


LONG_NOTES = {
    "pa": "ਕਿਰਪਾ ਕਰਕੇ ਅਗਲੇ ਹਫ਼ਤੇ ਫ਼ਾਈਲ ਨੰਬਰ ਅਤੇ ਅਸਲ ਕਾਗਜ਼ ਨਾਲ ਲੈ ਕੇ ਆਓ ਜੀ। " * 8,
    "hi": "कृपया अगले सप्ताह फ़ाइल संख्या और मूल काग़ज़ साथ लेकर आएँ। " * 8,
    "en": "Please come next week, with the number of the file – and the officer’s letter. " * 6,
    "emoji": "🙏" * 200,
    "one word": "ਕਿੰਨੀ" * 80,
}


@pytest.mark.parametrize("note", LONG_NOTES.values(), ids=LONG_NOTES)
def test_shortened_words_never_exceed_what_a_template_allows_in_utf_16_units(note: str) -> None:
    for most in range(10, 120):
        cut = templates.shorten(note, most)
        assert most - 30 < count_units(cut) <= most
        kept = cut.rstrip(".…")
        assert note.translate(templates.PLAIN_PUNCTUATION).startswith(kept)
        following = note[len(kept) : len(kept) + 1]
        assert not unicodedata.category(following).startswith("M"), "cut before a vowel sign"


def test_a_refusal_says_the_reason_as_a_sentence() -> None:
    assert templates.grounds("officer_unavailable", "en") == "the officer is not available."
    assert templates.grounds("other", "pa") == "ਕੋਈ ਹੋਰ ਕਾਰਨ।"
    assert templates.grounds("officer_away", "hi", "closure") == "अधिकारी बाहर हैं।"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variable_of_a_template_is_bounded(language: Language) -> None:
    longest = "x" * 64
    for value in (
        templates.department("home", {language: longest}, language),
        templates.site("PCS1", {language: longest}, language),
        templates.gate("PCS1-G1", {language: longest}, language),
        templates.gate(longest, {}, language),
    ):
        assert count_units(value) <= VARIABLE_UNITS
    kinds: dict[ReasonKind, object] = {
        "reason": RejectionReason,
        "closure": ClosureReason,
        "revocation": RevocationReason,
    }
    for kind, reasons in kinds.items():
        for reason in get_args(reasons):
            assert count_units(templates.grounds(reason, language, kind)) <= VARIABLE_UNITS
