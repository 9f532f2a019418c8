"""What operators register of the texts of messages, and the administrator's file about it."""

import re
import textwrap
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest

from contracts.model import Language
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from services.notify.domain.registrations import BadRegistrations, read_registrations
from services.notify.domain.sms_segments import count_segments, count_units, is_gsm
from tests.support.factories.notify import sample
from tests.support.factories.registered_texts import VARIABLE_UNITS, registered_text, registration_file

DOCUMENT = (Path(__file__).parents[4] / "docs" / "messages.md").read_text(encoding="utf-8")
TEXTS = Path(__file__).parent / "registered_texts.toml"
"""Each text as it is registered. Whoever changes one raises its version, and writes it down here again."""
EVERY_TEXT = [(purpose, language) for purpose in get_args(Purpose) for language in get_args(Language)]
ASKING = [one for one in EVERY_TEXT if templates.find(*one).reply]
REPLY_TO = "EPASS 9220012345"
FORBIDDEN = {"name", "applicant", "visitor", "companion", "purpose", "note", "mobile", "email"}


@pytest.mark.parametrize(("purpose", "language"), EVERY_TEXT)
def test_a_text_is_the_one_that_is_registered_in_its_version(purpose: Purpose, language: Language) -> None:
    registered = tomllib.loads(TEXTS.read_text(encoding="utf-8"))[purpose]
    template = templates.find(purpose, language)
    assert (template.version, registered_text(template)) == (registered["version"], registered[language])


@pytest.mark.parametrize(("purpose", "language"), EVERY_TEXT)
def test_a_message_matches_its_registered_text_with_variables_of_at_most_forty_units(
    purpose: Purpose, language: Language
) -> None:
    template = templates.find(purpose, language)
    parts = re.split(r"\{#\w+#\}", registered_text(template))
    found = re.fullmatch(
        ".{1,}".join(f"({re.escape(part)})" for part in parts), template.render(sample(language))
    )
    assert found is not None
    for name in template.placeholders:
        if name not in ("url", "link"):
            assert count_units(sample(language)[name]) <= VARIABLE_UNITS, name


def test_no_variable_is_a_name_a_purpose_or_somebodys_own_words() -> None:
    used = {name for text in EVERY_TEXT for name in templates.find(*text).placeholders}
    assert used <= set(templates.VARIABLES)
    assert not used & FORBIDDEN


def test_a_file_names_the_sender_and_the_id_of_each_text(tmp_path: Path) -> None:
    found = read_registrations(registration_file(tmp_path))
    assert (found.header, found.entity_id) == ("PBEPAS", "1301000000000000001")
    assert found.find("otp", "pa") == "1307otppa"
    assert not list(found.missing())


def test_the_file_that_the_document_shows_is_read(tmp_path: Path) -> None:
    shown = textwrap.dedent(DOCUMENT.partition("```toml\n")[2].partition("```")[0])
    path = tmp_path / "sms.toml"
    path.write_text(shown, encoding="utf-8")
    found = read_registrations(path)
    assert (found.header, found.entity_id) == ("PBEPAS", "1301000000000000001")
    assert found.find("otp", "hi") == "1307…"


def test_a_text_that_changed_since_it_was_registered_is_missing(tmp_path: Path) -> None:
    old = read_registrations(registration_file(tmp_path, otp='[otp]\nversion = 1\npa = "1307"'))
    assert old.find("otp", "pa") is None
    assert list(old.missing()) == ["otp.pa", "otp.hi", "otp.en"]


@pytest.mark.parametrize(("purpose", "language"), ASKING)
def test_a_question_that_can_be_answered_by_sms_says_how_and_is_the_one_that_is_registered(
    purpose: Purpose, language: Language
) -> None:
    registered = tomllib.loads(TEXTS.read_text(encoding="utf-8"))["replies"][purpose]
    template, answers = templates.find_for_sms(purpose, language, REPLY_TO)
    assert (template.version, registered_text(template)) == (registered["version"], registered[language])
    text = template.render({**sample(language), **answers})
    assert "EPASS 1" in text
    assert "9220012345" in text
    assert ("EPASS 2" in text) == (purpose == "visit_question"), "nobody has to refuse a place"
    assert count_segments(text) <= (2 if language == "en" else 4)
    assert is_gsm(text) == (language == "en")
    assert templates.find_for_sms(purpose, language, "166")[1] == {"yes": "1", "no": "2", "reply_to": "166"}
    assert templates.find_for_sms(purpose, language, "") == (templates.find(purpose, language), {})


def test_where_people_can_reply_it_is_the_text_that_says_so_that_has_to_be_registered(tmp_path: Path) -> None:
    path = registration_file(tmp_path, visit_question='[visit_question]\nversion = 2\npa = "13"')
    found = read_registrations(path, REPLY_TO)
    assert (found.find("visit_question", "pa"), found.find("place_offered", "pa")) == ("13", None)
    assert read_registrations(path).find("visit_question", "pa") is None


@pytest.mark.parametrize(
    "content",
    ["no toml", "[otpp]\nversion = 1", "[otp]\nfr = 'x'", "[otp]\npa = 1307", "header = 1", "otp = 'x'"],
)
def test_a_file_with_something_unknown_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "registrations.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadRegistrations):
        read_registrations(path)


def test_the_longest_days_of_a_visit_fit() -> None:
    days = [date(2026, 12, 1) + timedelta(days=2 * step) for step in range(7)]
    assert all(count_units(templates.days(days, one)) <= VARIABLE_UNITS for one in get_args(Language))
