"""Every text of the pages in every language, and nothing else in the catalogues.

What is missing is listed by name.
"""

import ast
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import date, time
from importlib.resources import files

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import Environment, nodes

from services.chassis.runtime.time_words import time_of_day
from services.gateway.documents import message_catalogues
from services.gateway.pages.shared.languages import LANGUAGES, days_in_words, hours_in_words, texts
from services.gateway.pages.shared.vocabulary import days_and_hours

TRANSLATED = ("pa", "hi")
SCRIPTS = {"pa": "GURMUKHI", "hi": "DEVANAGARI"}
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
ALLOWED = {
    *(
        "CSV",
        "UTF-8",
        "PNG",
        "JPEG",
        "QR",
        "SMS",
        "WhatsApp",
        "e-Pass",
        "PB65AB1234",
        "PCS-7K3M-9QWX",
        "REQ-7K3M-9QW4",
        "PCS1-G3",
    ),
    *("PWD-7K3M9Q", "SEC-7K3M9Q", "refuse", "supervisor"),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")
FOR_PROGRAMMERS = {"docs.html", "phone.html"}
NAMES_ONLY = {"e-Pass", "QR", "CSV"}


def both(value: object) -> tuple[str, ...]:
    """Return the one text of a message, or its plural forms."""
    return tuple(value) if isinstance(value, list | tuple) else (str(value or ""),)


def wrong_letters(text: str, language: str) -> set[str]:
    """Return Latin words that are not names, and letters of a script of another language."""
    plain = PLACEHOLDER.sub("", text)
    others = {letter for letter in plain if not letter.isascii() and unicodedata.category(letter)[0] in "LMN"}
    return {word for word in LATIN.findall(plain) if word not in ALLOWED} | {
        letter for letter in others if not unicodedata.name(letter).startswith(SCRIPTS[language])
    }


def complaints_about(message: Message, forms: int, language: str) -> list[str]:
    """Return the problems of one translation."""
    english, translated = both(message.id), both(message.string)
    if not all(translated):
        return ["not translated"]
    found = ["guessed (fuzzy)"] if message.fuzzy else []
    found += (
        ["one text for each plural form"]
        if isinstance(message.id, tuple) and len(translated) != forms
        else []
    )
    wanted = Counter(PLACEHOLDER.findall(english[-1]))
    for text in translated:
        found += ["other placeholders"] if Counter(PLACEHOLDER.findall(text)) != wanted else []
        found += ["English"] if text in english else []
        found += ["not in normal form C"] if text != unicodedata.normalize("NFC", text) else []
        found += (
            [f"wrong letters: {letters}"]
            if (letters := " ".join(sorted(wrong_letters(text, language))))
            else []
        )
    return found


def complaints(catalogue: Catalog, wanted: Catalog, language: str) -> list[str]:
    """Return the problems of a catalogue, one line per text."""
    missing = [
        f"{message.id}: missing, run make translations"
        for message in wanted
        if message.id and message.id not in catalogue
    ]
    gone = [
        f"{message.id}: on no page any more, run make translations"
        for message in catalogue
        if message.id and message.id not in wanted
    ]
    obsolete = [f"{message.id}: obsolete" for message in catalogue.obsolete.values()]
    of_texts = [
        f"{message.id}: {complaint}"
        for message in catalogue
        if message.id
        for complaint in complaints_about(message, catalogue.num_plurals, language)
    ]
    return [*missing, *gone, *obsolete, *of_texts]


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    return message_catalogues.extract()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_every_page_is_translated_and_nothing_else(language: str, wanted: Catalog) -> None:
    found = complaints(message_catalogues.read(language), wanted, language)
    assert not found, "\n".join([f"{len(found)} in {language}.po", *found])


def test_a_time_of_day_in_punjabi_has_no_second_word_for_at() -> None:
    assert time_of_day(time(12, 17), "pa").endswith("ਵਜੇ")
    said = [text for message in message_catalogues.read("pa") for text in both(message.string)]
    assert not [text for text in said if "%(time)s 'ਤੇ" in text]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_as_make_translations_writes_it(
    language: str, wanted: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_catalogues, "extract", lambda: wanted)
    assert message_catalogues.file(language).read_text(encoding="utf-8") == message_catalogues.updated(
        language
    )


CODE, INSIDE = "We have sent six digits to the number ending in %(end)s.", "%(num)s person inside"


def set_string(key: str, string: object) -> Callable[[Catalog], None]:
    return lambda catalogue: setattr(catalogue[key], "string", string)


SPOILERS: dict[str, tuple[Callable[[Catalog], object], str]] = {
    "a text taken out": (lambda catalogue: catalogue.delete("Approve"), "Approve: missing"),
    "a text of no page": (lambda catalogue: catalogue.add("Gone", "ਗਿਆ"), "Gone: on no page"),
    "an empty one": (set_string("Approve", ""), "Approve: not translated"),
    "an empty plural": (set_string(INSIDE, ("%(num)s ਵਿਅਕਤੀ", "")), "not translated"),
    "a plural too few": (set_string(INSIDE, ("%(num)s ਵਿਅਕਤੀ",)), "one text for each plural form"),
    "a plural without its number": (
        set_string(INSIDE, ("ਇੱਕ ਵਿਅਕਤੀ", "%(num)s ਵਿਅਕਤੀ")),
        "other placeholders",
    ),
    "a placeholder renamed": (set_string(CODE, "ਨੰਬਰ %(ends)s"), "other placeholders"),
    "a placeholder of another kind": (set_string(CODE, "ਨੰਬਰ %(end)d"), "other placeholders"),
    "a placeholder used twice": (set_string(CODE, "ਨੰਬਰ %(end)s %(end)s"), "other placeholders"),
    "a guess": (lambda catalogue: catalogue["Approve"].flags.add("fuzzy"), "Approve: guessed"),
    "one left in English": (set_string("Approve", "Approve"), "Approve: English"),
    "a Latin word": (set_string("Approve", "OK ਕਰੋ"), "wrong letters: OK"),
    "the other Indian script": (set_string("Approve", "ਮਨਜ਼ੂਰ करें"), "wrong letters"),
    "the other digits": (set_string("Approve", "१ ਮਨਜ਼ੂਰ"), "wrong letters: १"),
    "a letter in its other coding": (set_string("Approve", "ਮਨ\u0a5bੂਰ ਕਰੋ"), "not in normal form C"),
}


@pytest.fixture(scope="module")
def punjabi() -> Catalog:
    return message_catalogues.read("pa")


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_the_check_of_a_catalogue_finds_each_kind_of_mistake(spoiler: str, punjabi: Catalog) -> None:
    catalogue, wanted = Catalog("pa"), Catalog()
    for text in ("Approve", CODE, INSIDE):
        catalogue.add(punjabi[text].id, punjabi[text].string)
        wanted.add(punjabi[text].id)
    assert complaints(catalogue, wanted, "pa") == []
    spoil, complaint = SPOILERS[spoiler]
    spoil(catalogue)
    found = complaints(catalogue, wanted, "pa")
    assert any(complaint in line for line in found), found


def marked(source: str) -> set[str]:
    """Return the texts inside ``_("…")`` of a module, wherever the call is."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    mine = (
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "_" and call.args
    )
    return {text.value for text in mine if isinstance(text, ast.Constant) and isinstance(text.value, str)}


def test_extraction_overlooks_no_text_that_a_module_marks(wanted: Catalog) -> None:
    """Babel does not see ``_("…")`` inside another call of gettext."""
    found = set().union(
        *(marked(module.read_text(encoding="utf-8")) for module in message_catalogues.TEXTS.rglob("*.py"))
    )
    assert marked('texts(language).gettext(WORDS.get(code, _("deep inside")))') == {"deep inside"}
    assert found
    assert not {text for text in found if text not in wanted}


def bare(template: str) -> set[str]:
    """Return words that a template contains untranslated: between tags or in a read attribute."""
    tree = Environment(autoescape=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"]).parse(template)
    html = "\0".join(node.data for node in tree.find_all(nodes.TemplateData))
    read_out = re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]+)"', html)
    between = re.split(r"[\0\n]", re.sub(r"<[^<>]*>", "\n", html))
    return {
        text.strip(" ·:,…\n")
        for text in [*read_out, *(part for part in between if not re.search(r"[<>=\"]", part))]
    }


def in_english_only(template: str) -> set[str]:
    return {text for text in bare(template) if re.search(r"[A-Za-z]{2}", text) and text not in NAMES_ONLY}


def test_every_text_of_a_template_goes_through_the_catalogues() -> None:
    folder = message_catalogues.TEXTS / "templates"
    templates = [file for file in folder.rglob("*.html") if file.name not in FOR_PROGRAMMERS]
    found = {
        str(file.relative_to(folder)): words
        for file in templates
        if (words := in_english_only(file.read_text(encoding="utf-8")))
    }
    assert templates
    assert not found
    assert in_english_only(
        '<p class="a">{{ _("Name") }} Bare words</p><a aria-label="Read me" href="/x">{{ y }}</a>'
    ) == {"Bare words", "Read me"}


def test_plural_forms_follow_the_rules_of_each_language() -> None:
    for language, one, many in (
        ("pa", "1 ਵਿਅਕਤੀ ਅੰਦਰ ਹੈ", "3 ਵਿਅਕਤੀ ਅੰਦਰ ਹਨ"),
        ("hi", "1 व्यक्ति अंदर है", "3 व्यक्ति अंदर हैं"),
        ("en", "1 person inside", "3 people inside"),
    ):
        found = [
            texts(language).ngettext(INSIDE, "%(num)s people inside", number) % {"num": number}
            for number in (1, 3)
        ]
        assert found == [one, many]


def test_opening_hours_read_as_a_span_in_each_language() -> None:
    assert [hours_in_words(time(18), time(23, 59), language) for language in LANGUAGES] == [
        "ਸ਼ਾਮ 6:00 ਵਜੇ ਤੋਂ ਰਾਤ 11:59 ਵਜੇ ਤੱਕ",
        "शाम 6:00 बजे से रात 11:59 बजे तक",
        "6:00 pm – 11:59 pm",
    ]


@pytest.mark.parametrize(
    ("days", "english", "punjabi"),
    [
        ([date(2026, 11, 27)], "Friday, 27 November 2026", "ਸ਼ੁੱਕਰਵਾਰ, 27 ਨਵੰਬਰ 2026"),
        ([date(2026, 11, day) for day in (27, 28, 29)], "27–29 November 2026", "27–29 ਨਵੰਬਰ 2026"),
        (
            [date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)],
            "27 November and 30 November – 1 December 2026",
            "27 ਨਵੰਬਰ ਅਤੇ 30 ਨਵੰਬਰ – 1 ਦਸੰਬਰ 2026",
        ),
        (
            [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 3)],
            "30 December 2026 – 1 January 2027 and 3 January 2027",
            "30 ਦਸੰਬਰ 2026 – 1 ਜਨਵਰੀ 2027 ਅਤੇ 3 ਜਨਵਰੀ 2027",
        ),
    ],
)
def test_the_days_of_a_visit_read_as_runs(days: list[date], english: str, punjabi: str) -> None:
    assert [days_in_words(days, language) for language in ("en", "pa")] == [english, punjabi]


def test_a_visit_on_several_days_names_its_hours_once() -> None:
    days = [date(2026, 11, 27), date(2026, 11, 28)]
    assert [days_and_hours(days, time(10), time(12), language) for language in LANGUAGES] == [
        "27–28 ਨਵੰਬਰ 2026, ਹਰ ਦਿਨ ਸਵੇਰੇ 10:00 ਵਜੇ ਤੋਂ ਦੁਪਹਿਰ 12:00 ਵਜੇ ਤੱਕ",
        "27–28 नवंबर 2026, हर दिन सुबह 10:00 बजे से दोपहर 12:00 बजे तक",
        "27–28 November 2026, each day 10:00 am – 12:00 pm",
    ]


def test_no_text_adds_its_own_oclock_to_a_time_in_words() -> None:
    for language, oclock in (("pa", "s ਵਜੇ"), ("hi", "s बजे")):
        written = (
            files("services.gateway").joinpath(f"translations/{language}.po").read_text(encoding="utf-8")
        )
        assert oclock not in written


def test_every_hour_of_the_day_reads_differently() -> None:
    for language in LANGUAGES:
        assert len({time_of_day(time(hour), language) for hour in range(24)}) == 24
