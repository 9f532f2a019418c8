"""Free text that staff write and other people read: what must not stand in it."""

import re
import unicodedata
from typing import Literal

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates: what follows them is shown in another order than it is stored."""
_SEPARATORS = ("Zl", "Zp")
_LINK = re.compile(r"://|\bwww\.|[a-z0-9][.\u3002][a-z]{2}", re.IGNORECASE)
"""What a phone shows as a link: a scheme, or Latin letters after a full stop without a blank."""


def has_misleading_sign(text: str) -> bool:
    """Return whether a text has a sign that turns its direction, or one that ends its line or paragraph.

    Joiners, which shape Indic letters, and line feeds are none.
    """
    return any(sign in _TURNS or unicodedata.category(sign) in _SEPARATORS for sign in text)


def has_link(text: str) -> bool:
    """Return whether a phone may show a part of the text as a link, also without ``https://``."""
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None


def note_problem(text: str) -> Literal["control_character", "link"] | None:
    """Return the code of what is wrong with words that a department sends to visitors; None if nothing."""
    if has_misleading_sign(text):
        return "control_character"
    return "link" if has_link(text) else None
