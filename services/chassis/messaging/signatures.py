"""Signatures of events: a producer signs what it adds to its outbox, and each consumer checks it.

The broker, the relay and those who replay dead letters pass events on, and cannot make any. What is signed is
`contracts.envelope.signed_content`. The events of one transaction are signed together, as the leaves of a
hash tree (RFC 9162, section 2.1, has the same idea): each carries the signature of the root, and the hashes
that lead from it to the root. So a process that stores many events signs once, and a consumer that gets them
together verifies once.

A signature is ``kid.signature`` or ``kid.signature.path``, each part base64url without padding. A path has a
step of 33 bytes for each level: ``L`` or ``R`` for the side on which the other hash stands, and that hash.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.envelope import Envelope, signed_content
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.tokens.signing_key import SigningKey, kid_of, public_key

MOST_TOGETHER = 256
"""Events under one signature; a path has eight steps at most."""
REMEMBERED = 2_000
"""Genuine signatures that a process remembers, since other events may share them."""
_LEAF, _NODE, _ROOT = b"epass event leaf 1\0", b"epass event node 1\0", b"epass event root 1\0"
"""What is hashed or signed begins with one of these, so that nothing else can be taken for it."""
_STEP = 33


def sign(key: SigningKey, contents: Sequence[bytes]) -> list[str]:
    """Return the signature of each of these contents, in their order."""
    signatures = []
    for first in range(0, len(contents), MOST_TOGETHER):
        root, paths = _tree(contents[first : first + MOST_TOGETHER])
        signed = f"{key.kid}.{_text(key.private.sign(_ROOT + root))}"
        signatures += [f"{signed}.{_text(path)}" if path else signed for path in paths]
    return signatures


class EventKeys:
    """The public keys of all producers.

    Args:
        keys: ``service:x``, with the ``x`` of the key's JWK. A service that changes its key has several.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys: dict[tuple[str, str], bytes] = {}
        for one in keys:
            service, _, x = one.partition(":")
            self._keys[service, kid_of(x)] = public_key(x).public_bytes_raw()

    def key_of(self, service: str, kid: str) -> Ed25519PublicKey | None:
        """Return the public key of a service with this ``kid``, if it has one."""
        raw = self._keys.get((service, kid))
        return None if raw is None else Ed25519PublicKey.from_public_bytes(raw)

    def require_signature(self, envelope: Envelope) -> None:
        """Check that the producer that an envelope names has signed it.

        Raises:
            ForgedMessage: there is no signature, its key is not the producer's, or it does not fit.
        """
        try:
            kid, signature, path = f"{envelope.signature or ''}.".split(".")[:3]
            key = self._keys[envelope.producer, kid]
            root = _root(signed_content(dict(envelope)), _bytes(path))
            _verify(key, _bytes(signature), root)
        except (KeyError, ValueError, InvalidSignature):
            raise ForgedMessage from None


def _tree(contents: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the root of the hash tree over these contents, and the path of each of them."""
    level = [hashlib.sha256(_LEAF + content).digest() for content in contents]
    paths, places = [b""] * len(level), list(range(len(level)))
    while len(level) > 1:
        for number, place in enumerate(places):
            other = place ^ 1
            if other < len(level):
                paths[number] += (b"L" if other < place else b"R") + level[other]
            places[number] = place // 2
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [_node(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0], paths


def _root(content: bytes, path: bytes) -> bytes:
    """Return the root of the tree in which this content has this path.

    Raises:
        ValueError: it is no path.
    """
    if len(path) % _STEP or len(path) > 8 * _STEP:
        raise ValueError("no path")
    value = hashlib.sha256(_LEAF + content).digest()
    for at in range(0, len(path), _STEP):
        other = path[at + 1 : at + _STEP]
        if path[at : at + 1] == b"L":
            value = _node(other, value)
        elif path[at : at + 1] == b"R":
            value = _node(value, other)
        else:
            raise ValueError("no path")
    return value


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


@lru_cache(maxsize=REMEMBERED)
def _verify(key: bytes, signature: bytes, root: bytes) -> None:
    """Raise `InvalidSignature` if this key has not signed this root. What is refused is not remembered."""
    Ed25519PublicKey.from_public_bytes(key).verify(signature, _ROOT + root)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
