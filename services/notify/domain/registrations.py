"""The registrations of our SMS texts on the operators' ledger (DLT), from a file of the administrator.

An operator delivers an SMS only under a registered header and only if its text matches the template whose ID
comes with it (TRAI, TCCCPR 2018). The file says which version of each text was registered under which ID::

    entity_id = "1301…"          # the principal entity
    header = "PBEPAS"            # six letters, the sender that people see

    [otp]
    version = 2                  # of services/notify/templates/otp.toml, as `epass messages texts` lists it
    pa = "1307…"
    hi = "1307…"
    en = "1307…"

The ID is the one that the vendor asks for with each message: the DLT template ID for Mobile Seva, the
template ID of its own panel for MSG91. A text that has changed since it was registered would be dropped by
the operators without a word, so a version that is not the registered one counts as no registration.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from contracts.model import Language
from services.notify.domain import templates
from services.notify.domain.messages import Purpose


class BadRegistrations(ValueError):
    """The file of registrations cannot be used; the text says why."""


@dataclass(frozen=True)
class Registrations:
    """What is registered: the sender, and the ID of each text."""

    entity_id: str = ""
    header: str = ""
    ids: Mapping[tuple[Purpose, Language], str] = field(default_factory=dict)

    def find(self, purpose: Purpose, language: Language) -> str | None:
        """Return the ID of a text, or None where its present version is not registered."""
        return self.ids.get((purpose, language))

    def missing(self) -> Iterator[str]:
        """Yield each text without a registration, as ``otp.pa``."""
        for purpose in get_args(Purpose):
            for language in get_args(Language):
                if (purpose, language) not in self.ids:
                    yield f"{purpose}.{language}"


UNREGISTERED = Registrations()
"""For a gateway that knows the texts by itself, and for local mode."""


def read_registrations(path: Path, reply_to: str = "") -> Registrations:
    """Return the registrations of a file, without those of other versions of a text.

    Args:
        path: of the file.
        reply_to: as of `templates.find_for_sms`: texts that ask for a reply have versions of their own.

    Raises:
        BadRegistrations: it is no TOML, or has something that we do not know.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise BadRegistrations("it cannot be read as TOML") from None
    entity_id, header = content.pop("entity_id", ""), content.pop("header", "")
    if not (isinstance(entity_id, str) and isinstance(header, str)):
        raise BadRegistrations("entity_id and header are texts")
    ids: dict[tuple[Purpose, Language], str] = {}
    purposes: dict[str, Purpose] = {purpose: purpose for purpose in get_args(Purpose)}
    languages: dict[str, Language] = {language: language for language in get_args(Language)}
    for name, table in content.items():
        if name not in purposes or not isinstance(table, dict):
            raise BadRegistrations(f"there is no message {name}")
        purpose, version = purposes[name], table.pop("version", None)
        for key, given in table.items():
            if key not in languages or not isinstance(given, str):
                raise BadRegistrations(f"there is no text {name}.{key}")
            if given and version == templates.find_for_sms(purpose, languages[key], reply_to)[0].version:
                ids[purpose, languages[key]] = given
    return Registrations(entity_id, header, ids)
