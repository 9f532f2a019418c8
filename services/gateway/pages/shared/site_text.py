"""The texts that a site writes: whose it is, privacy notice, help, contact and others; pages in Markdown.

The ADO Branch writes them on a page, and approval keeps them (`contracts/rpc/approval/site_texts.py`). Of a
text that nobody has written there, and until approval has answered for the first time, the files count. One
file holds one page in one language: ``<page>.<language>.md``, whose first line is the title after ``#``.
The files of ``site_texts/`` are what a new site begins with. A folder of the site's own
(``EPASS_SITE_TEXTS``) replaces them page by page: of a page that has a file there, no file is read here.
Files are read once, when the process starts. HTML in them is shown as text, and nothing is loaded from
elsewhere.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import get_args

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from contracts.model import IST, Language
from contracts.rpc.notices import LONGEST
from contracts.site_texts import TextPage
from services.gateway.pages.shared.languages import _, texts
from services.gateway.settings import GatewaySettings
from services.gateway.state import GatewayState

PAGES = get_args(TextPage)
"""The pages, in the order of the footer; ``service`` says who runs it."""
LINES: Mapping[str, str] = {
    "ownership": _("Official website of the Government of Punjab"),
    "footer": _("Visitor passes of the Punjab Civil Secretariat"),
    "basis": _(
        "The Digital Personal Data Protection Act, 2023, applies. The State uses your data to give you the "
        "pass that you ask for (section 7)."
    ),
    "officer": _(
        "Questions about your data are answered by: e-Pass, ADO Branch, Punjab Civil Secretariat-1, "
        "Sector 1, Chandigarh."
    ),
    "board": _("If the answer does not help you, complain to the Data Protection Board of India."),
}
"""The lines, as they are until the ADO Branch writes others.

``basis`` was written for section 7(b) of the DPDP Act: the State issues a pass that somebody asks for. That
clause needs more: they have consented before to a benefit or service of the State, or their data are in a
register that the Central Government has notified. Counsel of a site names the clause, such as 7(b) or 7(c), a
function of the State under a law; where none holds, the site rests on consent (`EPASS_BASIS`).
"""
BY_CONSENT = {
    "basis": _(
        "The Digital Personal Data Protection Act, 2023, applies. We use your data because you agree to it "
        "(section 6). You can withdraw this at any time on the page “My data”, as easily as you gave it."
    )
}
"""The same where the site rests on consent (`EPASS_BASIS`)."""
FOLDER = Path(__file__).parents[2] / "site_texts"
REVIEWED = date(2026, 12, 1)
"""When the files of ours were last reviewed."""
_LANGUAGES: tuple[Language, ...] = ("en", "hi", "pa")
"""In the order in which a missing language falls back."""
_CLASSES = {
    "h2": "govuk-heading-m",
    "h3": "govuk-heading-s",
    "p": "govuk-body",
    "ul": "govuk-list govuk-list--bullet",
    "ol": "govuk-list govuk-list--number",
    "a": "govuk-link",
    "table": "govuk-table",
    "tr": "govuk-table__row",
    "th": "govuk-table__header",
    "td": "govuk-table__cell",
}


class WrongSiteText(ValueError):
    """A file has an unknown name or no title, or a page has no file at all."""


@dataclass(frozen=True)
class SiteText:
    """One page in one language."""

    language: Language
    title: str
    body: Markup
    source: str = ""
    """The body as it was written, in Markdown."""
    reviewed: date | None = None
    """When it was last changed or reviewed; None of a site's own file, whose date its mount may have set."""


SiteTexts = Mapping[str, Mapping[Language, SiteText]]
"""Page → reader's language → the text, which may be in another language where that one is missing."""


def lines(state: GatewayState, language: Language) -> dict[str, str]:
    """Return what every page shows: whose website it is, the last line, and the address of the emblem."""
    own = written(state)
    usual = {name: texts(language).gettext(line) for name, line in _lines(state.settings).items()}
    shown = {name: own.get(name, {}).get(language) or line for name, line in usual.items()}
    emblem = state.emblem.value
    return shown | {"emblem": emblem_address(emblem.png) if emblem and emblem.png else ""}


def emblem_address(png: str) -> str:
    """Return the address of an emblem, which has a digest of its content."""
    return f"/emblem/{hashlib.sha256(png.encode()).hexdigest()[:16]}.png"


def page_of(files: SiteTexts, state: GatewayState, name: str) -> Mapping[Language, SiteText] | None:
    """Return a page by the reader's language: as the ADO Branch has written it, else as the files have it."""
    known = state.site_texts.value if name in PAGES else None
    one = next((one for one in known.items if one.name == name), None) if known else None
    if one is None or not one.words:
        return files.get(name)
    day = one.set_at.astimezone(IST).date()
    return _by_reader({language: _parsed(text, language, name, day) for language, text in one.words.items()})


def written(state: GatewayState) -> Mapping[str, Mapping[Language, str]]:
    """Return the texts that the ADO Branch has written, by name, as this process knows them."""
    known = state.site_texts.value
    return {one.name: one.words for one in known.items} if known else {}


def _lines(settings: GatewaySettings) -> Mapping[str, str]:
    return {**LINES, **BY_CONSENT} if settings.basis == "consent" else LINES


def usual(settings: GatewaySettings, name: str) -> Mapping[Language, str]:
    """Return what the files have of a text, to begin with."""
    own, lines = settings.site_texts, _lines(settings)
    if name in lines:
        return {language: texts(language).gettext(lines[name]) for language in _LANGUAGES}
    found = (_files(own) if own else {}).get(name) or _files(FOLDER)[name]
    return {language: path.read_text(encoding="utf-8") for language, path in found.items()}


def load(own: Path | None) -> SiteTexts:
    """Return all pages, with those of a site's own folder in place of ours.

    Raises:
        WrongSiteText: a file cannot be used.
    """
    theirs = _files(own) if own else {}
    found = _files(FOLDER) | theirs
    loaded = {}
    for name in PAGES:
        if name not in found:
            raise WrongSiteText(f"there is no file of the page {name}")
        known = {language: _text(path, language) for language, path in found[name].items()}
        loaded[name] = _by_reader(known)
    return loaded


def _by_reader(known: Mapping[Language, SiteText]) -> Mapping[Language, SiteText]:
    last = next(known[language] for language in _LANGUAGES if language in known)
    return {language: known.get(language, last) for language in _LANGUAGES}


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
    day = REVIEWED if path.parent == FOLDER else None
    return _parsed(path.read_text(encoding="utf-8"), language, path.name, day)


def _parsed(text: str, language: Language, name: str, reviewed: date | None) -> SiteText:
    first, _, rest = text.lstrip("\ufeff\n").partition("\n")
    if not first.startswith("# "):
        raise WrongSiteText(f"{name} does not begin with a title: # …")
    if len(text) > LONGEST:
        raise WrongSiteText(f"{name} has more than {LONGEST} characters")
    return SiteText(language, first.removeprefix("# ").strip(), rendered(rest), rest, reviewed)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


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
