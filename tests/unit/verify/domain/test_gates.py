"""Which gates exist, and how old a gate's knowledge of revocations is."""

from datetime import timedelta

import pytest

from contracts.errors import InvalidInput
from services.verify.domain.gates import list_age_s, require_existing
from tests.support.factories.verify import NOON


def test_a_gate_that_its_site_does_not_have_is_refused() -> None:
    require_existing("PCS1-G2", ["PCS1-G1", "PCS1-G2"])
    with pytest.raises(InvalidInput) as refused:
        require_existing("PCS1-G999", ["PCS1-G1", "PCS1-G2"])
    assert refused.value.body.code == "unknown_gate"
    assert [(one.field, one.code) for one in refused.value.body.fields] == [("gate", "unknown_gate")]


def test_any_gate_of_a_site_that_is_not_known_yet_is_accepted() -> None:
    require_existing("PCS1-G999", None)


def test_the_age_of_the_list_is_in_whole_seconds_and_never_negative() -> None:
    assert list_age_s(NOON - timedelta(seconds=3.9), NOON) == 3
    assert list_age_s(NOON + timedelta(seconds=2), NOON) == 0
    assert list_age_s(None, NOON) is None
