"""Each alert fires because of a real fault and resolves, in a real Prometheus that watches a whole system.

The system is one of its own, with proxies before its servers. The first tests need it unbroken.
"""

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from uuid import uuid4

import httpx
import pytest

from deploy.grafana.__main__ import DASHBOARDS
from deploy.local.prometheus import FILES, is_installed
from tests.chaos.alert_faults import FAULTS, GROUPS
from tests.chaos.recovery import print_figures
from tests.chaos.watched import Watched, watch
from tests.support.chaos import alert_table
from tests.support.stack.running import eventually
from tests.support.stack.yaml_files import load
from tests.support.system.actors import MATCHED
from tests.unit.deploy.metric_labels import PROVIDERS, undeclared, values_of

pytestmark = [
    pytest.mark.outage,
    pytest.mark.skipif(not is_installed(), reason="Debian's package prometheus is not installed here"),
]
TABLE = alert_table.read()
RULES = load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]
SELECTOR = re.compile(r"(?:\b(?:cnpg|epass|rabbitmq|up)\w*)?\{[^{}]*\}|\b(?:cnpg|epass|rabbitmq)_\w+|\bup\b")
"""What an expression reads: a metric, with its labels if it has any."""
ONLY_OF_A_FAULT = {
    "cnpg_collector_up": "no operator runs PostgreSQL here",
    'cnpg_pg_replication_streaming_replicas{namespace="epass"}': "no operator runs PostgreSQL here",
    "epass_audit_witness_age_seconds": "local mode needs no witness",
    "epass_gate_list_age_seconds": "no gate of this system has an enrolled device",
    'epass_gate_devices_worrying{worry="lost"}': "no gate of this system has an enrolled device",
    'epass_gate_devices_worrying{worry="silent"}': "no gate of this system has an enrolled device",
    'epass_gate_devices_worrying{worry="unsent"}': "no gate of this system has an enrolled device",
    'epass_http_seconds_count{route=~"/.+/staff/sign-in", method="GET", status="200"}': "nobody opens it",
    'epass_http_seconds_count{route=~"/.+/staff/sign-in", method="GET", status="403"}': "no network is set",
    'epass_http_seconds_count{status=~"5..", route!="/readyz"}': "no request fails while all is well",
    "epass_gateway_closed_connections_total": "no client is slow or sends too much",
    "epass_gateway_uncounted_attempts_total": "the store of the limits answers",
}
"""Selectors that find nothing in this system unless something is wrong, and why."""
OF_OTHER_VENDORS = (
    "epass_gate_list_age_seconds",
    "epass_message_fallbacks_total",
    "epass_message_receipts_expected_total",
    "epass_message_receipts_total",
    "epass_provider_quota",
    "epass_status_polls_total",
)
"""Metrics without data here, where one channel is all, tells nothing later, is not asked, and has no daily
limit."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watch(tmp_path_factory.mktemp("watch")) as running:
        eventually(running.monitor.all_answer, "every process has answered Prometheus")
        yield running


def test_no_alert_fires_while_all_is_well(watched: Watched) -> None:
    eventually(lambda: not watched.unwell(), "everything was looked at and is well")
    eventually(lambda: watched.monitor.ask('epass_scans_total{verdict="admit"} > 0'), "a scan was counted")
    began = time.time()
    eventually(
        lambda: watched.monitor.ask(f"min(timestamp(up)) > {began + 16}"),
        "a while, longer than any alert waits",
        40,
    )
    assert watched.monitor.ask('count_over_time(ALERTS{alertstate="firing"}[16s])') == []
    assert {rule["name"] for rule in watched.monitor.rules()} == {rule["alert"] for rule in RULES}


def use_everything(watched: Watched) -> None:
    """Let somebody do each thing that a dashboard shows."""
    one = watched.journey()
    watched.enter(one)
    watched.leave(one)
    forged = f"{one.token[:-8]}AAAAAAAA"
    assert watched.officer.scan(token=forged, id_check=MATCHED).verdict == "bad_signature"
    elsewhere = {"gate": "PCS1-G2", "pass_number": "00000000", "direction": "exit", "nonce": str(uuid4())}
    assert watched.officer.post("/scans", elsewhere).status_code == 403


# Housekeeping begins a minute after the start of a process, and then shows how many months are ahead.
def test_every_query_of_each_panel_and_each_condition_of_an_alert_finds_data(watched: Watched) -> None:
    panels = {query.replace("$__rate_interval", "5m") for one in DASHBOARDS for query in one.queries()}
    conditions = {found for rule in RULES for found in SELECTOR.findall(rule["expr"])} - {*ONLY_OF_A_FAULT}
    assert len(conditions) >= len(RULES) - 2
    found = set[str]()
    wanted = {query for query in panels | conditions if not any(one in query for one in OF_OTHER_VENDORS)}

    def missing() -> set[str]:
        use_everything(watched)
        found.update(query for query in wanted - found if watched.monitor.ask(query))
        return wanted - found

    with watched.people_ask(), suppress(AssertionError):
        eventually(lambda: not missing(), "every query finds data", 100)
    assert wanted - found == set()
    assert not watched.monitor.ask("sum(rate(epass_of_which_nobody_has_heard[5m]))")


def test_the_metrics_of_each_process_pass_promtool_and_have_no_open_labels(watched: Watched) -> None:
    for name, process in watched.processes.items():
        page = httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text
        assert "epass_" in page
        assert not _faults(page), name
        assert list(undeclared(page)) == [], name
    assert "_count" in _faults(
        "# HELP epass_wrong_count A gauge with a histogram's suffix\n"
        "# TYPE epass_wrong_count gauge\nepass_wrong_count 1\n"
    )


def test_each_periodic_job_of_each_process_tells_when_it_succeeded(watched: Watched) -> None:
    declared = {*values_of("epass_job_success_age_seconds", "job_name")}
    of_vendors = {f"{job}:{vendor}" for job in ("ask", "lease_messages") for vendor in PROVIDERS}
    asked = watched.monitor.ask("epass_job_success_age_seconds and epass_job_interval_seconds > 0")
    shown = {labels["job_name"] for labels, _ in asked}
    assert declared - of_vendors <= shown <= declared
    assert "lease_messages:sms_gateway" in shown


def _faults(page: str) -> str:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_every_failure_of_the_table_is_injected_and_no_other() -> None:
    injected = [name for group in GROUPS for name in group]
    assert sorted(injected) == sorted(FAULTS)
    assert set(injected) == {name for name, failure in TABLE.items() if failure.seen == alert_table.CHAOS}


@pytest.mark.parametrize("group", GROUPS, ids=" and ".join)
def test_each_failure_is_named_by_its_alerts_which_resolve_afterwards(
    watched: Watched, group: Sequence[str]
) -> None:
    expected: dict[str, set[str]] = {}
    for name in group:
        for alert in TABLE[name].alerts:
            expected.setdefault(alert, set()).update(FAULTS[name].named.get(alert, set()))
    fired: dict[str, set[str]] = {}

    def missing() -> dict[str, set[str]]:
        for alert, values in watched.monitor.firing().items():
            fired.setdefault(alert, set()).update(values)
        return {
            alert: values
            for alert, values in expected.items()
            if alert not in fired or not fired[alert] >= values
        }

    eventually(lambda: not watched.monitor.firing(), "no alert fires before", 60)
    began = time.monotonic()
    with ExitStack() as lasting:
        for name in group:
            lasting.enter_context(FAULTS[name].inject(watched))
        with suppress(AssertionError):
            eventually(lambda: not missing(), "all of them fire", 90)
        took = time.monotonic() - began
    assert missing() == {}, fired
    eventually(
        lambda: not watched.unwell() and not watched.monitor.firing(),
        "all is well again, and no alert fires",
        100,
    )
    print_figures(" and ".join(group), named=took, resolved=time.monotonic() - began)
