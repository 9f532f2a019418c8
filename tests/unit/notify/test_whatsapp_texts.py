"""Every text for WhatsApp against the rules by which Meta takes a template, in all three languages.

The rules stand on Meta's pages of templates ("Template components", "Authentication templates") and in its
answers (subcode 2388299: "Variables can't be at the start or end of the template"). Where it says no number
or who submits templates has met other answers, the strictest counts: a mark beside a variable is no word, and
a body has at least twice as many fixed words as variables, and one more.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from contracts.model import Language
from services.notify import commands
from services.notify.commands import Text
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from tests.support.factories.notify import SAMPLE
from tests.support.factories.registered_texts import VARIABLE_UNITS

TEXTS = list(commands.texts("whatsapp"))
BODIES = [text for text in TEXTS if text.category == "utility"]
ASKING = [text for text in commands.texts("whatsapp", replies=True) if text not in TEXTS]
"""Those that say that people can reply."""
WRITTEN = tomllib.loads((Path(__file__).parent / "domain" / "registered_texts.toml").read_text("utf-8"))
LONGEST_URL = 100
VARIABLE = re.compile(r"\{\{(.*?)\}\}")


def by_name(text: Text) -> str:
    return f"{text.name}-{text.language}"


def words(part: str) -> list[str]:
    return [word for word in part.split() if any(map(str.isalpha, word))]


def broken_rules(text: Text) -> Iterator[str]:
    """Yield each rule of Meta's that a template breaks."""
    body = text.text
    begins, *between, ends = VARIABLE.split(body)[::2]
    names = VARIABLE.findall(body)
    if not words(begins):
        yield "it begins with a variable"
    if not words(ends):
        yield "it ends with a variable"
    if not all(words(part) for part in between):
        yield "two variables without a word between them"
    if len(words(VARIABLE.sub(" ", body))) < 2 * len(names) + 1:
        yield "too many variables for its length"
    longest = sum(LONGEST_URL if name in ("url", "link") else VARIABLE_UNITS for name in names)
    if len(VARIABLE.sub("", body)) + longest > 1024:
        yield "its body is too long"
    if re.search(r"[\n\t]| {4}", body):
        yield "lines, tabs or blanks in the body"
    if not all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names) or len(set(names)) < len(names):
        yield "a name that is none of a parameter, or is there twice"
    if text.examples.keys() != set(names) or not all(text.examples.values()):
        yield "a variable without an example"
    if not re.fullmatch("[a-z0-9_]{1,512}", text.name):
        yield "a name that is none of a template"
    if len(text.button or "") > 25 or (text.button is None) != (text.header is None):
        yield "a button that is too long, or misses"


@pytest.mark.parametrize("text", [*BODIES, *ASKING], ids=by_name)
def test_meta_takes_every_text(text: Text) -> None:
    assert list(broken_rules(text)) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("Your application has been received. Status: {{url}}", "it ends with a variable"),
        ("Your application has been received. Status: {{url}}.", "it ends with a variable"),
        ("{{site}}: your application has been received.", "it begins with a variable"),
        ("For {{site}} ({{gate}}) your application has been received.", "two variables without"),
        ("From {{start}} to {{end}} only", "too many variables"),
        ("Your pass is {{number}} long " + "and long " * 120, "its body is too long"),
        ("Your application\nis {{reference}} from now on", "lines, tabs"),
        ("Your application is {{Reference}} from now on", "a name that is none"),
    ],
)
def test_a_text_that_breaks_a_rule_is_found(body: str, rule: str) -> None:
    examples = dict.fromkeys(VARIABLE.findall(body), "x")
    (found,) = broken_rules(Text("epass_x", 1, "en", body, "utility", examples=examples))
    assert found.startswith(rule)


def test_the_codes_are_of_the_category_for_codes_and_no_other_text_is() -> None:
    """Meta writes their body and their button; the code has at most 15 characters."""
    assert {text.name for text in TEXTS if text.category != "utility"} == {"epass_code"}
    assert len(SAMPLE["code"]) <= 15


@pytest.mark.parametrize("purpose", get_args(Purpose))
def test_a_text_for_whatsapp_has_the_variables_of_the_sms(purpose: Purpose) -> None:
    """So a template that was registered before goes on to fit what is sent."""
    for language in get_args(Language):
        template = templates.find(purpose, language)
        assert set(re.findall(r"\{(\w+)\}", template.whatsapp)) == set(template.placeholders)
        if template.whatsapp_picture_template:
            named = set(re.findall(r"\{(\w+)\}", template.whatsapp_picture))
            assert named == set(template.placeholders) - {"link"}, "the button has the link"


def test_a_text_for_whatsapp_is_the_one_of_its_version() -> None:
    """Whoever changes one raises `whatsapp_version`, and writes it down in `registered_texts.toml` again."""
    found = {}
    for text in BODIES:
        name = text.name if text.header else next(one for one in get_args(Purpose) if is_of(text, one))
        if text.header or templates.find(name, "en").whatsapp != templates.find(name, "en").text:
            found.setdefault(name, {"version": text.version})[text.language] = text.text
    assert found == WRITTEN["whatsapp"]


def test_a_text_that_asks_for_a_reply_is_the_one_of_its_version_and_has_the_same_variables() -> None:
    found: dict[str, dict[str, object]] = {}
    for text in ASKING:
        name = next(one for one in get_args(Purpose) if is_of(text, one))
        found.setdefault(name, {"version": text.version})[text.language] = text.text
        assert set(VARIABLE.findall(text.text)) == set(templates.find(name, text.language).placeholders)
    assert found == WRITTEN["whatsapp_replies"]


def is_of(text: Text, purpose: Purpose) -> bool:
    return templates.find(purpose, "en").whatsapp_template == text.name


@pytest.mark.parametrize("language", get_args(Language))
def test_a_parameter_has_no_lines_no_tabs_and_no_four_blanks(language: Language) -> None:
    """Meta refuses a message with such a parameter (132018); names come from the directory."""
    names = dict.fromkeys(get_args(Language), "Public\n\tWorks     and   Roads")
    for made in (
        templates.site("X", names, language),
        templates.department("x", names, language),
        templates.gate("X-G1", names, language),
    ):
        assert made == "Public Works and Roads"
