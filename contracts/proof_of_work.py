"""A proof of work: hashes that a browser finds before it gets a code, while very many strangers ask for one.

Who asks for a code gets a challenge: base64url, 36 characters, with a number of answers. The answer number i
is the first n = 0, 1, 2, … for which SHA-256 of ``challenge:i:n`` (ASCII) begins with `BITS` bits of zero.
The proof is the challenge and all answers, in their order, with a dot between them.

A cheap phone finds 100,000 to 200,000 SHA-256 a second in plain JavaScript. One answer takes it 2^12 = 4,096
hashes on average, so `MOST_ANSWERS` take 131,000: 1.3 seconds at 100,000. Many small answers vary less than a
large one (by 18 % here), so that 98 of 100 phones of that kind are done within two seconds.
"""

import hashlib
from itertools import count

BITS = 12
LEAST_ANSWERS, MOST_ANSWERS = 12, 32
LONGEST_PROOF = 400


def solve(challenge: str, answers: int) -> str:
    """Return the proof for a challenge."""
    found = (next(n for n in count() if _is_answer(challenge, i, n)) for i in range(answers))
    return ".".join([challenge, *map(str, found)])


def is_solved(proof: str, answers: int) -> bool:
    """Return whether a proof has so many answers, all of them right."""
    challenge, *found = proof.split(".")
    return len(found) == answers and all(_is_answer(challenge, i, n) for i, n in enumerate(found))


def _is_answer(challenge: str, i: int, n: str | int) -> bool:
    digest = hashlib.sha256(f"{challenge}:{i}:{n}".encode()).digest()
    return int.from_bytes(digest[:4]) >> (32 - BITS) == 0
