"""Free text as people type and paste it, cleaned: one normal form, nothing invisible, no Aadhaar number."""

import unicodedata

from contracts.identity import mask_aadhaar
from services.application.domain.findings import Findings

_JOINERS = "\u200c\u200d"
"""Zero-width joiners shape Indic letters, so they stay."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")


def one_line(text: str) -> str:
    """Return the text in NFC, with single spaces, without control, bidirectional or other invisible signs."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    visible = (char for char in spaced if char in _JOINERS or unicodedata.category(char) not in _INVISIBLE)
    return " ".join("".join(visible).split())


def paragraph(text: str) -> str:
    """Return text of several lines, each as `one_line`, without blank lines at both ends."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip()


def without_aadhaar(findings: Findings, field: str, text: str) -> str:
    """Return free text with every Aadhaar number masked; record the field if there was one."""
    masked, found = mask_aadhaar(text)
    if found:
        findings.mask(field)
    return masked
