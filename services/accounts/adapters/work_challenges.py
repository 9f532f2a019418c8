"""Challenges for a proof of work: signed, for one number, good for some minutes. None is stored."""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from pydantic import SecretStr

from contracts.proof_of_work import is_solved

LIFETIME = timedelta(minutes=5)
_CODE_BYTES = 16
_BYTES = 4 + 6 + 1 + _CODE_BYTES


def make(mobile_digest: str, answers: int, now: datetime, secret: SecretStr) -> str:
    """Return a challenge for a number: until when it is good, at random which one, and how many answers."""
    until = int((now + LIFETIME).timestamp())
    content = until.to_bytes(4) + secrets.token_bytes(6) + answers.to_bytes(1)
    return base64.urlsafe_b64encode(content + _code(content, mobile_digest, secret)).decode()


def solved(proof: str, mobile_digest: str, now: datetime, secret: SecretStr) -> str | None:
    """Return the challenge that a proof solves; None if it is not this number's, too old, or not solved."""
    challenge = proof.partition(".")[0]
    try:
        given = base64.b64decode(challenge, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    content, code = given[:-_CODE_BYTES], given[-_CODE_BYTES:]
    if len(given) != _BYTES or not hmac.compare_digest(code, _code(content, mobile_digest, secret)):
        return None
    in_time = now.timestamp() < int.from_bytes(content[:4])
    return challenge if in_time and is_solved(proof, content[-1]) else None


def _code(content: bytes, mobile_digest: str, secret: SecretStr) -> bytes:
    key = secret.get_secret_value().encode()
    return hmac.new(key, b"work:" + content + mobile_digest.encode(), hashlib.sha256).digest()[:_CODE_BYTES]
