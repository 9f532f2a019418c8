"""The shared table of finds is up to date, and names each difference between verify and the gate's app."""

import json
from collections import Counter
from typing import Any

from tests.contract.gate_finds import DIFFERENCES, FILE, text_of, whole

TABLE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_table_is_what_the_domain_decides_today() -> None:
    """If not: `python -m tests.contract.gate_finds`, and change the gate's app."""
    assert FILE.read_text(encoding="utf-8") == text_of(whole())


def test_verify_and_the_app_say_the_same_but_for_differences_that_have_a_reason() -> None:
    for case in TABLE["cases"]:
        assert (case["verify"] == case["app"]) == (case["differs"] is None), case["name"]
    reasons = Counter(case["differs"] for case in TABLE["cases"] if case["differs"] is not None)
    assert set(reasons) == set(DIFFERENCES) == set(TABLE["differences"])


def test_where_they_differ_the_app_lets_nobody_in_whom_verify_refuses_unless_a_supervisor_agrees() -> None:
    for case in TABLE["cases"]:
        if case["app"]["verdict"] == "admit" and case["verify"]["verdict"] != "admit":
            assert case["app"]["supervisor"], case["name"]


def test_nobody_whom_verify_lets_out_is_kept_inside_by_the_app() -> None:
    for case in TABLE["cases"]:
        if case["verify"]["verdict"] == "exit":
            assert case["app"]["verdict"] == "exit", case["name"]


def test_the_table_has_each_way_and_each_verdict_of_a_find() -> None:
    assert len(TABLE["cases"]) >= 90
    assert len({case["name"] for case in TABLE["cases"]}) == len(TABLE["cases"])
    verdicts = {case["verify"]["verdict"] for case in TABLE["cases"]}
    assert verdicts == {
        "admit", "exit", "already_inside", "not_yet_valid", "day_closed", "expired", "wrong_site",
        "wrong_gate", "revoked", "unknown_pass", "bad_signature", "unreadable",
    }  # fmt: skip
