"""Verify finds each pass of the table that it shares with the gate's app, and lists what the app holds."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import InvalidInput
from contracts.events import PassIssued
from contracts.model import Slot
from contracts.rpc.verify.manifests import Manifest
from services.verify.adapters import pass_token
from services.verify.handlers import pass_lookup, scans
from services.verify.models import StatusListRow
from tests.contract.forged_tokens import OURS, find_key
from tests.contract.gate_cases import DAY, NOON
from tests.contract.gate_finds import FILE, ISSUER, REFERENCE, Kind, kinds
from tests.support.factories.verify import (
    SETTINGS,
    Gate,
    Issuer,
    calling,
    number_scan,
    party_of,
    pass_issued,
    pass_revoked,
    scan_of,
)

TABLE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OWN_KEY = Issuer("k1", OURS)


def issued(kind: Kind) -> PassIssued:
    """Return the event of a pass of the table."""
    terms, slot = kind.terms, pass_issued().slot
    first = slot.day + timedelta(days=(terms.valid_from - NOON).days + 1)
    return party_of(
        terms.party,
        pass_number=kind.number,
        reference=REFERENCE,
        site=terms.site,
        gate=terms.gate,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
        slot=Slot(day=first, start=slot.start, end=slot.end),
        further_days=tuple(first + timedelta(days=day) for day in terms.further_days),
        closed_days=tuple(first + timedelta(days=day) for day in terms.closed_days),
        key=OWN_KEY.public,
    )


def tell(gate: Gate, kind: Kind) -> None:
    """Let verify hear of a pass, and of who came in with it."""
    if kind.state in {"token", "overdue"}:
        claims = pass_token.read(kind.token, find_key, ISSUER)
        with gate.database.transaction() as session:
            pass_lookup.insert_row(session, claims, NOON - (DAY if kind.state == "overdue" else DAY * 0))
    elif kind.state != "nothing":
        gate.handle(issued(kind))
    if kind.inside:
        at = NOON + (kind.terms.valid_from - issued(kinds()[0]).valid_from)
        assert gate.scan(number_scan(kind.number, count=kind.inside), at=at).verdict == "admit"


def revoke(gate: Gate, revoked: Iterable[Kind]) -> None:
    gate.handle(*(pass_revoked(issued(kind)) for kind in revoked))


@pytest.fixture
def world(databases) -> tuple[Gate, Manifest]:
    """Verify as the table says that it is, and the manifest that it made before the last of it."""
    gate, every = Gate(databases["verify"], OWN_KEY), kinds()
    with gate.database.transaction() as session:
        session.add(StatusListRow(id=1, complete_at=NOON))
    for kind in every:
        if not kind.is_late or kind.state == "revoked":
            tell(gate, kind)
    revoked = [kind for kind in every if kind.state == "revoked"]
    revoke(gate, (kind for kind in revoked if not kind.is_late))
    made = gate.manifest()
    revoke(gate, (kind for kind in revoked if kind.is_late))
    for kind in every:
        if kind.is_late and kind.state != "revoked":
            tell(gate, kind)
    return gate, made


def said(gate: Gate, shown: str, direction: str) -> dict[str, Any]:
    """Return what verify says of a scan, which leaves no trace."""
    way = {"token": shown} if "." in shown else {"token": None, "pass_number": shown}
    request = scan_of("", direction=direction, id_check=None, **way)
    with gate.database.transaction() as session, session.begin_nested() as undone:
        try:
            settings = SETTINGS.model_copy(update={"issuer": ISSUER})
            result = scans.scan_in_transaction(request, calling(), session, NOON, settings)
        except InvalidInput as error:
            verdict = {"unreadable_token": "unreadable"}[error.body.code]
            return {"verdict": verdict, "marks": [], "supervisor": False}
        undone.rollback()
    supervisor = result.call_supervisor and result.verdict == "admit"
    return {"verdict": result.verdict, "marks": list(result.marks), "supervisor": supervisor}


def test_verify_says_of_each_scan_what_the_table_says(world: tuple[Gate, Manifest]) -> None:
    gate, _ = world
    wrong = [
        (case["name"], found, case["verify"])
        for case in TABLE["cases"]
        if (found := said(gate, case["shown"], case["direction"])) != case["verify"]
    ]
    assert wrong == []


def test_the_manifest_has_the_passes_that_the_app_holds_in_the_table(world: tuple[Gate, Manifest]) -> None:
    _, made = world
    listed = {one["pass"]: one for one in made.model_dump(mode="json", by_alias=True)["passes"]}
    expected = {one["pass"]: one for one in TABLE["manifest"]}
    assert set(listed) == set(expected)
    for number, facts in expected.items():
        assert {name: listed[number][name] for name in facts} == facts
