"""Text as people type and paste it, made storable: one normal form, nothing invisible, no Aadhaar number."""

import unicodedata

from contracts.identity import mask_aadhaar
from services.application.domain.findings import Findings

_JOINERS = "\u200c\u200d"
"""Zero-width joiners shape Indic letters and stay."""


def _is_kept(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def one_line(text: str) -> str:
    """NFC, single spaces, without control, bidirectional and other invisible characters."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return " ".join("".join(char for char in spaced if _is_kept(char)).split())


def paragraph(text: str) -> str:
    """The same for text of several lines; blank lines at both ends are gone."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip()


def without_aadhaar(findings: Findings, field: str, text: str) -> str:
    """Free text with every Aadhaar number in it masked, which is noted."""
    masked, found = mask_aadhaar(text)
    if found:
        findings.mask(field)
    return masked
