"""Every message can be said in Punjabi, Hindi and English, in as few SMS parts as it takes."""

from datetime import date
from typing import get_args

import pytest

from contracts.model import Language, RejectionReason
from services.notify import wording
from services.notify.domain import Purpose
from services.notify.parts import is_gsm, sms_parts
from services.notify.wording import Template, Unrenderable, templates

PURPOSES = get_args(Purpose)
LANGUAGES = get_args(Language)
SCRIPT = {"pa": range(0x0A00, 0x0A80), "hi": range(0x0900, 0x0980), "en": range(0x41, 0x7B)}
SAMPLE = {
    "code": "482917", "until": "14:35", "login_id": "PWD-0007", "reference": "PCS-7K3M-9QW4", "department": "Home",
    "url": "https://epass.punjab.gov.in", "note": "Please name the officer", "number": "7K3M9QW4", "date": "01-12-2026",
    "start": "10:00", "end": "12:00", "gate": "PCS1-G1", "link": "https://epass.punjab.gov.in/p/Zk3vQ9mT1xA7bC2dE5fG6h",
    "since": "30-11-2026 09:30",
}  # fmt: skip


def sample(language: Language) -> dict[str, str]:
    return {
        **SAMPLE,
        "site": wording.site("PCS1", language),
        "reason": wording.reason("officer_unavailable", language),
    }


def test_there_is_no_template_without_a_purpose() -> None:
    files = {path.stem for path in wording.FOLDER.glob("*.toml")} - {"words"}
    assert files == set(PURPOSES)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_all_three_languages_say_the_same_things(purpose: Purpose) -> None:
    asked = {language: set(templates()[purpose, language].placeholders) for language in LANGUAGES}
    assert asked["pa"] == asked["hi"] == asked["en"] != set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_message_reads_in_its_own_script_and_takes_few_parts(purpose: Purpose, language: Language) -> None:
    text = templates()[purpose, language].render(sample(language))
    parts = sms_parts(text)
    print(f"{purpose:<24}{language}  {parts} parts  {text}")
    assert "{" not in text
    assert any(ord(char) in SCRIPT[language] for char in text)
    assert not any(
        ord(char) in SCRIPT[other] for other in {"pa", "hi"} - {language} for char in text if char != "।"
    )
    assert is_gsm(text) == (language == "en")
    assert parts <= (2 if language == "en" else 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_one_time_code_comes_first_and_in_one_part(language: Language) -> None:
    text = templates()["otp", language].render(sample(language))
    assert text.startswith("482917")
    assert sms_parts(text) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pass_message_holds_all_that_a_keypad_phone_needs(language: Language) -> None:
    text = templates()["pass_issued", language].render(sample(language))
    for word in (
        "7K3M9QW4",
        "01-12-2026",
        "10:00",
        "12:00",
        wording.site("PCS1", language),
        "PCS1-G1",
        SAMPLE["link"],
    ):
        assert word in text


def test_a_template_does_not_run_what_is_in_a_parameter() -> None:
    assert Template(1, "x", "", "{note}").render({"note": "{code} {0.__class__}"}) == "{code} {0.__class__}"


def test_a_missing_parameter_is_an_error_and_never_an_empty_word() -> None:
    with pytest.raises(Unrenderable):
        templates()["otp", "en"].render({"code": "482917"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", get_args(RejectionReason))
def test_every_reason_has_words(reason: str, language: Language) -> None:
    assert any(ord(char) in SCRIPT[language] for char in wording.reason(reason, language))


def test_sites_are_named_and_unknown_codes_shown_as_they_are() -> None:
    assert wording.site("PCS1", "pa") == "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1"
    assert wording.site("PCS2", "hi") == "पंजाब सिविल सचिवालय-2"
    assert wording.site("PCS9", "en") == "PCS9"
    assert wording.department("public_works") == "Public Works"
    assert wording.department("PWD") == "PWD"
    assert wording.gate(None, "pa") == "ਕੋਈ ਵੀ"


def test_days_are_written_as_in_india() -> None:
    assert wording.day(date(2026, 12, 1)) == "01-12-2026"


def test_a_long_note_is_one_line_and_cut_between_words() -> None:
    cut = wording.note("please\nbring\tthe file " * 20)
    assert len(cut) <= wording.NOTE_LENGTH + 1
    assert cut.endswith("…")
    assert "\n" not in cut
    assert wording.note("short") == "short"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2),
        ("ਅ" * 70, 1), ("ਅ" * 71, 2), ("ਅ" * 134, 2), ("ਅ" * 135, 3),
        ("a" * 69 + "ਅ", 1), ("a" * 70 + "ਅ", 2),
        ("😀" * 35, 1), ("😀" * 36, 2),
    ],
)  # fmt: skip
def test_parts_are_counted_as_operators_do(text: str, parts: int) -> None:
    assert sms_parts(text) == parts
