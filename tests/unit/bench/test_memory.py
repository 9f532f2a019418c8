"""`bench.memory` fails because of a process that ends above its limit."""

from bench import memory
from deploy.local.services import COMMANDS

WITHIN = {
    "minutes": [0.0, 60.0],
    **{name: [90.0, 300.0, 140.0] for name in COMMANDS},
    "broker": [900.0, 900.0],
}
"""A peak is printed, and only the end is judged; servers have no limit here."""


def test_all_is_well_if_every_process_ends_within_its_limit() -> None:
    assert memory.above(WITHIN) == []


def test_a_process_that_ends_above_its_limit_is_named() -> None:
    grown = {**WITHIN, "accounts": [90.0, 151.0], "relay": [90.0, 321.0]}
    assert sorted(memory.above(grown)) == [
        "accounts ends at 151 MiB, and may have 150",
        "relay ends at 321 MiB, and may have 320",
    ]


def test_a_process_that_nobody_measured_is_named() -> None:
    assert memory.above({name: those for name, those in WITHIN.items() if name != "notify"}) == [
        "notify: nothing was measured"
    ]
