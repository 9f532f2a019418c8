"""The departments: how many applications each decides, and how long people wait for it."""

from deploy.grafana.overview import published
from deploy.grafana.panels import Dashboard, graph, ratio

DAY = 86400.0


def decided(what: str, by: str) -> str:
    """Return the query for the decisions of a day."""
    return f"sum by ({by}) (increase(epass_decision_seconds_{what}[1d]))"


def waited(share: float, by: str) -> str:
    """Return the query for the time in which so many of the decisions of a day were taken."""
    return f"histogram_quantile({share}, {decided('bucket', f'le, {by}')})"


DEPARTMENTS = Dashboard(
    "departments",
    "departments",
    {
        "Decisions of the last 24 hours": (
            graph(
                "By department",
                "short",
                (decided("count", "department"), "{{department}}"),
            ),
            graph(
                "By decision",
                "short",
                (decided("count", "decision"), "{{decision}}"),
            ),
            graph(
                "Share that was decided within a day",
                "percentunit",
                (
                    ratio(decided(f'bucket{{le="{DAY}"}}', "department"), decided("count", "department")),
                    "{{department}}",
                ),
                warn=0.9,
                limit=0.5,
                opens="overview",
            ),
            graph(
                "From application to decision (median)",
                "s",
                (waited(0.5, "department"), "{{department}}"),
                warn=DAY,
                limit=3 * DAY,
                opens="overview",
            ),
            graph(
                "From application to decision (95 of 100)",
                "s",
                (waited(0.95, "department"), "{{department}}"),
                warn=3 * DAY,
                limit=7 * DAY,
                opens="overview",
            ),
            graph("By decision (median)", "s", (waited(0.5, "decision"), "{{decision}}")),
        ),
        "Now": (
            graph(
                "Applications and decisions",
                "ops",
                (
                    published("ApplicationSubmitted", "ApplicationAmended", "PassApproved", "PassRejected"),
                    "{{type}}",
                ),
            ),
            graph(
                "Sent back, asked again, taken back",
                "ops",
                (published("PassReturned", "ReviewEscalated", "ApprovalWithdrawn"), "{{type}}"),
            ),
            graph(
                "Visitors inside whom nobody answered in time",
                "ops",
                ("sum by (step) (rate(epass_visits_escalated_total[1h]))", "{{step}}"),
            ),
            graph("Undecided until it was too late", "ops", (published("ApplicationExpired"), "{{type}}")),
        ),
    },
)
