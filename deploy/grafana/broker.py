"""Events on their way: outboxes, queues and their consumers, the broker itself."""

from deploy.grafana.panels import Dashboard, graph, per_second, quantile, ratio

BROKER = Dashboard(
    "broker",
    "broker and outbox",
    {
        "Outboxes": (
            graph("Events not sent", "short", ("max by (database) (epass_outbox_waiting)", "{{database}}")),
            graph(
                "Age of the oldest",
                "s",
                ("max by (database) (epass_outbox_lag_seconds)", "{{database}}"),
                warn=5,
                limit=30,
                opens="services",
            ),
            graph("Events sent", "ops", (per_second("epass_outbox_sent_total", "type"), "{{type}}")),
            graph(
                "Types that a queue does not take",
                "short",
                ("max by (database, type) (epass_outbox_refused)", "{{database}} {{type}}"),
                limit=1,
                opens="services",
            ),
        ),
        "Queues": (
            graph(
                "Messages ready",
                "short",
                ("max by (queue) (epass_queue_messages)", "{{queue}}"),
                warn=100,
                limit=1000,
                opens="services",
            ),
            graph(
                "Consumers",
                "short",
                ("max by (queue) (epass_queue_consumers)", "{{queue}}"),
                warn=1,
                limit=0.5,
                opens="services",
            ),
            graph(
                "Queues and exchanges that are missing",
                "short",
                ("max(epass_queues_missing)", "missing"),
                limit=1,
                opens="services",
            ),
            graph(
                "Dead letters",
                "short",
                ("max by (queue) (epass_dead_letters)", "{{queue}}"),
                limit=1,
                opens="services",
            ),
        ),
        "Events": (
            graph(
                "Handled, by consumer",
                "ops",
                (per_second('epass_event_seconds_count{outcome="done"}', "consumer"), "{{consumer}}"),
            ),
            graph(
                "Tried again, and into the dead letters",
                "ops",
                (per_second("epass_retries_total", "consumer"), "{{consumer}} again"),
                (per_second("epass_dead_lettered_total", "consumer, reason"), "{{consumer}} {{reason}}"),
            ),
            graph(
                "From asking for a worker to the end of an event's batch (p95)",
                "s",
                (quantile(0.95, "epass_event_seconds", "consumer"), "{{consumer}}"),
                warn=1,
                limit=5,
                opens="services",
            ),
            graph(
                "From an event to its effect (p95)",
                "s",
                (quantile(0.95, "epass_event_age_seconds", "consumer"), "{{consumer}}"),
                warn=2,
                limit=30,
                opens="services",
            ),
            graph(
                "Repeated and stale deliveries",
                "ops",
                (per_second("epass_events_repeated_total", "consumer"), "{{consumer}} repeated"),
                (per_second("epass_events_expired_total", "consumer"), "{{consumer}} stale"),
            ),
            graph(
                "Batches that were taken apart",
                "ops",
                (per_second("epass_event_batches_split_total", "consumer"), "{{consumer}}"),
            ),
        ),
        "RabbitMQ": (
            graph(
                "Alarms",
                "short",
                ("max by (instance) (rabbitmq_alarms_memory_used_watermark)", "{{instance}} memory"),
                ("max by (instance) (rabbitmq_alarms_free_disk_space_watermark)", "{{instance}} disk"),
                limit=1,
                opens="overview",
            ),
            graph(
                "Memory, as a share of its limit",
                "percentunit",
                (
                    ratio("rabbitmq_process_resident_memory_bytes", "rabbitmq_resident_memory_limit_bytes"),
                    "{{instance}}",
                ),
                warn=0.7,
                limit=0.95,
                opens="overview",
            ),
            graph(
                "Free disk space",
                "bytes",
                ("min by (instance) (rabbitmq_disk_space_available_bytes)", "{{instance}}"),
                warn=5e9,
                limit=1e9,
                opens="overview",
            ),
            graph(
                "Messages in and out",
                "ops",
                ("sum(rate(rabbitmq_global_messages_received_total[$__rate_interval]))", "in"),
                ("sum(rate(rabbitmq_global_messages_delivered_total[$__rate_interval]))", "out"),
            ),
            graph(
                "Connections and channels",
                "short",
                ("sum(rabbitmq_connections)", "connections"),
                ("sum(rabbitmq_channels)", "channels"),
            ),
            graph("Messages in hand of consumers", "short", ("sum(rabbitmq_queue_messages_unacked)", "all")),
        ),
        "Months ahead": (
            graph(
                "Days until a table has no month left",
                "d",
                (
                    "(max by (table) (epass_partitions_until_timestamp_seconds) - time()) / 86400",
                    "{{table}}",
                ),
                warn=120,
                limit=90,
                opens="services",
            ),
        ),
    },
)
