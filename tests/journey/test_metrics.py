"""After a journey, each route, RPC and event has rate, errors and duration, and each pool its use."""

import re
from collections.abc import Collection, Iterator

import pytest
from fastapi.routing import APIRoute
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from contracts import rpc
from contracts.subscriptions import SERVICES, subscriptions
from services.gateway import api, pages
from tests.support.stack.plain_http import asks
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued
from tests.support.system.system import System

HEARD = {
    "approval.ApplicationSubmitted",
    "application.PassApproved",
    "application.PassIssued",
    "application.PassScanned",
    "issuance.PassApproved",
    "notify.ApplicationSubmitted",
    "notify.PassIssued",
    "verify.PassIssued",
}
"""Consumers of the events of a journey."""
CALLED = {"submit", "approve", "scan"}
"""RPCs of a journey, among others."""


def samples(system: System, process: str, family: str, suffix: str = "_count") -> Iterator[Sample]:
    """Yield the samples of a histogram, or of another family with its suffix, that a process shows now."""
    page = asks.get(f"http://127.0.0.1:{system.processes[process].port}/metrics").text
    for one in text_string_to_metric_families(page):
        yield from (sample for sample in one.samples if sample.name == f"{family}{suffix}")


def values(found: Collection[Sample], label: str, **wanted: str) -> set[str]:
    """Return the values of a label where something was counted, and other labels are as wanted."""
    return {one.labels[label] for one in found if one.value and wanted.items() <= one.labels.items()}


def test_a_journey_is_measured_at_each_step(system: System, department: Department, officer: Officer) -> None:
    """All in one test: others restart the processes, whose counts begin anew."""
    visitor = Applicant(system)
    _, summary = issued(visitor, department, known_to=officer)
    assert officer.scan(token=visitor.token(summary.number), id_check=MATCHED).verdict == "admit"
    shown = list(samples(system, "gateway", "epass_http_seconds"))
    assert values(shown, "status", method="POST", route="/api/v1/applications") >= {"201"}
    seen = list(samples(system, "gateway", "epass_gateway_rpc_seconds"))
    assert values(seen, "method", outcome="ok") >= CALLED
    inside = [one for service in SERVICES for one in samples(system, service, "epass_rpc_seconds")]
    assert values(inside, "method", outcome="ok") >= CALLED

    def handled() -> set[str]:
        return {
            consumer
            for service in SERVICES
            for consumer in values(
                list(samples(system, service, "epass_event_seconds")), "consumer", outcome="done"
            )
        }

    eventually(lambda: handled() >= HEARD, "the events of a journey were handled and measured")


def test_each_route_has_rate_errors_and_duration(system: System) -> None:
    routes = [
        (method, route.path)
        for router in (*api.routers(True), *pages.routers(True))
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    ]
    with system.http() as anyone:
        for method, path in routes:
            anyone.request(method, re.sub(r"{[^}]+}", "x", path.replace("{language:lang}", "en")))
    shown = list(samples(system, "gateway", "epass_http_seconds"))
    missing = set(routes) - {(one.labels["method"], one.labels["route"]) for one in shown if one.value}
    assert missing == set()
    assert values(shown, "status", method="POST", route="/api/v1/applications") >= {"401"}


@pytest.mark.parametrize("service", SERVICES)
def test_each_rpc_has_rate_errors_and_duration(system: System, service: str) -> None:
    methods = {one.name for one in rpc.METHODS if one.service == service}
    inside = list(samples(system, service, "epass_rpc_seconds"))
    assert {one.labels["method"] for one in inside} == methods
    assert {one.labels["method"] for one in inside if one.labels["outcome"] == "internal_error"} == methods


def test_each_consumer_of_events_has_rate_errors_and_duration(system: System) -> None:
    for family in ("epass_dead_lettered_total", "epass_retries_total"):
        shown = {one.labels["consumer"] for name in SERVICES for one in samples(system, name, family, "")}
        assert shown == {one.queue for one in subscriptions() if not one.queue.startswith("gateway.")}


@pytest.mark.parametrize("service", SERVICES)
def test_pools_and_processes_show_use_saturation_and_errors(system: System, service: str) -> None:
    for family in ("epass_workers_busy", "epass_workers_waiting", "epass_workers_max"):
        assert {one.labels["pool"] for one in samples(system, service, family, "")} >= {"rpc"}
    for family in (
        "epass_database_connections",
        "epass_database_connections_max",
        "epass_database_pool_timeouts_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
    ):
        assert list(samples(system, service, family, "")), family
