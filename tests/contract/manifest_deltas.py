"""The shared table of manifests and their deltas, as gates have to apply them.

`python -m tests.contract.manifest_deltas` writes ``contracts/samples/manifest_deltas.json`` for the tests of
the gate's app. verify makes its deltas in SQL: its own tests compare them with whole manifests, and the
digests with those of `digest_of`, which this table has.
"""

import json
from random import Random
from typing import Any

from contracts.crockford import ALPHABET
from contracts.list_digest import digest_of
from contracts.rpc.verify.manifests import Manifest, ManifestPass, ManifestSnapshot, OfflinePolicy
from tests.support.stack.paths import ROOT

FILE = ROOT / "contracts" / "samples" / "manifest_deltas.json"
SEED = 54
HISTORIES = 10
NOON = "2026-12-01T06:30:00Z"
Passes = dict[str, ManifestPass]


def table() -> list[list[dict[str, Any]]]:
    """Return histories, the same each time: a whole manifest, then one delta after the other.

    With each delta goes the version of every pass that a gate holds then.
    """
    chance = Random(SEED)
    return [_history(chance) for _ in range(HISTORIES)]


def text_of(histories: list[list[dict[str, Any]]]) -> str:
    """Return a table as its file has it."""
    return "[\n" + ",\n".join(json.dumps(one) for one in histories) + "\n]\n"


def _history(chance: Random) -> list[dict[str, Any]]:
    passes: Passes = {}
    for at in range(chance.randrange(6)):
        _change(chance, passes, at)
    lines = [{"manifest": _manifest(0, passes.values()), "held": _versions(passes)}]
    for number in range(1, 8):
        before = dict(passes)
        for at in range(chance.randrange(5)):
            _change(chance, passes, 100 * number + at)
        changed = [one for one in passes.values() if before.get(one.pass_) != one]
        gone = sorted(before.keys() - passes.keys())
        if chance.random() < 0.3:
            gone.append("".join(chance.choices(ALPHABET, k=8)))  # one that the gate does not hold
        delta = {"base": str(number - 1), "gone": gone, "digest": digest_of(_lines(passes))}
        lines.append({"manifest": _manifest(number, changed) | delta, "held": _versions(passes)})
    return lines


def _change(chance: Random, passes: Passes, version: int) -> None:
    """Issue a pass, change or revoke one, or let one go."""
    known = chance.choice([None, None, *sorted(passes)])
    if known is None:
        number = "".join(chance.choices(ALPHABET, k=8))
        passes[number] = ManifestPass(
            pass_=number, site="PCS1", party=2, entries=1, valid_from=NOON, valid_to=NOON,  # type: ignore[arg-type]
            commitment_key="A" * 43, version=str(version),
        )  # fmt: skip
    elif chance.random() < 0.4:
        del passes[known]
    else:
        was = passes[known]
        revoked = was.revoked or chance.random() < 0.5
        update = {"version": str(version), "revoked": revoked, "inside": version % 2}
        passes[known] = was.model_copy(update=update)


def _manifest(number: int, passes: Any) -> dict[str, Any]:
    whole = Manifest(
        gate="PCS1-G1", site="PCS1", made_at=NOON, issuer="epass.example",  # type: ignore[arg-type]
        offline=OfflinePolicy(green_s=900, amber_s=14_400, then="refuse"),
        passes=tuple(passes), revision=str(number),
        snapshot=ManifestSnapshot(timeline=0, all_before=0, none_from=0),
    )  # fmt: skip
    return whole.model_dump(mode="json", by_alias=True)


def _lines(passes: Passes) -> list[str]:
    return [f"{one.pass_}:{one.version}" for one in passes.values()]


def _versions(passes: Passes) -> dict[str, dict[str, Any]]:
    """Return what a gate has to hold of each pass."""
    return {
        number: {"version": one.version, "revoked": one.revoked, "inside": one.inside}
        for number, one in sorted(passes.items())
    }


if __name__ == "__main__":
    FILE.write_text(text_of(table()), encoding="utf-8")
