"""The message catalogues of the pages, ``translations/*.po``, updated from templates and modules.

A new text is added without a translation, a text that is gone is removed, the others stay as they are.
Nothing is guessed, and nothing is written that changes by itself (dates, line numbers), so that a catalogue
differs only where a text does.

Usage: python -m services.gateway.documents.message_catalogues
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from contracts.rpc import METHODS

TEXTS = Path(__file__).parents[1]
MAPPING = Path(__file__).parents[3] / "web" / "babel.cfg"
NAMES = {"pa": "Punjabi in Gurmukhi", "hi": "Hindi in Devanagari"}
HEADER = """\
# The texts of the pages, {name}. An English sentence is its own key; `make translations` adds new ones.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""


def file(language: str) -> Path:
    """Return the path of a language's catalogue."""
    return TEXTS / "translations" / f"{language}.po"


def read(language: str) -> Catalog:
    """Return the catalogue of a language as it is stored."""
    with file(language).open("rb") as opened:
        return read_po(opened, locale=language)


def extract() -> Catalog:
    """Return a catalogue with every text of templates, modules and contracts, none of them translated."""
    with MAPPING.open(encoding="utf-8") as opened:
        methods, options = parse_mapping_cfg(opened)  # type: ignore[no-untyped-call]  # Babel's
    catalogue = Catalog()
    for _, _, text, _, context in extract_from_dir(TEXTS, methods, options):
        catalogue.add(text, context=context)
    for method in METHODS:
        if method.said:
            catalogue.add(method.said)
    return catalogue


def updated(language: str) -> str:
    """Return the content that the file of a language must have for today's texts."""
    catalogue = read(language)
    catalogue.update(extract(), no_fuzzy_matching=True)
    body = BytesIO()
    write_po(
        body, catalogue, width=0, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True
    )
    return (
        HEADER.format(name=NAMES[language], language=language, plurals=catalogue.plural_forms)
        + body.getvalue().decode()
    )


if __name__ == "__main__":
    for one in NAMES:
        file(one).write_text(updated(one), encoding="utf-8")
