"""E-mail addresses: whether a text can be one."""

import re

_EMAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""Printable ASCII around one @, with a dot in the domain."""


def is_email(text: str) -> bool:
    """Return whether a text has the form of an address. Only a message to it can show whether it exists."""
    return _EMAIL.fullmatch(text) is not None
