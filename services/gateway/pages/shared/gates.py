"""What a gate is called."""

from collections.abc import Iterable

from contracts.events import SiteRecord
from contracts.model import Language
from services.gateway.pages.shared.languages import _, texts

NUMBERED_GATE = _("Gate %(number)s")


def name_of(sites: Iterable[SiteRecord], code: str, language: Language) -> str:
    """Return the name of a gate in a language.

    A gate without a name in the directory is called by its number: that of ``PCS1-G1`` is 1.
    """
    given = next((names.get(language) for one in sites if (names := one.gate_names.get(code))), None)
    number = code.rpartition("-G")[2]
    return given or (texts(language).gettext(NUMBERED_GATE) % {"number": number} if number else code)
