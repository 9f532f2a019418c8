"""The table of cases that verify and the gate's app share: it is up to date, and verify decides by it."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.verify.domain import passes, verdicts
from services.verify.domain.verdicts import DESPITE, OVERRIDABLE, decide_exit
from tests.contract import gate_cases
from tests.contract.gate_cases import FILE, case_of, line_of, table, text_of

LINES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def disagreements() -> list[str]:
    """Return the names of the cases that verify decides otherwise."""
    return [line["name"] for line in LINES if line_of(case_of(line)) != line]


def test_the_table_is_what_the_domain_decides_today() -> None:
    """If not: `python -m tests.contract.gate_cases`, and change the gate's app."""
    assert FILE.read_text(encoding="utf-8") == text_of(table())


def test_verify_decides_each_case_of_the_table_as_it_says() -> None:
    assert disagreements() == []


def test_the_table_has_enough_cases_and_every_outcome_of_a_known_pass() -> None:
    assert len(LINES) >= 500
    assert len({line["name"] for line in LINES}) == len(LINES)
    found = Counter(line["expect"].get("verdict") or line["expect"]["error"] for line in LINES)
    assert min(found.values()) >= 20
    assert set(found) == {
        "admit", "exit", "already_inside", "already_used", "not_yet_valid", "day_closed", "expired",
        "wrong_site", "wrong_gate", "revoked", "id_mismatch", "count_over_party", "count_over_remaining",
    }  # fmt: skip
    marks = Counter(mark for line in LINES for mark in line["expect"].get("marks", ()))
    assert set(marks) >= {"late", "revoked", "other_gate", "no_entry", "id_seen", "other_id"}
    assert {mark for mark in marks if mark.startswith(DESPITE)} == {DESPITE + one for one in OVERRIDABLE}
    asks = Counter(line["expect"].get("asks") for line in LINES)
    assert min(asks[True], asks[False]) >= 20


def test_nobody_sets_aside_what_is_no_matter_of_a_supervisor() -> None:
    """Neither a withdrawn pass, nor another site, nor another card, nor another day."""
    agreed = {line["name"]: line["expect"] for line in LINES if line["attempt"]["overrides"]}
    never = {"revoked", "wrong_site", "id_mismatch"}
    for line in LINES:
        assert not never & set(line["expect"].get("overridable", ())), line["name"]
    for name in ("the day before", "the day between", "the day after", "of another site, and used"):
        expect = agreed[f"entry although: {name}"]
        assert (expect["overridable"], expect["count"]) == ([], 0)
    assert agreed["entry although: too late"]["verdict"] == "admit"
    assert agreed["entry, set aside only that it is too late"]["verdict"] == "already_used"


def test_control_a_rule_that_changes_is_seen_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule below is taken out once; the table names cases that no longer hold."""
    monkeypatch.setattr(passes.Window, "is_open", lambda window, at: window.start <= at <= window.end)
    assert "entry: the end of the window" in disagreements()
    monkeypatch.undo()
    monkeypatch.setattr(passes.Standing, "inside_at", lambda standing, _at: standing.inside)
    assert "entry: presumed gone" in disagreements()
    monkeypatch.undo()
    monkeypatch.setattr(verdicts, "OVERRIDABLE", verdicts.OVERRIDABLE - {"expired"})
    assert "entry although: too late" in disagreements()
    monkeypatch.undo()
    monkeypatch.setattr(passes, "LONGEST_STAY", timedelta(hours=5))
    assert "entry: one of two" in disagreements()
    monkeypatch.undo()

    def exit_anywhere(standing: passes.Standing, attempt: verdicts.Attempt) -> verdicts.Decision:
        return decide_exit(standing, replace(attempt, gate="PCS1-G1"))

    monkeypatch.setattr(gate_cases, "decide_exit", exit_anywhere)
    assert "exit: of another site" in disagreements()
