"""Rules, configuration, dashboard and their documentation, each checked by its own tool or the code."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.__main__ import DASHBOARDS, FOLDER
from deploy.grafana.panels import PROMETHEUS as PROMETHEUS_SOURCE
from deploy.grafana.panels import Dashboard
from deploy.local import run
from services.accounts import metrics as accounts_metrics
from services.application import metrics as application_metrics
from services.approval import metrics as approval_metrics
from services.chassis.runtime import metrics
from services.gateway import metrics as gateway_metrics
from services.issuance import metrics as issuance_metrics
from services.notify import metrics as notify_metrics
from services.ops import metrics as ops_metrics
from services.verify import metrics as verify_metrics
from tests.support.chaos import alert_table
from tests.support.stack.extent import few_of
from tests.support.stack.paths import ROOT
from tests.support.stack.yaml_files import load
from tests.unit.deploy import metric_labels

METRICS = (
    metrics,
    accounts_metrics,
    application_metrics,
    approval_metrics,
    gateway_metrics,
    issuance_metrics,
    notify_metrics,
    ops_metrics,
    verify_metrics,
)
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS, REFERENCE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("runbooks.md", "reference.md")
)
RULES = load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
TESTS = load((PROMETHEUS / "tests" / "alerts_test.yml").read_text(encoding="utf-8"))
ALERTS = [rule["alert"] for rule in RULES]
LATE = [rule for rule in RULES if "for" in rule]
with_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="Debian's package prometheus is not installed here"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def passes_with(rules: list[dict[str, object]], alert: str, folder: Path) -> bool:
    """Return whether the tests of one alert pass with these rules in place of ours."""
    groups = [
        {**group, "alert_rule_test": [it for it in group["alert_rule_test"] if it["alertname"] == alert]}
        for group in TESTS["tests"]
    ]
    tests = {**TESTS, "tests": [group for group in groups if group["alert_rule_test"]]}
    return tried(rules, tests, folder).returncode == 0


def tried(
    rules: list[dict[str, object]], tests: dict[str, object], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run tests of alerts with these rules."""
    (folder / "tests").mkdir()
    (folder / "alerts.yml").write_text(json.dumps({"groups": [{"name": "epass", "rules": rules}]}))
    (folder / "tests" / "alerts_test.yml").write_text(json.dumps(tests))
    return promtool("test", "rules", str(folder / "tests" / "alerts_test.yml"))


@with_promtool
def test_prometheus_accepts_configuration_and_rules() -> None:
    done = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@with_promtool
def test_each_alert_fires_because_of_its_fault_alone(tmp_path: Path) -> None:
    """Series with a value a minute go on for hours: their rules are evaluated as seldom, which costs less."""
    intervals = {group["interval"] for group in TESTS["tests"]}
    for interval in sorted(intervals):
        groups = [group for group in TESTS["tests"] if group["interval"] == interval]
        tests = {**TESTS, "evaluation_interval": interval, "tests": groups}
        (tmp_path / interval).mkdir()
        done = tried(RULES, tests, tmp_path / interval)
        assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
@pytest.mark.parametrize("rule", few_of(RULES), ids=few_of(ALERTS))
def test_each_rule_alone_passes_the_tests_of_its_alert(rule: dict[str, object], tmp_path: Path) -> None:
    assert passes_with([rule], str(rule["alert"]), tmp_path)


@with_promtool
@pytest.mark.parametrize("alert", few_of(ALERTS))
def test_a_missing_alert_is_found(alert: str, tmp_path: Path) -> None:
    assert not passes_with([], alert, tmp_path)


@with_promtool
@pytest.mark.parametrize("rule", few_of(LATE), ids=lambda rule: rule["alert"])
def test_an_alert_without_a_delay_is_found(rule: dict[str, object], tmp_path: Path) -> None:
    assert not passes_with([{**rule, "for": "0s"}], str(rule["alert"]), tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=ALERTS)
def test_each_alert_has_a_severity_a_description_and_a_runbook(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, heading = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/runbooks.md"
    assert heading in headings(RUNBOOKS)


def test_the_table_of_failures_names_each_alert_with_its_own_runbook() -> None:
    runbook = {rule["alert"]: rule["annotations"]["runbook"].partition("#")[2] for rule in RULES}
    table = alert_table.read()
    assert {alert for failure in table.values() for alert in failure.alerts} == set(ALERTS)
    for failure in table.values():
        assert failure.runbooks == tuple(dict.fromkeys(runbook[alert] for alert in failure.alerts))
        assert failure.seen in {alert_table.CHAOS, alert_table.CLUSTER, "`promtool test rules`"}


def headings(page: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }


def families(module: object) -> list[MetricWrapperBase]:
    """Return the metrics of a module."""
    return [one for one in vars(module).values() if isinstance(one, MetricWrapperBase)]


FAMILIES = [one for module in METRICS for one in families(module)]
UNITS = ("_seconds", "_timestamp_seconds", "_bytes", "_ratio")
COUNTED = {
    "epass_audit_chain_lost", "epass_build_info", "epass_consumers_paused", "epass_corrections_urgent",
    "epass_database_connections", "epass_database_connections_max", "epass_database_writable",
    "epass_dead_letters", "epass_departments_unstaffed", "epass_gate_devices_worrying",
    "epass_gateway_rpc_message_calls", "epass_gateway_rpc_pending", "epass_group_calls",
    "epass_invariant_holds", "epass_invariant_number", "epass_outbox_refused",
    "epass_destructive_job_refused",
    "epass_passes_not_issued", "epass_places_undistributed", "epass_sites_unguarded",
    "epass_outbox_waiting", "epass_processes",
    "epass_messages_waiting", "epass_provider_breaker", "epass_provider_quota", "epass_provider_quota_left",
    "epass_queue_consumers", "epass_queue_messages", "epass_queues_missing", "epass_retention",
    "epass_site_open",
    "epass_workers_busy", "epass_workers_max", "epass_workers_waiting",
}  # fmt: skip
"""Gauges and histograms of things that are counted, or of yes and no; all others have a unit."""
MAKERS = re.compile(
    r"^from prometheus_client import .*\b(?:Counter|Gauge|Histogram|Summary|Info)\b", re.MULTILINE
)


def stored_name(metric: MetricWrapperBase) -> str:
    """Return the name of a metric as Prometheus stores it; of a histogram without its suffixes."""
    return f"{metric.describe()[0].name}{'_total' if isinstance(metric, Counter) else ''}"


def test_metrics_are_made_in_the_modules_that_these_tests_look_at() -> None:
    made = {file for file in (ROOT / "services").rglob("*.py") if MAKERS.search(file.read_text())}
    assert made == {Path(str(module.__file__)) for module in METRICS}


@pytest.mark.parametrize("metric", FAMILIES, ids=stored_name)
def test_each_metric_has_our_prefix_a_base_unit_a_sentence_of_help_and_labels_that_are_closed_sets(
    metric: MetricWrapperBase,
) -> None:
    name, description = stored_name(metric), metric.describe()[0].documentation
    assert isinstance(metric, Counter | Gauge | Histogram)
    assert re.fullmatch(r"epass(_[a-z]+)+", name)
    has_unit = isinstance(metric, Counter) or name.endswith(UNITS) or name in COUNTED
    assert has_unit, f"{name} needs a base unit {UNITS}, or a line in COUNTED"
    assert re.fullmatch(r"[A-Z1].{15,120}[^.]", description)
    for label in metric._labelnames:
        values = metric_labels.values_of(metric.describe()[0].name, label)
        assert values is metric_labels.DIRECTORY or 0 < len(values) <= metric_labels.MOST  # type: ignore[arg-type]  # a pattern is the one above


def test_a_label_with_a_value_of_its_own_is_found() -> None:
    registry = CollectorRegistry()
    page = Counter("epass_test", "Of this test", ["route"], registry=registry)
    page.labels("/api/v1/scans").inc()
    assert list(metric_labels.undeclared(generate_latest(registry).decode())) == []
    page.labels("/api/v1/passes/7K3M9QW4").inc()
    assert list(metric_labels.undeclared(generate_latest(registry).decode())) == [
        'epass_test{route="/api/v1/passes/7K3M9QW4"}'
    ]


def test_a_label_of_the_directory_has_a_limit_whatever_is_asked_for() -> None:
    gate = metrics.DirectoryLabel(2)
    assert [gate(one) for one in ("G1", "G2", "G3", "G1", "G4")] == ["G1", "G2", "other", "G1", "other"]


def test_the_page_of_reference_lists_every_metric_and_no_other() -> None:
    listed = re.findall(
        r"`(epass_\w+)",
        "".join(line.split("|")[1] for line in REFERENCE.splitlines() if line.startswith("| `epass_")),
    )
    made = {stored_name(one) for one in FAMILIES}
    assert made - {*listed} == set(), "each needs a row in docs/reference.md"
    assert {*listed} - made == set(), "no process has these"
    assert len(listed) == len(made), "one of them has two rows"


def test_the_first_connection_to_the_broker_does_not_count_as_a_reconnect() -> None:
    def counted() -> float:
        return metrics.RECONNECTS.labels("a part of this test")._value.get()

    metrics.count_connection("a part of this test")
    assert counted() == 0
    metrics.count_connection("a part of this test")
    assert counted() == 1


def test_there_is_no_other_dashboard() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {one.name for one in DASHBOARDS}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_each_panel_has_a_unit_a_title_of_its_own_and_opens_a_dashboard_that_exists(
    dashboard: Dashboard,
) -> None:
    shown = [panel for panels in dashboard.rows.values() for panel in panels]
    assert len({panel.title for panel in shown}) == len(shown)
    assert {panel.unit for panel in shown} <= {"ops", "reqps", "s", "d", "short", "percentunit", "bytes"}
    assert {panel.opens for panel in shown} <= {"", *(one.name for one in DASHBOARDS)}
    assert any(panel.limit is not None for panel in shown)
    without_a_link = [
        one.title for one in shown if one.limit is not None and one.opens in {"", dashboard.name}
    ]
    assert without_a_link == [], "what turns red leads to where its cause may be"


@with_promtool
def test_prometheus_understands_each_query_of_each_panel(tmp_path: Path) -> None:
    def understands(*queries: str) -> bool:
        rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
        file = tmp_path / "queries.yml"
        file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
        return promtool("check", "rules", "--lint=none", str(file)).returncode == 0

    shown = [query.replace("$__rate_interval", "5m") for one in DASHBOARDS for query in one.queries()]
    assert understands(*shown)
    assert not understands(*shown, "sum by (queue (epass_dead_letters)")


def test_grafana_finds_datasource_and_dashboards() -> None:
    provisioning = FOLDER.parent / "provisioning"
    (source,) = load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["uid"]) == (PROMETHEUS_SOURCE["type"], PROMETHEUS_SOURCE["uid"])
    (provider,) = load((provisioning / "dashboards" / "epass.yaml").read_text())["providers"]
    assert provider["type"] == "file"


def test_without_prometheus_everything_else_runs_and_one_line_reports_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert "not installed" in run._start_prometheus(*[None] * 3)  # type: ignore[arg-type]  # it asks nobody
