"""The digest by which a gate and its server know that they hold the same list.

It stands against drift, not against an attacker: what it is compared with is signed, or comes from the
server that the gate is signed in to.
"""

import hashlib
from collections.abc import Iterable

LENGTH = 32
"""Hexadecimal digits: 128 bits of SHA-256."""


def digest_of(lines: Iterable[str]) -> str:
    """Return the digest of a list, in whatever order its lines come."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:LENGTH]
