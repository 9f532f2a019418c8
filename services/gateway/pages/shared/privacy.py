"""The privacy notice: what the settings say in it, in short before the first field, and its version.

The whole is the site's own text (`site_text.py`), below it what the settings and the ADO Branch say: how long
each kind of data is kept, the law, and whom to ask. An application stores the version that was in force.
"""

import hashlib
from collections.abc import Sequence

from contracts.model import Language
from services.gateway.pages.shared import site_text
from services.gateway.pages.shared.languages import LANGUAGES, texts
from services.gateway.pages.shared.site_text import SiteTexts
from services.gateway.state import GatewayState

LAW = ("basis", "officer", "board")
"""The lines of the ADO Branch that stand below the notice."""


def short(state: GatewayState, language: Language) -> str:
    """Return what is said before the first field."""
    days = state.settings.people_kept_days
    said = texts(language).ngettext(
        "The department, the reception, the gates and the companies that deliver our messages see what you "
        "tell us. We use it to decide about your visit and to let you in, and "
        "erase it %(num)s day after it.",
        "The department, the reception, the gates and the companies that deliver our messages see what you "
        "tell us. We use it to decide about your visit and to let you in, and "
        "erase it %(num)s days after it.",
        days,
    )
    return said % {"num": days}


def facts(state: GatewayState, language: Language) -> tuple[Sequence[str], Sequence[str]]:
    """Return how long each kind of data is kept, and what is said of the law, each a sentence."""
    settings, catalogue = state.settings, texts(language)
    people, months = settings.people_kept_days, settings.records_kept_months
    photographs = min(settings.photographs_kept_days, people)
    kept = (
        catalogue.ngettext(
            "Names, numbers, email addresses and the purpose of a visit: %(num)s day after the visit, or "
            "after the application has ended without one",
            "Names, numbers, email addresses and the purpose of a visit: %(num)s days after the visit, or "
            "after the application has ended without one",
            people,
        )
        % {"num": people},
        catalogue.ngettext(
            "Photographs: at the latest %(num)s day after the visit",
            "Photographs: at the latest %(num)s days after the visit",
            photographs,
        )
        % {"num": photographs},
        catalogue.ngettext(
            "Without anybody's name or number: what was decided about an application, when its pass was used "
            "at a gate, and which member of staff looked at it: %(num)s month",
            "Without anybody's name or number: what was decided about an application, when its pass was used "
            "at a gate, and which member of staff looked at it: %(num)s months",
            months,
        )
        % {"num": months},
        catalogue.gettext("After that only reference numbers, pass numbers and counts"),
    )
    lines = site_text.lines(state, language)
    return kept, [lines[name] for name in LAW]


def version(files: SiteTexts, state: GatewayState) -> str:
    """Return a digest of all that the notice says, in all languages: another text has another version."""
    pages = site_text.page_of(files, state, "privacy") or {}
    said = [(one, pages.get(one), short(state, one), facts(state, one)) for one in LANGUAGES]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
