"""Characters that no text of people needs, and that make a text read as another one."""

import unicodedata

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates: what follows them is shown in another order than it is stored."""
_SEPARATORS = ("Zl", "Zp")


def has_misleading_sign(text: str) -> bool:
    """Return whether a text has a sign that turns its direction, or one that ends its line or paragraph.

    Joiners, which shape Indic letters, and line feeds are none.
    """
    return any(sign in _TURNS or unicodedata.category(sign) in _SEPARATORS for sign in text)


def has_control_character(line: str) -> bool:
    """Return whether a single line has a misleading sign, or a control character such as a line feed."""
    return has_misleading_sign(line) or any(unicodedata.category(sign) == "Cc" for sign in line)
