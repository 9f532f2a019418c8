"""The shared table of finds: what is scanned, the pass behind it, and what verify and a gate's app say of it.

`python -m tests.contract.gate_finds` writes ``contracts/samples/gate_finds.json``. It goes on where
`tests.contract.gate_cases` begins, which is given the state of a pass: here the pass is looked for. The app
holds a manifest and a list of revoked passes and asks nobody. Where that is less than what verify knows, the
two differ, and the table names why.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from stdnum import luhn

from contracts.crockford import ALPHABET, LENGTH
from contracts.model import Direction
from contracts.tokens import STATUS_TYP
from services.verify.domain.passes import Standing, Terms, presumed_gone_at
from services.verify.domain.verdicts import Attempt, Decision, decide_entry, decide_exit
from tests.contract.forged_tokens import HEADER, ISSUER, KEYS, STRANGER, token
from tests.contract.gate_cases import DAY, NOON, TERMS, text_of_instant
from tests.support.stack.paths import ROOT

REFERENCE = "PCS-7K3M-9QW4"
FILE = ROOT / "contracts" / "samples" / "gate_finds.json"
SEED = 14
GATE = "PCS1-G1"
DIFFERENCES = {
    "not_on_this_list": "The number is of no pass that this device holds. The app says that, and not that"
    " there is none; verify knows of which day or site the pass is.",
    "nothing_but_its_token": "Nothing but its token speaks for the pass here, so that a supervisor looks at"
    " it, too.",
    "nobody_has_issued_it": "A list of all revocations is signed, and the pass still came by no event: verify"
    " knows by that. The app asks for a supervisor.",
    "goes_out_all_the_same": "The app holds no pass with this number, and nobody is kept inside because of"
    " that. Verify looks at the exit when it is sent.",
    "key_not_here": "The key may be newer than the list, so whoever leaves goes out. Verify checks the token"
    " when the scan is sent.",
    "read_before": "A mistyped number never leaves the app, with a network either.",
}
"""Why the app says something else than verify, each with the reason."""


@dataclass(frozen=True)
class Kind:
    """A pass, and who knows what of it.

    Attributes:
        name: of the kind.
        terms: of the pass.
        state: what verify knows: ``issued``, ``revoked``, ``token`` (a scan has shown it), ``overdue`` (a
            scan showed it long ago), or ``nothing``.
        inside: how many are.
        is_late: verify has heard of it, or of its end, after the manifest was made.
        is_listed: whether the manifest of the gate has it.
    """

    name: str
    terms: Terms
    state: str = "issued"
    inside: int = 0
    is_late: bool = False
    is_listed: bool = True
    number: str = field(default="", compare=False)

    @property
    def standing(self) -> Standing:
        """The state of the pass as verify has it."""
        gone = presumed_gone_at(self.terms.valid_to) if self.inside else None
        return Standing(self.terms, self.state == "revoked", self.inside, self.inside, presumed_gone_at=gone)

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of its token."""
        terms = self.terms
        claims: dict[str, Any] = {
            "iss": ISSUER, "aud": "gate", "jti": self.number, "site": terms.site, "party": terms.party,
            "nbf": int(terms.valid_from.timestamp()), "exp": int(terms.valid_to.timestamp()),
            "gate": terms.gate, "entries": terms.entries, "days": list(terms.further_days) or None,
        }  # fmt: skip
        return {name: claim for name, claim in claims.items() if claim is not None}

    @property
    def token(self) -> str:
        """What the QR code holds."""
        return token(self.claims)


def _terms(days: int = 0, **changes: Any) -> Terms:
    """Return the terms of a pass so many days after today."""
    later = days * DAY
    facts = vars(TERMS) | {"valid_from": TERMS.valid_from + later, "valid_to": TERMS.valid_to + later}
    return Terms(**facts | changes)


def kinds() -> list[Kind]:
    """Return the passes of the table, each with its number."""
    random = Random(SEED)
    away = {"is_listed": False}
    found = [
        Kind("of today", _terms()),
        Kind("of today, all inside", _terms(), inside=2),
        Kind("of another gate", _terms(gate="PCS1-G2")),
        Kind("of a day that was closed", _terms(-1, closed_days=(1,))),
        Kind("of yesterday and today", _terms(-1, further_days=(1,))),
        Kind("of yesterday, still inside", _terms(-1), inside=1),
        Kind("revoked", _terms(), "revoked"),
        Kind("revoked after the list", _terms(), "revoked", is_late=True),
        Kind("revoked, and still inside", _terms(), "revoked", inside=2),
        Kind("revoked, of tomorrow", _terms(1), "revoked", **away),
        Kind("revoked, of another site", _terms(site="PCS2"), "revoked", **away),
        Kind("of tomorrow", _terms(1), **away),
        Kind("of yesterday", _terms(-1), **away),
        Kind("of yesterday and tomorrow", _terms(-1, further_days=(2,)), **away),
        Kind("of another site", _terms(site="PCS2"), **away),
        Kind("issued after the list", _terms(), is_late=True, **away),
        Kind("known by its token alone", _terms(), "token"),
        Kind("known by its token alone for long", _terms(), "overdue"),
        Kind("of which only the token is there", _terms(), "nothing", **away),
        Kind("of tomorrow, of which only the token is there", _terms(1), "nothing", **away),
        Kind("of another site, of which only the token is there", _terms(site="PCS2"), "nothing", **away),
    ]
    return [_numbered(kind, random) for kind in found]


def _numbered(kind: Kind, random: Random) -> Kind:
    return Kind(**vars(kind) | {"number": _number(random)})


def _number(random: Random) -> str:
    """Return a pass number, the same each time."""
    body = "".join(random.choices(ALPHABET, k=LENGTH - 1))
    return body + luhn.calc_check_digit(body, ALPHABET)


def revoked_numbers(every: list[Kind]) -> list[str]:
    """Return what the signed list of revoked passes has: of all sites and days."""
    return sorted(kind.number for kind in every if kind.state == "revoked")


def held_standing(kind: Kind, revoked: list[str]) -> Standing | None:
    """Return the state of a pass as the app has it by its number, or None where it holds nothing of it."""
    if kind.is_listed:
        return kind.standing
    return Standing(None, revoked=True) if kind.number in revoked else None


def _said(decision: Decision, *, supervisor: bool) -> dict[str, Any]:
    """Return what the table says of a decision; the supervisor matters where somebody comes in."""
    return {
        "verdict": decision.verdict,
        "marks": list(decision.marks),
        "supervisor": supervisor and decision.verdict == "admit",
    }


def _decide(standing: Standing, direction: Direction, *, supervisor: bool = False) -> dict[str, Any]:
    attempt = Attempt(GATE, NOON)
    decided = decide_entry(standing, attempt) if direction == "entry" else decide_exit(standing, attempt)
    return _said(decided, supervisor=supervisor)


def said_by_verify(kind: Kind, direction: Direction, *, has_token: bool) -> dict[str, Any]:
    """Return what verify says of a pass."""
    if kind.state == "nothing" and not has_token:
        return _said(Decision("unknown_pass"), supervisor=False)
    if kind.state == "overdue" and direction == "entry":
        return _said(Decision("unknown_pass"), supervisor=False)
    return _decide(kind.standing, direction)


def said_by_app(
    kind: Kind, direction: Direction, revoked: list[str], *, has_token: bool
) -> tuple[dict[str, Any], str | None]:
    """Return what the app says of a pass, and the difference that this is, if it is one."""
    held, is_known = held_standing(kind, revoked), kind.state in {"issued", "revoked"}
    if held is None and not has_token:
        if direction == "exit":
            return _decide(Standing(None), direction), "goes_out_all_the_same"
        return _said(Decision("unknown_pass"), supervisor=False), "not_on_this_list" if is_known else None
    if has_token and (held is None or held.terms is None):
        held = Standing(kind.terms, kind.number in revoked)
    assert held is not None
    is_vouched = kind.is_listed and is_known
    said = _decide(held, direction, supervisor=direction == "entry" and not is_vouched)
    if held.terms is None and direction == "exit":
        return said, "goes_out_all_the_same"
    return said, "nobody_has_issued_it" if kind.state == "overdue" else "nothing_but_its_token"


def cases() -> Iterator[dict[str, Any]]:
    """Yield the lines of the table."""
    every = kinds()
    revoked = revoked_numbers(every)
    ways: tuple[tuple[str, bool], ...] = (("the number", False), ("the code", True))
    directions: tuple[Direction, ...] = ("entry", "exit")
    for kind in every:
        for way, has_token in ways:
            for direction in directions:
                verify = said_by_verify(kind, direction, has_token=has_token)
                app, differs = said_by_app(kind, direction, revoked, has_token=has_token)
                yield {
                    "name": f"{direction} by {way} of a pass {kind.name}",
                    "shown": kind.token if has_token else kind.number,
                    "direction": direction,
                    "verify": verify,
                    "app": app,
                    "differs": differs if app != verify else None,
                }
    yield from _of_no_pass(every)


def _of_no_pass(every: list[Kind]) -> Iterator[dict[str, Any]]:
    """Yield what is a pass of nobody, or cannot be read."""
    today = every[0]
    unknown, unreadable = (
        Decision("unknown_pass"),
        {"verdict": "unreadable", "marks": [], "supervisor": False},
    )
    forged = _said(Decision("bad_signature"), supervisor=False)
    nobody = _said(unknown, supervisor=False)
    out = _decide(Standing(None), "exit")
    cut = today.token[:-9]
    foreign = token(today.claims, key=STRANGER)
    newer = token(today.claims, HEADER | {"kid": "k2"}, STRANGER)
    mistyped = today.number[:-1] + ("0" if today.number[-1] != "0" else "1")
    number = _number(Random(SEED + 1))  # of nobody
    lines: list[tuple[str, str, Direction, dict[str, Any], dict[str, Any], str | None]] = [
        ("entry by a number of nobody", number, "entry", nobody, nobody, None),
        ("exit by a number of nobody", number, "exit", nobody, out, "goes_out_all_the_same"),
        ("entry by a mistyped number", mistyped, "entry", nobody, unreadable, "read_before"),
        ("exit by a mistyped number", mistyped, "exit", nobody, unreadable, "read_before"),
        ("entry by a code that somebody else has signed", foreign, "entry", forged, forged, None),
        ("exit by a code that somebody else has signed", foreign, "exit", forged, forged, None),
        ("entry by a code without its end", cut, "entry", unreadable, unreadable, None),
        ("exit by a code without its end", cut, "exit", unreadable, unreadable, None),
        ("entry by a code under a key that is not here", newer, "entry", unreadable, unreadable, None),
        (
            "exit by a code under a key that is not here", newer, "exit", unreadable,
            _decide(today.standing, "exit"), "key_not_here",
        ),
    ]  # fmt: skip
    for name, shown, direction, verify, app, differs in lines:
        yield {
            "name": name, "shown": shown, "direction": direction, "verify": verify, "app": app,
            "differs": differs,
        }  # fmt: skip


def listed(kind: Kind) -> dict[str, Any]:
    """Return a pass as the manifest of the gate has it, as far as it matters here."""
    terms, standing = kind.terms, kind.standing
    return {
        "pass": kind.number,
        "reference": None if kind.state in {"token", "overdue"} else REFERENCE,
        "site": terms.site,
        "gate": terms.gate,
        "party": terms.party,
        "entries": terms.entries,
        "valid_from": text_of_instant(terms.valid_from),
        "valid_to": text_of_instant(terms.valid_to),
        "further_days": list(terms.further_days),
        "closed_days": list(terms.closed_days),
        "revoked": standing.revoked and not kind.is_late,
        "inside": standing.inside,
        "admitted": standing.admitted,
        "day": 0,
        "admitted_before": 0,
        "presumed_gone_at": standing.presumed_gone_at and text_of_instant(standing.presumed_gone_at),
        "call_supervisor": False,
    }


def whole() -> dict[str, Any]:
    """Return the table: what the app holds, and what verify and the app say of each scan."""
    every = kinds()
    at = int(NOON.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": "gate",
        "iat": at,
        "exp": at + 3600,
        "seq": 1,
        "revoked": revoked_numbers(every),
    }
    return {
        "issuer": ISSUER,
        "keys": KEYS[:1],
        "gate": GATE,
        "at": text_of_instant(NOON),
        "status_list": token(claims, HEADER | {"typ": STATUS_TYP}),
        "differences": DIFFERENCES,
        "manifest": [listed(kind) for kind in every if kind.is_listed],
        "cases": list(cases()),
    }


def text_of(table: dict[str, Any]) -> str:
    """Return the file of the table, one pass or case a line, so that a change is readable."""
    parts = []
    for name, value in table.items():
        if isinstance(value, list) and name != "keys":
            lines = ",\n".join(f"    {json.dumps(line)}" for line in value)
            parts.append(f"  {json.dumps(name)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text_of(whole()), encoding="utf-8")
