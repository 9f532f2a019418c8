"""Scans of a gate that was without a network: recorded as they happened, once, and what they contradict."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.errors import Forbidden
from contracts.rpc.verify.offline_scans import SyncScans
from services.chassis.runtime.clock import now
from services.verify.handlers.event_handlers import handle_pass_revoked
from services.verify.metrics import GATE_CONFLICTS
from services.verify.service import Service
from tests.integration.verify.handlers.synced import (
    ANYWHERE,
    DAY,
    LATER,
    MINUTE,
    OTHER_GATE,
    SECOND,
    is_balanced,
    outcomes,
    sync_at_other,
)
from tests.support.factories.verify import (
    GATE,
    ISSUER,
    NOON,
    OTHER_ID,
    SETTINGS,
    STRANGER,
    VALID_FROM,
    VALID_TO,
    Gate,
    calling,
    claims_of,
    erased,
    officer,
    offline_exit,
    offline_scan,
    pass_issued,
    pass_revoked,
    received,
    scan_of,
    status_list,
    unreadable_tokens,
)
from tests.support.stack.databases import execute


def test_an_entry_and_an_exit_are_recorded_as_they_happened(gate: Gate) -> None:
    issued = gate.issue_party(2)
    entry = offline_scan(issued, NOON - 30 * MINUTE, count=2)
    leaves = offline_exit(issued, NOON - 10 * MINUTE, count=1)
    assert outcomes(gate.sync(entry, leaves)) == [("admit", False, None), ("exit", False, None)]
    came, left = sorted(gate.scans(), key=lambda scan: scan.scanned_at)
    assert (came.verdict, came.count, came.inside, came.marks) == ("admit", 2, 2, ["offline"])
    assert (left.verdict, left.count, left.inside, left.marks) == ("exit", 1, 1, ["offline"])
    assert (came.scanned_at, came.claimed_at, came.recorded_at) == (entry.scanned_at, entry.scanned_at, NOON)
    assert (came.gate, came.scanned_by, came.list_age_s, came.id_kind) == (GATE, "SEC-0001", 60, "matched")
    row = gate.row(issued)
    assert (row.inside, row.admitted, row.last_gate) == (1, 2, GATE)
    assert (row.inside_since, row.inside_site) == (entry.scanned_at, "PCS1")
    assert [(one["verdict"], one["count"], one["inside"]) for one in gate.published()] == [
        ("admit", 2, 2),
        ("exit", 1, 1),
    ]
    assert gate.conflicts() == []
    assert is_balanced(gate)


def test_a_refusal_is_recorded_and_moves_nobody(gate: Gate) -> None:
    issued = gate.issue()
    refused = offline_scan(issued, offline={"verdict": "already_used", "list_age_s": None}, id_check=None)
    assert outcomes(gate.sync(refused)) == [("already_used", False, None)]
    (scan,) = gate.scans()
    assert (scan.verdict, scan.count, scan.list_age_s) == ("already_used", 0, None)
    assert (gate.row(issued).inside, gate.conflicts()) == (0, [])


def test_two_gates_that_admitted_the_same_pass_both_keep_their_scans_and_the_conflict_is_found(
    gate: Gate,
) -> None:
    issued = gate.issue()
    first, second = offline_scan(issued, NOON - MINUTE), offline_scan(issued, NOON, gate=OTHER_GATE)
    assert outcomes(gate.sync(first, at=LATER)) == [("admit", False, None)]
    assert outcomes(sync_at_other(gate, second)) == [("admit", True, None)]
    assert [scan.verdict for scan in gate.scans()] == ["admit", "admit"]
    assert (gate.row(issued).inside, gate.row(issued).admitted) == (2, 2)
    (found,) = gate.conflicts()
    assert {key: found[key] for key in ("pass_number", "site", "kind", "exposure", "reference")} == {
        "pass_number": issued.pass_number,
        "site": "PCS1",
        "kind": "already_inside",
        "exposure": 1,
        "reference": issued.reference,
    }
    ids = {scan.gate: str(scan.id) for scan in gate.scans()}
    assert [(one["gate"], one["scan_id"], one["offline"]) for one in found["scans"]] == [
        (GATE, ids[GATE], True),
        (OTHER_GATE, ids[OTHER_GATE], True),
    ]
    assert is_balanced(gate)


def test_an_entry_online_contradicts_an_earlier_one_of_a_gate_that_was_away(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    item, *_ = sync_at_other(gate, offline_scan(issued, NOON - MINUTE, gate=OTHER_GATE))
    assert item.conflict
    (found,) = gate.conflicts()
    assert [(one["gate"], one["offline"]) for one in found["scans"]] == [(OTHER_GATE, True), (GATE, False)]


def test_scans_that_arrive_in_another_order_than_they_happened_contradict_nothing(gate: Gate) -> None:
    """In at 11:00, out at 11:10, in at the other gate at 11:20; the last one is known first."""
    issued = gate.issue(entries=2)
    again = offline_scan(issued, NOON - 10 * MINUTE, gate=OTHER_GATE)
    assert outcomes(sync_at_other(gate, again)) == [("admit", False, None)]
    came, left = offline_scan(issued, NOON - 30 * MINUTE), offline_exit(issued, NOON - 20 * MINUTE)
    assert outcomes(gate.sync(came, left, at=LATER))[1] == ("exit", False, None)
    row = gate.row(issued)
    assert (row.inside, row.admitted, row.inside_since, row.last_gate) == (
        1, 2, again.scanned_at, OTHER_GATE,
    )  # fmt: skip
    assert gate.published()[-1]["inside"] == 1  # so that nobody believes that they have left
    assert is_balanced(gate)


def test_scans_online_keep_their_order_whatever_the_clocks_of_their_gates_say(gate: Gate) -> None:
    """In at a gate 50 s ahead, out a minute later at one 50 s behind, then in at one without a network."""
    issued, skew = gate.issue(entries=2), timedelta(seconds=50)
    gate.enter(issued, at=NOON, scanned_at=NOON + skew)
    left = scan_of(
        issued, gate=OTHER_GATE, direction="exit", id_check=None, count=1, scanned_at=NOON + MINUTE - skew
    )
    assert gate.scan(left, SECOND, at=NOON + MINUTE).inside == 0
    assert outcomes(gate.sync(offline_scan(issued, NOON + 5 * MINUTE), at=LATER)) == [("admit", False, None)]
    assert (gate.row(issued).inside, gate.conflicts()) == (1, [])


@pytest.mark.parametrize("minutes", [-5, 5])
def test_only_a_pass_that_was_revoked_before_the_entry_is_a_conflict(gate: Gate, minutes: int) -> None:
    issued = gate.issue()
    gate.handle(pass_revoked(issued), at=NOON + minutes * MINUTE)
    (item,) = gate.sync(offline_scan(issued), at=LATER)
    assert item.conflict is (minutes < 0)
    assert [found["kind"] for found in gate.conflicts()] == (["revoked"] if minutes < 0 else [])
    assert gate.row(issued).inside == 1


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_revocation_that_is_heard_of_after_the_scans_finds_who_came_in_since(
    gate: Gate, minutes: int
) -> None:
    issued, revoked_at = gate.issue_party(3), NOON + minutes * MINUTE
    gate.enter(issued, at=NOON - 10 * MINUTE, count=1)
    items = gate.sync(offline_scan(issued, count=2), at=LATER)
    assert outcomes(items) == [("admit", False, None)]
    for seq in (1, 1, 2):
        gate.handle(pass_revoked(issued), seq=seq, at=revoked_at)
    found = [(one["kind"], one["exposure"], len(one["scans"])) for one in gate.conflicts()]
    assert found == ([("revoked", 2, 1)] if minutes < 0 else [])
    gate.sync(offline_exit(issued, NOON + 20 * MINUTE, count=1), at=LATER)
    assert len(gate.conflicts()) == len(found)
    assert gate.row(issued).inside == 2


def test_a_conflict_that_an_event_shows_is_counted_once_that_is_committed(gate: Gate) -> None:
    counter = GATE_CONFLICTS.labels("revoked")._value
    issued, before = gate.issue(), counter.get()
    gate.sync(offline_scan(issued), at=LATER)
    event = received(pass_revoked(issued), 1, NOON - 5 * MINUTE)
    with gate.database.transaction() as session:
        handle_pass_revoked(event, session, NOON)
        session.rollback()
    assert (counter.get(), gate.conflicts()) == (before, [])
    with gate.database.transaction() as session:
        handle_pass_revoked(event, session, NOON)
    assert (counter.get(), len(gate.conflicts())) == (before + 1, 1)


@pytest.mark.parametrize(
    ("kind", "terms", "at"),
    [
        ("expired", {}, VALID_TO),
        ("expired", {}, VALID_FROM - MINUTE),
        ("wrong_place", {"gate": OTHER_GATE}, NOON),
    ],
)
def test_an_entry_against_the_terms_of_a_pass_is_counted_and_found(
    gate: Gate, kind: str, terms: dict[str, Any], at: Any
) -> None:
    issued = gate.issue(**terms)
    (item,) = gate.sync(offline_scan(issued, at), at=VALID_TO + MINUTE)
    assert (item.verdict, item.conflict) == ("admit", True)
    (found,) = gate.conflicts()
    assert (found["kind"], found["exposure"], gate.row(issued).inside) == (kind, 1, 1)


def test_the_pass_of_another_site_stays_as_it_is_and_letting_in_with_it_is_found(gate: Gate) -> None:
    issued = gate.issue(site="PCS2")
    before = gate.row(issued).standing
    in_and_out = offline_scan(issued), offline_exit(issued, NOON + MINUTE)
    first = gate.sync(*in_and_out)
    assert outcomes(first) == [("admit", True, None), ("exit", False, None)]
    assert gate.sync(*in_and_out) == first
    assert gate.row(issued).standing == before
    (found,) = gate.conflicts()
    assert (found["kind"], found["exposure"], found["pass_number"]) == ("wrong_place", 1, issued.pass_number)
    assert gate.published() == gate.conflicts(), "its visitor is told of no entry"


def test_an_entry_without_an_id_and_one_sent_by_another_guard_are_marked_as_such(gate: Gate) -> None:
    offline = {"verdict": "admit", "list_age_s": 5, "login": "SEC-0002"}
    gate.sync(offline_scan(gate.issue(), id_check=None), offline_scan(gate.issue(), offline=offline))
    marks = {scan.scanned_by: set(scan.marks) for scan in gate.scans()}
    assert marks == {"SEC-0001": {"offline", "id_unchecked"}, "SEC-0002": {"offline", "sent_by_other"}}


def test_an_id_that_the_pass_does_not_name_is_found_unless_its_people_are_erased(gate: Gate) -> None:
    wrong = {"kind": "matched", "id_type": "voter_id", "id_last4": "9999"}
    known, gone = gate.issue(), gate.issue()
    gate.handle(erased(gone))
    items = gate.sync(offline_scan(known, id_check=wrong), offline_scan(gone, id_check=wrong))
    assert [item.conflict for item in items] == [True, False]
    assert [found["kind"] for found in gate.conflicts()] == ["id_mismatch"]


def test_a_forged_token_and_an_unknown_number_that_a_gate_admitted_are_recorded_and_found(gate: Gate) -> None:
    forged = STRANGER.sign(claims_of(pass_issued()))
    misread = unreadable_tokens(pass_issued())["no signature"]
    items = gate.sync(
        offline_scan(forged, count=3),
        offline_scan(misread),
        offline_scan(forged, token=None, pass_number="22222222"),
        offline_scan(forged, offline={"verdict": "bad_signature", "list_age_s": 5}),
    )
    assert outcomes(items) == [("admit", True, None)] * 3 + [("bad_signature", False, None)]
    assert [(found["kind"], found["exposure"]) for found in gate.conflicts()] == [
        ("unknown", 3), ("unknown", 1), ("unknown", 1),
    ]  # fmt: skip
    assert {found.get("pass_number") for found in gate.conflicts()} == {None}
    assert [scan.pass_number for scan in gate.scans()] == [None] * 4


def test_a_pass_that_nobody_has_issued_is_found_once_its_event_should_have_come(gate: Gate) -> None:
    issued, after = pass_issued(), SETTINGS.not_issued_after
    gate.sync(offline_scan(issued), at=NOON)
    assert gate.conflicts() == []
    later = NOON + after + MINUTE
    execute(gate.database, "update passes set known_since = :at", at=NOON)
    gate.handle(status_list(), at=NOON)
    execute(gate.database, "update status_list set complete_at = :at", at=later)
    gate.sync(offline_exit(issued, NOON + MINUTE), offline_scan(issued, NOON + 2 * MINUTE), at=later)
    assert [found["kind"] for found in gate.conflicts()][-1] in {"unknown", "over_entries"}


def test_a_pass_whose_event_is_late_is_known_by_its_token_and_published_when_it_comes(gate: Gate) -> None:
    issued = pass_issued()
    gate.sync(offline_scan(issued))
    assert gate.published() == []
    gate.handle(issued)
    (one,) = gate.published()
    assert (one["verdict"], one["marks"], one["application_id"]) == (
        "admit", ["offline"], str(issued.application_id),
    )  # fmt: skip


def test_a_nonce_that_is_repeated_within_a_request_and_in_the_next_one_counts_once(gate: Gate) -> None:
    issued, other = gate.issue(), gate.issue()
    scan, another = offline_scan(issued), offline_scan(other)
    once = gate.sync(scan, scan, another)
    assert outcomes(once) == [("admit", False, None)] * 3
    before = gate.everything()
    assert gate.sync(another, scan, at=LATER) == (once[2], once[0])
    assert gate.everything() == before
    assert len(gate.scans()) == len(gate.published()) == 2


def test_a_conflict_that_is_repeated_is_answered_alike_and_published_once(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    again = offline_scan(issued, NOON + MINUTE, gate=OTHER_GATE)
    first = sync_at_other(gate, again)
    assert sync_at_other(gate, again) == first
    assert first[0].conflict
    assert len(gate.conflicts()) == 1


def test_a_nonce_of_another_scan_is_refused_for_good(gate: Gate) -> None:
    scan = offline_scan(gate.issue())
    gate.sync(scan)
    stolen = offline_scan(gate.issue(), nonce=scan.nonce)
    assert outcomes(gate.sync(stolen)) == [(None, False, "nonce_reused")]
    online = scan_of(gate.issue())
    gate.scan(online)
    stolen = offline_scan(gate.issue(), nonce=online.nonce)
    assert outcomes(gate.sync(stolen)) == [(None, False, "nonce_reused")]


def test_a_scan_whose_answer_was_lost_when_the_network_went_counts_once(gate: Gate) -> None:
    """Online it was recorded; the gate decided the same again, and sends it with the same nonce."""
    issued = gate.issue()
    online = scan_of(issued)
    gate.scan(online)
    assert outcomes(gate.sync(offline_scan(issued, nonce=online.nonce))) == [("admit", False, None)]
    assert (len(gate.scans()), gate.row(issued).inside, gate.conflicts()) == (1, 1, [])


def test_what_a_gate_did_after_a_refusal_that_it_never_heard_is_recorded_once(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued, at=NOON - MINUTE)
    online = scan_of(issued, gate=OTHER_GATE)
    assert gate.scan(online, SECOND).verdict == "already_inside"
    scan = offline_scan(issued, gate=OTHER_GATE, nonce=online.nonce)
    for _ in range(2):
        assert outcomes(sync_at_other(gate, scan)) == [("admit", True, None)]
    assert [scan.verdict for scan in gate.scans()] == ["admit", "already_inside", "admit"]
    assert (gate.row(issued).inside, len(gate.conflicts())) == (2, 1)


def test_a_scan_that_the_next_guard_sends_again_counts_once_and_names_both(gate: Gate) -> None:
    issued, next_guard, third = gate.issue(), officer(login_id="SEC-0005"), officer(login_id="SEC-0006")
    given = {"verdict": "admit", "list_age_s": 60, "login": "SEC-0001"}
    scan = offline_scan(issued, offline=given)
    answers = {gate.sync(scan, principal=who) for who in (next_guard, officer(), third)}
    assert [outcomes(answer) for answer in answers] == [[("admit", False, None)]]
    (recorded,) = gate.scans()
    assert (recorded.scanned_by, recorded.sent_by, gate.row(issued).inside) == ("SEC-0001", "SEC-0005", 1)
    online = scan_of(gate.issue())
    gate.scan(online)
    lost = offline_scan(str(online.token), nonce=online.nonce, offline=given)
    assert outcomes(gate.sync(lost, principal=third)) == [("admit", False, None)]
    assert len(gate.scans()) == 2


BAD: list[tuple[str, dict[str, Any]]] = [
    ("invalid_input", {"nonce": "short"}),
    ("invalid_input", {"count": 0}),
    ("invalid_input", {"offline": {"verdict": "perhaps"}}),
    ("invalid_input", {"scanned_at": None}),
    ("invalid_input", {"pass_number": "7K3M9QW4"}),
    ("invalid_input", {"id_check": {"kind": "matched", "id_type": "aadhaar", "id_last4": "2341 2341 2346"}}),
    ("invalid_input", {"surprise": 1}),
    ("unreadable_token", {"token": "not.a.token", "offline": {"verdict": "expired"}}),
    ("too_old", {"scanned_at": (NOON - 31 * DAY).isoformat()}),
    ("verdict_of_other_direction", {"offline": {"verdict": "exit"}}),
    ("verdict_of_other_direction", {"direction": "exit"}),
    ("not_your_gate", {"gate": "PCS2-G1"}),
]


def test_one_bad_scan_in_the_middle_of_many_hurts_no_other(gate: Gate) -> None:
    for problem, changes in BAD:
        passes = [gate.issue() for _ in range(3)]
        scans = [offline_scan(one).model_dump(mode="json", exclude_unset=True) for one in passes]
        bad = scans[1] | changes
        if "pass_number" in changes:
            bad["token"] = scans[1]["token"]
        items = gate.sync(scans[0], bad, scans[2])
        good = ("admit", False, None)
        assert outcomes(items) == [good, (None, False, problem), good], changes
        assert [item.nonce for item in items] == [scans[0]["nonce"], bad["nonce"], scans[2]["nonce"]]
        assert [gate.row(one).inside for one in passes] == [1, 0, 1]
    for bad in (7, None, "scan", [], {"nonce": 12345678}):
        assert outcomes(gate.sync(bad, offline_scan(gate.issue()))) == [(None, False, "invalid_input"), good]


def test_two_hundred_scans_with_a_bad_one_in_the_middle_are_recorded_at_once(gate: Gate) -> None:
    passes = [gate.issue() for _ in range(100)]
    scans: list[Any] = []
    for one in passes:
        scans += [offline_scan(one, NOON - 2 * MINUTE), offline_exit(one, NOON - MINUTE)]
    scans[100] = {"nonce": "a scan that is none"}
    items = gate.sync(*scans)
    assert [number for number, item in enumerate(items) if not item.recorded] == [100]
    assert items[100].problem == "invalid_input"
    assert len(gate.scans()) == 199
    assert all(gate.row(one).inside == 0 for one in passes)
    assert gate.row(passes[50]).admitted == 0  # its entry was the bad one
    assert next(scan for scan in gate.scans() if scan.pass_number == passes[50].pass_number).marks == [
        "no_entry", "offline",
    ]  # fmt: skip
    assert is_balanced(gate)


def test_the_clock_of_a_gate_does_not_date_a_scan_into_the_future(gate: Gate) -> None:
    near, far = gate.issue(), gate.issue()
    gate.sync(offline_scan(near, NOON + 4 * MINUTE), offline_scan(far, NOON + DAY))
    first, second = sorted(gate.scans(), key=lambda scan: scan.scanned_at)
    assert (second.scanned_at, second.marks) == (NOON + 4 * MINUTE, ["offline"])
    assert (first.scanned_at, first.claimed_at, first.marks) == (NOON, NOON + DAY, ["offline", "clock_off"])


def test_a_weekend_without_a_network_loses_no_scan(gate: Gate) -> None:
    issued = gate.issue()
    monday = NOON + 3 * DAY
    assert outcomes(gate.sync(offline_scan(issued), at=monday)) == [("admit", False, None)]
    assert gate.row(issued).inside == 1
    assert gate.close(monday) == 1  # they are presumed gone since the evening
    assert is_balanced(gate)


def test_a_supervisor_who_let_somebody_in_is_recorded_with_their_words(gate: Gate) -> None:
    with_card, without = gate.issue(), gate.issue()
    supervisor = {"login_id": "SEC-0009", "reason": "the Secretary waits, card 2341 2341 2346"}
    given = {"verdict": "admit", "list_age_s": 20_000, "supervisor": supervisor}
    gate.sync(
        offline_scan(with_card, offline=given),
        offline_scan(without, offline=given, id_check=OTHER_ID.model_dump()),
    )
    scans = {scan.pass_number: scan for scan in gate.scans()}
    first, second = scans[with_card.pass_number], scans[without.pass_number]
    assert (first.supervisor, first.marks) == ("SEC-0009", ["offline", "supervisor", "unproven"])
    assert first.reason is not None
    assert "2341 2341" not in first.reason
    assert second.reason == f"{OTHER_ID.reason} | {first.reason}"
    assert all("supervisor" not in one["marks"] for one in gate.published())


def test_whatever_a_gate_wrote_about_its_supervisor_loses_no_entry(gate: Gate) -> None:
    for typed in ("ਹਰਪ੍ਰੀਤ ਸਿੰਘ", "the Supervisor, gate 2", "sec 0009", "2341 2341 2346"):
        given = {
            "verdict": "admit", "list_age_s": 20_000, "supervisor": {"login_id": typed, "reason": "known"},
        }  # fmt: skip
        scan = offline_scan(gate.issue()).model_dump(mode="json", exclude_unset=True) | {"offline": given}
        assert outcomes(gate.sync(scan)) == [("admit", False, None)]
        (recorded,) = [one for one in gate.scans() if one.nonce == scan["nonce"]]
        assert recorded.supervisor is not None
        assert (recorded.supervisor == typed) is ("2346" not in typed)


def test_only_security_of_a_gate_sends_its_scans(gate: Gate) -> None:
    for principal, at in (
        (officer(), OTHER_GATE),
        (officer(site="PCS2", gate=None), GATE),
        (officer(role="reception"), GATE),
    ):
        with pytest.raises(Forbidden):
            gate.sync(offline_scan(gate.issue(), gate=at), principal=principal, gate=at)
    assert gate.scans() == []
    (item,) = gate.sync(offline_scan(gate.issue(), gate=OTHER_GATE), principal=ANYWHERE, gate=OTHER_GATE)
    assert item.verdict == "admit"


def test_a_pass_that_is_only_known_as_revoked_gets_its_terms_from_the_token(gate: Gate) -> None:
    issued = pass_issued()
    gate.handle(pass_revoked(issued), at=NOON - MINUTE)
    (item,) = gate.sync(offline_scan(issued))
    assert item.conflict
    assert [party.pass_ for party in gate.inside().items] == [issued.pass_number]
    by_number = pass_issued()
    gate.handle(pass_revoked(by_number), at=NOON - MINUTE)
    (item,) = gate.sync(offline_scan("", token=None, pass_number=by_number.pass_number))
    assert (item.verdict, item.conflict, gate.row(by_number).inside) == ("admit", True, 0)
    assert [found["kind"] for found in gate.conflicts()] == ["revoked", "unknown"]
    assert is_balanced(gate)


def test_online_a_scan_is_decided_on_what_came_late(gate: Gate) -> None:
    issued = gate.issue()
    gate.sync(offline_scan(issued, NOON - MINUTE))
    assert gate.enter(issued).verdict == "already_inside"
    assert gate.leave(issued).marks == ()
    assert gate.enter(issued).verdict == "already_used"
    assert is_balanced(gate)


def test_a_withdrawn_key_makes_no_pass_genuine_later(gate: Gate) -> None:
    issued = gate.issue()
    gate.tell_keys(withdrawn=(ISSUER.kid,))
    (item,) = gate.sync(offline_scan(issued, nonce=uuid4().hex))
    assert (item.verdict, item.conflict) == ("admit", True)
    assert [found["kind"] for found in gate.conflicts()] == ["unknown"]


def test_who_sent_the_scans_of_a_gate_is_in_the_audit_log(gate: Gate) -> None:
    service = Service()
    service.db, service.settings = gate.database, SETTINGS
    issued = gate.issue()
    service.sync(SyncScans(gate=GATE, scans=(offline_scan(issued, now()),)), calling())
    with gate.database.transaction() as session:
        recorded = session.execute(text("select actor, action, objects, result from audit_log"))
        assert [tuple(row) for row in recorded] == [("SEC-0001", "sync", [GATE], "done")]
