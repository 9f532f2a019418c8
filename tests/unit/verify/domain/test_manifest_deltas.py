"""The table of manifests and their deltas that the gate's app is tested by."""

import json

from tests.contract.manifest_deltas import FILE, table, text_of


def test_the_table_is_what_the_contracts_make_today() -> None:
    """If not: `python -m tests.contract.manifest_deltas`, and change the gate's app."""
    assert FILE.read_text(encoding="utf-8") == text_of(table())


def test_the_table_has_passes_that_come_change_and_go() -> None:
    deltas = [line["manifest"] for history in json.loads(FILE.read_text()) for line in history[1:]]
    assert {True, False} == {bool(delta["gone"]) for delta in deltas}
    assert {True, False} == {bool(delta["passes"]) for delta in deltas}
    assert any(one["revoked"] for delta in deltas for one in delta["passes"])
