"""Is everybody served? One look at the whole, with links to what has more."""

from deploy.grafana.panels import Dashboard, graph, per_second, quantile

PEOPLE = 'route!~"/healthz|/readyz|/metrics|/static|.*/changes"'
"""Requests of people; a stream of changes lasts a minute and says nothing about the time of an answer."""
FAILED_SHARE = (
    f'(sum(rate(epass_http_seconds_count{{status=~"5..", {PEOPLE}}}[$__rate_interval])) or vector(0))'
    f" / sum(rate(epass_http_seconds_count{{{PEOPLE}}}[$__rate_interval]))"
)


def published(*types: str) -> str:
    """Return the query for the events of these types that leave an outbox in a second."""
    return per_second(f'epass_outbox_sent_total{{type=~"{"|".join(types)}"}}', "type")


OVERVIEW = Dashboard(
    "overview",
    "overview",
    {
        "Answers": (
            graph(
                "Requests, by status",
                "reqps",
                (per_second("epass_http_seconds_count", "status"), "{{status}}"),
                opens="services",
            ),
            graph(
                "Share of requests that fail (5xx)",
                "percentunit",
                (FAILED_SHARE, "failed"),
                warn=0.01,
                limit=0.05,
                opens="services",
            ),
            graph(
                "Time of an answer",
                "s",
                (quantile(0.5, "epass_http_seconds", where=f"{{{PEOPLE}}}"), "p50"),
                (quantile(0.95, "epass_http_seconds", where=f"{{{PEOPLE}}}"), "p95"),
                warn=0.5,
                limit=2,
                opens="services",
            ),
        ),
        "People": (
            graph(
                "Applications",
                "ops",
                (published("ApplicationSubmitted", "ApplicationCancelled", "ApplicationExpired"), "{{type}}"),
            ),
            graph(
                "Decisions",
                "ops",
                (published("PassApproved", "PassRejected", "PassReturned", "ApprovalWithdrawn"), "{{type}}"),
                opens="departments",
            ),
            graph("Passes", "ops", (published("PassIssued", "PassRevoked"), "{{type}}")),
            graph(
                "Messages handed over",
                "ops",
                (per_second("epass_message_age_seconds_count", "lane"), "{{lane}}"),
                opens="messages",
            ),
            graph(
                "Scans, by verdict",
                "ops",
                (per_second("epass_scans_total", "direction, verdict"), "{{direction}} {{verdict}}"),
                opens="gates",
            ),
            graph("Persons", "short", ('epass_invariant_number{name="inside"}', "{{term}}"), opens="gates"),
        ),
        "Does it flow?": (
            graph(
                "Age of the oldest event in an outbox",
                "s",
                ("max by (database) (epass_outbox_lag_seconds)", "{{database}}"),
                warn=5,
                limit=30,
                opens="broker",
            ),
            graph(
                "Messages ready in a queue",
                "short",
                ("max by (queue) (epass_queue_messages)", "{{queue}}"),
                warn=100,
                limit=1000,
                opens="broker",
            ),
            graph(
                "Dead letters",
                "short",
                ("max by (queue) (epass_dead_letters)", "{{queue}}"),
                limit=1,
                opens="broker",
            ),
        ),
        "Is it well?": (
            graph(
                "Alerts that fire",
                "short",
                ('count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)', "{{alertname}}"),
                limit=1,
                opens="services",
            ),
            graph(
                "Processes that answer",
                "short",
                ('sum by (process) (up{job="epass"})', "{{process}}"),
                warn=1,
                limit=0.5,
                opens="services",
            ),
            graph(
                "Databases that take changes",
                "short",
                ("min by (database) (epass_database_writable)", "{{database}}"),
                warn=1,
                limit=0.5,
                opens="services",
            ),
            graph(
                "Invariants that hold",
                "short",
                ("min by (name) (epass_invariant_holds)", "{{name}}"),
                warn=1,
                limit=0.5,
                opens="broker",
            ),
            graph(
                "The numbers of the invariants",
                "short",
                ("max by (name, term) (epass_invariant_number)", "{{name}}: {{term}}"),
            ),
            graph(
                "Seconds since the exporter looked",
                "s",
                (
                    'min by (job_name) (epass_job_success_age_seconds{job_name=~"look_at_.+"})',
                    "{{job_name}}",
                ),
                warn=120,
                limit=600,
                opens="services",
            ),
        ),
    },
)
