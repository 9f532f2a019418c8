"""The gateway alone behind a port, over a table of replies: one request reaches any state of a page."""

import threading
from datetime import date, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import uvicorn
from playwright.sync_api import BrowserContext

from contracts import rpc
from contracts.errors import NotAuthenticated, NotFound
from contracts.ops import Replayed
from contracts.rpc.accounts.gate_devices import GateDeviceList, GateDeviceView
from contracts.rpc.accounts.logins import Colleague, ColleagueList, IssuedLogin, LoginList
from contracts.rpc.accounts.second_factor import (
    Enrolled,
    Enrolment,
    FactorRule,
    OwnFactor,
    RecoveryCodes,
    WaitingSignIn,
)
from contracts.rpc.accounts.sessions import (
    ApplicantSession,
    LogIn,
    OtpAccepted,
    OwnSession,
    OwnSessions,
    StaffSession,
)
from contracts.rpc.application import Checked
from contracts.rpc.approval.capacity import Availability, CapacityView
from contracts.rpc.approval.closures import ClosureList
from contracts.rpc.approval.decisions import DelegationList
from contracts.rpc.approval.directory import DepartmentList, DutyContact, DutyContacts, OfficerList, SiteList
from contracts.rpc.approval.places import VIEW_WAIT
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.approval.watchlist import EntryList, MatchList
from contracts.rpc.call import Nothing
from contracts.rpc.imports import (
    Export,
    ImportedLogin,
    ImportId,
    ImportReport,
    LineChange,
    LineHistory,
    LineId,
    LineList,
    LineView,
)
from contracts.rpc.issuance import StatusList, WholeLink
from contracts.rpc.notify import MessagePreview
from contracts.tokens import STATUS_TYP, SessionClaims, StatusClaims
from services.chassis.runtime.clock import now
from services.gateway.pages.directory.labels import COLUMNS
from services.gateway.pages.directory.lines import KEYS
from tests.support.factories.gateway import (
    ISSUER,
    NUMBER,
    REFERENCE,
    TableClient,
    claims,
    gate_device,
    gateway_app,
    gateway_settings,
    pass_view,
    picture,
    signed,
    staff_claims,
)
from tests.support.factories.pages import (
    ADMIT,
    APPLICATION,
    AUDIT_LOG,
    DECISIONS,
    POLICE,
    PROPOSED,
    REVIEW_ID,
    SCANS,
    TRANSPARENCY,
    affected,
    closure,
    delegation,
    desk_numbers,
    entry,
    login,
    match,
    review,
    session,
)
from tests.support.factories.system_report import LETTERS, report
from tests.support.stack.running import eventually, free_port
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE

INSIDE = rpc.verify.presence.Inside(
    pass_=NUMBER, reference=REFERENCE, name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", inside=2, party=3,
    since=now(), gate="PCS1-G1",
    department="home", valid_to=now(),
)  # fmt: skip
SUMMARY = rpc.application.HistoryLine(
    **APPLICATION.model_dump(include=set(rpc.application.ApplicationSummary.model_fields)),
    name=APPLICATION.applicant.name,
    slot=APPLICATION.preferred[0],
)
ENROLMENT = Enrolment(
    login_id="HOM-0001", secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    address="otpauth://totp/epass:HOM-0001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=epass",
)  # fmt: skip
RECOVERY_CODES = tuple(f"k7fm-w3pa-xq{number}t" for number in range(10))
OTHER_SITE = SITE.model_copy(update={"code": "PCS2"})
AT_BOTH = POLICE.model_copy(update={"sites": ("PCS1", "PCS2")})
LINES: dict[str, dict[str, str]] = {
    "sites": {**dict.fromkeys(COLUMNS["sites"], ""), "code": "PCS1", "name_en": "Punjab Civil Secretariat-1",
    "name_pa": "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1", "name_hi": "पंजाब सिविल सचिवालय-1", "address_en": "Sector 1, Chandigarh",
    "address_pa": "ਸੈਕਟਰ 1, ਚੰਡੀਗੜ੍ਹ", "address_hi": "सेक्टर 1, चंडीगढ़", "photograph": "1"},
    "gates": {"site": "PCS1", "code": "PCS1-G1", "name_en": "Gate 1 (main)", "name_pa": "ਗੇਟ 1 (ਮੁੱਖ)",
    "name_hi": "गेट 1 (मुख्य)"},
    "hours": {"site": "PCS1", "valid_from": "2099-01-01", **dict.fromkeys(COLUMNS["hours"][2:7],
    "09:00-13:00 14:00-17:00"), "saturday": "10:00-13:00", "sunday": ""},
    "departments": {"code": "home", "name_en": "Home", "name_pa": "ਗ੍ਰਹਿ", "name_hi": "गृह", "sites": "PCS1",
    "closed": ""},
    "officers": {"department": "home", "code": "baldev", "name_en": "Baldev Singh", "name_pa": "ਬਲਦੇਵ ਸਿੰਘ",
    "name_hi": "बलदेव सिंह", "designation_en": "Superintendent", "designation_pa": "ਸੁਪਰਡੈਂਟ",
    "designation_hi": "अधीक्षक", "room": "4-31", "closed": ""},
    "holidays": {"site": "PCS1", "day": "2099-01-26", "reason": "Republic Day", "reason_pa": "ਗਣਤੰਤਰ ਦਿਵਸ",
    "reason_hi": "गणतंत्र दिवस"},
    "escalation": {"department": "home", "stand_in": "240", "head": "120", "reception": "60",
    "walk_in": "10"},
}  # fmt: skip


HOURS_NOW = LINES["hours"] | {"valid_from": "2025-01-01", "saturday": ""}


def log_in(asked: LogIn) -> StaffSession:
    """Open a session, but for a login that needs a second factor."""
    if asked.login_id in {"SEC-CODE", "SEC-APP"}:
        code = "second_factor_required" if asked.login_id == "SEC-CODE" else "second_factor_missing"
        raise NotAuthenticated(code=code, sign_in="c2lnbi1pbg")
    return session()


def directory_lines(request: Export) -> LineList:
    """Return the one line of a table; of hours also those that hold now."""
    if request.table == "hours":
        weeks = (HOURS_NOW, LINES["hours"])
        return LineList(items=tuple(LineView(cells=cells, digest="d" * 64) for cells in weeks))
    return LineList(items=(LineView(cells=LINES[request.table], digest="d" * 64),))


def directory_line(request: LineId) -> LineView:
    """Return a line of a table by its key."""
    lines = directory_lines(Export(table=request.table)).items
    found = (one for one in lines if tuple(one.cells[name] for name in KEYS[request.table]) == request.key)
    line = next(found, None)
    if line is None:
        raise NotFound
    return line


DUTY_CONTACTS = DutyContacts(
    contacts=(DutyContact(officer="baldev", mobile="+919876543210", email="duty@example.org"),),
    language="hi",
    revision="r",
    set_by="ADO-0002",
    set_at=now(),
)
GATE_DEVICES = tuple(
    GateDeviceView.model_validate(
        {
            "device": f"GAT-000{number}", "name": name, "site": "PCS1", "gate": gate, "issued_at": now(),
            "issued_by": "ADO-0001", **given,
        }
    )
    for number, name, gate, given in (
        (1, "North tablet", "PCS1-G1", {
            "state": "enrolled", "enrolled_by": "SEC-0001", "enrolled_at": now(), "reported_at": now(),
            "version": "0.12.0", "list_at": now(),
        }),
        (2, "Phone of the shift", "PCS1-G2", {
            "state": "enrolled", "enrolled_by": "SEC-0002", "enrolled_at": now(), "unsent": 14,
            "reported_at": now() - timedelta(days=2), "version": "0.11.0",
            "list_at": now() - timedelta(days=2), "worries": ("silent", "unsent"),
        }),
        (3, "Spare", "PCS1-G2", {"state": "waiting"}),
        (4, "Lost in May", "PCS1-G1", {"state": "revoked"}),
    )
)  # fmt: skip
REVOKED = StatusClaims(iss=ISSUER, iat=int(now().timestamp()), exp=2**40, seq=1, revoked=())
OF_STANDING = {
    f"approval__{name}": getattr(rpc.approval.standing, name.upper()).reply_example
    for name in ("list_standing", "settle_standing")
}
ANSWERS: dict[str, Any] = {
    "issuance__status_list": StatusList(jws=signed(REVOKED.model_dump(), typ=STATUS_TYP), seq=1, digest=""),
    "approval__sites": SiteList(items=(SITE.model_copy(update={"photograph": True}), OTHER_SITE)),
    "approval__departments": DepartmentList(items=(HOME, AT_BOTH)),
    "approval__officers": OfficerList(items=(BALDEV,)),
    "approval__transparency": TRANSPARENCY, "approval__site_texts": rpc.approval.site_texts.SiteTexts(),
    "approval__numbers": desk_numbers(), "approval__emblem": rpc.approval.site_texts.Emblem(),
    "application__view_breach": rpc.breaches.VIEW_BREACH.reply_example,
    "approval__list_closures": ClosureList(items=(closure(), closure(lifted_at=now(), lifted_by="HOM-0001",
    reason="officer_away"), closure(day=date(2026, 1, 2), told=0, reason="other")), next="on"),
    "approval__affected": affected(), "approval__close_day": closure(told=0, waiting=17),
    "approval__view_closure": closure(told=38, waiting=2), "approval__lift_closure": closure(),
    "notify__preview_closure": MessagePreview(text="ਵਿਭਾਗ (Home) 01-12-2026"),
    "approval__availability": Availability(limited=False),
    "approval__capacity": CapacityView(department="home"),
    "approval__list_reviews": ReviewList(items=(review(),), next="on"),
    "approval__search_reviews": ReviewList(items=()), "approval__view_review": review(),
    "approval__list_visits": rpc.approval.visits.VisitList(items=(), counts={"here": 3, "called": 1}),
    "approval__visit_by_link": rpc.approval.visits.VISIT_BY_LINK.reply_example,
    "approval__list_delegations": DelegationList(items=(delegation(), delegation(id=uuid4(), stand_in="x",
    starts=now() + timedelta(days=3), ends=now() + timedelta(days=5)),
    delegation(id=uuid4(), ended_at=now(), ended_by="HOM-0001"))),
    "accounts__colleagues": ColleagueList(items=(Colleague(login_id="HOM-0001", name="Harjit Singh"),
    Colleague(login_id="HOM-0002", name="Simran Kaur", assistant_of="baldev"))),
    "accounts__list_logins": LoginList(items=(login("ADO-0001", role="ado", department=None),
    login("HOM-0001", valid_until=date(2027, 3, 31)),
    login("HOM-0003", disabled=True, state="disabled")), next="on",
    counts={"active": 41, "never_used": 3, "expired": 2, "disabled": 7}),
    "accounts__check_login_file": ImportReport(import_id=REVIEW_ID, added=2, applied_at=now(), logins=(
        ImportedLogin(login_id="HOM-0002", name="Gurpreet Kaur", initial_password="k7fm-w3pa-xq9t"),
        ImportedLogin(login_id="HOM-0003", name="ਹਰਜੀਤ ਸਿੰਘ", initial_password="amrk-w3pa-xq9t"))),
    "accounts__send_login_file": ImportId(import_id=REVIEW_ID),
    "approval__send_directory_file": ImportId(import_id=REVIEW_ID),
    "approval__check_directory_file": ImportReport(import_id=REVIEW_ID, added=12, changed=3, unchanged=140),
    "approval__list_lines": directory_lines,
    "approval__view_line": directory_line,
    "approval__duty_contacts": DUTY_CONTACTS, "approval__put_duty_contacts": DUTY_CONTACTS,
    "approval__line_history": LineHistory(items=(LineChange(
        changed_at=now(), changed_by="ADO-0002", before={"room": "4-18"}, after={"room": "4-31"}),)),
    "approval__answer_visit": Nothing(), "approval__end_visit": Nothing(), **OF_STANDING,
    **dict.fromkeys(("approval__view_wait", "approval__answer_offer"), VIEW_WAIT.reply_example),
    "approval__list_called": rpc.approval.visits.CalledList(items=()), "approval__answer_by_link": Nothing(),
    "approval__put_line": LineView(cells={}, digest=""), "approval__remove_line": Nothing(),
    "accounts__view_login": login(
        "HOM-0001", second_factor_since=now(), last_used_at=now(), sessions=2, valid_until=date(2027, 3, 31)),
    "accounts__issue_login": IssuedLogin(login_id="HOM-0002", initial_password="amber-canal-seven-lantern"),
    "accounts__reset_login": IssuedLogin(login_id="HOM-0002", initial_password="amber-canal-seven-lantern"),
    "accounts__request_otp": OtpAccepted(request_id="0195f3a2-0000-4000-8000-000000000000"),
    "accounts__verify_otp": ApplicantSession(access_token=signed(claims("applicant")), expires_at=now()),
    "accounts__own_factor": OwnFactor(enrolled_at=now(), recovery_codes=9, required=True),
    "accounts__report_gate_device": Nothing(),
    "accounts__gate_devices": GateDeviceList(items=GATE_DEVICES),
    "accounts__start_enrolment": WaitingSignIn(sign_in="c2lnbi1pbg=="),
    "accounts__confirm_factor": session(), "accounts__reset_factor": login("HOM-0001"),
    "accounts__renew_recovery_codes": RecoveryCodes(recovery_codes=RECOVERY_CODES),
    "accounts__factor_rule": FactorRule(roles=("ado",), changed_by="ADO-0001", changed_at=now()),
    "accounts__set_factor_rule": FactorRule(roles=("ado", "ops")),
    "accounts__login_places": rpc.accounts.logins.LoginPlaces(items=()),
    "accounts__look_budgets": rpc.accounts.look_budgets.LookBudgets(),
    "accounts__enter_code": session(), "accounts__show_enrolment": ENROLMENT,
    "accounts__enrol_factor": Enrolled(session=session(), recovery_codes=RECOVERY_CODES),
    "accounts__log_in": log_in, "accounts__own_sessions": OwnSessions(items=(
        OwnSession(sid=uuid4(), opened_at=now(), last_used_at=now(), second_factor=True, is_this=True),
        OwnSession(sid=uuid4(), opened_at=now() - timedelta(hours=3)),
    ), most=3),
    "application__check": Checked(name_latin="Gurpreet Kaur"), "application__view": APPLICATION,
    "application__photograph": NotFound(), "application__lookup": rpc.application.LookupHits(items=()),
    "application__waiting_here": rpc.application.LookupHits(items=()), "issuance__view": pass_view(),
    "issuance__qr": picture(), "application__view_notice": NotFound(),
    "issuance__whole_link": WholeLink(code="aB3dE5fG7hJ9kL1mN2pQ4r"),
    "application__number_to_prove": rpc.application.NumberToProve(mobile="+919876543210"),
    "application__invite": rpc.application.Invited(references=(REFERENCE, "PCS-0000-0000")),
    "application__submit": rpc.application.Acknowledged(reference=REFERENCE, status="submitted"),
    "application__list_applications": rpc.application.ApplicationList(items=(SUMMARY,), next="on"),
    "application__say_met_here": rpc.application.Acknowledged(reference=REFERENCE, status="left"),
    "application__status": rpc.application.StatusView(
        reference=REFERENCE, status="submitted", site="PCS1", department="home",
        timeline=(rpc.application.TimelineEntry(at=now(), what="submitted"),)
    ),
    "approval__watchlist": EntryList(items=(entry(**PROPOSED), entry()), next="on",
        counts={"proposed": 1, "active": 12, "ended": 3}),
    "approval__view_entry": entry(), "approval__propose_entry": entry(**PROPOSED),
    "approval__confirm_entry": entry(), "approval__end_entry": entry(state="ended"),
    "approval__matches": MatchList(items=(match(), match(kind="possible"))),
    "approval__view_match": match(), "approval__settle_match": match(settled_as="dismissed"),
    "verify__scan": ADMIT, "verify__inside": rpc.verify.presence.InsideList(items=(INSIDE,), persons=2),
    "verify__supervisors": rpc.verify.supervisors.SupervisorList(),
    "verify__incidents": rpc.verify.incidents.IncidentList(),
    "verify__help_calls": rpc.verify.incidents.HelpCalls(),
    "verify__own_pin": rpc.verify.supervisors.OwnPin(is_supervisor=True),
    "notify__local_phone": rpc.notify.PhoneMessages(items=()),
    "approval__decisions": DECISIONS, "verify__scan_history": SCANS,
    **{name.replace(".", "__"): answer for name, answer in AUDIT_LOG.items()},
    "ops__report": report(), "ops__letterlist": LETTERS, "ops__replayed": Replayed(outcome="replayed"),
}  # fmt: skip


def _claims_of(who: str) -> SessionClaims:
    if who == "applicant":
        return claims("applicant")
    return staff_claims(who, **({"site": "PCS1"} if who == "kiosk" else {}))


class PagesAlone:
    """A gateway in a thread of this process.

    ``answers`` may be changed while it runs; :meth:`reset` brings the usual ones back.
    """

    def __init__(self, lock_minutes: int = 0) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"rate_limits": False, "gate_lock_minutes": lock_minutes, "standing_passes": 9}
        settings = gateway_settings(public_url=self.url, **given)
        self._client = TableClient()
        self._usual = {
            **self._client.answers,
            **{name.replace("__", "."): answer for name, answer in ANSWERS.items()},
        }
        self.reset()
        config = uvicorn.Config(
            gateway_app(settings, self._client), host="127.0.0.1", port=self.port, log_config=None
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def answers(self) -> dict[str, Any]:
        """Return the replies: ``service.method`` → what a call gets."""
        return self._client.answers

    def reset(self) -> None:
        self._client.answers = dict(self._usual)

    def sign_in(self, context: BrowserContext, who: str | None, seconds: int = 600) -> None:
        """Sign in as an applicant, as staff of a role, or as nobody, for so many seconds.

        ``who`` may also be a kiosk with or without a visitor, or a visitor with an operator.
        """
        context.clear_cookies()
        cookies = {"kiosk": {"kiosk": "kiosk"},
        "visitor at a kiosk": {"kiosk": "kiosk", "session": "applicant"},
                   "assisted": {"operator": "assisted"},
                   "helped": {"operator": "assisted", "session": "applicant"}}  # fmt: skip
        if who == "visitor at a kiosk":
            self.sign_in(context, "kiosk")
            self.begin_visit(context)
        for name, whose in cookies.get(who, {"session": who}).items() if who else ():
            known = _claims_of(whose)
            session = signed(known.model_copy(update={"exp": known.iat + seconds}))
            context.add_cookies([{"name": name, "value": session, "url": self.url}])
        if who == "security":
            context.add_cookies([{"name": "gate_device", "value": gate_device(), "url": self.url}])

    def begin_visit(self, context: BrowserContext) -> None:
        """Begin a visit at a kiosk, as the start page does."""
        context.request.post(f"{self.url}/en/kiosk", headers=SAME_SITE, max_redirects=0)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started, "the gateway serves")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(20)
