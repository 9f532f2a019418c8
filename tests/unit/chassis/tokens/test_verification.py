"""Which tokens the verifier accepts; and each attack of RFC 8725, with the reason for which it is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contracts.tokens import PASS_AUDIENCE, PASS_TYP, PassClaims
from services.chassis.tokens.signing_key import SigningKey, public_key
from services.chassis.tokens.verification import MAX_LENGTH, TokenRefused, TokenVerifier, _decode

NOW = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
KEY, STRANGER = SigningKey.generate(), SigningKey.generate()
SAME_NAME = SigningKey(KEY.kid, STRANGER.private)
ISSUER = "epass.example"
VERIFIER = TokenVerifier(PASS_TYP, PASS_AUDIENCE, ISSUER, PassClaims)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": PASS_AUDIENCE,
    "jti": "7K3M9QW4",
    "nbf": int(NOW.timestamp()) - 60,
    "exp": int(NOW.timestamp()) + 60,
    "site": "PCS1",
    "party": 1,
}
HEADER = {"typ": PASS_TYP, "alg": "EdDSA", "kid": KEY.kid}


def find_key(kid: str) -> Ed25519PublicKey | None:
    return public_key(KEY.public.x) if kid == KEY.kid else None


def token(key: SigningKey = KEY, typ: str = PASS_TYP, **changes: Any) -> str:
    return key.sign({name: claim for name, claim in (CLAIMS | changes).items() if claim is not None}, typ)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assembled(
    header: dict[str, Any], sign: Callable[[bytes], bytes] = KEY.private.sign, claims: Any = CLAIMS
) -> str:
    """Return a token put together by hand, because PyJWT refuses to make most of these."""
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{b64(sign(signed.encode()))}"


def hs256(key: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(key, signed, hashlib.sha256).digest()


RAW = KEY.private.public_key().public_bytes_raw()
PEM = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OWN_JWK = {"kty": "OKP", "crv": "Ed25519", "x": STRANGER.public.x}
HEAD, PAYLOAD, SIGNATURE = token().split(".")
LARGER = b64(json.dumps(CLAIMS | {"party": 9}).encode())

ATTACKS = {
    "nothing": ("", "malformed"),
    "a pass number": ("7K3M9QW4", "malformed"),
    "two dots": ("..", "malformed"),
    "four parts": (f"{token()}.e30", "malformed"),
    "too long": (token(site="x" * MAX_LENGTH), "malformed"),
    "a header too long": (assembled(HEADER | {"pad": "x" * 400}), "malformed"),
    "a header nested deep": (f"{b64(b'[' * 290)}.e30.e30", "malformed"),
    "a header that is a list": (f"{b64(b'[]')}.e30.e30", "malformed"),
    "a blank in it": (f"{HEAD}.{PAYLOAD} .{SIGNATURE}", "malformed"),
    "padding": (f"{HEAD}.{PAYLOAD}.{SIGNATURE}==", "malformed"),
    "a line feed after it": (f"{token()}\n", "malformed"),
    "no signature": (f"{HEAD}.{PAYLOAD}.", "malformed"),
    "alg none": (assembled(HEADER | {"alg": "none"}), "header"),
    "alg none, not signed": (assembled(HEADER | {"alg": "none"}, lambda _: b""), "malformed"),
    "alg None": (assembled(HEADER | {"alg": "None"}), "header"),
    "alg Ed25519": (assembled(HEADER | {"alg": "Ed25519"}), "header"),
    "no alg": (assembled({"typ": PASS_TYP, "kid": KEY.kid}), "header"),
    "HS256 with the public key, raw": (assembled(HEADER | {"alg": "HS256"}, hs256(RAW)), "header"),
    "HS256 with the public key, PEM": (assembled(HEADER | {"alg": "HS256"}, hs256(PEM)), "header"),
    "crit": (assembled(HEADER | {"crit": ["exp"]}), "header"),
    "b64": (assembled(HEADER | {"b64": False, "crit": ["b64"]}), "malformed"),
    "jwk": (assembled(HEADER | {"jwk": OWN_JWK}, STRANGER.private.sign), "header"),
    "jwk in place of kid": (
        assembled({"typ": PASS_TYP, "alg": "EdDSA", "jwk": OWN_JWK}, STRANGER.private.sign),
        "header",
    ),
    "jku": (assembled(HEADER | {"jku": "https://example.org/keys"}), "header"),
    "x5u": (assembled(HEADER | {"x5u": "https://example.org/cert"}), "header"),
    "x5c": (assembled(HEADER | {"x5c": ["AAAA"]}), "header"),
    "cty": (assembled(HEADER | {"cty": "JWT"}), "header"),
    "no typ": (assembled({"alg": "EdDSA", "kid": KEY.kid}), "header"),
    "another typ": (token(typ="JWT"), "header"),
    "typ in capitals": (token(typ=PASS_TYP.upper()), "header"),
    "a token of another kind": (token(typ="epass-session+jwt"), "header"),
    "no kid": (assembled({"typ": PASS_TYP, "alg": "EdDSA"}), "header"),
    "an empty kid": (assembled(HEADER | {"kid": ""}), "header"),
    "a kid of nine characters": (assembled(HEADER | {"kid": "a" * 9}), "header"),
    "a kid with a path": (assembled(HEADER | {"kid": "../../k"}), "header"),
    "a kid with a quote": (assembled(HEADER | {"kid": "k' or 1"}), "header"),
    "a kid with a line feed": (assembled(HEADER | {"kid": "k1\n"}), "header"),
    "a kid with a NUL": (assembled(HEADER | {"kid": "\x00"}), "header"),
    "a kid with a surrogate": (assembled(HEADER | {"kid": "\ud800"}), "header"),
    "a kid that is a number": (assembled(HEADER | {"kid": 1}), "header"),
    "a kid that is a list": (assembled(HEADER | {"kid": [KEY.kid]}), "header"),
    "an unknown kid": (token(STRANGER), "unknown_key"),
    "another key under this kid": (token(SAME_NAME), "signature"),
    "a changed payload": (f"{HEAD}.{LARGER}.{SIGNATURE}", "signature"),
    "a signature of zeros": (f"{HEAD}.{PAYLOAD}.{b64(bytes(64))}", "signature"),
    "half a signature": (f"{HEAD}.{PAYLOAD}.{SIGNATURE[:40]}", "signature"),
    "another issuer": (token(iss="epass.example.org"), "issuer"),
    "several issuers": (assembled(HEADER, claims=CLAIMS | {"iss": [ISSUER]}), "issuer"),
    "no issuer": (token(iss=None), "claims"),
    "another audience": (token(aud="gateway"), "audience"),
    "several audiences": (token(aud=[PASS_AUDIENCE, "gateway"]), "audience"),
    "no audience": (token(aud=None), "claims"),
    "no expiry": (token(exp=None), "claims"),
    "an expiry in words": (token(exp="tomorrow"), "claims"),
    "an expiry that is true": (token(exp=True), "claims"),
    "an expiry that is not finite": (assembled(HEADER, claims=CLAIMS | {"exp": float("inf")}), "claims"),
    "a claim of the model is missing": (token(site=None), "claims"),
    "a claim has another shape": (token(party="many"), "claims"),
    "claims that are a list": (assembled(HEADER, claims=[CLAIMS]), "malformed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_with_its_reason(attack: str) -> None:
    forged, reason = ATTACKS[attack]

    with pytest.raises(TokenRefused) as of_verify:
        VERIFIER.verify(forged, find_key, NOW)
    with pytest.raises(TokenRefused) as of_read:
        VERIFIER.read(forged, find_key)

    assert (of_verify.value.reason, of_read.value.reason) == (reason, reason)


def test_a_genuine_token_gives_its_claims() -> None:
    claims = VERIFIER.verify(token(), find_key, NOW)

    assert claims == PassClaims.model_validate(CLAIMS)


def test_a_claim_that_is_not_known_yet_is_ignored() -> None:
    assert VERIFIER.verify(token(later="something"), find_key, NOW).jti == "7K3M9QW4"


@pytest.mark.parametrize("kid", ["a", "S1", "k-_9", "aB3dE6gH"])
def test_a_key_may_be_named_by_up_to_eight_safe_characters(kid: str) -> None:
    named = SigningKey(kid, KEY.private)

    assert VERIFIER.verify(token(named), lambda _: KEY.private.public_key(), NOW).site == "PCS1"


def test_no_key_is_looked_up_for_a_header_that_is_not_ours() -> None:
    looked_up: list[str] = []
    for forged, reason in ATTACKS.values():
        if reason in {"malformed", "header"} and "e30" not in forged:
            with pytest.raises(TokenRefused):
                VERIFIER.read(forged, looked_up.append)

    assert set(looked_up) <= {KEY.kid}
    assert len(looked_up) == 1, "only the token whose claims are a list has a good header"


def test_a_token_is_expired_at_its_end_and_not_a_second_before() -> None:
    end = datetime.fromtimestamp(CLAIMS["exp"], UTC)

    assert VERIFIER.verify(token(), find_key, end - timedelta(seconds=1))
    with pytest.raises(TokenRefused) as refused:
        VERIFIER.verify(token(), find_key, end)
    assert refused.value.reason == "expired"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_is_not_valid_before_its_beginning(claim: str) -> None:
    early = token(**{claim: int(NOW.timestamp()) + 1})

    with pytest.raises(TokenRefused) as refused:
        VERIFIER.verify(early, find_key, NOW)
    assert refused.value.reason == "not_yet_valid"
    assert VERIFIER.verify(early, find_key, NOW + timedelta(seconds=1))


def test_the_leeway_holds_on_both_sides() -> None:
    begin, end = (datetime.fromtimestamp(CLAIMS[name], UTC) for name in ("nbf", "exp"))
    leeway = timedelta(seconds=5)

    assert VERIFIER.verify(token(), find_key, begin - leeway, leeway)
    assert VERIFIER.verify(token(), find_key, end + leeway - timedelta(seconds=1), leeway)
    for instant in (begin - leeway - timedelta(seconds=1), end + leeway):
        with pytest.raises(TokenRefused):
            VERIFIER.verify(token(), find_key, instant, leeway)


def test_a_token_out_of_its_time_can_be_read() -> None:
    """The gate judges the window itself, so that an expired pass and a forged one get different verdicts."""
    long_ago = CLAIMS["exp"] - 10**8

    assert VERIFIER.read(token(nbf=long_ago, exp=long_ago + 1), find_key).exp == long_ago + 1


def test_a_refusal_never_quotes_the_token() -> None:
    for forged, _ in ATTACKS.values():
        with pytest.raises(TokenRefused) as refused:
            VERIFIER.read(forged, find_key)
        assert not forged or forged not in str(refused.value)


def test_a_token_that_was_read_before_is_refused_once_its_key_is_withdrawn() -> None:
    shown = token()
    assert VERIFIER.read(shown, find_key) == VERIFIER.read(shown, find_key)
    with pytest.raises(TokenRefused) as refused:
        VERIFIER.read(shown, lambda _: None)
    assert refused.value.reason == "unknown_key"


def test_a_token_that_was_read_before_is_refused_under_another_key_or_for_another_audience() -> None:
    shown = token()
    VERIFIER.read(shown, find_key)
    with pytest.raises(TokenRefused) as refused:
        VERIFIER.read(shown, lambda _: public_key(STRANGER.public.x))
    assert refused.value.reason == "signature"
    with pytest.raises(TokenRefused) as refused:
        TokenVerifier(PASS_TYP, "another", ISSUER, PassClaims).read(shown, find_key)
    assert refused.value.reason == "audience"


def test_a_token_that_was_read_before_expires() -> None:
    shown = token()
    VERIFIER.verify(shown, find_key, NOW)
    with pytest.raises(TokenRefused) as refused:
        VERIFIER.verify(shown, find_key, NOW + timedelta(seconds=60))
    assert refused.value.reason == "expired"


def test_a_genuine_token_is_decoded_once_and_a_refused_one_each_time() -> None:
    shown, forged = token(jti="7K3M9QW5"), token(SAME_NAME)
    decoded = _decode.cache_info().misses
    for _ in range(3):
        VERIFIER.read(shown, find_key)
        with pytest.raises(TokenRefused):
            VERIFIER.read(forged, find_key)
    assert _decode.cache_info().misses - decoded == 1 + 3
