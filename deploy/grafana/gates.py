"""The gates: who comes in, who is refused and why, and how long a scan takes."""

from deploy.grafana.panels import Dashboard, graph, per_second, quantile, ratio

TRIED = per_second('epass_scans_total{direction="entry"}', "site, gate")
ADMITTED = per_second('epass_scans_total{direction="entry", verdict="admit"}', "site, gate")
VERIFY = '{process="verify", pool="rpc"}'
SCANS = '{route="/api/v1/scans"}'


def mean(histogram: str) -> str:
    """Return the query for the mean of a histogram."""
    total, count = (f"sum(rate({histogram}_{one}[$__rate_interval]))" for one in ("sum", "count"))
    return ratio(total, count)


GATES = Dashboard(
    "gates",
    "gates",
    {
        "Scans": (
            graph("By gate", "ops", (per_second("epass_scans_total", "site, gate"), "{{gate}}")),
            graph(
                "By verdict",
                "ops",
                (per_second("epass_scans_total", "direction, verdict"), "{{direction}} {{verdict}}"),
            ),
            graph(
                "Looks at a pass, by verdict",
                "ops",
                (per_second("epass_scan_previews_total", "gate, verdict"), "{{gate}} {{verdict}}"),
            ),
            graph(
                "Entries that are refused, by gate and verdict",
                "ops",
                (
                    per_second(
                        'epass_scans_total{direction="entry", verdict!="admit"}', "site, gate, verdict"
                    ),
                    "{{gate}} {{verdict}}",
                ),
            ),
            graph(
                "Share of entries that are refused",
                "percentunit",
                (
                    f"1 - ({ADMITTED} or 0 * {TRIED}) / {TRIED}",
                    "{{gate}}",
                ),
                warn=0.2,
                limit=0.9,
                opens="services",
            ),
            graph(
                "Persons",
                "short",
                ('max by (term) (epass_invariant_number{name="inside"})', "{{term}}"),
            ),
            graph(
                "Age of the revocations",
                "s",
                ("max by (at) (epass_revocations_age_seconds)", "{{at}}"),
                ("max by (gate) (epass_gate_list_age_seconds)", "{{gate}}"),
                warn=15,
                limit=60,
                opens="services",
            ),
        ),
        "Time of a scan": (
            graph(
                "As the gate sees it",
                "s",
                (quantile(0.5, "epass_http_seconds", where=SCANS), "p50"),
                (quantile(0.99, "epass_http_seconds", where=SCANS), "p99"),
                warn=0.1,
                limit=1,
                opens="services",
            ),
            graph(
                "Inside verify",
                "s",
                (quantile(0.5, "epass_rpc_seconds", where='{method="scan"}'), "p50"),
                (quantile(0.99, "epass_rpc_seconds", where='{method="scan"}'), "p99"),
                warn=0.1,
                limit=1,
                opens="services",
            ),
            graph(
                "Scans of one transaction, calls of one message",
                "short",
                (
                    mean("epass_group_calls"),
                    "scans of a group",
                ),
                (
                    mean("epass_gateway_rpc_message_calls"),
                    "calls of a message",
                ),
            ),
        ),
        "What a gate needs": (
            graph(
                "Passes on their way to the gates (p95)",
                "s",
                (
                    quantile(0.95, "epass_event_age_seconds", "consumer", '{consumer=~"verify.Pass.*"}'),
                    "{{consumer}}",
                ),
                warn=2,
                limit=30,
                opens="broker",
            ),
            graph(
                "Workers for scans that have work",
                "percentunit",
                (
                    ratio(f"epass_workers_busy{VERIFY}", f"epass_workers_max{VERIFY}"),
                    "verify",
                ),
                warn=0.8,
                limit=1,
                opens="services",
            ),
        ),
    },
)
