"""What a change of the directory affects, also as the facts of an error."""

from contracts.rpc.imports import Effects

FOUND = Effects(wishes_outside_hours=3, wishes_outside_hours_by_department={"home": 2, "finance": 1})


def test_effects_are_read_as_they_are_sent_and_as_facts() -> None:
    for found in (FOUND, Effects()):
        assert Effects.model_validate(found.model_dump(mode="json")) == found
        assert Effects.model_validate(found.facts) == found
    assert FOUND.facts["wishes_outside_hours_by_department"] == "finance 1, home 2"
