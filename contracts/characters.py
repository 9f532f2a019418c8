"""Characters that no name and no note has: nobody sees them, and they change how the rest is read."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line and paragraph separators, and what changes the direction of reading."""


def has_control_character(line: str) -> bool:
    """Return whether a line of text has a control, separator or direction character.

    The zero-width joiners, which shape Indic letters, are none of them.
    """
    return _CONTROL.search(line) is not None
