"""The PIN of a supervisor: a slow key, what a gate without a network checks it by, and the proof for a scan.

The gate's app makes the same of it (`web/gate/core/pin.ts`). The key is PBKDF2-HMAC-SHA256 (RFC 8018); proof
and verifier are HMAC-SHA256 under it, in base64url. Six digits are a million tries: whoever has a verifier
can try them all, so it is stored encrypted on a device, and each use of a PIN is recorded.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

ITERATIONS = 600_000
"""OWASP's Password Storage Cheat Sheet for PBKDF2-HMAC-SHA256."""
_VERIFIER = "epass supervisor"


def derive(pin: str, salt: bytes, iterations: int = ITERATIONS) -> bytes:
    """Return the key of a PIN. It takes some tenths of a second of the processor."""
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, iterations)


def verifier(key: bytes) -> str:
    """Return what a gate compares the key with."""
    return _hmac(key, _VERIFIER)


def prove(key: bytes, nonce: str, scanned: str, overrides: Iterable[str] = ()) -> str:
    """Return the proof for one scan, and for the refusals that are set aside with it.

    ``scanned`` is its token, or its pass number, as it is sent.
    """
    return _hmac(key, "\n".join((nonce, scanned, *sorted(overrides))))


def is_proof(proof: str | None, key: bytes, nonce: str, scanned: str, overrides: Iterable[str] = ()) -> bool:
    """Return whether a proof was made with this key for this scan, and for these refusals."""
    return proof is not None and hmac.compare_digest(proof, prove(key, nonce, scanned, overrides))


def encode(raw: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hmac(key: bytes, message: str) -> str:
    return encode(hmac.new(key, message.encode(), hashlib.sha256).digest())
