"""Scans in groups: each has the verdict, the record and the event that it would have alone."""

import dataclasses
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from contracts.errors import ContractError
from contracts.rpc.call import Call
from contracts.rpc.verify.scans import Matched, ScanPass, ScanResult
from services.verify.handlers import pass_lookup, scan_records, scans
from services.verify.models import Base, NonceRow
from tests.integration import query_plans
from tests.support.factories.verify import (
    GATE,
    MATCHED,
    NOON,
    OTHER_ID,
    SETTINGS,
    VALID_TO,
    Gate,
    calling,
    gates_of,
    number_scan,
    officer,
    pass_issued,
    pass_revoked,
    scan_of,
)
from tests.support.stack.databases import owner_of
from tests.support.stack.extent import few_of

WRONG_ID = Matched(kind="matched", id_type="voter_id", id_last4="0000")
Asked = list[tuple[ScanPass, Call]]


def group(gate: Gate, asked: Asked, at=NOON) -> Sequence[ScanResult | None]:
    with gate.database.queries() as session:
        return scans.scan_together(asked, session, at, SETTINGS)


def verdicts_of(results: Sequence[ScanResult | None]) -> list[str | None]:
    return [result and result.verdict for result in results]


def alone(gate: Gate, one: tuple[ScanPass, Call], at=NOON) -> ScanResult | str:
    request, call = one
    try:
        return gate.scan(request, call.principal, at)
    except ContractError as error:
        return error.body.code


def by(*requests: ScanPass) -> Asked:
    return [(request, calling()) for request in requests]


def leave(shown: Any, **changes: Any) -> ScanPass:
    return scan_of(shown, direction="exit", id_check=None, **changes)


def test_the_statements_of_a_scan_are_planned_once_for_all_scans(gate: Gate) -> None:
    issued = gate.issue()

    def scan(session: Session) -> None:
        assert scans.scan_together(by(scan_of(issued)), session, NOON, SETTINGS) != [None]

    assert query_plans.planned_each_time(gate.database, scan) == []


def test_a_group_admits_each_party_once_and_publishes_each_scan_in_order(gate: Gate) -> None:
    inside, *others = [gate.issue() for _ in range(3)]
    gate.enter(inside)
    results = group(gate, by(scan_of(others[0]), scan_of(inside), scan_of(others[1])))
    assert verdicts_of(results) == ["admit", "already_inside", "admit"]
    assert [one["verdict"] for one in gate.published()][1:] == verdicts_of(results)
    assert [gate.row(one).inside for one in (inside, *others)] == [1, 1, 1]


def test_a_second_scan_of_a_pass_in_a_group_is_left_to_be_asked_alone(gate: Gate) -> None:
    issued, other = gate.issue(), gate.issue()
    results = group(gate, by(scan_of(issued), scan_of(issued), scan_of(other), leave(issued)))
    assert verdicts_of(results) == ["admit", None, "admit", None]
    assert [gate.row(one).inside for one in (issued, other)] == [1, 1]
    assert len(gate.scans()) == len(gate.published()) == 2


def test_the_events_of_one_application_have_consecutive_numbers(gate: Gate) -> None:
    issued = gate.issue()
    for request in (scan_of(issued), leave(issued), scan_of(issued), leave(issued)):
        group(gate, by(request, scan_of(gate.issue())))
    gate.enter(issued)
    of_it = text("select seq, data->>'direction' from outbox where data->>'pass_number' = :it order by seq")
    with gate.database.transaction() as session:
        found = session.execute(of_it, {"it": issued.pass_number}).all()
    first = found[0].seq
    assert [tuple(one) for one in found] == [
        (first + number, direction)
        for number, direction in enumerate(["entry", "exit", "entry", "exit", "entry"])
    ]


def test_a_group_costs_two_statements(gate: Gate) -> None:
    issued = [gate.issue() for _ in range(40)]
    gate.enter(gate.issue())
    statements: list[str] = []
    event.listen(gate.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    group(gate, by(*(scan_of(one) for one in issued)))
    assert len(statements) == 2, statements


def test_a_group_soon_gives_up_on_a_nonce_that_another_transaction_uses(gate: Gate) -> None:
    """Each of its scans then goes alone; nobody else's waits for the other transaction."""
    issued, nonce = gate.issue(), uuid4().hex
    with gate.database.transaction() as other:
        other.add(NonceRow(scanned_by=officer().id, nonce=nonce, recorded_at=NOON))
        other.flush()
        assert group(gate, by(scan_of(gate.issue()), scan_of(issued, nonce=nonce))) == [None, None]
    assert (gate.scans(), gate.published()) == ([], [])


def test_groups_store_their_nonces_in_one_order_so_that_two_never_block_each_other(gate: Gate) -> None:
    nonces = [uuid4().hex for _ in range(20)]
    group(gate, by(*(scan_of(gate.issue(), nonce=nonce) for nonce in nonces)))
    with gate.database.transaction() as session:
        stored = session.scalars(text("select nonce from scan_nonces order by ctid")).all()
    assert stored == sorted(nonces) != nonces


def test_what_a_group_does_not_hold_is_left_to_be_asked_alone(gate: Gate) -> None:
    known, overdue = gate.issue(), gate.issue()
    gate.enter(overdue)
    nonce = uuid4().hex
    later = VALID_TO + timedelta(days=1)
    left = [
        scan_of(known, id_check=None),
        number_scan(known.pass_number),
        scan_of(pass_issued()),
        scan_of("not.a.token"),
        scan_of(known, gate="PCS1-G999"),
        scan_of(known, gate="PCS2-G1"),
        scan_of(known, id_check=Matched(kind="matched", id_type="voter_id", id_last4="123456789012")),
        scan_of(known, count=9),
    ]
    gate.handle(gates_of("PCS1", GATE))
    before = gate.everything()
    assert group(gate, by(*left)) == [None] * len(left)
    assert gate.everything() == before
    assert group(gate, by(scan_of(overdue)), later) == [None]
    results = group(gate, by(scan_of(known, nonce=nonce), scan_of(known, nonce=nonce)))
    assert verdicts_of(results) == ["admit", None]


def test_a_nonce_that_was_used_before_gets_its_first_answer_alone(gate: Gate) -> None:
    issued = gate.issue()
    request = scan_of(issued)
    first = gate.scan(request)
    results = group(gate, by(request, leave(issued)))
    assert results[0] is None
    assert results[1] is not None
    assert gate.scan(request) == first


def test_a_pass_that_is_locked_elsewhere_holds_up_no_other_scan_of_its_group(gate: Gate) -> None:
    """Its own scan then goes alone, in a worker of its own, and waits there."""
    locked, free = gate.issue(), gate.issue()
    with gate.database.transaction() as holder:
        holder.execute(text("select from passes where number = :n for update"), {"n": locked.pass_number})
        assert verdicts_of(group(gate, by(scan_of(locked), scan_of(free)))) == [None, "admit"]
    assert [one["pass_number"] for one in gate.published()] == [free.pass_number]
    assert [gate.row(one).inside for one in (locked, free)] == [0, 1]


Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Return a function that does something between the reading of a group and its recording."""
    see = pass_lookup.read_all

    def arrange(change: Callable[[], object]) -> None:
        def see_and_change(*asked: Any) -> pass_lookup.Snapshot:
            seen = see(*asked)
            change()
            return seen

        monkeypatch.setattr(pass_lookup, "read_all", see_and_change)

    return arrange


def test_a_pass_that_changes_while_its_group_decides_lets_nobody_in_twice(
    gate: Gate, meanwhile: Meanwhile
) -> None:
    issued, other = gate.issue(), gate.issue()
    meanwhile(lambda: gate.enter(issued))
    assert verdicts_of(group(gate, by(scan_of(issued), scan_of(other)))) == [None, "admit"]
    assert [one["pass_number"] for one in gate.published()] == [issued.pass_number, other.pass_number]
    assert [(gate.row(one).inside, gate.row(one).admitted) for one in (issued, other)] == [(1, 1)] * 2


def test_a_pass_that_is_revoked_while_its_group_decides_lets_nobody_in(
    gate: Gate, meanwhile: Meanwhile
) -> None:
    issued = gate.issue()
    meanwhile(lambda: gate.handle(pass_revoked(issued), seq=2))
    assert group(gate, by(scan_of(issued))) == [None]
    assert (gate.published(), gate.row(issued).inside) == ([], 0)


def test_control_without_the_comparison_a_pass_that_changes_lets_two_in(
    gate: Gate, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = "and passes.xmin::text = version"
    assert compared in scan_records.UNCHANGED.expressions
    expressions = scan_records.UNCHANGED.expressions.replace(compared, "")
    always = dataclasses.replace(scan_records.UNCHANGED, expressions=expressions)
    monkeypatch.setattr(scan_records, "UNCHANGED", always)
    issued = gate.issue()
    meanwhile(lambda: gate.enter(issued))
    results = group(gate, by(scan_of(issued)))
    assert verdicts_of(results) == ["admit"]
    assert [one["verdict"] for one in gate.published()] == ["admit", "admit"]


def test_a_nonce_used_meanwhile_by_another_transaction_changes_nothing_of_its_scan(
    gate: Gate, meanwhile: Meanwhile
) -> None:
    issued, other = gate.issue(), gate.issue()
    nonce = uuid4().hex
    meanwhile(lambda: gate.scan(scan_of(gate.issue(), nonce=nonce)))
    assert verdicts_of(group(gate, by(scan_of(other), scan_of(issued, nonce=nonce)))) == ["admit", None]
    assert len(gate.scans()) == len(gate.published()) == 2
    assert [gate.row(one).inside for one in (issued, other)] == [0, 1]


def scans_at_random(gate: Gate, chance: random.Random) -> Asked:
    """Return scans of everything that a gate may see, of few passes, so that they meet."""
    passes = [gate.issue_party(chance.randint(1, 4), entries=chance.randint(1, 3)) for _ in range(5)]
    revoked = gate.issue()
    gate.handle(pass_revoked(revoked), seq=2)
    shown = [*passes, revoked, pass_issued(), "not.a.token"]
    nonces = [uuid4().hex for _ in range(30)]

    def one() -> tuple[ScanPass, Call]:
        what = chance.choice(shown)
        nonce = chance.choice(nonces)
        if chance.random() < 0.4:
            return leave(what, nonce=nonce, count=chance.choice([None, None, 1])), calling()
        check = chance.choice([MATCHED, MATCHED, MATCHED, WRONG_ID, OTHER_ID, None])
        count = chance.choice([None, None, 1, 2, 9])
        where = chance.choice([GATE, GATE, GATE, "PCS1-G2", "PCS2-G1"])
        request = scan_of(what, id_check=check, count=count, gate=where, nonce=nonce)
        return request, calling(officer(site=where[:4], gate=where))

    return [one() for _ in range(60)]


def outcome(gate: Gate, results: Sequence[ScanResult | str]) -> dict[str, Any]:
    """Return everything that the scans have led to, without ids of rows."""
    with gate.database.transaction() as session:
        passes = session.execute(
            text("select number, inside, admitted, day, inside_site, inside_since, last_gate from passes")
        ).all()
        kept = session.execute(
            text("select scanned_by, nonce, verdict, count, inside, marks, body_hmac from scans")
        ).all()
        events = session.execute(
            text("select subject, seq, data - 'scan_id' from outbox where type = 'PassScanned'")
        ).all()
    return {
        "results": list(results),
        "passes": sorted(map(str, passes)),
        "scans": sorted(map(str, kept)),
        "events": sorted(map(str, events)),
    }


@pytest.mark.parametrize("seed", few_of(range(6)))
def test_groups_of_any_scans_lead_to_what_the_same_scans_lead_to_alone(gate: Gate, seed: int) -> None:
    chance = random.Random(seed)
    asked = scans_at_random(gate, chance)
    with owner_of(gate.database).engine.begin() as connection:
        for name in ("passes", "outbox", "event_sequences"):
            connection.execute(text(f"create table before_{name} as table {name}"))
    try:
        order: list[int] = []
        results: dict[int, ScanResult | str] = {}
        rest = list(range(len(asked)))
        while rest:
            members, rest = rest[: (size := chance.randint(1, 20))], rest[size:]
            found = group(gate, [asked[number] for number in members])
            grouped = [number for number, result in zip(members, found, strict=True) if result is not None]
            left = [number for number in members if number not in grouped]
            results |= {number: r for number, r in zip(members, found, strict=True) if r is not None}
            results |= {number: alone(gate, asked[number]) for number in left}
            order += grouped + left
        assert len(order) == len(asked)
        in_groups = outcome(gate, [results[number] for number in order])
        with owner_of(gate.database).engine.begin() as connection:
            of_scans = ["scans", "number_tries", *({"scan_nonces"} & set(Base.metadata.tables))]
            connection.execute(text(f"truncate passes, outbox, event_sequences, {', '.join(of_scans)}"))
            connection.execute(text("insert into passes select * from before_passes"))
            connection.execute(text("insert into event_sequences select * from before_event_sequences"))
        assert outcome(gate, [alone(gate, asked[number]) for number in order]) == in_groups
    finally:
        with owner_of(gate.database).engine.begin() as connection:
            for name in ("passes", "outbox", "event_sequences"):
                connection.execute(text(f"drop table before_{name}"))
