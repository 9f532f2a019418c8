"""Which tokens are genuine passes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.tokens import PassClaims
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token
from tests.support.factories.verify import (
    ISSUER,
    NOON,
    SETTINGS,
    claims_of,
    forgeries,
    pass_issued,
    refused_tokens,
    token_of,
)

ISSUED = pass_issued()
GENUINE = token_of(ISSUED)
REFUSED = refused_tokens(ISSUED)
FORGED = forgeries(ISSUED)


def find_key(kid: str) -> Ed25519PublicKey | None:
    return ISSUER.private.public_key() if kid == ISSUER.kid else None


def read(token: str) -> PassClaims:
    return pass_token.read(token, find_key, SETTINGS.issuer)


def test_a_genuine_token_gives_its_claims() -> None:
    claims = read(token_of(ISSUED))
    assert (claims.jti, claims.site, claims.party, claims.entries) == (ISSUED.pass_number, "PCS1", 1, 1)


def is_forged(token: str) -> bool:
    with pytest.raises(TokenRefused) as refused:
        read(token)
    return pass_token.is_forged(token, refused.value, SETTINGS.issuer)


@pytest.mark.parametrize("kind", REFUSED)
def test_only_what_somebody_must_have_made_is_called_forged(kind: str) -> None:
    assert is_forged(REFUSED[kind]) == (kind in FORGED)


@pytest.mark.parametrize("at", range(len(GENUINE)))
def test_a_token_that_lost_a_character_is_not_called_forged(at: int) -> None:
    assert not is_forged(GENUINE[:at] + GENUINE[at + 1 :])


@pytest.mark.parametrize("length", range(0, len(GENUINE), 7))
def test_a_token_of_which_the_beginning_or_the_end_is_missing_is_not_called_forged(length: int) -> None:
    assert not is_forged(GENUINE[:length])
    if length:
        assert not is_forged(GENUINE[length:])


def test_a_token_read_with_the_wrong_case_is_not_called_forged() -> None:
    for torn in (GENUINE.swapcase(), GENUINE.upper(), GENUINE.lower()):
        assert not is_forged(torn)
    head, payload, signature = GENUINE.split(".")
    for at, letter in enumerate(head):
        if letter.isalpha():
            assert not is_forged(f"{head[:at]}{letter.swapcase()}{head[at + 1 :]}.{payload}.{signature}")


def test_a_perfect_token_with_another_signature_is_called_forged() -> None:
    signed, last = GENUINE[:-40], GENUINE[-39:]
    assert is_forged(f"{signed}{'A' if GENUINE[-40] != 'A' else 'B'}{last}")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("not a token", "malformed"),
        ("another typ", "header"),
        ("an unknown kid", "unknown_key"),
        ("another key", "signature"),
        ("another iss", "issuer"),
        ("another aud", "audience"),
        ("no site", "claims"),
    ],
)
def test_the_reason_distinguishes_why_a_token_is_no_pass(kind: str, reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        read(REFUSED[kind])
    assert refused.value.reason == reason


def test_a_token_outside_its_window_is_genuine() -> None:
    """The domain judges the window; a forged pass and an expired one are different things at a gate."""
    long_ago = int(NOON.timestamp()) - 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=long_ago, exp=long_ago + 1))).exp == long_ago + 1
    far_off = int(NOON.timestamp()) + 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=far_off, exp=far_off + 1))).nbf == far_off


def test_a_claim_that_this_version_does_not_know_is_ignored() -> None:
    assert read(ISSUER.sign(claims_of(ISSUED, later="something"))).jti == ISSUED.pass_number
