"""The pass without a database: its window, its claims, whose it is, what ends it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.commitment import commit, commitment_key
from contracts.errors import Conflict
from contracts.model import Companion
from services.issuance.domain.passes import Pass, new_pass, opens_a_pass
from tests.support.factories.issuance import (
    MOBILE,
    NOW,
    VALID_FROM,
    VALID_TO,
    applicant,
    approved,
)

MASTER = "master"


def a_pass(*companions: Companion, **changes: Any) -> Pass:
    return new_pass(approved(*companions, **changes), "7K3M9QW4", "l" * 22, margin_minutes=30, master=MASTER)


def test_the_claims_of_a_pass_leave_defaults_out() -> None:
    payload = (
        a_pass(Companion(name="Harjit"), Companion(name="Simran", child=True))
        .claims("epass.punjab.gov.in")
        .payload()
    )

    assert payload == {
        "iss": "epass.punjab.gov.in",
        "aud": "gate",
        "jti": "7K3M9QW4",
        "nbf": 1796097600,
        "exp": 1796108400,
        "site": "PCS1",
        "party": 3,
        "idc": commit(commitment_key(MASTER, "7K3M9QW4"), "voter_id", "4821"),
    }


def test_gate_and_entries_are_claims_where_they_are_not_the_default() -> None:
    payload = a_pass(gate="PCS1-G1", entries=4).claims("i").payload()

    assert (payload["gate"], payload["entries"]) == ("PCS1-G1", 4)


FURTHER = (date(2026, 12, 2), date(2026, 12, 4))


def test_the_claims_bound_entry_on_the_first_day_and_name_the_further_ones() -> None:
    """A gate that does not know the claim ``days`` admits nobody after the first day."""
    one, several = a_pass().claims("i").payload(), a_pass(further_days=FURTHER).claims("i").payload()

    assert several == one | {"days": (1, 3)}


def test_the_event_bounds_entry_on_the_first_day_and_names_the_further_ones() -> None:
    key: Any = {"kid": "abcdefgh", "x": "x"}

    event = a_pass(further_days=FURTHER).issued(key)

    assert (event.valid_from, event.valid_to, event.further_days) == (VALID_FROM, VALID_TO, FURTHER)
    assert event.ends_at == VALID_TO + timedelta(days=3)


def test_a_pass_for_several_days_expires_with_the_last_of_them() -> None:
    made, end = a_pass(further_days=FURTHER), VALID_TO + timedelta(days=3)

    assert [made.state_at(at) for at in (VALID_TO, end - timedelta(seconds=1), end)] == [
        "issued",
        "issued",
        "expired",
    ]
    made.require_reissuable(VALID_TO)
    assert made.renumbered("0000000D", "m" * 22, MASTER).visit.further_days == FURTHER
    assert made.revoke("withdrawn").valid_to == end


@pytest.mark.parametrize("missing", ["id_type", "id_last4"])
def test_without_an_id_there_is_no_commitment(missing: str) -> None:
    made = a_pass(person=applicant(**{missing: None}))

    assert made.idc is None
    assert "idc" not in made.claims("i").payload()


def test_nothing_personal_is_in_the_claims_or_in_the_repr() -> None:
    made = a_pass(Companion(name="Harjit Singh", id_type="pan", id_last4="0917"))

    shown = repr(made) + str(made.claims("i").payload())

    for secret in ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", MOBILE, "4821", "0917", "Harjit", "Arms", "CH01AB1234", "l" * 22):
        assert secret not in shown


def test_a_pass_is_expired_at_its_end_and_revoked_wins_over_expired() -> None:
    made = a_pass()

    assert made.state_at(NOW) == "issued"
    assert made.state_at(VALID_TO - timedelta(seconds=1)) == "issued"
    assert made.state_at(VALID_TO) == "expired"
    assert replace(made, revocation="withdrawn").state_at(VALID_TO) == "revoked"


def test_a_pass_belongs_to_the_mobile_that_applied_and_to_no_other() -> None:
    assert a_pass().belongs_to(MOBILE)
    assert not a_pass().belongs_to("+919876543211")
    assert not a_pass().belongs_to(None)


def test_a_pass_without_a_mobile_belongs_to_no_mobile() -> None:
    assert not a_pass(person=applicant(mobile=None)).belongs_to(None)


def test_a_pass_is_printed_at_its_own_site_and_by_a_reception_of_all_sites() -> None:
    assert a_pass().is_printed_at("PCS1")
    assert a_pass().is_printed_at(None)
    assert not a_pass().is_printed_at("PCS2")


def test_an_erased_pass_is_seen_by_nobody() -> None:
    erased = replace(a_pass(), personal=None)

    assert not erased.belongs_to(MOBILE)
    assert not erased.is_printed_at("PCS1")


def test_a_pass_is_revoked_once() -> None:
    event = a_pass().revoke("cancelled")

    assert (event.pass_number, event.reason, event.replaced, event.valid_to) == (
        "7K3M9QW4",
        "cancelled",
        False,
        VALID_TO,
    )
    assert (event.personal.name, event.personal.mobile) == ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", MOBILE)
    with pytest.raises(Conflict, match="already_revoked"):
        replace(a_pass(), revocation="cancelled").revoke("withdrawn")


def test_an_erased_pass_is_revoked_without_a_contact() -> None:
    event = replace(a_pass(), personal=None).revoke("cancelled")

    assert event.personal.model_dump(exclude_defaults=True) == {}


def test_a_renumbered_pass_is_the_same_visit_under_a_new_number_link_and_commitment() -> None:
    old = a_pass()

    new = old.renumbered("0000000D", "m" * 22, MASTER)

    assert (new.number, new.link_code, new.replaces) == ("0000000D", "m" * 22, "7K3M9QW4")
    assert (new.visit, new.personal, new.valid_from, new.valid_to) == (
        old.visit,
        old.personal,
        old.valid_from,
        old.valid_to,
    )
    assert new.idc == commit(commitment_key(MASTER, "0000000D"), "voter_id", "4821") != old.idc


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"revocation": "security"}, "revoked"), ({"valid_to": NOW}, "expired"), ({"personal": None}, "issued")],
)
def test_a_revoked_expired_or_erased_pass_is_not_reissuable(changes: dict[str, Any], state: str) -> None:
    a_pass().require_reissuable(NOW)

    with pytest.raises(Conflict) as refusal:
        replace(a_pass(), **changes).require_reissuable(NOW)

    assert (refusal.value.body.code, refusal.value.body.facts) == ("not_reissuable", {"state": state})


@pytest.mark.parametrize(
    ("revision", "known", "opens"),
    [
        (1, {}, True),
        (1, {"approved": 1}, False),
        (1, {"approved": 2}, False),
        (2, {"approved": 1}, True),
        (1, {"withdrawn": 1}, False),
        (2, {"withdrawn": 1}, True),
        (1, {"withdrawn": 2}, False),
        (9, {"ended": True}, False),
    ],
)
def test_an_approval_makes_a_pass_only_if_nothing_newer_or_final_is_known(
    revision: int, known: dict[str, Any], opens: bool
) -> None:
    assert opens_a_pass(revision, **{"approved": 0, "withdrawn": 0, "ended": False} | known) is opens


def test_the_event_of_a_pass_has_all_its_facts_and_no_personal_data_in_clear() -> None:
    approval = approved(
        Companion(name="Harjit"), gate="PCS1-G1", entries=2, vehicle_allowed=True, assistance="wheelchair"
    )
    made = new_pass(approval, "7K3M9QW4", "l" * 22, margin_minutes=30, master=MASTER)
    key: Any = {"kid": "abcdefgh", "x": "x"}

    event = made.issued(key)

    same = (
        "application_id",
        "reference",
        "site",
        "gate",
        "department",
        "officer",
        "entries",
        "party",
        "kind",
        "slot",
        "vehicle_allowed",
        "assistance",
    )
    assert {name: getattr(event, name) for name in same} == {name: getattr(approval, name) for name in same}
    assert (event.language, event.deliver_by) == ("pa", "whatsapp")
    assert (event.valid_from, event.valid_to, event.replaces) == (VALID_FROM, VALID_TO, None)
    assert event.personal.model_dump(exclude={"link_code", "token"}) == approval.personal.model_dump()
    assert event.personal.link_code == "l" * 22
    assert isinstance(event.application_id, UUID)
