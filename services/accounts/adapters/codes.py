"""One-time codes and what is kept of them: a keyed HMAC to check against; and the digest by which a number is known."""

import hashlib
import hmac
import re
import secrets
from uuid import UUID

from contracts.mobile import ascii_digits
from services.chassis.runtime.settings import settings


def new_code() -> str:
    """Six digits from the system's random source."""
    return f"{secrets.randbelow(1_000_000):06d}"


def code_digest(code_id: UUID, code: str) -> str:
    """What is stored of a code, bound to it: nobody can tell from two rows that their codes are the same."""
    return _digest(f"code:{code_id}:{code}")


def is_code(stored: str, code_id: UUID, typed: str) -> bool:
    """Whether what was typed is the code; digits of any script, spaces and hyphens forgiven."""
    return hmac.compare_digest(stored, code_digest(code_id, re.sub(r"[\s\-]", "", ascii_digits(typed))))


def mobile_digest(mobile: str) -> str:
    """By which a number is counted and its owner named in a session, 128 bits in hex."""
    return _digest(f"mobile:{mobile}")[:32]


def _digest(text: str) -> str:
    return hmac.new(
        settings().otp_secret.get_secret_value().encode(), text.encode(), hashlib.sha256
    ).hexdigest()
