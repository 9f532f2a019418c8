"""The state of a pass, what a gate stores of its people, and when its party is presumed gone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.model import IST, Companion
from services.verify.domain.passes import Standing, Terms, Visitors, presumed_gone_at
from tests.support.factories.verify import VALID_FROM, VALID_TO, pass_issued

TERMS = Terms("PCS1", None, 2, 1, VALID_FROM, VALID_TO)
FRESH = Standing(TERMS)


@pytest.mark.parametrize(
    ("standing", "used"),
    [
        (FRESH, False),
        (Standing(None), False),
        (replace(FRESH, inside=2, admitted=2), False),
        (replace(FRESH, inside=1, admitted=2), False),
        (replace(FRESH, admitted=1), False),
        (replace(FRESH, admitted=2), True),
        (replace(FRESH, terms=replace(TERMS, entries=2), admitted=3), False),
        (replace(FRESH, terms=replace(TERMS, entries=2), admitted=4), True),
    ],
)
def test_a_pass_is_used_up_when_nobody_may_come_in_and_nobody_has_to_go_out(
    standing: Standing, used: bool
) -> None:
    assert standing.used is used


def test_a_party_is_presumed_gone_six_hours_after_its_window_or_at_midnight() -> None:
    morning, evening = datetime(2026, 12, 1, 12, 30, tzinfo=IST), datetime(2026, 12, 1, 19, 0, tzinfo=IST)
    assert presumed_gone_at(morning) == datetime(2026, 12, 1, 18, 30, tzinfo=IST)
    assert presumed_gone_at(evening.astimezone(UTC)) == datetime(2026, 12, 2, tzinfo=IST)


def test_a_gate_stores_no_mobile_and_no_id_number() -> None:
    issued = pass_issued(Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"))
    stored = Visitors.of(issued.personal).model_dump_json()
    assert all(secret not in stored for secret in ("9876543210", "4821", "0917"))
    assert all(shown in stored for shown in ("Gurpreet Kaur", "Harjit Singh", "CH01AB1234"))
