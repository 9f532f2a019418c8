"""Keyed digests (HMAC-SHA256) of codes, mobiles and account names.

The database recognises these values by their digests and does not reveal them.
"""

import hashlib
import hmac
import re
from uuid import UUID

from pydantic import SecretStr

from contracts.mobile import ascii_digits


def code_digest(code_id: UUID, code: str, secret: SecretStr) -> str:
    """Return what is stored of a one-time code.

    It is bound to the code's id, so that equal codes look different.
    """
    return _digest(f"code:{code_id}:{code}", secret)


def is_code(stored: str, code_id: UUID, typed: str, secret: SecretStr) -> bool:
    """Return whether the typed text is the code.

    Digits may be of any script; blanks and hyphens do not count.
    """
    code = re.sub(r"[\s\-]", "", ascii_digits(typed))
    return hmac.compare_digest(stored, code_digest(code_id, code, secret))


def mobile_digest(mobile: str, secret: SecretStr) -> str:
    """Return the digest by which a number is counted and its owner named in a session: 128 bits in hex."""
    return _digest(f"mobile:{mobile}", secret)[:32]


def account_digest(login_id: str, secret: SecretStr) -> str:
    """Return the digest under which wrong passwords of an account are counted."""
    return _digest(f"account:{login_id}", secret)


def _digest(text: str, secret: SecretStr) -> str:
    return hmac.new(secret.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()
