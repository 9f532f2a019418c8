"""One key: what it signs, how it is sealed."""

import base64
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from contracts.rpc.issuance import Jwk, Jwks
from services.chassis.runtime.settings import Settings
from services.issuance import signing
from services.issuance.signing import SigningKey, WrongKey, unseal
from tests.support.factories.issuance import verified

CLAIMS = {"jti": "7K3M9QW4", "party": 2}


def keys_of(*keys: SigningKey) -> Jwks:
    return Jwks(keys=tuple(Jwk(kid=key.kid, x=key.public.x) for key in keys))


def sealed_under(monkeypatch: pytest.MonkeyPatch, *ring: bytes) -> None:
    options = Settings(key_encryption_keys=tuple(key.decode() for key in ring))
    monkeypatch.setattr(signing, "settings", lambda: options)
    unseal.cache_clear()


def test_another_library_verifies_what_it_signs() -> None:
    key = SigningKey.generate()

    token = verified(key.sign(CLAIMS, "epass+jwt"), keys_of(key))

    assert token.header == {"alg": "EdDSA", "kid": key.kid, "typ": "epass+jwt"}
    assert token.claims == CLAIMS


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
        verified(".".join(parts), keys_of(key))


def test_a_token_of_another_key_under_the_same_name_is_refused() -> None:
    key, stranger = SigningKey.generate(), SigningKey.generate()
    forged = SigningKey(key.kid, stranger.private).sign(CLAIMS, "epass+jwt")

    with pytest.raises(JoseError):
        verified(forged, keys_of(key))


def test_a_kid_is_eight_characters_of_the_keys_thumbprint() -> None:
    key = SigningKey.generate()
    thumbprint = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.public.x}).thumbprint()

    whole = base64.urlsafe_b64decode(thumbprint + "=")
    assert key.kid == base64.b32encode(whole).decode().lower()[:8]


def test_a_sealed_key_opens_again_and_does_not_show_its_private_half() -> None:
    key = SigningKey.generate()

    sealed = key.sealed()

    raw = key.private.private_bytes_raw()
    assert raw not in sealed.encode()
    assert raw.hex() not in sealed
    assert unseal(sealed, key.public).sign(CLAIMS, "t") == key.sign(CLAIMS, "t")
    assert "private" not in repr(key)


def test_a_sealed_key_stays_readable_when_the_encryption_key_is_rotated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    sealed_under(monkeypatch, old)
    key = SigningKey.generate()
    sealed = key.sealed()

    sealed_under(monkeypatch, new, old)
    assert unseal(sealed, key.public).public == key.public

    sealed_under(monkeypatch, new)
    with pytest.raises(InvalidToken):
        unseal(sealed, key.public)


def test_a_sealed_key_that_was_put_beside_another_public_half_is_refused() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()

    with pytest.raises(WrongKey, match=other.kid):
        unseal(key.sealed(), other.public)


def test_the_header_holds_nothing_else() -> None:
    header: dict[str, Any] = json.loads(
        _decoded(SigningKey.generate().sign(CLAIMS, "epass+jwt").split(".")[0])
    )

    assert set(header) == {"alg", "typ", "kid"}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
