"""The texts of messages in Punjabi, Hindi and English."""

from datetime import date
from typing import get_args

import pytest

from contracts.model import Language, RejectionReason
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from services.notify.domain.sms_segments import count_segments, is_gsm
from services.notify.domain.templates import Template, Unrenderable

PURPOSES = get_args(Purpose)
LANGUAGES = get_args(Language)
SCRIPT = {"pa": range(0x0A00, 0x0A80), "hi": range(0x0900, 0x0980), "en": range(0x41, 0x7B)}
SAMPLE = {
    "code": "482917",
    "until": "14:35",
    "login_id": "PWD-0007",
    "reference": "PCS-7K3M-9QW4",
    "department": "Home",
    "url": "https://epass.punjab.gov.in",
    "note": "Please name the officer",
    "number": "7K3M9QW4",
    "date": "01-12-2026",
    "start": "10:00",
    "end": "12:00",
    "gate": "PCS1-G1",
    "link": "https://epass.punjab.gov.in/p/Zk3vQ9mT1xA7bC2dE5fG6h",
    "since": "30-11-2026 09:30",
}


def sample(language: Language) -> dict[str, str]:
    return {
        **SAMPLE,
        "site": templates.site("PCS1", language),
        "reason": templates.reason("officer_unavailable", language),
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
        "10:00",
        "12:00",
        templates.site("PCS1", language),
        "PCS1-G1",
        SAMPLE["link"],
    ):
        assert part in text


def test_braces_in_a_parameter_are_not_interpreted() -> None:
    assert Template(1, "x", "", "{note}").render({"note": "{code} {0.__class__}"}) == "{code} {0.__class__}"


def test_a_missing_parameter_raises_unrenderable() -> None:
    with pytest.raises(Unrenderable):
        templates.find("otp", "en").render({"code": "482917"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", get_args(RejectionReason))
def test_every_rejection_reason_has_a_text_in_every_language(reason: str, language: Language) -> None:
    assert any(ord(char) in SCRIPT[language] for char in templates.reason(reason, language))


def test_a_known_site_has_a_name_and_an_unknown_code_is_shown_unchanged() -> None:
    assert templates.site("PCS1", "pa") == "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1"
    assert templates.site("PCS2", "hi") == "पंजाब सिविल सचिवालय-2"
    assert templates.site("PCS9", "en") == "PCS9"
    assert templates.department("public_works") == "Public Works"
    assert templates.department("PWD") == "PWD"
    assert templates.gate(None, "pa") == "ਕੋਈ ਵੀ"


def test_a_date_is_written_day_first() -> None:
    assert templates.day(date(2026, 12, 1)) == "01-12-2026"


def test_a_long_note_is_one_line_shortened_between_words() -> None:
    cut = templates.note("please\nbring\tthe file " * 20)
    assert len(cut) <= templates.NOTE_LENGTH + 1
    assert cut.endswith("…")
    assert "\n" not in cut
    assert templates.note("short") == "short"
