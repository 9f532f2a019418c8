"""The corpus of forged and mangled tokens, which verify and the gate's app refuse with the same outcome.

`python -m tests.contract.forged_tokens` writes ``contracts/samples/forged_tokens.json``. Its keys and its
random numbers come from a fixed seed, so that the file is the same each time.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token
from tests.support.stack.paths import ROOT

FILE = ROOT / "contracts" / "samples" / "forged_tokens.json"
SEED = 48
ISSUER = "epass.example"
Outcome = Literal["genuine", "bad_signature", "unreadable"]
HEADER: dict[str, Any] = {"typ": "epass+jwt", "alg": "EdDSA", "kid": "k1"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": "gate", "jti": "7K3M9QW3", "nbf": 1_796_098_200, "exp": 1_796_107_200,
    "site": "PCS1",
    "party": 2, "idc": "Xk3vQ9aLm0c",
}  # fmt: skip


def _private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"e-Pass samples: {name}".encode()).digest())


OURS, WITHDRAWN, STRANGER = _private("ours"), _private("withdrawn"), _private("stranger")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def _x(key: Ed25519PrivateKey) -> str:
    return _b64(key.public_key().public_bytes_raw())


KEYS = [{"kid": "k1", "x": _x(OURS)}, {"kid": "k0", "x": _x(WITHDRAWN)}]


def token(
    claims: object = CLAIMS, header: object = HEADER, key: Ed25519PrivateKey = OURS, *, raw: bool = False
) -> str:
    """Return a token with that header and those claims; with ``raw`` both are given as bytes."""
    parts = (header, claims) if raw else (_json(header), _json(claims))
    signed = ".".join(_b64(part) for part in parts)  # type: ignore[arg-type]  # bytes by now
    return f"{signed}.{_b64(key.sign(signed.encode()))}"


GENUINE = token()


def find_key(kid: str) -> Ed25519PublicKey | None:
    """Return the key of a ``kid``, as verify's store does."""
    if kid == "k0":
        raise TokenRefused("withdrawn_key")
    return public_key(_x(OURS)) if kid == "k1" else None


def outcome(shown: str) -> Outcome:
    """Return what verify makes of a token."""
    try:
        pass_token.read(shown, find_key, ISSUER)
    except TokenRefused as refused:
        return "bad_signature" if pass_token.is_forged(shown, refused, ISSUER) else "unreadable"
    return "genuine"


def corpus() -> dict[str, Any]:
    """Return the whole file."""
    named = dict(_all(Random(SEED)))
    tokens = [{"name": name, "token": shown, "expected": outcome(shown)} for name, shown in named.items()]
    return {"issuer": ISSUER, "keys": KEYS[:1], "withdrawn": ["k0"], "genuine": GENUINE, "tokens": tokens}


def text_of(whole: Mapping[str, Any]) -> str:
    """Return the file's text, a token on each line."""
    lines = ",\n".join(json.dumps(one) for one in whole["tokens"])
    rest = json.dumps({name: value for name, value in whole.items() if name != "tokens"})
    return f'{rest[:-1]}, "tokens": [\n{lines}\n]}}\n'


def _all(random: Random) -> Iterator[tuple[str, str]]:
    yield from _headers()
    yield from _signed_by_somebody_else()
    yield from _claims()
    yield from _ways_of_writing()
    yield from _mangled(random)


def _headers() -> Iterator[tuple[str, str]]:
    for alg in (
        "none", "None", "NONE", "nOnE", "", "HS256", "hs384", "RS256", "ES256", "PS512", "EdDSA ",
        "eddsa", "Ed25519",
        "EDDSA", "ES256K", "A128KW", None, 1, True, ["EdDSA"], {"alg": "EdDSA"},
    ):  # fmt: skip
        yield f"header: alg {alg!r}", token(header=HEADER | {"alg": alg})
        yield (
            f"header: alg {alg!r}, no signature",
            token(header=HEADER | {"alg": alg}).rpartition(".")[0] + ".",
        )
    for typ in (
        "JWT", "", "epass-session+jwt", "epass-status+jwt", "EPASS+JWT", "epass+jws",
        "application/epass+jwt",
        "epass+jw", None, 123456789, ["epass+jwt"], "epass+j\u20b9t",
    ):  # fmt: skip
        yield f"header: typ {typ!r}", token(header=HEADER | {"typ": typ})
    for kid in (
        "",
        "k9",
        "K1",
        "k1 ",
        "k1\n",
        "../k1",
        "k0",
        "\x00",
        "123456789",
        "\ud800",
        None,
        1,
        ["k1"],
        {},
    ):
        yield f"header: kid {kid!r}", token(header=HEADER | {"kid": kid})
    own = {"kty": "OKP", "crv": "Ed25519", "x": _x(STRANGER)}
    more: dict[str, Any] = {
        "jwk": own, "jku": "https://example.org/keys", "x5u": "https://example.org/cert", "x5c": ["AAAA"],
        "crit": ["exp"],
        "b64": False, "cty": "JWT", "zip": "DEF", "x5t": "AAAA", "enc": "A128GCM", "epk": own, "": "",
        "__proto__": {"alg": "none"},
    }  # fmt: skip
    for name, value in more.items():
        yield f"header: with {name!r}", token(header=HEADER | {name: value})
        yield f"header: with {name!r}, by a stranger", token(header=HEADER | {name: value}, key=STRANGER)
    yield "header: b64 and crit", token(header=HEADER | {"b64": True, "crit": ["b64"]})
    for name in HEADER:
        yield f"header: no {name}", token(header={key: value for key, value in HEADER.items() if key != name})
    for value in ([], {}, None, 1, "EdDSA", [HEADER]):
        yield f"header: {json.dumps(value)[:20]}", token(header=value)
    public = OURS.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for form, secret in (
        ("raw", public.public_bytes_raw()),
        ("PEM", pem),
        ("x", _x(OURS).encode()),
        ("none", b""),
    ):
        signed = f"{_b64(_json(HEADER | {'alg': 'HS256'}))}.{_b64(_json(CLAIMS))}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        yield f"header: HS256 with the public key, {form}", f"{signed}.{_b64(mac)}"


def _signed_by_somebody_else() -> Iterator[tuple[str, str]]:
    yield "signature: a stranger's", token(key=STRANGER)
    yield "signature: a withdrawn key's", token(header=HEADER | {"kid": "k0"}, key=WITHDRAWN)
    yield "signature: a withdrawn key's, under ours", token(key=WITHDRAWN)
    signed, _, signature = GENUINE.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(raw[32:], "little") + order).to_bytes(33, "little")
    for name, other in {
        "zeros": bytes(64), "short": raw[:63], "long": raw + b"\x00", "empty": b"", "twice": raw + raw,
        "halves swapped": raw[32:] + raw[:32], "of something else": OURS.sign(b"something else"),
        "backwards": raw[::-1], "s plus the order": raw[:32] + larger[:32], "DER": b"\x30\x40" + raw,
        "a point of small order": b"\x01" + bytes(63),
    }.items():  # fmt: skip
        yield f"signature: {name}", f"{signed}.{_b64(other)}"
    for claim, value in (
        ("jti", "0000000"), ("jti", "AB3D5FGM"), ("party", 9), ("site", "PCS2"), ("exp", 4_000_000_000),
        ("gate", "PCS1-G1"),
        ("entries", 99), ("days", [1, 2, 3]), ("idc", None), ("nbf", 0), ("iss", "epass.example.org"),
        ("aud", "gateway"),
        ("nbf", 1_896_107_200), ("party", "2"), ("party", 2.0), ("party", True), ("exp", "never"),
        ("days", "1"), ("jti", 7),
        ("site", "\ud800"), ("entries", 0), ("aud", ["gate"]), ("exp", 1e400), ("nbf", -1),
        ("days", [1.5]), ("more", "x"),
    ):  # fmt: skip
        other = _b64(_json(CLAIMS | {claim: value}))
        yield f"signature: of another {claim}, {value!r}", GENUINE.replace(GENUINE.split(".")[1], other)
        yield f"a stranger's {claim}, {value!r}", token(CLAIMS | {claim: value}, key=STRANGER)


def _claims() -> Iterator[tuple[str, str]]:
    """Signed by the right key, and no pass all the same."""
    for name in ("iss", "aud", "jti", "nbf", "exp", "site", "party"):
        yield f"claims: no {name}", token({key: value for key, value in CLAIMS.items() if key != name})
        for value in (None, [], {}, True, 1.5, "", -1):
            if not (
                isinstance(value, str) and name in {"jti", "site"}
            ):  # verify finds no such pass, and says so
                yield f"claims: {name} {value!r}", token(CLAIMS | {name: value})
    for name, value in (
        ("iss", "epass.example.org"), ("iss", "EPASS.EXAMPLE"), ("aud", "gateway"), ("aud", ["gate"]),
        ("aud", "Gate"),
        ("gate", 1), ("entries", 0), ("entries", None), ("entries", "1"), ("idc", 1), ("days", None),
        ("days", 1),
        ("days", ["1"]), ("days", [True]), ("days", [1.0]), ("nbf", "1796098200"), ("exp", 1796107200.0),
        ("party", 2.0),
        ("exp", 10**12), ("iat", "now"), ("iat", 1.5), ("sub", 1), ("party", 10**6), ("days", [400]),
        ("nbf", -1),
    ):  # fmt: skip
        yield f"claims: another {name}, {value!r}", token(CLAIMS | {name: value})
    for value in ([], None, 1, "7K3M9QW3", [CLAIMS]):
        yield f"claims: {json.dumps(value)[:20]}", token(value)


def _ways_of_writing() -> Iterator[tuple[str, str]]:
    """What one decoder reads and another does not."""
    head, payload, signature = GENUINE.split(".")
    header, claims = _json(HEADER), _json(CLAIMS)
    forms = {
        "a byte order mark": (b"\xef\xbb\xbf" + header, claims),
        "UTF-16": (header.decode().encode("utf-16"), claims),
        "claims in UTF-16": (header, claims.decode().encode("utf-16")),
        "NaN": (header, claims[:-1] + b',"x":NaN}'),
        "NaN in the header": (header[:-1] + b',"x":NaN}', claims),
        "Latin-1": (header[:-1] + b',"x":"\xe9"}', claims),
        "a comment": (header[:-1] + b"/**/}", claims),
        "a comma at the end": (header[:-1] + b",}", claims),
        "single quotes": (header.replace(b'"', b"'"), claims),
        "a tab in a text": (header[:-1] + b',"x":"\t"}', claims),
        "alg twice, none first": (b'{"alg":"none",' + header[1:], claims),
        "alg twice, none last": (header[:-1] + b',"alg":"none"}', claims),
        "a header nested deep": (b"[" * 200 + b"]" * 200, claims),
        "NUL at the end": (header + b"\x00", claims),
    }  # fmt: skip
    for name, (first, second) in forms.items():
        yield f"written with {name}, by a stranger", token(second, first, STRANGER, raw=True)
    yield "written with padding", f"{head}==.{payload}=.{signature}=="
    yield "written in the standard alphabet", GENUINE.replace("-", "+").replace("_", "/") + "+/"
    yield "written as bits that nobody reads", GENUINE[:-1] + ("h" if GENUINE[-1] == "g" else "R")
    for name, sign in {
        "a blank": " ",
        "a line end": "\n",
        "a NUL": "\x00",
        "a Gurmukhi digit": "੧",
        "a dot": ".",
    }.items():
        for at in (0, 10, len(head), len(head) + 20, len(GENUINE) - 5, len(GENUINE)):
            yield f"written with {name} at {at}", GENUINE[:at] + sign + GENUINE[at:]
    for name, shown in {
        "nothing": "", "a dot": ".", "two dots": "..", "a pass number": "7K3M9QW3",
        "an address": "https://epass.example/",
        "only the header": head, "no payload": f"{head}..{signature}",
        "no signature": f"{head}.{payload}.",
        "no third part": f"{head}.{payload}", "four parts": f"{GENUINE}.e30",
        "five parts": f"{GENUINE}.e30.e30",
        "twice": GENUINE + GENUINE, "in capitals": GENUINE.upper(), "in small letters": GENUINE.lower(),
        "the case swapped": GENUINE.swapcase(), "backwards": GENUINE[::-1],
        "too long": f"{head}.{payload * 20}.{signature}",
        "parts swapped": f"{payload}.{head}.{signature}",
        "a long header": f"{_b64(_json(HEADER | {'x': 'x' * 400}))}.e30.e30",
        "none, too long": f"{_b64(_json(HEADER | {'alg': 'none'}))}.{payload * 20}.",
        "none, with junk": f"{_b64(_json({'alg': 'none'}))}\n.{payload}.",
        "none, alone": _b64(_json({"alg": "none"})),
    }.items():  # fmt: skip
        yield f"shown: {name}", shown


def _mangled(random: Random) -> Iterator[tuple[str, str]]:
    """What a scanner makes of a dirty or torn code, and what a vandal does."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(40):
        at = random.randrange(len(GENUINE))
        yield f"mangled: without letter {at}", GENUINE[:at] + GENUINE[at + 1 :]
    for _ in range(80):
        at = random.randrange(len(GENUINE))
        other = random.choice([one for one in letters if one != GENUINE[at]])
        yield f"mangled: {other} as letter {at}", GENUINE[:at] + other + GENUINE[at + 1 :]
    for _ in range(30):
        at = random.randrange(len(GENUINE))
        yield f"mangled: cut before letter {at}", GENUINE[:at]
        yield f"mangled: cut after letter {at}", GENUINE[at + 1 :]
    for _ in range(20):
        first, second = sorted(random.sample(range(len(GENUINE)), 2))
        yield f"mangled: letters {first} to {second} missing", GENUINE[:first] + GENUINE[second:]


if __name__ == "__main__":
    FILE.write_text(text_of(corpus()), encoding="utf-8")
