"""From what a visit costs to machines."""

from dataclasses import replace
from typing import Any

import pytest

from bench import sizes
from tests.support.stack.paths import ROOT

FOUND: dict[str, Any] = {
    "sign_in": {"processor_ms": {"accounts": 10.0}},
    "visits": {
        "processor_s": {
            "application": 20.0,
            "postgres": 30.0,
            "broker": 40.0,
            "relay": 5.0,
            "sender": 1.0,
            "accounts": 1.0,
        },
        "table_bytes": {
            "application.applications": 2_000_000.0,
            "application.outbox": 3_000_000.0,
            "verify.scans": 1_000_000.0,
            "notify.local_phone": 9_000_000.0,
        },
        "wal_bytes": 50_000_000.0,
        "stream_bytes": 10_000_000.0,
        "messages": {"epass.events": 6_000.0, "rpc-verify": 2_000.0},
        "events": {"verify": 2_000.0, "approval": 1_000.0},
    },
    "idle": {"busy": {"broker": 0.1, "exporter": 0.1}},
}
CASE = sizes.Case("a place", 14_400)


def test_all_visitors_come_within_the_window_and_the_fullest_minutes_have_more() -> None:
    assert CASE.visits_per_s == pytest.approx(2.0)
    assert sizes.Limit("something", 2.0, "").visitors == pytest.approx(CASE.visitors)


def test_a_visit_costs_what_was_measured_and_a_sign_in() -> None:
    assert sizes.processors(FOUND, 100) == pytest.approx(100 * (97 + 10) / 1000)
    assert sizes.processors(FOUND, 100, "accounts") == pytest.approx(1.1)


def test_replicas_keep_half_of_a_processor_free_and_are_two_at_least() -> None:
    assert sizes.replicas(FOUND, "application", 1) == 2
    assert sizes.replicas(FOUND, "application", 100) == 4  # 2 processors are busy
    assert sizes.replicas(FOUND, "application", 101) == 5


def test_a_sender_is_full_of_waiting_and_not_of_work() -> None:
    assert sizes.sender_limit() == pytest.approx(4 / 0.2 / 2 / 3)
    assert sizes.replicas(FOUND, "sender", 20) == 6


def test_databases_keep_rows_as_long_as_they_stay() -> None:
    for_ever, outbox, scans = 2_000, 3_000, 1_000
    busy_days = 250 / 365
    assert sizes.database_bytes(FOUND, 10, 1) == pytest.approx(
        10 * (for_ever * 250 + outbox * 7 * busy_days + scans * 250)
    )
    assert sizes.database_bytes(FOUND, 10, 5) == pytest.approx(
        10 * (for_ever * 1250 + outbox * 7 * busy_days + scans * sizes.RECORDS * busy_days)
    )


def test_every_table_with_a_retention_is_on_the_page_of_reference() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    retention = page.split("\n## Retention\n")[1].split("\n## ")[0]
    assert [name for name in (*sizes.KEPT_DAYS, sizes.ONLY_LOCAL) if f".{name}`" not in retention] == []


def test_limits_are_in_the_order_in_which_they_are_reached() -> None:
    found = {limit.what.split(" (")[0]: limit.visits_per_s for limit in sizes.limits(FOUND)}
    assert list(found.values()) == sorted(found.values())
    assert found["one machine of 2 processors"] == pytest.approx((2 * 0.5 - 0.2) / 0.107), "it is never idle"
    assert found["one broker of 3 nodes of 8 processors"] == pytest.approx(8 * 0.5 / 0.04)
    assert found["one relay for all databases"] == pytest.approx(0.5 / 0.005)
    assert found["one broker of 3 nodes with 12,000 messages a second"] == pytest.approx(12_000 * 0.5 / 8)


def test_a_case_of_twice_the_visitors_needs_twice_the_processors() -> None:
    twice = replace(CASE, visitors=2 * CASE.visitors)
    assert sizes.processors(FOUND, twice.visits_per_s) == 2 * sizes.processors(FOUND, CASE.visits_per_s)
