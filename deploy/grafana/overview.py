"""The overview dashboard: rows of panels, each with its queries; ``overview.json`` is generated from here.

A chaos test runs every query against a Prometheus that monitors a working system; each must find data.

Usage: python -m deploy.grafana.overview
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("overview.json")
PROMETHEUS = {"type": "prometheus", "uid": "epass"}
"""The datasource of ``provisioning/datasources/prometheus.yaml``."""
WIDTH, HEIGHT, ACROSS = 8, 7, 3


@dataclass(frozen=True)
class Panel:
    """A graph over time.

    Args:
        title: what it shows.
        unit: Grafana's id of it.
        queries: each with the legend of its lines.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def graph(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    """Return a panel."""
    return Panel(title, unit, queries)


def per_second(metric: str, by: str) -> str:
    """Return the query for the growth of a counter a second."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str) -> str:
    """Return the query for a quantile of a histogram."""
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({histogram}_bucket[$__rate_interval])))"


def events(*names: str) -> str:
    """Return the query for the events of these types that the relay sends a second."""
    return per_second(f'epass_outbox_sent_total{{type=~"{"|".join(names)}"}}', "type")


ROWS: dict[str, tuple[Panel, ...]] = {
    "Journeys": (
        graph(
            "Applications",
            "ops",
            (events("ApplicationSubmitted", "ApplicationCancelled", "ApplicationExpired"), "{{type}}"),
        ),
        graph(
            "Decisions",
            "ops",
            (events("PassApproved", "PassRejected", "PassReturned", "ApprovalWithdrawn"), "{{type}}"),
        ),
        graph("Passes", "ops", (events("PassIssued", "PassRevoked"), "{{type}}")),
        graph(
            "Messages handed over, by lane",
            "ops",
            (per_second("epass_message_age_seconds_count", "lane"), "{{lane}}"),
        ),
        graph(
            "Tries to send, by outcome",
            "ops",
            (per_second("epass_messages_total", "channel, outcome"), "{{channel}} {{outcome}}"),
        ),
        graph(
            "Age of a message when it is handed over (p99)",
            "s",
            (quantile(0.99, "epass_message_age_seconds", "lane"), "{{lane}}"),
        ),
        graph(
            "Scans, by verdict",
            "ops",
            (per_second("epass_scans_total", "direction, verdict"), "{{direction}} {{verdict}}"),
        ),
        graph(
            "Looks at a pass, by verdict",
            "ops",
            (per_second("epass_scan_previews_total", "verdict"), "{{verdict}}"),
        ),
        graph("Persons", "short", ('epass_invariant_number{name="inside"}', "{{term}}")),
    ),
    "Outbox and relay": (
        graph("Events not sent", "short", ("max by (database) (epass_outbox_waiting)", "{{database}}")),
        graph("Age of the oldest", "s", ("max by (database) (epass_outbox_lag_seconds)", "{{database}}")),
        graph("Events sent", "ops", (per_second("epass_outbox_sent_total", "database"), "{{database}}")),
    ),
    "Queues": (
        graph("Messages ready", "short", ("max by (queue) (epass_queue_messages)", "{{queue}}")),
        graph("Consumers", "short", ("max by (queue) (epass_queue_consumers)", "{{queue}}")),
        graph("Dead letters", "short", ("max by (queue) (epass_dead_letters)", "{{queue}}")),
        graph("Retries", "ops", (per_second("epass_retries_total", "consumer"), "{{consumer}}")),
        graph(
            "Into the dead letters",
            "ops",
            (per_second("epass_dead_lettered_total", "consumer, reason"), "{{consumer}} {{reason}}"),
        ),
        graph(
            "Repeated and stale deliveries",
            "ops",
            (per_second("epass_events_repeated_total", "consumer"), "{{consumer}} repeated"),
            (per_second("epass_events_expired_total", "consumer"), "{{consumer}} stale"),
        ),
        graph(
            "From an event to its effect (p99)",
            "s",
            (quantile(0.99, "epass_event_age_seconds", "consumer"), "{{consumer}}"),
        ),
        graph(
            "From asking for a worker to the end of an event's batch (p99)",
            "s",
            (quantile(0.99, "epass_event_seconds", "consumer"), "{{consumer}}"),
        ),
        graph(
            "Consumers that wait for their database",
            "short",
            ("sum by (service) (epass_consumers_paused)", "{{service}}"),
        ),
    ),
    "RPC": (
        graph("Calls", "ops", (per_second("epass_rpc_seconds_count", "service"), "{{service}}")),
        graph(
            "Time inside a service",
            "s",
            (quantile(0.5, "epass_rpc_seconds", "service"), "{{service}} p50"),
            (quantile(0.99, "epass_rpc_seconds", "service"), "{{service}} p99"),
        ),
        graph(
            "Faults and calls that came too late",
            "ops",
            (
                per_second('epass_rpc_seconds_count{outcome="internal_error"}', "service"),
                "{{service}} faults",
            ),
            (per_second("epass_rpc_expired_total", "service"), "{{service}} too late"),
        ),
        graph(
            "Answers other than yes",
            "ops",
            (
                per_second('epass_rpc_seconds_count{outcome!="ok"}', "service, outcome"),
                "{{service}} {{outcome}}",
            ),
        ),
        graph(
            "As the gateway sees it (p99)",
            "s",
            (quantile(0.99, "epass_gateway_rpc_seconds", "service"), "{{service}}"),
        ),
        graph(
            "Late answers, repeated calls",
            "ops",
            ("sum(rate(epass_gateway_late_replies_total[$__rate_interval]))", "late answers"),
            ("sum(rate(epass_gateway_repeated_calls_total[$__rate_interval]))", "repeated calls"),
        ),
    ),
    "Gateway": (
        graph(
            "Requests, by status", "reqps", (per_second("epass_http_seconds_count", "status"), "{{status}}")
        ),
        graph(
            "Requests, by route",
            "reqps",
            (per_second("epass_http_seconds_count", "method, route"), "{{method}} {{route}}"),
        ),
        graph("Time of a request (p99)", "s", (quantile(0.99, "epass_http_seconds", "route"), "{{route}}")),
    ),
    "Invariants": (
        graph("Holds", "short", ("min by (name) (epass_invariant_holds)", "{{name}}")),
        graph("The numbers", "short", ("max by (name, term) (epass_invariant_number)", "{{name}}: {{term}}")),
        graph(
            "Seconds since the exporter looked",
            "s",
            ("time() - max by (at) (epass_ops_looked_at_timestamp_seconds)", "{{at}}"),
        ),
    ),
    "Processes": (
        graph("Answers", "short", ('up{job="epass"}', "{{process}} {{instance}}")),
        graph("Memory", "bytes", ('process_resident_memory_bytes{job="epass"}', "{{process}} {{instance}}")),
        graph(
            "Processors",
            "short",
            ('rate(process_cpu_seconds_total{job="epass"}[$__rate_interval])', "{{process}} {{instance}}"),
        ),
        graph(
            "Connections to the broker made again",
            "ops",
            (per_second("epass_reconnects_total", "process, part"), "{{process}} {{part}}"),
        ),
    ),
}


def queries() -> Iterator[str]:
    """Yield every query of the dashboard."""
    for panels in ROWS.values():
        for panel in panels:
            yield from (expression for expression, _ in panel.queries)


def document() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "epass-overview",
        "title": "e-Pass: overview",
        "tags": ["epass"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "Asia/Kolkata",
        "panels": [{"id": number, **panel} for number, panel in enumerate(_laid_out(), 1)],
    }


def _laid_out() -> Iterator[dict[str, Any]]:
    y = 0
    for title, panels in ROWS.items():
        yield {
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": WIDTH * ACROSS, "h": 1},
        }
        y += 1
        for at, panel in enumerate(panels):
            place = {"x": at % ACROSS * WIDTH, "y": y + at // ACROSS * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield _drawn(panel) | {"gridPos": place}
        y += -(-len(panels) // ACROSS) * HEIGHT


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": PROMETHEUS,
                "expr": expression,
                "legendFormat": legend,
            }
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """Return the content of the file."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
