"""Requests, calls, and what they need: rate, errors and duration of each; use and saturation of pools."""

from deploy.grafana.panels import Dashboard, graph, per_second, quantile, ratio

SERVICES = Dashboard(
    "services",
    "services",
    {
        "Requests to the gateway": (
            graph(
                "By route",
                "reqps",
                (per_second("epass_http_seconds_count", "method, route"), "{{method}} {{route}}"),
            ),
            graph(
                "Refused and failed, by route",
                "reqps",
                (
                    per_second('epass_http_seconds_count{status=~"[45].."}', "status, route"),
                    "{{status}} {{route}}",
                ),
            ),
            graph(
                "Time, by route (p95)",
                "s",
                (quantile(0.95, "epass_http_seconds", "route"), "{{route}}"),
                warn=0.5,
                limit=2,
                opens="broker",
            ),
        ),
        "What staff look at and try": (
            graph(
                "People seen, warned and refused, by role",
                "short",
                ("sum by (role) (increase(epass_gateway_looks_total[1h]))", "{{role}}"),
                (
                    "sum by (role, what) (increase(epass_gateway_looks_over_budget_total[1h]))",
                    "{{role}} {{what}}",
                ),
            ),
            graph(
                "Refused, wrong passwords, files, access of the ADO Branch",
                "short",
                ("sum by (role) (increase(epass_gateway_staff_refused_total[1h]))", "{{role}} refused"),
                ("sum(increase(epass_sign_in_failures_total[1h]))", "wrong passwords"),
                ("sum by (what) (increase(epass_gateway_exports_total[1h]))", "{{what}}"),
                ("sum by (what) (increase(epass_ado_access_given_total[1h]))", "ADO {{what}}"),
                (
                    "sum by (role, what) (increase(epass_officer_access_given_total[1h]))",
                    "{{role}} {{what}}",
                ),
                ("sum by (kind) (increase(epass_requests_closed_total[1h]))", "requests closed as {{kind}}"),
                ("sum by (role) (increase(epass_look_budgets_raised_total[1h]))", "{{role}} budget raised"),
            ),
        ),
        "Calls of services": (
            graph(
                "By method",
                "ops",
                (per_second("epass_rpc_seconds_count", "service, method"), "{{service}}.{{method}}"),
            ),
            graph(
                "Refused and failed, by class",
                "ops",
                (
                    per_second('epass_rpc_seconds_count{outcome!="ok"}', "service, outcome"),
                    "{{service}} {{outcome}}",
                ),
                (per_second("epass_rpc_expired_total", "service"), "{{service}} came too late"),
            ),
            graph(
                "Time inside a service, by method (p95)",
                "s",
                (quantile(0.95, "epass_rpc_seconds", "service, method"), "{{service}}.{{method}}"),
                warn=0.5,
                limit=2,
                opens="overview",
            ),
            graph(
                "As the gateway sees it (p95)",
                "s",
                (quantile(0.95, "epass_gateway_rpc_seconds", "service"), "{{service}}"),
                warn=0.5,
                limit=2,
                opens="broker",
            ),
            graph(
                "Calls that wait for their answer",
                "short",
                ("max by (instance) (epass_gateway_rpc_pending)", "{{instance}}"),
                warn=500,
                limit=2000,
                opens="broker",
            ),
            graph(
                "Late answers, repeated calls",
                "ops",
                ("sum(rate(epass_gateway_late_replies_total[$__rate_interval]))", "late answers"),
                ("sum(rate(epass_gateway_repeated_calls_total[$__rate_interval]))", "repeated calls"),
            ),
        ),
        "Pools": (
            graph(
                "Workers that have work",
                "percentunit",
                (
                    ratio("epass_workers_busy", "epass_workers_max"),
                    "{{process}} {{instance}} {{pool}}",
                ),
                warn=0.8,
                limit=1,
                opens="broker",
            ),
            graph(
                "What waits for a worker",
                "short",
                ("max by (process, pool) (epass_workers_waiting)", "{{process}} {{pool}}"),
                warn=10,
                limit=100,
                opens="broker",
            ),
            graph(
                "Connections to the database in use",
                "percentunit",
                (
                    ratio(
                        'epass_database_connections{state="used"}',
                        "on (process, instance) epass_database_connections_max",
                    ),
                    "{{process}} {{instance}}",
                ),
                warn=0.8,
                limit=1,
                opens="overview",
            ),
            graph(
                "Open connections to the database",
                "short",
                ("sum by (process, state) (epass_database_connections)", "{{process}} {{state}}"),
            ),
            graph(
                "Transactions that got no connection",
                "ops",
                (per_second("epass_database_pool_timeouts_total", "process"), "{{process}}"),
                limit=0.01,
                opens="overview",
            ),
            graph(
                "Consumers that wait for their database",
                "short",
                ("sum by (service) (epass_consumers_paused)", "{{service}}"),
                limit=1,
                opens="overview",
            ),
        ),
        "Processes": (
            graph(
                "Answers",
                "short",
                ('up{job="epass"}', "{{process}} {{instance}}"),
                warn=1,
                limit=0.5,
                opens="overview",
            ),
            graph(
                "Processors",
                "short",
                (
                    'rate(process_cpu_seconds_total{job="epass"}[$__rate_interval])',
                    "{{process}} {{instance}}",
                ),
                warn=0.8,
                limit=0.95,
                opens="broker",
            ),
            graph(
                "Memory", "bytes", ('process_resident_memory_bytes{job="epass"}', "{{process}} {{instance}}")
            ),
            graph(
                "Open files",
                "percentunit",
                (
                    'process_open_fds{job="epass"} / process_max_fds{job="epass"}',
                    "{{process}} {{instance}}",
                ),
                warn=0.5,
                limit=0.8,
                opens="broker",
            ),
            graph(
                "Connections to the broker made again",
                "ops",
                (per_second("epass_reconnects_total", "process, part"), "{{process}} {{part}}"),
            ),
            graph(
                "Background work that began again",
                "ops",
                (per_second("epass_background_failures_total", "process, task"), "{{process}} {{task}}"),
            ),
        ),
        "Jobs": (
            graph(
                "Time since a job succeeded, in its intervals",
                "short",
                (
                    "max by (process, job_name) (epass_job_success_age_seconds / epass_job_interval_seconds)",
                    "{{process}} {{job_name}}",
                ),
                limit=3,
                opens="broker",
            ),
            graph(
                "Jobs that destroy something and are refused",
                "short",
                ("max by (database, job_name) (epass_destructive_job_refused)", "{{database}} {{job_name}}"),
                limit=1,
                opens="broker",
            ),
        ),
        "Clocks": (
            graph(
                "Clock of a host, against that of Prometheus",
                "s",
                (
                    "abs(epass_clock_timestamp_seconds - timestamp(epass_clock_timestamp_seconds))",
                    "{{process}} {{instance}}",
                ),
                warn=0.5,
                limit=2,
                opens="gates",
            ),
            graph(
                "Clock of a service, against those of the gateways",
                "s",
                ("max by (service) (abs(epass_clock_skew_seconds))", "{{service}}"),
                warn=0.5,
                limit=2,
                opens="gates",
            ),
            graph(
                "Certificates: days until the end",
                "short",
                (
                    "(min by (process) (epass_certificate_until_timestamp_seconds > 0) - time()) / 86400",
                    "{{process}}",
                ),
                opens="gates",
            ),
        ),
    },
)
