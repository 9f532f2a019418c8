"""A pass whose PassIssued has not arrived yet: its token is enough for the gate."""

from datetime import timedelta

import pytest

from contracts.rpc.verify.scans import Matched
from tests.support.factories.verify import (
    NOON,
    OTHER_ID,
    VALID_FROM,
    VALID_TO,
    Gate,
    erased,
    number_scan,
    party_of,
    pass_issued,
    pass_revoked,
)


@pytest.fixture
def gate(databases) -> Gate:
    """A gate that knows the issuer's key from another pass."""
    gate = Gate(databases["verify"])
    gate.issue()
    return gate


def test_a_pass_known_from_its_token_admits_without_showing_a_name(gate: Gate) -> None:
    result = gate.enter(party_of(2))
    assert (result.verdict, result.party, result.inside) == ("admit", 2, 2)
    assert (result.applicant, result.reference, result.companions) == (None, None, ())
    assert (result.valid_from, result.valid_to) == (VALID_FROM, VALID_TO)


def test_the_id_is_matched_by_the_commitment_in_the_token(gate: Gate) -> None:
    issued = pass_issued()
    assert (
        gate.enter(issued, id_check=Matched(kind="matched", id_type="voter_id", id_last4="4822")).verdict
        == "id_mismatch"
    )
    assert gate.enter(issued).verdict == "admit"


def test_a_pass_known_from_its_token_is_refused_by_its_claims(gate: Gate) -> None:
    day = timedelta(days=1)
    for verdict, changes in (
        ("wrong_site", {"site": "PCS2"}),
        ("wrong_gate", {"gate": "PCS1-G2"}),
        ("not_yet_valid", {"valid_from": NOON + day, "valid_to": NOON + 2 * day}),
        ("expired", {"valid_to": NOON}),
    ):
        issued = pass_issued(**changes)
        assert [gate.enter(issued, id_check=None).verdict, gate.enter(issued).verdict] == [verdict] * 2


def test_a_pass_known_from_its_token_admits_once(gate: Gate) -> None:
    issued = pass_issued()
    assert [
        gate.enter(issued).verdict,
        gate.enter(issued).verdict,
        gate.leave(issued).verdict,
        gate.enter(issued).verdict,
    ] == ["admit", "already_inside", "exit", "already_used"]


def test_the_number_is_known_after_the_first_scan_of_the_token(gate: Gate) -> None:
    issued = party_of(2)
    assert gate.scan(number_scan(issued.pass_number)).verdict == "unknown_pass"
    gate.enter(issued, count=1)
    assert gate.scan(number_scan(issued.pass_number)).verdict == "admit"


def test_a_revocation_that_arrives_before_the_pass_refuses_it(gate: Gate) -> None:
    issued = pass_issued()
    gate.handle(pass_revoked(issued), seq=2)
    assert [gate.enter(issued).verdict, gate.scan(number_scan(issued.pass_number)).verdict] == [
        "revoked",
        "revoked",
    ]


def test_the_event_completes_the_pass_and_publishes_its_earlier_scans(gate: Gate) -> None:
    issued = party_of(2)
    gate.enter(issued, count=1)
    gate.leave(issued, at=NOON + timedelta(minutes=1))
    assert gate.published() == []
    gate.handle(issued, issued)
    event = gate.published()
    assert [(one["direction"], one["inside"], one["application_id"]) for one in event] == [
        ("entry", 1, str(issued.application_id)),
        ("exit", 0, str(issued.application_id)),
    ]
    result = gate.enter(issued)
    assert result.applicant is not None
    assert (result.verdict, result.inside, result.reference) == ("admit", 1, issued.reference)
    assert len(gate.published()) == 3


def test_the_event_does_not_change_who_is_inside(gate: Gate) -> None:
    issued = pass_issued()
    gate.enter(issued)
    (anonymous,) = gate.inside().items
    gate.handle(issued)
    (named,) = gate.inside().items
    assert (anonymous.name_latin, named.name_latin) == ("", "Gurpreet Kaur")
    assert anonymous.since == named.since
    assert gate.enter(issued).verdict == "already_inside"


def test_a_revocation_publishes_earlier_scans_too(gate: Gate) -> None:
    issued = pass_issued()
    gate.enter(issued)
    gate.handle(pass_revoked(issued), seq=2)
    assert [one["pass_number"] for one in gate.published()] == [issued.pass_number]


def test_erasing_covers_scans_before_the_event(gate: Gate) -> None:
    issued = pass_issued()
    gate.enter(issued, id_check=OTHER_ID)
    gate.handle(erased(issued), issued)
    assert gate.scans()[0].reason is None
    assert gate.row(issued).people is None
