"""The images of the tests' servers are those that are installed, wherever they can be had."""

import pytest

from tests.support.stack import images

SETTING = "EPASS_RABBITMQ_IMAGE"
CASES = {
    "it is here": ({"rabbitmq:4.3-management", "rabbitmq:4-management"}, False, "rabbitmq:4.3-management"),
    "nothing is here, and nothing can be downloaded": (set(), False, "rabbitmq:4.3-management"),
    "a registry has it": ({"rabbitmq:4-management"}, True, "rabbitmq:4.3-management"),
    "no registry": ({"rabbitmq:4-management"}, False, "rabbitmq:4-management"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_pinned_image_is_taken_if_it_can_be_had(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here, pulls, expected = CASES[case]
    monkeypatch.delenv(SETTING, raising=False)
    assert images.chosen(SETTING, here.__contains__, lambda _: pulls) == expected


def test_a_variable_names_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "registry.example.org/rabbitmq:mine")
    assert images.chosen(SETTING, lambda _: True, lambda _: True) == "registry.example.org/rabbitmq:mine"
