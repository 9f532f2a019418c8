"""Every page in every state: who sees it, what was sent before, and how the services reply."""

import os
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from uuid import UUID

from contracts.capacity import Capacity, VisitingDay
from contracts.errors import (
    Conflict,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    TooManyAttempts,
    Unavailable,
)
from contracts.model import IST
from contracts.ops import ChannelView
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.accounts.second_factor import OwnFactor
from contracts.rpc.application import (
    NOT_OPENED,
    ApplicationList,
    Checked,
    LookupHits,
    PassSummary,
)
from contracts.rpc.approval.capacity import Availability, CapacityView, DayAvailability, WindowAvailability
from contracts.rpc.approval.closures import ClosedDate, ClosureList
from contracts.rpc.approval.decisions import DelegationList
from contracts.rpc.approval.directory import DepartmentList, OfficerList
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.approval.watchlist import EntryList, MatchList
from contracts.rpc.notify import MessagePreview
from contracts.rpc.verify.scans import ScanResult
from contracts.visiting_rules import ClosedWish
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.site_text import PAGES
from tests.e2e.correction_states import corrections
from tests.e2e.directory_states import contacts, files, lines, texts
from tests.e2e.gate_states import kiosk, plates, supervised, undelivered, without_supervisors
from tests.e2e.own_data_states import of_companions, of_consents, of_notices, of_own_data
from tests.e2e.page_samples import (
    APPROVED,
    AUDIT,
    CHECKED,
    COMPANION,
    DEAD,
    FULL_QUEUE,
    HALF_APPROVED,
    HAS_APP,
    HIT,
    INVITATION,
    ISSUED,
    LOG,
    MATCHED,
    MESSAGE,
    NO_APP,
    NO_DECISIONS,
    NOTHING_RECORDED,
    OFTEN_HERE,
    OPEN_PAGE,
    OTHER_LAST4,
    OWN,
    PERIOD,
    PHOTOGRAPH,
    REVIEW,
    TRACED,
    WALK_IN,
    WATCHED,
    WAY,
    WITH_MOBILE,
    WITHOUT_CARD,
    WRONG_LOGIN,
    State,
)
from tests.e2e.place_states import of_places
from tests.e2e.privacy_states import of_data_officer
from tests.e2e.request_states import requests
from tests.e2e.standing_states import of_standing
from tests.e2e.visit_states import of_visits
from tests.support.factories.gateway import NUMBER, REFERENCE, pass_view
from tests.support.factories.pages import (
    ADMIT,
    APPLICATION,
    DECIDED,
    FIRST,
    PROPOSED,
    REVIEW_ID,
    affected,
    closure,
    desk_numbers,
    entry,
    login,
    match,
    review,
)
from tests.support.factories.system_report import LETTER, TROUBLE, UNKNOWN, known
from tests.support.system.page_reader import BALDEV, HOME, PERSON, VISIT


def questions() -> Iterator[State]:
    """Yield each question as it is shown, and with nothing answered."""
    for number, (path, _) in enumerate(WAY):
        yield State("applicant", path, before=WAY[:number])
    for number, (path, _) in enumerate(WAY):
        yield State("applicant", path, {}, before=WAY[:number], status=422)
    first_visit = {"application.list_applications": ApplicationList(items=())}
    yield State("applicant", "/apply/who", answers=first_visit)
    yield State("applicant", "/apply/name-latin", before=(("/apply/who", PERSON | {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"}),))
    yield State("applicant", "/apply/department", answers=first_visit, before=WAY[:1])
    nobody = {"approval.departments": DepartmentList(items=())}
    yield State("applicant", "/apply/department?q=nobody", answers=nobody, before=WAY[:1])
    found = {"approval.departments": DepartmentList(items=(HOME.model_copy(update={"found": (BALDEV,)}),))}
    yield State("applicant", "/apply/department?q=baldev", answers=found, before=WAY[:1])
    yield State("applicant", "/apply/visit", {"seen": "another"}, before=WAY[:2], status=409)
    yield State("applicant", "/apply/companion", before=WAY[:3])
    yield State("applicant", "/apply/companion", {}, before=WAY[:3], status=422)
    yield State("applicant", "/apply/companions", before=(*WAY[:3], COMPANION))
    yield State("applicant", "/apply/companion?which=0", before=(*WAY[:3], COMPANION))
    yield State("applicant", f"{OWN}/again", {"id_last4": "0000"}, OTHER_LAST4, status=422)
    yield State("applicant", "/apply/check", before=WAY)
    found = Checked(problems=(FieldError(field="applicant.id_last4", code="full_number"),))
    yield State(
        "applicant",
        "/apply/who",
        PERSON | {"id_type": "aadhaar", "id_last4": "1"},
        {"application.check": found},
        status=422,
    )


def places() -> Iterator[State]:
    """Yield the pages with a department's visiting hours, free places and numbers."""
    tomorrow = now().astimezone(IST).date() + timedelta(days=1)
    windows = tuple(
        WindowAvailability(start=time(hour), end=time(hour + 1), places=20, free=free)
        for hour, free in ((10, 7), (11, 0), (12, 20))
    )
    full = tuple(one.model_copy(update={"free": 0}) for one in windows)
    days = (
        DayAvailability(day=tomorrow, windows=full),
        DayAvailability(day=tomorrow + timedelta(days=1), windows=windows),
        DayAvailability(day=date(2026, 12, 1), windows=windows),
    )
    hours = Capacity(
        days=tuple(
            VisitingDay(weekday=day, opens=time(10), closes=time(13), places=20) for day in (0, 1, 3, 4)
        ),
        closed=(date(2036, 8, 15),),
    )
    limited = {
        "approval.capacity": CapacityView(department="home", capacity=hours, set_by="HOM-0002", set_at=now()),
        "approval.availability": Availability(limited=True, days=days),
    }
    yield State(None, "/breaches/2026-1")
    yield State(None, "/transparency")
    yield State(None, "/transparency?month=2026-10")
    yield State("department", "/desk/numbers")
    yield State("department", "/desk/numbers", answers={"approval.numbers": desk_numbers(0, 0)})
    yield State("department", "/desk/capacity")
    yield State("department", "/desk/capacity?notice=saved", answers=limited)
    wrong = {"limited": "yes", "window": "60", "from-0": "10:00", "to-0": "09:00", "places-0": "x"}
    yield State("department", "/desk/capacity", wrong, limited, status=422)
    yield State("department", f"{REVIEW}/approve", answers=limited)
    yield State("applicant", "/apply/visit", answers=limited, before=WAY[:2])
    taken = {**VISIT, "date-0": f"{tomorrow}", "half-0": "am"}
    yield State("applicant", "/apply/visit", taken, limited, before=WAY[:2], status=422)
    none = {"approval.availability": Availability(limited=True, days=days[:1])}
    yield State("applicant", "/apply/visit", answers=none, before=WAY[:2])


def several_days() -> Iterator[State]:
    """Yield the pages of a visit on several days."""
    days = (date(2026, 12, 2), date(2026, 12, 4))
    terms = {"further_days": days, "days_reason": "Hearings in three cases"}
    decided = review(status="approved", decision=DECIDED.model_copy(update=terms))
    yield State("department", REVIEW, answers={"approval.view_review": decided})
    half = review(second_officer=True, first_approval=HALF_APPROVED.model_copy(update=terms))
    yield State("department", REVIEW, answers={"approval.view_review": half})
    wanted = {"slot": "2026-12-01 10:00 12:00", "last_day": "2026-12-04", "days_reason": "Hearings"}
    full = Conflict(code="window_full", date="2026-12-02")
    yield State("department", f"{REVIEW}/approve", wanted, {"approval.approve": full}, status=409)
    missing = InvalidInput.of("days_reason", "days_reason_missing")
    yield State("department", f"{REVIEW}/approve", wanted, {"approval.approve": missing}, status=422)
    several = pass_view(further_days=days)
    yield State("reception", f"/counter/passes/{NUMBER}", answers={"issuance.view": several})
    for kind in ("pass", "badge"):
        for paper in ("a6", "receipt"):
            place = f"/counter/passes/{NUMBER}/{kind}/{paper}"
            yield State("reception", place, answers={"issuance.view": several})
    begins = datetime(2026, 12, 1, 9, 30, tzinfo=IST)
    known = PassSummary(
        number=NUMBER, valid_from=begins, valid_to=begins + timedelta(hours=3), further_days=days
    )
    shown = APPLICATION.model_copy(update={"status": "issued", "pass_": known, "further_days": days})
    yield State("applicant", OWN, answers={"application.view": shown})
    lost = {
        "date": date(2026, 12, 1), "closed_day": date(2026, 12, 3), "closure_reason": "officer_away",
        "note": "Back on Friday",
    }  # fmt: skip
    yield State("applicant", OWN, answers={"application.view": shown.model_copy(update=lost)})
    dropped = DECIDED.model_copy(update={**terms, "closed_day": date(2026, 12, 3), "note": "Back on Friday"})
    shortened = review(status="approved", decision=dropped)
    yield State("department", REVIEW, answers={"approval.view_review": shortened})
    at_gate = ADMIT.model_copy(update={"days": (date(2026, 12, 1), *days)})
    yield State("security", "/gate", {"pass": NUMBER}, {"verify.scan": at_gate})
    for verdict in ("already_used", "not_yet_valid", "day_closed", "expired"):
        refused = at_gate.model_copy(update={"verdict": verdict})
        yield State("security", "/gate", {"pass": NUMBER}, {"verify.scan": refused})


def closures() -> Iterator[State]:
    """Yield the pages for closing a day, and those that show a closed day to its visitors and to the desk."""
    day = (now().astimezone(IST) + timedelta(days=3)).date()
    form = {"day": f"{day}", "department": "", "reason": "officer_away", "note": "Back on Monday"}
    place = f"/desk/closures/{REVIEW_ID}"
    yield State("department", "/desk/closures")
    yield State("department", "/desk/closures", answers={"approval.list_closures": ClosureList(items=())})
    yield State("department", "/desk/closures?notice=already_closed")
    yield State("ado", "/desk/closures")
    yield State("auditor", "/desk/closures")
    yield State("auditor", place)
    yield State("department", f"/desk/closures/new?day={day}")
    nobody = affected(approved=0, only_that_day=0, with_other_days=0, items=(), next=None)
    yield State("department", f"/desk/closures/new?day={day}", answers={"approval.affected": nobody})
    kept = {"days": tuple(day + timedelta(days=ahead) for ahead in (-1, 0, 1)), "keeps_pass": True}
    some = affected(day=day, keep_pass=1)
    some = some.model_copy(update={"items": (some.items[0].model_copy(update=kept), some.items[1])})
    yield State("department", f"/desk/closures/new?day={day}", answers={"approval.affected": some})
    yield State("ado", f"/desk/closures/new?day={day}&department=home")
    yield State("department", "/desk/closures/new?day=2020-01-01", status=422)
    yield State("department", "/desk/closures/new", form | {"reason": ""}, status=422)
    yield State("department", "/desk/closures/new", form | {"preview": "yes"})
    unseen = {"notify.preview_closure": Unavailable()}
    yield State("department", "/desk/closures/new", form | {"preview": "yes"}, unseen)
    yield State("department", f"{place}?notice=closed")
    yield State("department", place, answers={"approval.view_closure": closure(note="", reason="security")})
    lifted = closure(lifted_at=now(), lifted_by="HOM-0001", told=0)
    yield State("department", f"{place}?notice=lifted", answers={"approval.view_closure": lifted})
    by_ado = closure(closed_by="ADO-0001", closed_by_role="ado")
    yield State("department", f"{place}?of=ado", answers={"approval.view_closure": by_ado})
    closed = ClosedDate(day=day, reason="officer_away")
    returned = APPLICATION.model_copy(
        update={
            "status": "returned", "closed_day": day, "closure_reason": "officer_away",
            "note": "Back on Monday",
        }
    )  # fmt: skip
    answers = {
        "application.view": returned,
        "approval.availability": Availability(limited=False, closed=(closed,)),
    }
    yield State("applicant", OWN, answers=answers)
    yield State("applicant", f"{OWN}/dates", answers=answers)
    reopened = {
        "application.view": returned.model_copy(
            update={"closure_reason": None, "day_reopened": True, "note": None}
        )
    }
    yield State("applicant", OWN, answers=reopened)
    decided = DECIDED.model_copy(
        update={"status": "returned", "slot": None, "closed_day": day, "day_reopened": True}
    )
    sent_back = review(status="returned", decision=decided)
    yield State("department", REVIEW, answers={"approval.view_review": sent_back})
    wish = ClosedWish(day=FIRST.day, closed_by="site", reason="Gurpurab")
    waiting = APPLICATION.model_copy(update={"status": "submitted", "closed_wishes": (wish,)})
    yield State("applicant", OWN, answers={"application.view": waiting})
    holiday = review(closed=(FIRST.day,), closed_wishes=(wish,))
    yield State("department", REVIEW, answers={"approval.view_review": holiday})
    today = ClosedDate(day=now().astimezone(IST).date(), reason="officer_away")
    shut = ReviewList(items=(holiday,), closed=(today,))
    yield State("department", "/desk", answers={"approval.list_reviews": shut})
    first_closed = review(closed=(FIRST.day,))
    yield State("department", REVIEW, answers={"approval.view_review": first_closed})
    yield State("department", "/desk", answers={"approval.list_reviews": ReviewList(items=(first_closed,))})


def another_mobile() -> Iterator[State]:
    """Yield the pages on which an application gets another mobile number."""
    typed = {"mobile": "98111 22233", "id_last4": "4821", "key": "k"}
    for who, page in (("applicant", f"{OWN}/mobile"), ("reception", f"/counter{OWN}/mobile")):
        sent = ((page, typed),)
        yield State(who, page)
        yield State(who, page, {"mobile": "98", "id_last4": "", "key": "k"}, status=422)
        yield State(who, f"{page}/code", before=sent)
        yield State(who, f"{page}/code", {"code": ""}, before=sent, status=422)
    yield State("applicant", f"{OWN}?notice=mobile_changed")
    yield State("reception", f"/counter{OWN}?notice=mobile_changed")


def counter() -> Iterator[State]:
    """Yield the page of the counter and the pages that follow from it."""
    asked = HIT.model_copy(update={"reception_asked": True})
    waiting = {"application.waiting_here": LookupHits(items=(asked, HIT))}
    yield State("reception", "/counter", answers=waiting)
    yield State("reception", "/counter", answers={"application.waiting_here": Unavailable()})
    yield State("reception", "/counter/calls")
    yield State(
        "reception",
        "/counter/lookup",
        {"q": "Kaur"},
        {"application.lookup": LookupHits(items=(HIT,), is_cut=True)},
    )
    yield State("reception", "/counter/lookup", {"q": "Kaur"}, {"application.lookup": LookupHits(items=())})
    yield State("reception", "/counter/lookup", {"q": "K"}, status=422)
    yield State("reception", "/counter/apply", {"companions": "Harjit\nSimran, child"}, waiting, status=422)
    several = {
        "approval.officers": OfficerList(items=(BALDEV, BALDEV.model_copy(update={"code": "baldev-2"})))
    }
    yield State("reception", "/counter/apply", WALK_IN | {"officer": "baldev"}, several, status=422)
    yield State(
        "reception", "/counter/apply", WALK_IN, {"application.submit_at_counter": Unavailable()}, status=503
    )
    own = f"/counter{OWN}"
    yield State("reception", own)
    yield State("reception", own, answers={"application.photograph": PHOTOGRAPH})
    yield State("reception", own, answers={"application.view": ISSUED})
    yield State(
        "reception",
        f"{own}?notice=late",
        answers={"application.view": ISSUED.model_copy(update={"status": "revoked"})},
    )
    number = f"/counter/passes/{NUMBER}"
    yield State("reception", number)
    yield State(
        "reception", number, answers={"issuance.view": pass_view(state="revoked", replaced_by="ABCDEFGH")}
    )
    yield State("reception", f"{number}/reissue", {}, status=422)
    for kind in ("pass", "badge"):
        for paper in ("a6", "receipt"):
            yield State("reception", f"{number}/{kind}/{paper}")


def operator() -> Iterator[State]:
    """Yield the pages of an operator who applies for others."""
    yield State("assisted", "/assist")
    codes = "/assist/second-factor/recovery-codes"
    yield State("assisted", codes, before=((codes, {}),))
    yield State("assisted", "/sign-in")
    yield State("helped", "/apply/who")
    yield State("helped", "/apply/check", before=WAY)
    yield State("helped", "/apply/done", before=(*WAY, ("/apply/check", None)))


def around() -> Iterator[State]:
    """Yield the pages that every page leads to, and the start pages of staff."""
    yield State(None, "")
    for name in PAGES:
        yield State(None, f"/about/{name}")
    yield State(None, "/site-map")
    yield State(None, "/site-map?q=QR+code")
    yield State(None, "/site-map?q=elephant")
    for who in ("department", "ado", "security", "reception", "ops", "auditor"):
        yield State(who, "/staff")
    yield State(None, "/sign-out", status=405)


STATES = [
    State("auditor", "/audit"), State("auditor", "/audit/most?days=7"),
    State("auditor", PERIOD), State("auditor", PERIOD, answers=NO_DECISIONS),
    State("auditor", "/audit?department=home&first=x&last=2026-11-30", status=422),
    State("auditor", "/audit/search", {"q": "Kaur"}, status=422), State("auditor", AUDIT),
    State("auditor", AUDIT, answers=NO_DECISIONS), State("auditor", f"/audit/passes/{NUMBER}"),
    State("auditor", f"/audit/passes/{NUMBER}", answers={"verify.scan_history": NotFound()}, status=404),
    State("auditor", LOG), State("auditor", LOG, answers=NOTHING_RECORDED),
    State("auditor", LOG, answers=OPEN_PAGE), State("auditor", f"{LOG}&each=true", answers=OPEN_PAGE),
    State("auditor", f"{LOG}&act=approval.smile", status=422),
    State("auditor", "/audit/log", {"who": "Kaur"}, status=422),
    State("ops", "/ops"),
    State("ops", "/ops", answers={"ops.report": TROUBLE.model_copy(update={"channels": known(ChannelView(
    channel="whatsapp", delivered=2, waiting=9, failed=31, repeated=4, reasons=("timeout", "credentials"),
    unknown_opt_outs=1))})}),
    State("ops", "/ops", answers={"ops.report": UNKNOWN}),
    State("ops", "/ops", answers={"ops.report": Unavailable()}), State("department", "/ops", status=403),
    State("ops", "/ops/messages"), State("ops", "/ops/messages", {"q": "Kaur"}, status=422),
    State("ops", MESSAGE, answers={"notify.trace_messages": TRACED}),
    State("ops", MESSAGE, answers={"notify.trace_messages": NotFound()}, status=404),
    State("ops", MESSAGE, status=503),
    State("ops", DEAD), State("ops", f"{DEAD}?notice=gone"), State("ops", f"{DEAD}/{LETTER.id}"),
    State("ops", DEAD, answers={"ops.letterlist": Unavailable()}, status=503),
    State("ops", f"{DEAD}/{LETTER.id}/replay"), State("ops", f"{DEAD}/{UUID(int=1)}", status=404),
    State(None, "/apply"), State(None, "/sign-in"),
    State(None, "/sign-in", {"mobile": ""}, {"accounts.request_otp": InvalidInput()}, status=422),
    State(None, "/sign-in/code", before=(("/sign-in", {"mobile": "9876543210"}),)),
    State(None, "/sign-in/code", {"code": ""}, before=(("/sign-in", {"mobile": "9876543210"}),), status=422),
    State(None, "/about/privacy/print"), *of_notices(),
    State(None, "/cleared"), State(None, "/status"), State(None, f"/s/{REFERENCE}"),
    State(None, "/sign-in/code", before=((f"/s/{REFERENCE}", {"key": "k"}),)),
    State(None, "/status", {"reference": REFERENCE, "mobile_last4": "3210"}),
    State(None, "/status", {"reference": "x"}, {"application.status": NotFound()}, status=422),
    State(None, "/sign-in", {"mobile": "1"}, {"accounts.request_otp": TooManyAttempts(retry_after=90)},
    status=429),
    State(None, "/sign-in", {"mobile": "1"}, {"accounts.request_otp": TooManyAttempts(retry_after=90,
    limit="unproved")}, status=429),
    State(None, "/sign-in", {"mobile": "1"}, {"accounts.request_otp": TooManyAttempts(code="work_required",
    challenge="never", answers=1, bits=32)}, status=429),
    State(None, "/sign-in", {"mobile": "+447911123456"}, {"accounts.request_otp": InvalidInput.of("mobile",
    "country_not_served")}, status=422),
    State(None, "/status", {"reference": "x"}, {"application.status": Unavailable()}, status=503),
    *questions(),
    State("applicant", "/applications"),
    State("applicant", "/applications", answers={"application.list_applications": ApplicationList(items=())}),
    State("applicant", OWN, answers={"application.view": Forbidden(code=NOT_OPENED)}),
    State("applicant", f"{OWN}/open", {"id_last4": "0000"}, OTHER_LAST4, status=422),
    *another_mobile(), *plates(), *undelivered(), *without_supervisors(),
    *of_own_data(), *of_companions(), *of_consents(), *corrections(), *of_visits(),
    *of_places(),
    State("applicant", OWN),
    State("applicant", OWN, answers={"application.view": APPLICATION.model_copy(
        update={"status": "rejected", "reason": "no_appointment", "note": "Come on Monday"})}),
    State("applicant", f"{OWN}/cancel"),
    State("applicant", f"{OWN}/complete", answers={"application.view": APPLICATION.model_copy(
        update={"status": "returned", "note": "Which officer?"})}),
    State("applicant", "/desk", status=403), State("applicant", "/apply/nothing", status=404),
    State(None, "/staff/sign-in"), State(None, "/staff/sign-in", {"login_id": "x", "password": "x"},
    {"accounts.log_in": WRONG_LOGIN}, status=422),
    State(None, "/staff/sign-in/code", before=(HAS_APP,)),
    State(None, "/staff/sign-in/app", before=(NO_APP,)),
    State(None, "/staff/sign-in/code", {"code": "000000"}, {"accounts.enter_code": InvalidInput()},
    before=(HAS_APP,), status=422),
    State(None, "/staff/sign-in/recovery-codes", before=(NO_APP, ("/staff/sign-in/app", {"code": "123456"}))),
    State(None, "/staff/sign-in?notice=ended"),
    State("department", "/staff/second-factor"), State("assisted", "/assist/second-factor"),
    State("department", "/staff/second-factor", answers={"accounts.own_factor": OwnFactor(required=True)}),
    State("department", "/staff/second-factor/recovery-codes", before=(
    ("/staff/second-factor/recovery-codes", {}),)),
    State("ado", "/desk/look-budgets?notice=saved"), State(
    "ado", "/desk/look-budgets", {"ado_warn": "1"}, status=422),
    State("ado", "/desk/second-factor?notice=saved"), State("ado", "/desk/logins/HOM-0001/reset-factor"),
    State("ado", "/desk/logins/HOM-0001?notice=factor-reset"),
    State("ado", "/desk/logins/HOM-0001?notice=mobile-set"), State("ado", "/desk/logins/HOM-0001/mobile"),
    State("ado", "/desk/logins/HOM-0001/mobile", answers={"accounts.view_login": WITH_MOBILE}),
    State("ado", "/desk/logins/HOM-0001/mobile", {"mobile": "", "language": "hi"}, status=422),
    State("ado", "/desk/logins/HOM-0001/reset", {"key": "k"}, {"accounts.reset_login": Forbidden(
    code="second_factor_stale")}, status=403),
    State("ops", "/staff/sessions", answers={"accounts.own_sessions": Forbidden(
    code="staff_network")}, status=403),
    *(State(who, path) for who, path in (("department", "/staff/sessions"), ("assisted", "/assist/sessions"),
    ("applicant", "/sessions"))),
    State("department", "/staff/password"), State("department", "/staff/password", {"new": "x"}, status=422),
    State("department", "/desk"),
    State("department", "/desk", answers={"approval.list_reviews": ReviewList(items=())}),
    State("department", "/desk?notice=forwarded"), State("department", "/desk/search", {"q": "Kaur"}),
    State("department", "/desk/search", {"q": ""}, status=422), State("department", REVIEW),
    State("department", f"/desk?open={REVIEW_ID}&notice=approved&about={REVIEW_ID}",
    answers={"approval.list_reviews": FULL_QUEUE}),
    State("department", "/desk?channel=portal&order=waiting", answers={"approval.list_reviews": FULL_QUEUE}),
    State("department", "/desk?status=decided",
    answers={"approval.list_reviews": ReviewList(items=(APPROVED,))}),
    State("department", "/desk?status=decided", answers={"approval.list_reviews": ReviewList(items=())}),
    State("department", f"/desk?notice=many&done=1&failed={REVIEW_ID}.already_decided"),
    State("department", "/desk?notice=different_days"), State("department", "/desk?notice=none_chosen"),
    State("department", f"{REVIEW}?notice=already_decided", answers={"approval.view_review": APPROVED}),
    *(State("department", f"{REVIEW}/{verb}") for verb in ("approve", "reject", "return", "forward",
    "withdraw")),
    *(State("department", f"{REVIEW}/{verb}", {}, status=422) for verb in ("approve", "reject", "return",
    "withdraw")),
    State("department", "/desk/delegations"), State("department", "/desk/delegations?notice=delegated"),
    State("department", "/desk/delegations", answers={"approval.list_delegations": DelegationList(items=())}),
    State("department", "/desk/delegations", {"officer": "", "last_day": "x"}, status=422),
    State("department", REVIEW, answers={"approval.view_review": review(on_behalf_of="baldev",
    instead_of="baldev", at_counter=True, escalated=2)}),
    State("department", f"{REVIEW}?notice=delegation_ended", answers={"approval.view_review": review(
    may_decide=False, escalated=1)}),
    State("department", f"{REVIEW}/approve", {"slot": "own", "entries": "x"}, status=422),
    State("department", f"{REVIEW}/forward", {},
    {"approval.forward": InvalidInput.of("department", "exactly_one")}, status=422),
    State("department", f"{REVIEW}/reject", {"reason": "other"},
    {"approval.reject": Conflict(code="application_changed")}, status=409),
    State("department", "/desk/search", {"q": "x" * 40_000}, status=422),
    *(State("department", f"/desk?open={REVIEW_ID}&asks={verb}") for verb in ("return", "forward")),
    State("department", f"/desk?open={REVIEW_ID}&asks=reject", answers={
        "notify.preview_rejection": MessagePreview(text="PCS-7K3M-9QW4: ਅਰਜ਼ੀ ਮਨਜ਼ੂਰ ਨਹੀਂ ਕੀਤੀ ਗਈ। ਕਾਰਨ: …")}),
    State("department", f"{REVIEW}/reject", answers={"notify.preview_rejection": Unavailable()}),
    State("department", f"{REVIEW}/withdraw", {"reason": "security", "preview": "yes"},
    {"notify.preview_withdrawal": MessagePreview(text="e-Pass ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ।")}),
    State("department", f"{REVIEW}?notice=withdrawn", answers={"approval.view_review": APPROVED}),
    State("department", f"/desk?open={REVIEW_ID}", answers={"approval.view_review": OFTEN_HERE}),
    State("ado", "/desk/logins"), State("ado", "/desk/logins?role=department&state=active"),
    State("ado", "/desk/logins?state=expired", answers={"accounts.list_logins": LoginList(items=())}),
    State("ado", "/desk/logins/HOM-0001"), State("ado", "/desk/logins/HOM-0001?notice=extended"),
    State("ado", "/desk/logins/HOM-0003",
    answers={"accounts.view_login": login("HOM-0003", disabled=True, state="disabled")}),
    State("ado", "/desk/logins/HOM-0001", {"valid_until": "soon"}, status=422),
    State("ado", "/desk/logins/HOM-0001/sign-out"),
    State("department", "/desk/invitations"), State("department", "/desk/invitations", INVITATION),
    State("department", "/desk/invitations", INVITATION | {"delegation": "yes"}),
    State("department", "/desk/invitations", {"visitors": "Simran, library card"}, status=422),
    State("department", "/desk/invitations", INVITATION, {"application.invite": Unavailable()}, status=503),
    State("department", "/desk/invitations", INVITATION,
        {"application.invite": IdempotencyKeyReused("used")}, status=409),
    State("ado", "/watchlist"), State("ado", "/watchlist?state=ended",
    answers={"approval.watchlist": EntryList(items=(), counts={"active": 2})}),
    State("ado", "/watchlist/new"), State("ado", "/watchlist/new", {"name": "Balwinder"}, status=422),
    State("ado", WATCHED, answers={"approval.view_entry": entry(**PROPOSED)}),
    State("security", f"{WATCHED}?notice=same_officer", answers={"approval.view_entry": entry(**PROPOSED)}),
    State("security", f"{WATCHED}?notice=confirm"), State("security", "/watchlist/matches"),
    State("ado", "/watchlist/matches?which=all", answers={"approval.matches": MatchList(items=())}),
    State("security", MATCHED), State("security", MATCHED, {"note": ""}, status=422),
    State("security", f"{MATCHED}?notice=settled", answers={"approval.view_match": match(
        settled_as="dismissed", settled_by="SEC-0001", settled_at=now(), note="Another face")}),
    State("department", f"{REVIEW}?notice=second_officer", answers={"approval.view_review": review(
        second_officer=True, first_approval=HALF_APPROVED)}),
    State("department", "/desk", answers={"approval.list_reviews": ReviewList(items=(
        review(second_officer=True),))}),
    State("security", "/gate", {"pass": NUMBER}, {"verify.scan": ADMIT.model_copy(
        update={"call_supervisor": True})}),
    State("security", "/gate/enter", CHECKED, {"verify.scan": ADMIT.model_copy(
        update={"call_supervisor": True, "preview": False})}),
    State("security", "/gate", {"pass": NUMBER}, {"verify.scan": ADMIT.model_copy(
        update={"call_supervisor": True, "supervisors": ("SEC-0009", "SEC-0010")})}),
    State("security", "/gate/enter", CHECKED, {"verify.scan": ADMIT.model_copy(
        update={"verdict": "id_mismatch", "preview": False, "supervisors": ("SEC-0009",)})}),
    State("security", "/gate/enter", {**CHECKED, "supervisor": "", "supervisor_pin": "1"}, {"verify.scan":
        ADMIT.model_copy(update={"call_supervisor": True, "supervisors": ("SEC-0009",)})}, status=422),
    *files(), *lines(), *contacts(), *texts(),
    State("ado", "/desk/logins/new"),
    State("ado", "/desk/logins/new", {}, status=422),
    State("ado", "/desk/logins/new", {"role": "ado", "name": "Harjit"}),
    State("ado", "/desk/logins/HOM-0001/disable"), State("ado", "/desk/logins/HOM-0001/reset"),
    State("ado", "/desk/logins/ADO-0001/disable", {}, {"accounts.disable_login": Conflict(code="last_ado")},
    status=409),
    State("security", "/gate"), State("security", "/gate", {"pass": ""}, status=422),
    State("security", "/gate", {"pass": NUMBER}),
    State("security", "/gate", {"pass": NUMBER}, {"verify.scan": WITHOUT_CARD}),
    State("security", "/gate", {"pass": NUMBER}, {"application.photograph": PHOTOGRAPH}),
    State("security", "/gate/enter", CHECKED, {"application.photograph": PHOTOGRAPH,
    "verify.scan": ADMIT.model_copy(update={"preview": False, "inside": 3})}),
    State("security", "/gate/enter", {**CHECKED, "count": "x"}, status=422),
    State("security", "/gate/enter", CHECKED,
    {"verify.scan": ADMIT.model_copy(update={"preview": False, "inside": 3})}),
    State("security", "/gate", {"pass": NUMBER, "direction": "exit"},
          {"verify.scan": ADMIT.model_copy(
              update={"verdict": "exit", "preview": False, "marks": ("late", "other_gate")})}),
    State("security", "/gate", {"pass": NUMBER, "direction": "exit"},
          {"verify.scan": ScanResult(verdict="wrong_site", preview=False, site="PCS2", party=2)}),
    *(State("security", "/gate", {"pass": NUMBER},
    {"verify.scan": ADMIT.model_copy(update={"verdict": verdict, "gate": "PCS1-G2"})})
      for verdict in ("not_yet_valid", "day_closed", "expired", "wrong_site", "wrong_gate", "already_inside",
      "already_used", "revoked", "id_mismatch")),
    State("security", "/gate", {"pass": NUMBER},
    {"verify.scan": ScanResult(verdict="unknown_pass", preview=True)}),
    State("security", "/gate/inside"),
    *supervised(), *places(), *several_days(), *closures(), *counter(), *kiosk(), *operator(), *around(),
    *requests(), *of_data_officer(), *of_standing(),
]  # fmt: skip
TRIED = [one for one in STATES if one.path.startswith(os.environ.get("EPASS_TEST_PAGES", ""))]
"""Those under one path, to try one page while it is written; else all."""
