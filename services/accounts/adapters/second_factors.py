"""Codes of authenticator apps (RFC 6238), recovery codes, and the tokens of sign-ins that wait for one.

Secret, recovery codes and token are each derived from a random id and a secret that is not in the database.
So the answer to a repeated command is the same, and the database alone reveals none of them.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from uuid import UUID

import pyotp
from pydantic import SecretStr

from contracts.mobile import ascii_digits
from services.accounts.adapters.passwords import legible
from services.accounts.domain.second_factor import RECOVERY_CODES

_SECRET_BYTES = 20
"""RFC 4226 (4, R6) recommends 160 bits."""
_TOKEN_CODE_BYTES = 20
"""With the id a multiple of three, so that base64 needs no padding, which a cookie would quote."""


def new_secret(sign_in: UUID, secret: SecretStr) -> str:
    """Return the secret of the app that is set up in a sign-in, in base32."""
    return base64.b32encode(_derive(f"totp:{sign_in}", secret)[:_SECRET_BYTES]).decode()


def address(totp_secret: str, login_id: str, issuer: str) -> str:
    """Return what an app reads from the QR: ``otpauth://totp/…``."""
    return pyotp.TOTP(totp_secret).provisioning_uri(name=login_id, issuer_name=issuer)


def matching_step(totp_secret: str, typed: str, steps: Sequence[int]) -> int | None:
    """Return the step whose code was typed; None if it is of none of them. All are compared."""
    code = re.sub(r"[\s\-]", "", ascii_digits(typed)).encode()
    counter = pyotp.HOTP(totp_secret)
    found = [step for step in steps if hmac.compare_digest(counter.at(step).encode(), code)]
    return found[0] if found else None


def recovery_codes(seed: UUID, secret: SecretStr) -> tuple[str, ...]:
    """Return ten recovery codes, such as ``k7fm-w3pa-xq9t`` (59 bits), which are shown once."""
    return tuple(legible(_derive(f"recovery:{seed}:{number}", secret)) for number in range(RECOVERY_CODES))


def recovery_digest(login_id: str, typed: str, secret: SecretStr) -> str:
    """Return what is stored of a recovery code. Case, blanks and hyphens do not count.

    With 59 random bits and a key that is not in the database, a code needs no slow hash.
    """
    code = re.sub(r"[\s\-]", "", typed).casefold()
    return _derive(f"recovery-code:{login_id}:{code}", secret).hex()


def token_of(sign_in: UUID, secret: SecretStr) -> str:
    """Return what a browser shows to continue a sign-in. It opens nothing else."""
    return base64.urlsafe_b64encode(sign_in.bytes + _token_code(sign_in, secret)).decode()


def sign_in_of(token: str, secret: SecretStr) -> UUID | None:
    """Return which sign-in a token continues; None if it is not ours."""
    try:
        given = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except ValueError:
        return None
    if len(given) != 16 + _TOKEN_CODE_BYTES:
        return None
    sign_in = UUID(bytes=given[:16])
    return sign_in if hmac.compare_digest(given[16:], _token_code(sign_in, secret)) else None


def _token_code(sign_in: UUID, secret: SecretStr) -> bytes:
    return _derive(f"sign-in:{sign_in}", secret)[:_TOKEN_CODE_BYTES]


def _derive(message: str, secret: SecretStr) -> bytes:
    return hmac.new(secret.get_secret_value().encode(), message.encode(), hashlib.sha256).digest()
