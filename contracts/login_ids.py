"""Login ids, such as ``HOM-7K3M9Q``: their form, and how they are read as people type them.

Behind the letters of a department or a role stand six random characters in Crockford base32, so that nobody
counts up whose sign-in they keep busy. Until 0.23.0 it was a number, as in ``HOM-0007``; such ids go on.
"""

import re
import secrets

from contracts.crockford import ALPHABET

REST = rf"([0-9]{{4,9}}|[{ALPHABET}]{{6}})"
"""What stands behind the hyphen, as a pattern."""
FORM = re.compile(rf"([A-Z]{{1,3}})-{REST}")
_IGNORED = re.compile(r"[\s\x00-\x1f\x7f]+")
_READ_AS = str.maketrans("ILO", "110")


def new_login_id(prefix: str) -> str:
    """Return a login id with 30 random bits. The caller makes sure that it is not taken."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(6))}"


def normalized(text: str) -> str:
    """Return a typed login id as it was issued: in capitals, without blanks and what only looks alike."""
    prefix, hyphen, rest = _IGNORED.sub("", text).upper().partition("-")
    return prefix + hyphen + rest.translate(_READ_AS)


def parse_login_id(text: str) -> str:
    """Return a typed login id in its canonical form.

    Raises:
        ValueError: it is not of the form ``HOM-7K3M9Q`` or ``HOM-0007``.
    """
    login_id = normalized(text)
    if not FORM.fullmatch(login_id):
        raise ValueError("a login id looks like HOM-7K3M9Q")
    return login_id
