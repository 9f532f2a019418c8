"""Which tokens are passes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.verify.adapters import pass_token
from services.verify.adapters.pass_token import NotAPass
from tests.support.factories.verify import ISSUER, NOON, SETTINGS, claims_of, forgeries, pass_issued, token_of

ISSUED = pass_issued()
FORGED = forgeries(ISSUED)


def find_key(kid: str) -> Ed25519PublicKey | None:
    return ISSUER.private.public_key() if kid == ISSUER.kid else None


def read(token: str) -> pass_token.PassClaims:
    return pass_token.read(token, find_key, SETTINGS.issuer)


def test_a_genuine_token_gives_its_claims() -> None:
    claims = read(token_of(ISSUED))
    assert (claims.jti, claims.site, claims.party, claims.entries) == (ISSUED.pass_number, "PCS1", 1, 1)


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_no_pass(kind: str) -> None:
    with pytest.raises(NotAPass):
        read(FORGED[kind])


def test_a_token_out_of_its_time_is_still_genuine() -> None:
    """The domain judges the window; a forged pass and an expired one are different things at a gate."""
    long_ago = int(NOON.timestamp()) - 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=long_ago, exp=long_ago + 1))).exp == long_ago + 1
    far_off = int(NOON.timestamp()) + 10**8
    assert read(ISSUER.sign(claims_of(ISSUED, nbf=far_off, exp=far_off + 1))).nbf == far_off


def test_a_claim_that_is_not_known_yet_is_ignored() -> None:
    assert read(ISSUER.sign(claims_of(ISSUED, later="something"))).jti == ISSUED.pass_number
