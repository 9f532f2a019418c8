"""What a change of the directory affects, also as the facts of an error and from a version before."""

import pytest

from contracts.rpc.imports import Effects

FOUND = Effects(wishes_outside_hours=3, wishes_outside_hours_by_department={"home": 2, "finance": 1})


@pytest.mark.parametrize(
    "written",
    [
        FOUND.model_dump(mode="json"),
        FOUND.facts,
        {"wishes_outside_hours": 3, "wishes_by_department": "finance 1, home 2"},
    ],
)
def test_effects_are_read_as_they_are_sent_as_facts_and_as_version_0_3_sent_them(written: object) -> None:
    assert Effects.model_validate(written) == FOUND
    assert FOUND.facts["wishes_outside_hours_by_department"] == "finance 1, home 2"


def test_nothing_affected_is_read_too() -> None:
    assert Effects.model_validate(Effects().facts) == Effects()
    assert Effects.model_validate({"wishes_by_department": ""}) == Effects()
