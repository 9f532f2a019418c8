"""The texts that the administrator of a site writes: privacy notice, help, contact and others, in Markdown.

One file holds one page in one language: ``<page>.<language>.md``, whose first line is the title after ``#``.
The files of ``site_texts/`` are what a new site begins with. A folder of the site's own
(``EPASS_SITE_TEXTS``) replaces them page by page: of a page that has a file there, no file is read here.
Files are read once, when the process starts. HTML in them is shown as text, and nothing is loaded from
elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from contracts.model import Language

PAGES = ("help", "contact", "privacy", "accessibility", "terms", "service")
"""The pages, in the order of the footer; ``service`` says who runs it."""
FOLDER = Path(__file__).parents[2] / "site_texts"
_LANGUAGES: tuple[Language, ...] = ("en", "hi", "pa")
"""In the order in which a missing language falls back."""
_CLASSES = {
    "h2": "govuk-heading-m",
    "h3": "govuk-heading-s",
    "p": "govuk-body",
    "ul": "govuk-list govuk-list--bullet",
    "ol": "govuk-list govuk-list--number",
    "a": "govuk-link",
}


class WrongSiteText(ValueError):
    """A file has an unknown name or no title, or a page has no file at all."""


@dataclass(frozen=True)
class SiteText:
    """One page in one language."""

    language: Language
    title: str
    body: Markup


SiteTexts = Mapping[str, Mapping[Language, SiteText]]
"""Page → reader's language → the text, which may be in another language where that one is missing."""


def load(own: Path | None) -> SiteTexts:
    """Return all pages, with those of a site's own folder in place of ours.

    Raises:
        WrongSiteText: a file cannot be used.
    """
    theirs = _files(own) if own else {}
    found = _files(FOLDER) | theirs
    texts = {}
    for name in PAGES:
        if name not in found:
            raise WrongSiteText(f"there is no file of the page {name}")
        known = {language: _text(path, language) for language, path in found[name].items()}
        last = next(known[language] for language in _LANGUAGES if language in known)
        texts[name] = {language: known.get(language, last) for language in _LANGUAGES}
    return texts


def _files(folder: Path) -> dict[str, dict[Language, Path]]:
    found: dict[str, dict[Language, Path]] = {}
    for path in sorted(folder.glob("*.md")):
        name, _, code = path.stem.partition(".")
        language = next((one for one in _LANGUAGES if one == code), None)
        if name not in PAGES or language is None:
            raise WrongSiteText(f"{path.name} is no <page>.<language>.md of the pages {', '.join(PAGES)}")
        found.setdefault(name, {})[language] = path
    return found


def _text(path: Path, language: Language) -> SiteText:
    first, _, rest = path.read_text(encoding="utf-8").lstrip("\ufeff\n").partition("\n")
    if not first.startswith("# "):
        raise WrongSiteText(f"{path.name} does not begin with a title: # …")
    return SiteText(language, first.removeprefix("# ").strip(), rendered(rest))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable("image")


@cache
def rendered(text: str) -> Markup:
    """Return Markdown as HTML in the design of the pages."""
    tokens = _markdown().parse(text)
    _mark(tokens)
    return Markup(_markdown().renderer.render(tokens, _markdown().options, {}))  # noqa: S704  HTML in it is escaped


def _mark(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.nesting == 1 and token.tag in _CLASSES:
            token.attrSet("class", _CLASSES[token.tag])
        _mark(token.children or ())
