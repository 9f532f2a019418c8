"""One signing key: its name, and what it signs. joserfc, which did not sign them, checks the tokens."""

import base64
import json
import warnings
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, OKPKey

from services.chassis.tokens.signing_key import KID_LENGTH, SigningKey, public_key

CLAIMS = {"jti": "7K3M9QW4", "party": 2}


def verified(token: str, *keys: SigningKey) -> jwt.Token:
    jwks = [
        OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "kid": key.kid, "x": key.public.x}) for key in keys
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # joserfc prefers RFC 9864's newer name, Ed25519
        return jwt.decode(token, KeySet(jwks), algorithms=["EdDSA"])


def test_another_library_verifies_what_a_key_signs() -> None:
    key = SigningKey.generate()

    token = verified(key.sign(CLAIMS, "epass+jwt"), key)

    assert token.header == {"alg": "EdDSA", "kid": key.kid, "typ": "epass+jwt"}
    assert token.claims == CLAIMS


def test_the_header_holds_nothing_else() -> None:
    part = SigningKey.generate().sign(CLAIMS, "epass+jwt").split(".")[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    assert set(header) == {"alg", "typ", "kid"}


def test_the_same_claims_are_the_same_token() -> None:
    key = SigningKey.generate()

    assert key.sign(CLAIMS, "epass+jwt") == key.sign(dict(CLAIMS), "epass+jwt")
    assert key.sign(CLAIMS, "epass+jwt") != key.sign(CLAIMS | {"party": 3}, "epass+jwt")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_one_character_changed_is_refused(part: int) -> None:
    key = SigningKey.generate()
    parts = key.sign(CLAIMS, "epass+jwt").split(".")
    parts[part] = parts[part][:10] + ("A" if parts[part][10] != "A" else "B") + parts[part][11:]

    with pytest.raises((JoseError, ValueError)):
        verified(".".join(parts), key)


def test_a_token_of_another_key_under_the_same_name_is_refused() -> None:
    key, stranger = SigningKey.generate(), SigningKey.generate()
    forged = SigningKey(key.kid, stranger.private).sign(CLAIMS, "epass+jwt")

    with pytest.raises(JoseError):
        verified(forged, key)


def test_a_kid_is_the_head_of_the_keys_thumbprint() -> None:
    key = SigningKey.generate()
    thumbprint = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.public.x}).thumbprint()

    assert key.kid == thumbprint[:KID_LENGTH]
    assert len(key.kid) == 8


def test_a_public_key_is_read_back_from_its_jwk() -> None:
    key = SigningKey.generate()

    assert public_key(key.public.x) == key.private.public_key()


@pytest.mark.parametrize("x", ["", "AAAA", "A" * 42])
def test_a_jwk_of_another_length_is_no_public_key(x: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(x)


def test_a_key_does_not_show_its_private_half() -> None:
    key = SigningKey.generate()

    assert "private" not in repr(key)
