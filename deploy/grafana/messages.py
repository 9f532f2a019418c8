"""Messages to phones: what is sent, how long it takes, and whether the providers answer."""

from deploy.grafana.overview import published
from deploy.grafana.panels import Dashboard, graph, per_second, quantile, ratio

CALLS = "epass_provider_seconds_count"
BY_RESULT = per_second(CALLS, "channel, result")
FAILED = f'{CALLS}{{result!="ok"}}'
ENDED = "epass_message_chains_ended_total"
NOBODY = f'{ENDED}{{result="nobody"}}'
MESSAGES = Dashboard(
    "messages",
    "messages",
    {
        "Messages": (
            graph(
                "Handed over, by lane",
                "ops",
                (per_second("epass_message_age_seconds_count", "lane"), "{{lane}}"),
            ),
            graph(
                "Tries, by outcome",
                "ops",
                (per_second("epass_messages_total", "channel, outcome"), "{{channel}} {{outcome}}"),
            ),
            graph("Tries, by purpose", "ops", (per_second("epass_messages_total", "purpose"), "{{purpose}}")),
            graph(
                "Age of a one-time code when it is handed over",
                "s",
                (quantile(0.5, "epass_message_age_seconds", where='{lane="otp"}'), "p50"),
                (quantile(0.95, "epass_message_age_seconds", where='{lane="otp"}'), "p95"),
                warn=5,
                limit=30,
                opens="broker",
            ),
            graph(
                "Age of any other message when it is handed over",
                "s",
                (quantile(0.5, "epass_message_age_seconds", where='{lane="normal"}'), "p50"),
                (quantile(0.95, "epass_message_age_seconds", where='{lane="normal"}'), "p95"),
                warn=30,
                limit=300,
                opens="broker",
            ),
            graph(
                "Codes to numbers that nobody has ever proved, by the ceiling",
                "percentunit",
                ("max(epass_unproved_codes_ratio)", "untyped codes of an hour"),
                warn=0.45,
                limit=1,
                opens="services",
            ),
            graph(
                "Requests for a code that are held back",
                "ops",
                (per_second("epass_codes_held_back_total", "brake"), "{{brake}}"),
            ),
            graph(
                "Share that reaches nobody",
                "percentunit",
                (ratio(per_second(NOBODY, "purpose"), per_second(ENDED, "purpose")), "{{purpose}}"),
                warn=0.05,
                limit=0.1,
                opens="overview",
            ),
            graph(
                "How long the oldest of a lane waits",
                "s",
                ("max by (lane) (epass_message_wait_seconds)", "{{lane}}"),
                warn=10,
                limit=30,
                opens="services",
            ),
            graph("Waiting, by lane", "short", ("max by (lane) (epass_messages_waiting)", "{{lane}}")),
            graph(
                "What the applicant is told of",
                "ops",
                (published("NotificationDelivered", "NotificationFailed"), "{{type}}"),
            ),
        ),
        "Providers": (
            graph(
                "Left alone because they fail (2), or tested (1)",
                "short",
                ("max by (provider) (epass_provider_breaker)", "{{provider}}"),
            ),
            graph(
                "Sent again though they may have arrived",
                "ops",
                (per_second("epass_message_repeats_total", "channel"), "{{channel}}"),
            ),
            graph(
                "STOP and START of nobody knows whom",
                "ops",
                (per_second("epass_unknown_opt_outs_total", "channel"), "{{channel}}"),
            ),
            graph(
                "Replies to questions, by what became of them",
                "ops",
                (per_second("epass_replies_total", "channel, result"), "{{channel}} {{result}}"),
            ),
            graph(
                "Messages left of the day",
                "short",
                ("min by (provider) (epass_provider_quota_left)", "{{provider}}"),
            ),
            graph(
                "Gone on to another channel",
                "ops",
                (per_second("epass_message_fallbacks_total", "channel, next"), "{{channel}} to {{next}}"),
            ),
            graph(
                "Reports of vendors",
                "ops",
                (per_second("epass_message_receipts_total", "provider, status"), "{{provider}} {{status}}"),
            ),
            graph(
                "What vendors answer when they are asked",
                "ops",
                (per_second("epass_status_polls_total", "provider, result"), "{{provider}} {{result}}"),
            ),
            graph(
                "What vendors bill",
                "ops",
                (per_second("epass_message_parts_total", "provider"), "{{provider}}"),
            ),
            graph("Calls, by result", "ops", (BY_RESULT, "{{channel}} {{result}}")),
            graph(
                "Share of calls that fail",
                "percentunit",
                (ratio(per_second(FAILED, "channel"), per_second(CALLS, "channel")), "{{channel}}"),
                warn=0.05,
                limit=0.5,
                opens="services",
            ),
            graph(
                "Time of a call",
                "s",
                (quantile(0.5, "epass_provider_seconds", "channel"), "{{channel}} p50"),
                (quantile(0.95, "epass_provider_seconds", "channel"), "{{channel}} p95"),
                warn=1,
                limit=5,
                opens="services",
            ),
        ),
    },
)
