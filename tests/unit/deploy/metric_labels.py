"""The closed set of values of each label of each metric, and how a page of metrics is compared with them."""

import inspect
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import get_args

from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from contracts import events, rpc
from contracts.errors import BY_NAME
from contracts.model import (
    ConflictKind,
    DeliverBy,
    EscalationStep,
    GateDeviceWorry,
    LinkAnswer,
    ReviewStatus,
    Role,
    Verdict,
)
from contracts.ops import STATES
from contracts.retention import KEPT
from contracts.rpc.verify.offline_scans import SyncProblem
from contracts.rpc.verify.supervisors import SiteProblem
from contracts.subscriptions import SERVICES, rpc_queue, subscriptions
from services.accounts.handlers import gate_devices
from services.chassis.messaging.topology import delay_name
from services.chassis.runtime.settings import RetryDelaySettings
from services.gateway.app import create_app
from services.gateway.edge import rate_limits
from services.gateway.settings import GatewaySettings
from services.notify.adapters.channels import REASONS
from services.notify.domain.chains import Ending
from services.notify.domain.messages import Lane, Purpose, ReportStatus
from services.notify.domain.outcomes import Outcome
from services.ops import invariants
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import make_settings

PROVIDERS = {"none", "local", "mobile_seva", "msg91", "sms_gateway", "smtp", "whatsapp_cloud"}
"""The names of channels."""
MOST = 400
"""Values of one label at most; the routes of the gateway are the most that there are."""
DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}")
"""A code of a site, a gate or a department: bounded by the directory, and by `DirectoryLabel`."""
Values = Collection[str] | re.Pattern[str]


def _consumers() -> set[str]:
    return {one.queue for one in subscriptions()} | {rpc_queue(service) for service in SERVICES}


def _delays() -> set[str]:
    return {delay_name(step) for step in range(len(RetryDelaySettings().retry_delays))}


@cache
def _gateway() -> FastAPI:
    return create_app(make_settings(GatewaySettings, local_mode=True))


def _routes() -> set[str]:
    return {getattr(route, "path", "") for route in _gateway().routes} | {"/static", "unmatched"}


def _tasks() -> set[str]:
    """Return the long-lived work of relay, exporter and gateway."""
    caches = {one.name for one in _gateway().state.gateway._caches}
    return {
        *SERVICES,
        "topology",
        "rpc client",
        "queues",
        "outboxes",
        "invariants",
        "audit_heads",
        "processes",
        "interface",
        *caches,
    }


def _parts() -> set[str]:
    containers = {*SERVICES, *(f"{service}-events" for service in SERVICES), "notify-codes"}
    queues = {rpc_queue(service) for service in SERVICES}
    return containers | queues | {f"relay:{service}" for service in SERVICES} | {"gateway"}


def _terms() -> set[str]:
    terms = {*re.findall(r'"([a-z, ]+)"', inspect.getsource(invariants))}
    return terms | {f"{term} and lost" for term in terms}


def _jobs() -> set[str]:
    """Return the periodic jobs of all processes."""
    sources = [file.read_text() for file in (ROOT / "services").rglob("*.py")]
    scheduled = r"\n    (\w+) = every\("
    return {
        *(name for one in sources for name in re.findall(scheduled, one)),
        *("housekeeping", "seal_records", "declare_topology", "advance_chains"),
        *(f"purge_outbox:{service}" for service in SERVICES),
        *(f"look_at_{what}" for what in ("queues", "outboxes", "invariants", "audit_heads", "processes")),
        *(f"refresh:{one.name}" for one in _gateway().state.gateway._caches),
        *(f"{job}:{provider}" for job in ("ask", "lease_messages") for provider in PROVIDERS),
    }


LABELS: dict[str, Callable[[], Values]] = {
    "at": lambda: {"issuance", "verify", "gateway"},
    "brake": lambda: {"country", "work", "address", "ceiling"},
    "channel": lambda: get_args(DeliverBy),
    "consumer": _consumers,
    "database": lambda: SERVICES,
    "decision": lambda: get_args(ReviewStatus),
    "department": lambda: DIRECTORY,
    "direction": lambda: {"entry", "exit"},
    "gate": lambda: DIRECTORY,
    "job_name": _jobs,
    "kind": lambda: {*SERVICES, "relay", "sender", "gateway", "exporter"},
    "lane": lambda: get_args(Lane),
    "limit": lambda: {*rate_limits.LIMITS, "looks"},
    "method": lambda: {method.name for method in rpc.METHODS},
    "next": lambda: get_args(DeliverBy),
    "name": lambda: {"applied", "approved", "issued", "revoked", "inside", "pins", "guarded", "erased"},
    "part": _parts,
    "pool": lambda: {"rpc", "events", "urgent"},
    "provider": lambda: PROVIDERS,
    "purpose": lambda: get_args(Purpose),
    "queue": lambda: _consumers() | _delays(),
    "reason": lambda: {"unreadable", "forged", "permanent", "attempts"},
    "result": lambda: {"ok", "fault", "forged", "nothing", "unreadable", *REASONS},
    "role": lambda: get_args(Role),
    "route": _routes,
    "service": lambda: SERVICES,
    "site": lambda: DIRECTORY,
    "step": lambda: get_args(EscalationStep),
    "status": lambda: {str(status.value) for status in HTTPStatus},
    "table": lambda: {"audit_log", "scans", "timeline"},
    "task": _tasks,
    "term": _terms,
    "type": lambda: {event.__name__ for event in events.ALL},
    "version": lambda: {version("epass")},
    "verdict": lambda: {*get_args(Verdict), "unreadable"},
    "worry": lambda: (*get_args(GateDeviceWorry), gate_devices.LOST),
    "way": lambda: {"mail", "store", "none"},
    "why": lambda: {"slow_headers", "slow_body", "slow_reader", "large_headers", "too_many"},
    "epass_destructive_job_refused.job_name": lambda: _jobs() | {"purge_outbox", "drop_months"},
    "epass_database_connections.state": lambda: {"used", "idle"},
    "epass_event_seconds.outcome": lambda: {"done", "failed", "returned"},
    "epass_gate_conflicts.kind": lambda: get_args(ConflictKind),
    "epass_retention.kind": lambda: KEPT,
    "epass_gate_supervisors_refused.reason": lambda: {
        "wrong_pin",
        "no_supervisor",
        "own_scan",
        "pin_locked",
        "missing",
        "unproven",
    },
    "epass_sites_unguarded.problem": lambda: get_args(SiteProblem),
    "epass_offline_scans_refused.problem": lambda: get_args(SyncProblem),
    "epass_gateway_lists.answer": lambda: {"whole", "delta", "unchanged"},
    "epass_gateway_lists.list": lambda: {"revoked", "manifest"},
    "epass_gateway_looks_over_budget.what": lambda: {"warned", "refused"},
    "epass_officer_access_given.role": lambda: {"grievance", "privacy"},
    "epass_officer_access_given.what": lambda: {"issued", "password_reset", "factor_reset"},
    "epass_visit_reminders.result": lambda: {"published", "late"},
    "epass_visit_questions.result": lambda: {"asked", "late", "no_entry"},
    "epass_replies.result": lambda: {
        "answered",
        "said_before",
        "late",
        "several",
        "no_question",
        "not_an_answer",
        "too_many",
    },
    "epass_link_answers_without_effect.answer": lambda: get_args(LinkAnswer),
    "epass_requests_closed.kind": lambda: {"spam", "abuse", "duplicate"},
    "epass_ado_access_given.what": lambda: {"issued", "password_reset", "factor_reset"},
    "epass_gateway_exports.what": lambda: {"export_logins", "export_directory", "export_audit"},
    "epass_gateway_rpc_seconds.outcome": lambda: {"ok", *(kind.code for kind in BY_NAME.values())},
    "epass_http_seconds.method": lambda: {"GET", "POST", "DELETE", "HEAD", "other"},
    "epass_messages.outcome": lambda: {kind.__name__.lower() for kind in get_args(Outcome)},
    "epass_message_receipts.status": lambda: get_args(ReportStatus),
    "epass_message_chains_ended.result": lambda: get_args(Ending),
    "epass_processes.state": lambda: STATES,
    "epass_status_polls.result": lambda: {"delivered", "failed", "nothing", *REASONS},
    "epass_rpc_seconds.outcome": lambda: {"ok", *(kind.code for kind in BY_NAME.values())},
}
"""By label, or by family and label where the families differ. ``le`` is a histogram's own."""


def values_of(family: str, label: str) -> Values:
    """Return the values that a label of a family may have.

    Raises:
        KeyError: nobody has said which.
    """
    return (LABELS.get(f"{family}.{label}") or LABELS[label])()


def undeclared(page: str) -> Iterator[str]:
    """Yield each label of e-Pass's metrics on a page whose value is in no closed set."""
    known: dict[tuple[str, str], Values] = {}
    for family in text_string_to_metric_families(page):
        if not family.name.startswith("epass_"):
            continue
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label == "le":
                    continue
                if (family.name, label) not in known:
                    known[family.name, label] = values_of(family.name, label)
                values = known[family.name, label]
                matches = values.fullmatch(value) if isinstance(values, re.Pattern) else value in values
                if not matches:
                    yield f'{family.name}{{{label}="{value}"}}'
