"""E-mail addresses: whether a text can be one."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?!.*=\?)(?=.{{1,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
)
"""A dot-atom (RFC 5322, 3.2.3) at a domain with a dot, within the lengths of RFC 5321.

Quoted local parts are left out, and so is ``=?``: in a header, an encoded word begins with it.
"""


def is_email(text: str) -> bool:
    """Return whether a text has the form of an address. Only a message to it can show whether it exists."""
    return _EMAIL.fullmatch(text) is not None
