"""Fifty requests at once with one Idempotency-Key have one effect and one answer, on every route that changes
something."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from time import time
from uuid import UUID

import pyotp
import pytest
from fastapi.routing import APIRoute

from contracts.capacity import Capacity
from contracts.model import Slot
from contracts.rpc.accounts.logins import IssuedLogin, IssueLogin
from contracts.rpc.application import Invite, NewMobile, SubmitApplication, SubmitAtCounter
from contracts.rpc.approval.closures import CloseDay
from contracts.rpc.approval.decisions import Delegate
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.approval.watchlist import EntryView, ProposeEntry
from contracts.rpc.verify.offline_scans import OfflineScan
from epass_client import Call, Problem, calls
from services.chassis.runtime.clock import now
from services.gateway.app import create_app
from tests.journey.commands import PASSWORD, Case, People, changes, opens_a_session, publishes, traced
from tests.journey.concurrent_requests import send_at_once
from tests.journey.correct import CASES as CORRECTIONS
from tests.journey.visit import CASES as VISITS
from tests.support.chaos import sabotage
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import replaced
from tests.support.factories.gateway import gateway_settings
from tests.support.stack.extent import fewer, long
from tests.support.stack.running import eventually
from tests.support.system.actors import (
    MATCHED,
    Actor,
    Applicant,
    Department,
    Officer,
    Staff,
    application,
    issued,
    messages,
    scan,
    slot,
    today,
)
from tests.support.system.system import System

CROWD = fewer(50)


@pytest.fixture(scope="module")
def people(system: System, department: Department, officer: Officer, reception: Staff, ado: Staff) -> People:
    return People(system, Applicant(system), department, officer, reception, ado)


def new_login(people: People) -> IssuedLogin:
    return people.ado.send(calls.issue_login(IssueLogin(role="auditor", name="Somebody New")))


def signed_in(people: People) -> tuple[Actor, str]:
    """Return somebody new with their initial password."""
    login = new_login(people)
    client = people.system.client().sign_in(login.login_id, login.initial_password)
    return Actor(people.system, client), login.initial_password


def verify_otp(people: People) -> Case:
    typed = code_to_a_new_number(people)
    return opens_a_session(None, calls.verify_otp(typed.request_id, typed.code))


def log_in(people: People) -> Case:
    login = new_login(people)
    return opens_a_session(None, calls.log_in(login.login_id, login.initial_password))


def log_out(people: People) -> Case:
    """A repeat that comes a moment later gets 401: the session that allows it has ended."""
    somebody, _ = signed_in(people)
    return publishes("SessionEnded", "accounts", somebody, calls.log_out(), also=frozenset({401}))


def change_password(people: People) -> Case:
    """As above: it ends the session that asks."""
    somebody, initial = signed_in(people)
    return opens_a_session(somebody, calls.change_password(initial, PASSWORD), also=frozenset({401}))


@dataclass(frozen=True)
class WithApp:
    """Somebody who has just set up an app in this time step; the code of the next step is good, too."""

    login: IssuedLogin
    actor: Actor
    app: pyotp.TOTP
    step: int

    @property
    def next_code(self) -> str:
        return self.app.generate_otp(self.step + 1)


def waiting_enrolment(people: People) -> tuple[IssuedLogin, Actor, str, pyotp.TOTP]:
    login = new_login(people)
    client = people.system.client().sign_in(login.login_id, login.initial_password)
    sign_in = client.send(calls.start_enrolment(password=login.initial_password)).sign_in
    app = pyotp.parse_uri(client.send(calls.show_enrolment(sign_in)).address)
    assert isinstance(app, pyotp.TOTP)
    return login, Actor(people.system, client), sign_in, app


def with_app(people: People) -> WithApp:
    login, actor, sign_in, app = waiting_enrolment(people)
    step = int(time() // 30)
    enrolled = actor.send(calls.enrol_factor(sign_in, app.generate_otp(step)))
    signed_in_again = Actor(people.system, people.system.client().with_token(enrolled.session.access_token))
    return WithApp(login, signed_in_again, app, step)


def enrol_factor(people: People) -> Case:
    _, _, sign_in, app = waiting_enrolment(people)
    return opens_a_session(None, calls.enrol_factor(sign_in, app.now()))


def enter_code(people: People) -> Case:
    somebody = with_app(people)
    with pytest.raises(Problem) as refused:
        people.system.client().sign_in(somebody.login.login_id, somebody.login.initial_password)
    token = str(refused.value.facts["sign_in"])
    return opens_a_session(None, calls.enter_code(token, somebody.next_code))


def confirm_factor(people: People) -> Case:
    somebody = with_app(people)
    query = "select last_step from second_factors where login_id = %s"
    call = calls.confirm_factor(somebody.next_code)
    return changes("accounts", somebody.actor, call, query, somebody.login.login_id)


def start_enrolment(people: People) -> Case:
    somebody, initial = signed_in(people)
    query = "select count(*) from sign_ins"
    return changes("accounts", somebody, calls.start_enrolment(password=initial), query)


def renew_recovery_codes(people: People) -> Case:
    somebody = with_app(people)
    query = """
      select count(*) from second_factors where login_id = %s and enrolled_at < now()
      and (select count(*) from idempotency_keys where key = %s and ref is not null) = 1
    """
    shown = somebody.actor.send(calls.confirm_factor(somebody.next_code))
    actor = Actor(people.system, people.system.client().with_token(shown.access_token))
    call = calls.renew_recovery_codes()
    return changes("accounts", actor, call, query, somebody.login.login_id, call.key)


def reset_factor(people: People) -> Case:
    call = calls.reset_factor(with_app(people).login.login_id)
    return publishes("SessionEnded", "accounts", people.ado, call)


def set_factor_rule(people: People) -> Case:
    """As it was: nobody of the other tests needs a second factor."""
    query = "select count(*) from factor_rules where changed_at > to_timestamp(%s)"
    return changes("accounts", people.ado, calls.set_factor_rule(()), query, time())


def open_application(people: People) -> Case:
    form = SubmitAtCounter.model_validate(application(mobile=people.applicant.mobile))
    reference = people.reception.send(calls.submit_at_counter(form)).reference
    eventually(lambda: _is_told(people.system, reference), "its timeline has the message, and stays as it is")
    query = "select count(*) from openings join applications on id = application_id where reference = %s"
    return changes(
        "application", people.applicant, calls.open_application(reference, "4821"), query, reference
    )


def _is_told(system: System, reference: str) -> bool:
    query = """
      select count(*) from timeline join applications on applications.id = application_id
      where reference = %s and what = 'message_delivered'
    """
    with database(system.stack, "application") as connection:
        ((count,),) = connection.execute(query, (reference,)).fetchall()
    return count > 0


def amend(people: People) -> Case:
    reference = people.applicant.apply()
    people.department.send(
        calls.return_review(people.department.review_of(reference).id, "The file number, please")
    )
    people.applicant.wait_for(reference, "returned")
    call = calls.amend_application(reference, purpose="Arms licence renewal, file 115/2026")
    return publishes("ApplicationAmended", "application", people.applicant, call)


def cancel(people: People) -> Case:
    call = calls.cancel_application(people.applicant.apply())
    return publishes("ApplicationCancelled", "application", people.applicant, call)


def announced(people: People) -> tuple[str, str]:
    """Return reference and number of a pass whose holder has been notified."""
    reference, summary = issued(people.applicant, people.department)
    received = partial(messages, people.system, people.applicant.mobile, "pass_issued")
    eventually(lambda: any(summary.number in message.text for message in received()), "the pass arrives")
    return reference, summary.number


def change_mobile(people: People) -> Case:
    call = calls.change_mobile(people.applicant.apply(), **dict(code_to_a_new_number(people)))
    return publishes("MobileChanged", "application", people.applicant, call)


def change_mobile_at_counter(people: People) -> Case:
    form = SubmitAtCounter.model_validate(application(mobile=None))
    reference = people.reception.send(calls.submit_at_counter(form)).reference
    code = code_to_a_new_number(people).model_dump() | {"id_last4": "4821"}
    call = calls.change_mobile_at_counter(reference, **code)
    return publishes("MobileChanged", "application", people.reception, call)


def code_to_a_new_number(people: People) -> NewMobile:
    somebody = Applicant(people.system)
    request = somebody.send(calls.request_otp(somebody.mobile))
    second = eventually(
        lambda: messages(people.system, somebody.mobile, "otp")[1:], "the second code arrives"
    )
    return NewMobile(request_id=request.request_id, code=second[0].text[:6])


def resend(people: People) -> Case:
    call = calls.resend_message(announced(people)[0])
    query = "select count(*) from messages where resend_of is not null and correlation_id = %s"
    return changes("notify", people.applicant, traced(call), query, call.key)


def print_pass(people: People) -> Case:
    return publishes(
        "NotificationDelivered", "notify", people.reception, calls.print_pass(announced(people)[1])
    )


def reissue(people: People) -> Case:
    _, summary = issued(people.applicant, people.department)
    return publishes("PassIssued", "issuance", people.applicant, calls.reissue_pass(summary.number))


def decide(event: str, decision: Callable[[UUID], Call[ReviewView]], people: People) -> Case:
    review = people.department.review_of(people.applicant.apply())
    return publishes(event, "approval", people.department, decision(review.id))


def forward(people: People) -> Case:
    review = people.department.review_of(people.applicant.apply()).id
    call = calls.forward_review(review, officer="home-superintendent")
    query = "select count(*) from forwardings where review_id = %s"
    return changes("approval", people.department, call, query, review)


def withdraw(people: People) -> Case:
    review = people.department.approve(people.applicant.apply())
    call = calls.withdraw_approval(review.id, "security")
    return publishes("ApprovalWithdrawn", "approval", people.department, call)


def scan_pass(people: People) -> Case:
    _, summary = issued(people.applicant, people.department)
    body = scan(token=people.applicant.token(summary.number), id_check=MATCHED)
    query = "select count(*) from scans where nonce = %s"
    return changes("verify", people.officer, calls.scan_pass(body), query, body.nonce)


def sync_scans(people: People) -> Case:
    _, summary = issued(people.applicant, people.department)
    online = scan(token=people.applicant.token(summary.number), id_check=MATCHED)
    given = {"count": 1, "scanned_at": now(), "offline": {"verdict": "admit", "list_age_s": 60}}
    one = OfflineScan.model_validate(online.model_dump(exclude_unset=True) | given)
    query = "select count(*) from scans where nonce = %s"
    call = calls.sync_scans(one.gate, (one,))
    return changes("verify", people.officer, call, query, one.nonce)


def enrol_gate_device(people: People) -> Case:
    wanted = IssueLogin(role="gate_device", name="North tablet", site="PCS1", gate="PCS1-G1")
    issued_one = people.ado.send(calls.issue_login(wanted))
    device, code = issued_one.login_id, issued_one.initial_password
    query = "select count(*) from sessions where login_id = %s"
    call = calls.enrol_gate_device(f"{device}-{code}")
    return changes("accounts", people.officer, call, query, device)


def call_help(people: People) -> Case:
    query = "select count(*) from help_calls where gate = %s"
    call = calls.call_help("PCS1-G1", "visitor")
    return changes("verify", people.officer, call, query, "PCS1-G1")


def submit(people: People) -> Case:
    call = calls.submit_application(SubmitApplication.model_validate(application()))
    return publishes("ApplicationSubmitted", "application", people.applicant, call)


def submit_at_counter(people: People) -> Case:
    call = calls.submit_at_counter(SubmitAtCounter.model_validate(application(mobile=None)))
    return publishes("ApplicationSubmitted", "application", people.reception, call)


def invite(people: People) -> Case:
    visitors = [{"name": "Ravi Kumar"}, {"name": "Simran"}]
    body = {"site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "slot": slot()}
    call = calls.invite_visitors(Invite.model_validate(body | {"visitors": visitors, "delegation": True}))
    return publishes("ApplicationSubmitted", "application", people.department, call)


def extend(people: People) -> Case:
    login = new_login(people).login_id
    query = "select count(*) from logins where login_id = %s and valid_until is not null"
    return changes(
        "accounts",
        people.ado,
        calls.extend_login(login, valid_until=date.fromisoformat(today(30))),
        query,
        login,
    )


def set_login_mobile(people: People) -> Case:
    login = new_login(people).login_id
    return publishes(
        "AccessChanged", "accounts", people.ado, calls.set_login_mobile(login, "9876500011", language="hi")
    )


def sign_out_login(people: People) -> Case:
    login = new_login(people)
    people.system.client().sign_in(login.login_id, login.initial_password)
    return publishes("SessionEnded", "accounts", people.ado, calls.sign_out_login(login.login_id))


def set_capacity(people: People) -> Case:
    """One that turns nobody away."""
    week = [{"weekday": day, "opens": "00:00", "closes": "23:59", "places": 5_000} for day in range(7)]
    call = calls.set_capacity(Capacity.model_validate({"window_minutes": 720, "days": week}))
    query = "select count(*) from capacities where content is not null"
    return changes("approval", people.department, call, query)


def delegation(people: People) -> Delegate:
    """Return a delegation to somebody new, for a day far away."""
    colleague = IssueLogin(role="department", department="home", name="A Colleague")
    login = people.ado.send(calls.issue_login(colleague)).login_id
    day = date.fromisoformat(today(200))
    return Delegate(officer="home-superintendent", login=login, first_day=day, last_day=day)


def delegate(people: People) -> Case:
    body = delegation(people)
    query = "select count(*) from delegations where login = %s"
    return changes("approval", people.department, calls.delegate(body), query, body.login)


def end_delegation(people: People) -> Case:
    made = people.department.send(calls.delegate(delegation(people))).id
    query = "select count(*) from delegations where id = %s and ended_at is not null"
    return changes("approval", people.department, calls.end_delegation(made), query, made)


def closing(people: People) -> CloseDay:
    """Return the closing of a day for which nobody applies in this test."""
    closed = {one.day for one in people.department.send(calls.list_closures()).items if not one.lifted_at}
    days = (date.fromisoformat(today(ahead)) for ahead in range(20, 30))
    return CloseDay(day=next(day for day in days if day not in closed), reason="officer_away")


def close_day(people: People) -> Case:
    body = closing(people)
    query = "select count(*) from closures where day = %s"
    return changes("approval", people.department, calls.close_day(body), query, body.day)


def lift_closure(people: People) -> Case:
    made = people.department.send(calls.close_day(closing(people))).id
    query = "select count(*) from closures where id = %s and lifted_at is not null"
    return changes("approval", people.department, calls.lift_closure(made), query, made)


def holiday(people: People) -> dict[str, str]:
    """Return a holiday that is new, far behind the days for which one can apply."""
    known = {one.cells["day"] for one in people.ado.send(calls.list_directory_lines("holidays")).items}
    day = next(day for day in map(today, range(400, 500)) if day not in known)
    return {"site": "PCS1", "day": day, "reason": "A holiday"}


def put_directory_line(people: People) -> Case:
    cells = holiday(people)
    query = "select count(*) from directory_history where record = %s"
    call = calls.put_directory_line("holidays", cells)
    return changes("approval", people.ado, call, query, f"holidays/PCS1/{cells['day']}")


def remove_directory_line(people: People) -> Case:
    cells = holiday(people)
    made = people.ado.send(calls.put_directory_line("holidays", cells))
    key = (cells["site"], cells["day"])
    query = "select count(*) from directory_history where record = %s and after is null"
    call = calls.remove_directory_line("holidays", ",".join(key), was=made.digest)
    return changes("approval", people.ado, call, query, "/".join(("holidays", *key)))


def entry(people: People, last4: str = "0001") -> Call[EntryView]:
    """Return the proposal of an entry."""
    name, until = "Zorawar Qureshi", date.fromisoformat(today(30))
    return calls.propose_watchlist_entry(
        ProposeEntry(name=name, id_last4=last4, reason="Threats", valid_until=until)
    )


def second_officer(people: People) -> Actor:
    """Return another officer of the ADO Branch."""
    login = people.ado.send(calls.issue_login(IssueLogin(role="ado", name="Second Officer")))
    first = people.system.client().sign_in(login.login_id, login.initial_password)
    Actor(people.system, first).send(calls.change_password(login.initial_password, PASSWORD))
    return Actor(people.system, people.system.client().sign_in(login.login_id, PASSWORD))


def propose_entry(people: People) -> Case:
    return changes("approval", people.ado, entry(people), "select count(*) from watchlist_entries")


def confirm_entry(people: People) -> Case:
    proposed = people.ado.send(entry(people)).id
    query = "select count(*) from watchlist_entries where id = %s and confirmed_at is not null"
    call = calls.confirm_watchlist_entry(proposed)
    return changes("approval", second_officer(people), call, query, proposed)


def end_entry(people: People) -> Case:
    proposed = people.ado.send(entry(people)).id
    query = "select count(*) from watchlist_entries where id = %s and ended_at is not null"
    return changes("approval", people.ado, calls.end_watchlist_entry(proposed), query, proposed)


def settle_match(people: People) -> Case:
    proposed = people.ado.send(entry(people, "7391")).id
    second_officer(people).send(calls.confirm_watchlist_entry(proposed))
    watched = {"name": "Zorawar Qureshi", "name_latin": "Zorawar Qureshi", "id_last4": "7391"}
    people.department.review_of(people.applicant.apply(applicant=watched))
    match = people.ado.send(calls.list_watchlist_matches(open=True)).items[0].id
    query = "select count(*) from watchlist_matches where id = %s and settled_at is not null"
    call = calls.settle_watchlist_match(match, "dismissed", "Another face")
    return changes("approval", people.ado, call, query, match)


COMMANDS: dict[str, Callable[[People], Case]] = {
    "POST /api/v1/otp": lambda _: publishes(
        "OtpRequested", "accounts", None, calls.request_otp("+919812300001")
    ),
    "POST /api/v1/otp/verify": verify_otp,
    "POST /api/v1/sessions": log_in,
    "DELETE /api/v1/sessions/current": log_out,
    "POST /api/v1/sessions/code": enter_code,
    "POST /api/v1/sessions/enrolment/code": enrol_factor,
    "POST /api/v1/sessions/current/code": confirm_factor,
    "POST /api/v1/second-factor/enrolment": start_enrolment,
    "POST /api/v1/second-factor/recovery-codes": renew_recovery_codes,
    "POST /api/v1/second-factor-rule": set_factor_rule,
    "POST /api/v1/logins/{login_id}/reset-factor": reset_factor,
    "POST /api/v1/password": change_password,
    "POST /api/v1/logins": lambda people: publishes(
        "LoginIssued", "accounts", people.ado, calls.issue_login(IssueLogin(role="auditor", name="New"))
    ),
    "POST /api/v1/logins/{login_id}/disable": lambda people: publishes(
        "LoginDisabled", "accounts", people.ado, calls.disable_login(new_login(people).login_id)
    ),
    "POST /api/v1/logins/{login_id}/reset": lambda people: publishes(
        "PasswordReset", "accounts", people.ado, calls.reset_login(new_login(people).login_id)
    ),
    "POST /api/v1/applications": submit,
    "POST /api/v1/applications/{reference}/open": open_application,
    "POST /api/v1/applications/{reference}/amend": amend,
    "POST /api/v1/applications/{reference}/cancel": cancel,
    **(CORRECTIONS | VISITS),
    "POST /api/v1/applications/{reference}/mobile": change_mobile,
    "POST /api/v1/applications/{reference}/resend": resend,
    "POST /api/v1/counter/applications/{reference}/mobile": change_mobile_at_counter,
    "POST /api/v1/counter/applications": submit_at_counter,
    "POST /api/v1/passes/{number}/print": print_pass,
    "POST /api/v1/passes/{number}/reissue": reissue,
    "POST /api/v1/reviews/{review_id}/approve": lambda people: decide(
        "PassApproved", lambda review: calls.approve_review(review, Slot.model_validate(slot())), people
    ),
    "POST /api/v1/reviews/{review_id}/reject": lambda people: decide(
        "PassRejected", lambda review: calls.reject_review(review, "duplicate"), people
    ),
    "POST /api/v1/reviews/{review_id}/return": lambda people: decide(
        "PassReturned", lambda review: calls.return_review(review, "The file number, please"), people
    ),
    "POST /api/v1/reviews/{review_id}/forward": forward,
    "POST /api/v1/reviews/{review_id}/withdraw": withdraw,
    "POST /api/v1/invitations": invite,
    "POST /api/v1/logins/{login_id}/extend": extend,
    "POST /api/v1/logins/{login_id}/mobile": set_login_mobile,
    "POST /api/v1/logins/{login_id}/sign-out": sign_out_login,
    "POST /api/v1/capacity": set_capacity,
    "POST /api/v1/closures": close_day,
    "POST /api/v1/closures/{closure_id}/lift": lift_closure,
    "POST /api/v1/delegations": delegate,
    "POST /api/v1/delegations/{delegation_id}/end": end_delegation,
    "POST /api/v1/directory/{table}": put_directory_line,
    "POST /api/v1/directory/{table}/{key}/remove": remove_directory_line,
    "POST /api/v1/watchlist/entries": propose_entry,
    "POST /api/v1/watchlist/entries/{entry_id}/confirm": confirm_entry,
    "POST /api/v1/watchlist/entries/{entry_id}/end": end_entry,
    "POST /api/v1/watchlist/matches/{match_id}/settle": settle_match,
    "POST /api/v1/scans": scan_pass,
    "POST /api/v1/scans/sync": sync_scans,
    "POST /api/v1/gate/device": enrol_gate_device,
    "POST /api/v1/gate/help": call_help,
}
QUESTIONS = {
    "POST /api/v1/status": "a reference and four digits in a URL would stand in logs",
    "POST /api/v1/requests/status": "the same of a request",
    "POST /api/v1/sessions/enrolment": "the same of the token of a sign-in",
    "POST /api/v1/counter/lookup": "the same of a mobile or a name",
    "POST /api/v1/reviews/search": "the same of a name",
    "POST /api/v1/gate/device/report": "a device says how it is now; the last report counts",
    "POST /hooks/{vendor}": "vendors send no key; what they report is stored once by what it says",
}
"""Routes that change nothing and are no GET, with the reason why not."""
ELSEWHERE = {"POST /api/v1/reviews/{review_id}/undo": "test_undo.py: here decisions leave at once"}
"""Routes that are repeated in another test."""


def routes_that_are_no_get() -> set[str]:
    """Return the routes of the interface; the forms of the pages send the same commands, under a key of their
    own."""
    routes = [
        route
        for route in create_app(gateway_settings()).routes
        if isinstance(route, APIRoute) and "{language" not in route.path
    ]
    return {f"{method} {route.path_format}" for route in routes for method in route.methods - {"GET", "HEAD"}}


def test_every_route_that_changes_something_has_a_case() -> None:
    assert routes_that_are_no_get() == {*COMMANDS, *QUESTIONS, *ELSEWHERE}


def outcome(system: System, case: Case) -> tuple[int, set[str]]:
    """Return how many effects many requests had, and the different answers that they got."""
    before = case.effects(system)
    answers = send_at_once(system, [(case.token, case.call)] * CROWD)
    replied = [one for one in answers if not (isinstance(one, Problem) and one.status == 503)]
    if len(replied) < CROWD:
        # Nobody replied in time, as on a busy machine: a client sends the same again, with the same key.
        replied += send_at_once(system, [(case.token, case.call)])
    different = {
        str(answer) if isinstance(answer, Exception) else answer.model_dump_json()
        for answer in replied
        if not (isinstance(answer, Problem) and answer.status in case.also)
    }
    return case.effects(system) - before, different


@pytest.mark.parametrize("route", COMMANDS)
def test_many_at_once_with_one_key_have_one_effect_and_one_answer(
    system: System, people: People, route: str
) -> None:
    effects, answers = outcome(system, COMMANDS[route](people))
    assert effects == 1
    assert [answer[0] for answer in answers] == ["{"], answers


@long
def test_without_idempotency_they_would_have_more(system: System, people: People) -> None:
    """Negative control, where the domain allows the same again."""
    with replaced(system, ["accounts", "application", "approval", "notify"], sabotage.no_idempotency):
        for route in (
            "POST /api/v1/logins",
            "POST /api/v1/applications",
            "POST /api/v1/reviews/{review_id}/forward",
            "POST /api/v1/applications/{reference}/resend",
        ):
            effects, answers = outcome(system, COMMANDS[route](people))
            assert effects > 1, f"{route}: {effects}, {answers}"
