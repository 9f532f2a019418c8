"""Which tokens are genuine passes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.tokens import PassClaims
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token
from tests.support.factories.verify import ISSUER, NOON, SETTINGS, claims_of, forgeries, pass_issued, token_of

ISSUED = pass_issued()
FORGED = forgeries(ISSUED)


def find_key(kid: str) -> Ed25519PublicKey | None:
    return ISSUER.private.public_key() if kid == ISSUER.kid else None


def read(token: str) -> PassClaims:
    return pass_token.read(token, find_key, SETTINGS.issuer)


def test_a_genuine_token_gives_its_claims() -> None:
    claims = read(token_of(ISSUED))
    assert (claims.jti, claims.site, claims.party, claims.entries) == (ISSUED.pass_number, "PCS1", 1, 1)


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_no_pass(kind: str) -> None:
    with pytest.raises(TokenRefused):
        read(FORGED[kind])


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
        read(FORGED[kind])
    assert refused.value.reason == reason


def test_a_token_outside_its_window_is_genuine() -> None:
    """The domain judges the window; a forged pass and an expired one are different things at a gate."""
    long_ago = int(NOON.timestamp()) - 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=long_ago, exp=long_ago + 1))).exp == long_ago + 1
    far_off = int(NOON.timestamp()) + 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=far_off, exp=far_off + 1))).nbf == far_off


def test_a_claim_that_this_version_does_not_know_is_ignored() -> None:
    assert read(ISSUER.sign(claims_of(ISSUED, later="something"))).jti == ISSUED.pass_number
