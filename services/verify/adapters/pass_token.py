"""The check of a pass token: the one strict verifier, with the type, audience and claims of a pass."""

from contracts.tokens import PASS_AUDIENCE, PASS_TYP, PassClaims
from services.chassis.tokens.verification import FindKey, TokenVerifier


def read(token: str, find_key: FindKey, issuer: str) -> PassClaims:
    """Return the claims of a genuine pass token, whether or not the pass is valid now.

    The domain judges the window, so that an expired pass and a forged one get different verdicts.

    Args:
        token: a compact JWS, as the QR code has it.
        find_key: returns the public key of a ``kid``, or None.
        issuer: who must have issued it.

    Raises:
        TokenRefused: the token is no pass of ours; ``reason`` distinguishes what is no token, a bad
            signature, an unknown key, and so on.
    """
    return TokenVerifier(PASS_TYP, PASS_AUDIENCE, issuer, PassClaims).read(token, find_key)
