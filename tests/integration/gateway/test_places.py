"""Every route × site × department of the JSON interface, for each role that the route admits.

Whom it does not admit, `tests/unit/gateway/access/test_role_matrix.py` tries. Here the gateway runs in this
process with the services' entrypoints and their databases; only the broker is not there. Whoever is refused
gets 401, 403 or 404, or a list without the row; any other answer, a conflict too, means that the caller came
through.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any, Literal
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import update

from contracts.model import IST, Role
from contracts.rpc.accounts.sessions import ApplicantSession
from contracts.rpc.application import Acknowledged, NewMobileAtCounter, SubmitAtCounter
from contracts.rpc.approval.closures import CloseDay
from contracts.rpc.approval.decisions import Delegate
from contracts.rpc.call import Call, Method, Nothing, Principal
from contracts.rpc.verify.scans import ScanPass
from epass_client import calls
from epass_client.call import Call as HttpCall
from services.application.models import ApplicationRow
from services.application.service import Service as ApplicationService
from services.application.settings import ApplicationSettings
from services.approval.models.reviews import ReviewRow
from services.approval.models.visits import VisitRow
from services.approval.service import Service as ApprovalService
from services.approval.settings import ApprovalSettings
from services.chassis.runtime.clock import now
from services.gateway.access.callers import access_of
from services.notify.handlers.event_handlers import handle_pass_issued
from services.notify.models import MessageRow
from services.notify.service import Service as NotifyService
from services.notify.settings import NotifySettings
from services.verify.service import Service as VerifyService
from tests.support.factories import application, approval, issuance, notify, verify
from tests.support.factories.gateway import (
    EVENT_KEYS,
    TableClient,
    bearer,
    browser,
    claims,
    gate_device,
    gateway_app,
    gateway_settings,
    signed,
)
from tests.support.stack.databases import execute
from tests.support.stack.settings import make_settings

Site = Literal["own", "other", "all"]
Department = Literal["own", "other"]
Cell = tuple[Role, Site, Department]
"""A role, and whether its login is of the site and the department of the row, or of no site (``all``)."""
SITES: tuple[Site, ...] = ("own", "other", "all")
DEPARTMENTS: tuple[Department, ...] = ("own", "other")
PLACES = {"application": "S1", "approval": "T1", "issuance": "PCS1", "verify": "PCS1", "notify": "PCS1"}
"""The site of the rows of each service; their department is ``home``."""
BOUND_TO_A_PLACE: frozenset[Role] = frozenset({"department", "reception", "security"})
NOBODY = Principal()
HOLDER = claims("applicant", sub="applicant:new", mobile="+919811122233")
"""Who has typed the code that came to a new number."""
REFUSALS = frozenset({401, 403, 404})
WITHOUT_A_ROW = {
    "list_watchlist", "propose_watchlist_entry", "view_watchlist_entry", "confirm_watchlist_entry",
    "end_watchlist_entry", "list_watchlist_matches", "view_watchlist_match", "settle_watchlist_match",
    "log_out", "change_password", "view_numbers",
    "view_own_factor", "start_enrolment", "confirm_factor", "renew_recovery_codes",
    "view_gate_session", "stream_news", "enrol_gate_device", "report_gate_device",
}  # fmt: skip
"""Operations of which no row has a place: the watchlist holds for all sites; a login has its own session,
password and second factor, and reads the numbers of its own department. A stream does not end by itself; its
site is tried in ``tests/unit/gateway/access/test_gate_access.py``."""


class Local(TableClient):
    """Calls the entrypoints of services in this process, on their databases."""

    def __init__(self, **services: Any) -> None:
        session = ApplicantSession(access_token=signed(HOLDER), expires_at=now() + timedelta(hours=1))
        super().__init__(
            notify__record_print=Nothing(),
            notify__resend=Nothing(),
            accounts__verify_otp=session,
            accounts__log_out=Nothing(),
        )
        self.services = services

    async def call(  # type: ignore[override]
        self, method: Method[Any, Any], request: Any, *, principal: Principal = NOBODY, **more: Any
    ) -> Any:
        if method.service not in self.services or method.name in ("record_print", "resend"):
            return await super().call(method, request, principal=principal, **more)
        call = Call(
            principal=principal,
            deadline=now() + timedelta(minutes=1),
            idempotency_key=more.get("idempotency_key"),
            problems=more.get("problems", ()),
        )
        return method.reply.model_validate(getattr(self.services[method.service], method.name)(request, call))


@dataclass(frozen=True)
class Try:
    """A route with a row of a place, and who may have it.

    Args:
        service: that owns the row.
        call: makes the request; each time a new one.
        admits: the cells that it lets through.
        shows: what the answer to them has: a list is answered to everybody of the role.
        refusals: statuses of a refusal.
    """

    service: str
    call: Callable[[], HttpCall[Any]]
    admits: frozenset[Cell]
    shows: str = ""
    refusals: frozenset[int] = REFUSALS


def of(role: Role, *sites: Site, departments: tuple[Department, ...] = DEPARTMENTS) -> frozenset[Cell]:
    return frozenset(product((role,), sites, departments))


RECEPTION = of("reception", "own", "all")
SECURITY = of("security", "own")
OWN_REVIEWS = of("department", "own", "all", departments=("own",))
WHOLE_DEPARTMENT = of("department", "all", departments=("own",))
ADO, AUDITOR = of("ado", *SITES), of("auditor", *SITES)
ANY_OF_THE_DEPARTMENT = of("department", *SITES, departments=("own",))


@pytest.fixture
def local(databases) -> Local:
    """Return the services, with a directory of each."""
    approval.fill_directory(databases["approval"])
    services: dict[str, Any] = {
        "application": ApplicationService(), "approval": ApprovalService(), "verify": VerifyService(),
        "notify": NotifyService(),
        "issuance": issuance.service_on(databases["issuance"]),
    }  # fmt: skip
    settings = {
        "application": make_settings(ApplicationSettings, event_keys=EVENT_KEYS),
        "notify": make_settings(NotifySettings), "approval": make_settings(ApprovalSettings),
        "verify": verify.SETTINGS, "issuance": issuance.SETTINGS,
    }  # fmt: skip
    for name, service in services.items():
        service.db, service.settings = databases[name], settings[name]
    return Local(**services)


@pytest.fixture
def tries(databases, local: Local) -> dict[str, Try]:
    """Return a try of each route that has to do with a place, by its operation, with rows for it."""
    desk = application.Desk(databases["application"]).open_directory()
    waiting = desk.submit_at_counter(application.counter_form()).reference
    execute(desk.database, update(ApplicationRow).values(submitted_at=now(), preferred_until=now()))
    review, sent = _review(databases["approval"])
    _came(databases["approval"], review)
    tomorrow = (now() + timedelta(days=1)).astimezone(IST).date()
    number = issuance.issue(databases["issuance"], issuance.approved(slot=issuance.tomorrow())).number
    gate = verify.Gate(databases["verify"])
    inside = gate.issue()
    gate.enter(inside)
    undelivered = _undelivered(databases["notify"])
    delegation, closure = _delegation(local, tomorrow), _closure(local, tomorrow)
    slot = approval.slot()

    def at_the_counter() -> HttpCall[Acknowledged]:
        return calls.submit_at_counter(SubmitAtCounter(**application.body(), mobile=None))

    def to_another_number() -> HttpCall[Acknowledged]:
        code = NewMobileAtCounter(request_id=uuid4(), code="482917", id_last4="4821")
        return calls.change_mobile_at_counter(waiting, **dict(code))

    def scan() -> HttpCall[Any]:
        facts = {"pass_number": inside.pass_number, "gate": "PCS1-G1", "nonce": uuid4().hex}
        return calls.scan_pass(ScanPass(**facts))

    def sync() -> HttpCall[Any]:
        return calls.sync_scans("PCS1-G1", ({"nonce": uuid4().hex},))

    review_tries = {
        "view_review": lambda: calls.view_review(review),
        "forward_review": lambda: calls.forward_review(review, officer="home-secretary"),
        "return_review": lambda: calls.return_review(review, "a note"),
        "reject_review": lambda: calls.reject_review(review, "duplicate"),
        "approve_review": lambda: calls.approve_review(review, slot),
        "undo_decision": lambda: calls.undo_decision(review),
        "settle_correction": lambda: calls.settle_correction(review, number=1, confirm=True),
        "withdraw_approval": lambda: calls.withdraw_approval(review, "security"),
        "answer_visit": lambda: calls.answer_visit(review, "come_up"),
        "end_visit": lambda: calls.end_visit(review, "met"),
    }
    return {
        "scan_pass": Try("verify", scan, SECURITY),
        "list_inside": Try("verify", lambda: calls.list_inside("PCS1"), SECURITY, inside.pass_number),
        "view_manifest": Try("verify", lambda: calls.view_manifest("PCS1-G1"), SECURITY, inside.pass_number),
        "call_help": Try("verify", lambda: calls.call_help("PCS1-G1", "visitor"), SECURITY),
        "sync_scans": Try("verify", sync, SECURITY),
        "view_pass": Try("issuance", lambda: calls.view_pass(number), RECEPTION),
        "view_qr_svg": Try("issuance", lambda: calls.view_qr_svg(number), RECEPTION),
        "view_qr_png": Try("issuance", lambda: calls.view_qr_png(number), RECEPTION),
        "print_pass": Try("issuance", lambda: calls.print_pass(number), RECEPTION),
        "reissue_pass": Try("issuance", lambda: calls.reissue_pass(number), RECEPTION),
        "submit_at_counter": Try("application", at_the_counter, of("reception", "own")),
        "list_waiting_here": Try("application", calls.list_waiting_here, RECEPTION, waiting),
        "change_mobile_at_counter": Try("application", to_another_number, RECEPTION),
        "list_undelivered": Try("notify", calls.list_undelivered, RECEPTION, undelivered.reference),
        "look_up_at_counter": Try(
            "application", lambda: calls.look_up_at_counter("Gurpreet"), RECEPTION, waiting
        ),
        "invite_visitors": Try(
            "application",
            lambda: calls.invite_visitors(application.invitation()),
            of("department", "own", "all"),
        ),
        "list_reviews": Try("approval", calls.list_reviews, OWN_REVIEWS, sent),
        "list_visits": Try("approval", lambda: calls.list_visits(part="called"), OWN_REVIEWS, sent),
        "list_called": Try("approval", calls.list_called, RECEPTION, sent),
        "search_reviews": Try("approval", lambda: calls.search_reviews(sent), OWN_REVIEWS, sent),
        **{name: Try("approval", call, OWN_REVIEWS) for name, call in review_tries.items()},
        "view_capacity": Try("approval", calls.view_capacity, ANY_OF_THE_DEPARTMENT, "home"),
        "set_capacity": Try("approval", lambda: calls.set_capacity(None), of("department", "all")),
        "list_delegations": Try("approval", calls.list_delegations, ANY_OF_THE_DEPARTMENT, delegation),
        "delegate": Try(
            "approval",
            lambda: calls.delegate(_to_delegate(tomorrow)),
            WHOLE_DEPARTMENT,
            refusals=REFUSALS | {422},
        ),
        "end_delegation": Try("approval", lambda: calls.end_delegation(delegation), WHOLE_DEPARTMENT),
        "list_closures": Try("approval", calls.list_closures, ANY_OF_THE_DEPARTMENT | ADO | AUDITOR, closure),
        "view_closure": Try(
            "approval", lambda: calls.view_closure(closure), ANY_OF_THE_DEPARTMENT | ADO | AUDITOR
        ),
        "list_affected": Try(
            "approval", lambda: calls.list_affected(tomorrow, department="home"), WHOLE_DEPARTMENT | ADO
        ),
        "close_day": Try("approval", lambda: calls.close_day(_to_close(tomorrow)), WHOLE_DEPARTMENT | ADO),
        "lift_closure": Try("approval", lambda: calls.lift_closure(closure), WHOLE_DEPARTMENT | ADO),
    }


def _review(database: Any) -> tuple[Any, str]:
    """Return a review that is pending, and its reference."""
    event = approval.submitted()
    approval.deliver(database, event)
    return approval.review_id_of(database, event.application_id), event.reference


def _came(database: Any, review_id: Any) -> None:
    """Store that the visitor of a review is inside today."""
    with database.transaction() as session:
        row = session.get_one(ReviewRow, review_id)
        where = {"site": row.site, "department": row.department, "gate": "T1-G1"}
        today = now().astimezone(IST).date()
        said = {"answer": "come_up", "answered_at": now(), "answered_by": "HOM-0001"}
        session.add(
            VisitRow(review_id=row.id, day=today, **where, arrived_at=now(), entered_at=now(), **said)
        )


def _undelivered(database: Any) -> notify.Visit:
    """Return a visit whose pass no message has brought."""
    visit = notify.Visit()
    with database.transaction() as session:
        event = notify.received(visit.issued())
        handle_pass_issued(event, session, now(), notify.PUBLIC_URL)
    execute(database, update(MessageRow).values(state="failed", undelivered_at=now()))
    return visit


def _to_delegate(day: date) -> Delegate:
    return Delegate(officer="home-secretary", login="HOM-0002", first_day=day, last_day=day)


def _to_close(day: date) -> CloseDay:
    return CloseDay(day=day, reason="officer_away", department="home")


def _made(answer: Any) -> Any:
    return answer["id"]


def _delegation(local: Local, day: date) -> Any:
    call = approval.by(approval.desk(), "delegate")
    return _made(local.services["approval"].delegate(_to_delegate(day), call))


def _closure(local: Local, day: date) -> Any:
    call = approval.by(approval.desk(), "close")
    return _made(local.services["approval"].close_day(_to_close(day), call))


def operations(app: FastAPI) -> Iterator[tuple[str, tuple[Role, ...]]]:
    """Yield the operations of the JSON interface that logins of a place may call, each with its roles."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/api"):
            declared = access_of(route)
            if declared is not None and BOUND_TO_A_PLACE & {*declared.roles}:
                yield route.name, declared.roles


def session_of(cell: Cell, place: str) -> dict[str, str]:
    role, site, department = cell
    sites = {"own": place, "other": "S9", "all": None}
    scope = {"site": sites[site], "department": "home" if department == "own" else "finance", "gate": None}
    device = gate_device(scope["site"] and f"{scope['site']}-G1")
    headers = bearer(signed(claims(sub=f"{role[:3].upper()}-0001", role=role, **scope)))
    return headers | ({"Cookie": f"gate_device={device}"} if role == "security" else {})


async def test_every_cell_of_role_route_site_and_department(local: Local, tries: dict[str, Try]) -> None:
    app = gateway_app(gateway_settings(rate_limits=False), local)
    admitted = dict(operations(app))
    assert admitted.keys() - tries.keys() - WITHOUT_A_ROW == set(), "add it to `tries` or `WITHOUT_A_ROW`"
    assert (tries.keys() | WITHOUT_A_ROW) - admitted.keys() == set(), "no such operation for them"
    wrong = []
    async with browser(app) as http:
        for name, one in tries.items():
            cells = product(admitted[name], SITES, DEPARTMENTS)
            for cell in sorted(cells, key=lambda cell: (cell in one.admits, cell)):
                request = one.call()
                headers = session_of(cell, PLACES[one.service])
                if request.body is not None:
                    headers["Content-Type"] = "application/json"
                answer = await http.request(
                    request.method, request.path, params=request.query, content=request.body, headers=headers
                )
                assert answer.status_code < 500, (name, cell)
                refused = answer.status_code in one.refusals or one.shows not in answer.text
                if refused == (cell in one.admits):
                    wrong.append((name, cell, answer.status_code))
    assert wrong == []
