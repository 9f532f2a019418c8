"""Login ids, such as ``HOM-0007``: their form, and how they are read as people type them."""

import re

FORM = re.compile(r"([A-Z]{1,3})-([0-9]{4,9})")
_IGNORED = re.compile(r"[\s\x00-\x1f\x7f]+")


def normalized(text: str) -> str:
    """Return a typed login id as it was issued: in capitals, without blanks and control characters."""
    return _IGNORED.sub("", text).upper()


def parse_login_id(text: str) -> str:
    """Return a typed login id in its canonical form.

    Raises:
        ValueError: it is not of the form ``HOM-0007``.
    """
    login_id = normalized(text)
    if not FORM.fullmatch(login_id):
        raise ValueError("a login id looks like HOM-0007")
    return login_id
