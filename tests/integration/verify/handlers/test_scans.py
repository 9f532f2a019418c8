"""Scans at a gate, on a real database: verdicts, previews, parties in parts, IDs, nonces."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import event

from contracts.errors import Forbidden, IdempotencyKeyReused, InvalidInput
from contracts.model import Companion
from contracts.rpc.call import Principal
from contracts.rpc.verify.scans import Matched, OtherId, ScanPass, Seen
from services.verify.handlers import scan_records
from tests.integration import query_plans
from tests.support.factories.verify import (
    GATE,
    MATCHED,
    NOON,
    OTHER_ID,
    STRANGER,
    VALID_FROM,
    VALID_TO,
    Gate,
    applicant,
    claims_of,
    number_scan,
    officer,
    pass_issued,
    pass_revoked,
    scan_of,
    token_of,
)

HARJIT = Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917")


def test_a_genuine_pass_with_its_id_admits_and_shows_the_visitors(gate: Gate) -> None:
    issued = gate.issue(HARJIT, assistance="wheelchair", vehicle_allowed=True, officer="HOME-01")
    result = gate.enter(issued)
    assert (result.verdict, result.preview, result.party, result.inside, result.marks) == (
        "admit",
        False,
        2,
        2,
        (),
    )
    assert (result.pass_, result.reference) == (issued.pass_number, issued.reference)
    assert (result.valid_from, result.valid_to) == (VALID_FROM, VALID_TO)
    assert (result.vehicle, result.vehicle_allowed, result.assistance) == ("CH01AB1234", True, "wheelchair")
    assert (result.department, result.officer) == ("home", "HOME-01")
    assert result.applicant is not None
    assert (result.applicant.name_latin, result.companions[0].name) == ("Gurpreet Kaur", "Harjit Singh")


def test_an_admission_is_recorded_and_published(gate: Gate) -> None:
    issued = gate.issue(HARJIT)
    gate.enter(issued, scanned_at=NOON - timedelta(minutes=1))
    (scan,), row = gate.scans(), gate.row(issued)
    assert (scan.pass_number, scan.gate, scan.site, scan.verdict, scan.count) == (
        issued.pass_number,
        GATE,
        "PCS1",
        "admit",
        2,
    )
    assert (scan.scanned_at, scan.recorded_at, scan.scanned_by) == (
        NOON - timedelta(minutes=1),
        NOON,
        "SEC-0001",
    )
    assert (row.inside, row.admitted, row.inside_site, row.last_gate) == (2, 2, "PCS1", GATE)
    (event,) = gate.published()
    assert event["application_id"] == str(issued.application_id)
    assert {
        name: event[name]
        for name in (
            "pass_number",
            "reference",
            "verdict",
            "direction",
            "count",
            "inside",
            "gate",
            "scanned_by",
        )
    } == {
        "pass_number": issued.pass_number,
        "reference": issued.reference,
        "verdict": "admit",
        "direction": "entry",
        "count": 2,
        "inside": 2,
        "gate": GATE,
        "scanned_by": "SEC-0001",
    }


def test_a_gate_time_that_is_far_off_is_recorded_and_not_used(gate: Gate) -> None:
    gate.enter(gate.issue(), scanned_at=NOON - timedelta(hours=1))
    (scan,) = gate.scans()
    assert (scan.scanned_at, scan.claimed_at) == (NOON, NOON - timedelta(hours=1))


def test_a_pass_number_with_an_id_admits_like_the_qr_code(gate: Gate) -> None:
    issued = gate.issue()
    typed = f" {issued.pass_number[:4].lower()}-{issued.pass_number[4:]} "
    assert gate.scan(number_scan(typed)).verdict == "admit"
    assert gate.enter(issued).verdict == "already_inside"


def refusals(gate: Gate) -> dict[str, ScanPass]:
    """A scan for every verdict that refuses a pass."""
    revoked, inside, used = gate.issue(), gate.issue(), gate.issue()
    gate.handle(pass_revoked(revoked), seq=2)
    gate.enter(inside)
    gate.enter(used)
    gate.leave(used)
    day = timedelta(days=1)
    return {
        "unknown_pass": number_scan(pass_issued().pass_number),
        "bad_signature": scan_of(STRANGER.sign(claims_of(gate.issue()))),
        "revoked": scan_of(revoked),
        "wrong_site": scan_of(gate.issue(site="PCS2")),
        "wrong_gate": scan_of(gate.issue(gate="PCS1-G2")),
        "not_yet_valid": scan_of(gate.issue(valid_from=VALID_FROM + day, valid_to=VALID_TO + day)),
        "expired": scan_of(gate.issue(valid_from=VALID_FROM - day, valid_to=VALID_TO - day)),
        "day_closed": scan_of(gate.issue(closed_days=(NOON.date(),), valid_from=VALID_FROM + day)),
        "already_inside": scan_of(inside),
        "already_used": scan_of(used),
        "id_mismatch": scan_of(
            gate.issue(), id_check=Matched(kind="matched", id_type="voter_id", id_last4="4822")
        ),
    }


NOT_A_PASS = {"unknown_pass", "bad_signature"}


def test_each_refusal_is_previewed_recorded_once_and_moves_nobody(gate: Gate) -> None:
    for verdict, request in refusals(gate).items():
        before = gate.everything()
        if verdict != "id_mismatch":
            preview = gate.scan(request.model_copy(update={"id_check": None}))
            assert (preview.verdict, preview.preview) == (verdict, True)
            assert (preview.applicant, preview.companions, preview.vehicle) == (None, (), None)
            looked = gate.everything()
            tries = len(looked.pop("number_tries")) - len(before["number_tries"])
            assert tries == (verdict == "unknown_pass")
            assert looked == {name: rows for name, rows in before.items() if name != "number_tries"}
        result = gate.scan(request)
        after = gate.everything()
        assert (result.verdict, result.preview) == (verdict, False)
        shows_people = any((result.applicant, result.companions, result.vehicle))
        assert shows_people == (verdict == "id_mismatch"), "where the officer has to decide"
        assert (result.department, result.officer, result.assistance) == (
            ("home", None, None) if shows_people else (None, None, None)
        )
        if verdict in NOT_A_PASS:
            assert result.model_dump(exclude_defaults=True).keys() == {"verdict", "preview"}
        if verdict != "id_mismatch":  # which is noted on the pass
            assert after["passes"] == before["passes"], verdict
        assert len(after["scans"]) == len(before["scans"]) + 1
        assert len(after["outbox"]) - len(before["outbox"]) == (0 if verdict in NOT_A_PASS else 1), verdict
        assert gate.scan(request) == result, "a repeat gets the first answer"
        assert {**gate.everything(), "number_tries": []} == {**after, "number_tries": []}


def test_a_preview_of_a_good_pass_shows_its_visitors_and_is_only_counted(gate: Gate) -> None:
    issued = gate.issue(HARJIT)
    before = gate.everything()
    by_token, by_number = (
        gate.enter(issued, id_check=None),
        gate.scan(number_scan(issued.pass_number, id_check=None)),
    )
    assert by_token == by_number
    assert (by_token.verdict, by_token.preview, by_token.inside, by_token.party) == ("admit", True, 0, 2)
    assert by_token.applicant is not None
    assert {**gate.everything(), "previews": []} == before


def test_a_preview_says_how_many_may_still_come_in(gate: Gate) -> None:
    issued = gate.issue_party(2, entries=2)
    assert gate.enter(issued, id_check=None).may_enter == 2
    assert gate.enter(issued).may_enter == 0, "only a preview says so"
    gate.leave(issued)
    gate.enter(issued, count=1)
    gate.leave(issued)
    assert gate.enter(issued, id_check=None).may_enter == 1, "one has come in twice"


def test_a_party_arrives_and_leaves_in_parts(gate: Gate) -> None:
    issued = gate.issue_party(4)
    steps = [
        gate.enter(issued, count=1),
        gate.leave(issued, count=1),
        gate.enter(issued, count=2),
        gate.enter(issued),
    ]
    steps += [gate.enter(issued), gate.leave(issued, count=2), gate.leave(issued), gate.enter(issued)]
    assert [(step.verdict, step.inside) for step in steps] == [
        ("admit", 1),
        ("exit", 0),
        ("admit", 2),
        ("admit", 3),
        ("already_used", 3),
        ("exit", 1),
        ("exit", 0),
        ("already_used", 0),
    ]
    assert [event["inside"] for event in gate.published()] == [1, 0, 2, 3, 3, 1, 0, 0]


@pytest.mark.parametrize(("count", "code"), [(3, "count_over_party"), (2, "count_over_remaining")])
def test_an_impossible_count_is_refused_and_changes_nothing(gate: Gate, count: int, code: str) -> None:
    issued = gate.issue_party(2)
    gate.enter(issued, count=1)
    before = gate.everything()
    for id_check in (MATCHED, None):
        with pytest.raises(InvalidInput) as refused:
            gate.enter(issued, count=count, id_check=id_check)
        assert (refused.value.body.fields[0].field, refused.value.body.fields[0].code) == ("count", code)
    assert gate.everything() == before


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (("voter_id", "੪੮੨੧"), "admit"),
        (("driving_licence", "0917"), "admit"),
        (("passport", "4821"), "id_mismatch"),
        (("driving_licence", "4821"), "id_mismatch"),
    ],
)
def test_the_id_of_each_person_of_the_pass_and_no_other_matches(
    gate: Gate, shown: tuple[str, str], verdict: str
) -> None:
    checked = Matched(kind="matched", id_type=shown[0], id_last4=shown[1])
    result = gate.enter(gate.issue(HARJIT), id_check=checked)
    assert (result.verdict, result.inside) == (verdict, 2 if verdict == "admit" else 0)


@pytest.mark.parametrize(("typed", "code"), [("੨੩੪੧ ੨੩੪੧ ੨੩੪੬", "full_number"), ("48", "not_four")])
def test_a_full_id_number_is_refused_and_nothing_is_recorded(gate: Gate, typed: str, code: str) -> None:
    issued = gate.issue()
    before = gate.everything()
    with pytest.raises(InvalidInput) as refused:
        gate.enter(issued, id_check=Matched(kind="matched", id_type="aadhaar", id_last4=typed))
    assert refused.value.body.fields[0].model_dump(include={"field", "code"}) == {
        "field": "id_check.id_last4",
        "code": code,
    }
    assert gate.everything() == before


def test_another_id_that_the_officer_accepts_admits_and_is_recorded_as_such(gate: Gate) -> None:
    assert gate.enter(gate.issue(), id_check=OTHER_ID).marks == ("other_id",)
    (scan,) = gate.scans()
    assert (scan.id_kind, scan.id_type, scan.reason) == ("other_id", "passport", OTHER_ID.reason)
    assert gate.published()[0]["marks"] == ["other_id"]
    sent = str(gate.everything()["outbox"])
    assert not any(personal in sent for personal in ("Gurpreet", "'4821'", "same face"))


def test_an_aadhaar_number_in_the_reason_is_masked_and_marked(gate: Gate) -> None:
    result = gate.enter(
        gate.issue(), id_check=OtherId(kind="other_id", id_type="aadhaar", reason="card 2341 2341 2346 seen")
    )
    assert result.marks == ("other_id", "reason_masked")
    assert gate.scans()[0].reason == "card XXXX XXXX 2346 seen"
    assert gate.published()[0]["marks"] == ["other_id"]


def test_an_id_that_the_officer_has_compared_admits_and_is_recorded_as_such(gate: Gate) -> None:
    issued = gate.issue()
    assert gate.enter(issued, id_check=Seen(kind="seen", id_type="voter_id")).marks == ("id_seen",)
    (scan,) = gate.scans()
    assert (scan.id_kind, scan.id_type, scan.reason) == ("seen", "voter_id", None)
    assert gate.row(issued).inside == 1


def test_an_id_of_a_type_that_the_pass_does_not_name_needs_a_reason(gate: Gate) -> None:
    party = gate.issue(Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"))
    assert gate.enter(party, id_check=Seen(kind="seen", id_type="passport")).verdict == "id_mismatch"
    assert gate.enter(party, id_check=Seen(kind="seen", id_type="driving_licence")).verdict == "admit"
    unnamed = gate.issue(person=applicant(id_type=None, id_last4=None))
    assert gate.enter(unnamed, id_check=Seen(kind="seen", id_type="passport")).verdict == "id_mismatch"
    assert gate.enter(unnamed).verdict == "id_mismatch"
    assert gate.enter(unnamed, id_check=OTHER_ID).verdict == "admit"


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "1999-12-31T00:00:00Z"]
)
def test_a_time_that_no_clock_shows_is_refused(at: str) -> None:
    """PostgreSQL stores years that Python cannot read again."""
    with pytest.raises(ValidationError, match="scanned_at"):
        ScanPass.model_validate({"token": "a.b.c", "gate": GATE, "nonce": "one-nonce", "scanned_at": at})


def test_a_login_of_another_place_or_role_may_not_scan(gate: Gate) -> None:
    issued = gate.issue()
    before = gate.everything()
    places = [
        officer(site="PCS2", gate=None),
        officer(gate="PCS1-G2"),
        officer(site=None),
        officer(site=None, gate=None),
    ]
    roles = [officer(role="reception"), Principal(kind="applicant", id="a", mobile="+919876543210")]
    for principal, code in [(one, "not_your_gate") for one in places] + [(one, "forbidden") for one in roles]:
        for direction in ("entry", "exit"):
            with pytest.raises(Forbidden) as refused:
                gate.scan(scan_of(issued, direction=direction), principal)
            assert refused.value.body.code == code
    assert gate.everything() == before


def test_a_login_for_a_whole_site_may_scan_at_each_of_its_gates(gate: Gate) -> None:
    for code in ("PCS1-G1", "PCS1-G2"):
        assert gate.scan(scan_of(gate.issue(), gate=code), officer(gate=None)).verdict == "admit"


def test_a_scan_needs_exactly_one_of_token_and_number(gate: Gate) -> None:
    issued = gate.issue()
    for given in ({"token": None}, {"pass_number": "7K3M9QW4"}):
        with pytest.raises(InvalidInput):
            gate.enter(issued, **given)
    assert gate.scans() == []


def test_a_repeated_nonce_returns_the_first_answer_and_has_no_second_effect(gate: Gate) -> None:
    issued = gate.issue_party(3)
    request = scan_of(issued, count=2, id_check=OTHER_ID)
    first = gate.scan(request)
    before = gate.everything()
    again = gate.scan(
        request.model_copy(update={"scanned_at": NOON + timedelta(seconds=20)}),
        at=NOON + timedelta(seconds=30),
    )
    assert again == first
    assert gate.everything() == before
    leaving = scan_of(issued, direction="exit", count=1, id_check=None)
    assert gate.scan(leaving) == gate.scan(leaving)
    assert gate.row(issued).inside == 1
    assert gate.scan(request, at=NOON + timedelta(hours=9)) == first


def test_a_nonce_cannot_be_used_for_another_scan(gate: Gate) -> None:
    """Else the guard would see "admit" for a pass that was never looked at."""
    request = scan_of(gate.issue())
    gate.scan(request)
    other = gate.issue()
    before = gate.everything()
    for reused in ({"token": token_of(other)}, {"direction": "exit", "id_check": None}):
        with pytest.raises(IdempotencyKeyReused):
            gate.scan(request.model_copy(update=reused))
    assert gate.everything() == before


def test_two_logins_may_use_the_same_nonce(gate: Gate) -> None:
    first, second = scan_of(gate.issue(), nonce="same nonce"), scan_of(gate.issue(), nonce="same nonce")
    assert gate.scan(first).verdict == "admit"
    assert gate.scan(second, officer(login_id="SEC-0002")).verdict == "admit"


def test_a_preview_does_not_use_up_its_nonce(gate: Gate) -> None:
    issued = gate.issue()
    assert gate.enter(issued, nonce="same nonce", id_check=None).preview
    assert not gate.enter(issued, nonce="same nonce").preview
    assert gate.enter(issued, nonce="same nonce", id_check=None).verdict == "already_inside"


def test_a_nonce_of_last_month_gets_its_first_answer_and_changes_nothing(gate: Gate) -> None:
    issued = gate.issue()
    first = gate.enter(issued, nonce="same nonce")
    gate.leave(issued)
    before = gate.everything()
    assert gate.enter(issued, at=NOON + timedelta(days=35), nonce="same nonce") == first
    assert gate.everything() == before


def test_nonces_are_forgotten_after_forty_days_and_their_scans_are_not(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued, nonce="same nonce")
    for days, deleted in ((40, 0), (41, 1)):
        with gate.database.transaction() as session:
            assert scan_records.delete_old_nonces(session, NOON + timedelta(days=days)) == deleted
    assert len(gate.scans()) == 1


def test_scans_that_wait_for_the_event_of_their_pass_are_looked_up_by_index_in_the_last_months(
    gate: Gate,
) -> None:
    gate.issue()  # brings the key by which the token of another pass is read
    issued = pass_issued()
    gate.enter(issued)
    with query_plans.queries(gate.database, "scans") as sent:
        gate.handle(issued)
    ((query, parameters),) = sent
    shown = query_plans.plan(gate.database, query, parameters)
    assert "Seq Scan" not in shown, shown
    every = query_plans.plan(gate.database, "select * from scans where pass_number = 'X' and not told")
    assert query_plans.months("scans", shown) < query_plans.months("scans", every), shown


@contextmanager
def statements(gate: Gate) -> Iterator[list[str]]:
    """Collect the statements that are sent in this block."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        sent.append(statement.split()[0].lower())

    event.listen(gate.database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(gate.database.engine, "before_cursor_execute", note)


def test_a_scan_costs_four_statements_and_a_preview_three(gate: Gate) -> None:
    warm, issued = gate.issue(), gate.issue()
    gate.enter(warm)  # the key is known now
    with statements(gate) as preview:
        gate.enter(issued, id_check=None)
    with statements(gate) as entry:
        gate.enter(issued)
    with statements(gate) as exit_:
        gate.leave(issued)
    assert preview == ["select", "insert", "select"]
    assert entry == exit_ == ["select", "insert", "update", "with"]
