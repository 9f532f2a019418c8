"""One function for each operation of `contracts/openapi.yaml`, named after its `operationId`.

None of them sends anything.

A contract test compares this module with the document: paths, methods, Idempotency-Keys, bodies and answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, Literal, TypeVar, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel

from contracts.application_form import CompanionInput
from contracts.capacity import Capacity
from contracts.model import (
    Channel,
    DirectoryTable,
    EntryState,
    Language,
    LoginState,
    MatchSettlement,
    RejectionReason,
    ReviewStatus,
    Role,
    Slot,
)
from contracts.rpc.accounts import (
    ApplicantSession,
    ChangePassword,
    EndedSessions,
    EnrolGateDevice,
    Enrolled,
    Enrolment,
    EnterCode,
    FactorCode,
    FactorRule,
    GateDeviceEnrolled,
    GateDeviceReport,
    IssuedLogin,
    IssueLogin,
    LogIn,
    LoginList,
    LoginView,
    OtpAccepted,
    OwnFactor,
    RecoveryCodes,
    RequestOtp,
    SetFactorRule,
    SignInToken,
    StaffSession,
    StartEnrolment,
    VerifyOtp,
    WaitingSignIn,
)
from contracts.rpc.application import (
    Acknowledged,
    ApplicationList,
    ApplicationView,
    Invite,
    Invited,
    LastFour,
    Lookup,
    LookupHits,
    NewMobile,
    NewMobileAtCounter,
    StatusQuestion,
    StatusView,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.approval import (
    Affected,
    Availability,
    CapacityView,
    CloseDay,
    ClosureList,
    ClosureView,
    Delegate,
    DelegationList,
    DelegationView,
    DepartmentList,
    DeskNumbers,
    EntryList,
    EntryView,
    MatchList,
    MatchView,
    OfficerList,
    ProposeEntry,
    ReviewList,
    ReviewOrder,
    ReviewSearch,
    ReviewView,
    SetCapacity,
    SiteList,
    Transparency,
)
from contracts.rpc.audit import AuditHeads
from contracts.rpc.call import Nothing
from contracts.rpc.imports import LineHistory, LineList, LineView
from contracts.rpc.issuance import Jwks, PassView
from contracts.rpc.notify import UndeliveredPasses
from contracts.rpc.verify import (
    CallForHelp,
    GateSession,
    HelpCall,
    InsideList,
    Manifest,
    ScanPass,
    ScanResult,
    SyncedScans,
    SyncScans,
)
from epass_client.errors import Problem

R = TypeVar("R")
API = "/api/v1"


@dataclass(frozen=True)
class Call(Generic[R]):
    """One request and the type of its answer. Sending the same call again repeats it, under the same key.

    Attributes:
        method: of HTTP.
        path: below the address of the gateway.
        answer: a model, or ``bytes`` where the body is no JSON.
        body: the JSON document, None where there is none.
        query: parameters; those that are None are not sent.
        key: the Idempotency-Key, new for each call; None where the operation takes none.
        correlation_id: names the request in the logs of e-Pass, and all that it causes, where the gateway
            trusts the caller as a proxy; otherwise, and by default, e-Pass chooses one.
    """

    method: str
    path: str
    answer: type[R]
    body: str | None = field(default=None, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    key: str | None = None
    correlation_id: str | None = None

    def with_key(self, key: str) -> Call[R]:
        """Return the same call under an Idempotency-Key of the caller's choice."""
        return replace(self, key=key)

    def headers(self, token: str) -> dict[str, str]:
        """Return its HTTP headers for the session of ``token``; without a token no session is sent."""
        optional = {
            "Authorization": f"Bearer {token}" if token else None,
            "Idempotency-Key": self.key,
            "X-Request-ID": self.correlation_id,
            "Content-Type": "application/json" if self.body is not None else None,
        }
        return {name: value for name, value in optional.items() if value is not None}

    def parse(self, response: httpx.Response) -> R:
        """Return the answer.

        Raises:
            Problem: it is a refusal.
            pydantic.ValidationError: it is not of the agreed shape; the message quotes no value.
        """
        if not response.is_success:
            raise Problem(response)
        if issubclass(self.answer, BaseModel):
            return self.answer.model_validate_json(response.content or b"{}")
        return cast("R", response.content)


def _get(path: str, answer: type[R], **query: Any) -> Call[R]:
    return Call(
        "GET", path, answer, query={name: value for name, value in query.items() if value is not None}
    )


def _search(path: str, answer: type[R], body: BaseModel) -> Call[R]:
    """Return a search; its terms may be personal, so they go in the body of a POST."""
    return Call("POST", path, answer, body=_json(body))


def _command(path: str, answer: type[R], body: BaseModel | Mapping[str, Any] | None = None) -> Call[R]:
    return Call("POST", path, answer, body=None if body is None else _json(body), key=str(uuid4()))


def _json(body: BaseModel | Mapping[str, Any]) -> str:
    """Encode what the caller set; the interface fills in the defaults."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_unset=True)
    return _Fields.model_validate(body).model_dump_json(by_alias=True, exclude_none=True)


class _Fields(BaseModel, extra="allow"):
    """A body that has no model of its own in ``contracts``."""


def _part(value: str | UUID) -> str:
    """Quote an identifier for a path."""
    return quote(str(value), safe="")


# Anyone


def list_sites() -> Call[SiteList]:
    """List sites with their gates, hours and closed days."""
    return _get(f"{API}/sites", SiteList)


def list_departments(*, closed: bool = False) -> Call[DepartmentList]:
    """List departments; with ``closed`` also those that receive nobody any more."""
    return _get(f"{API}/departments", DepartmentList, closed=closed)


def list_officers(department: str, q: str = "", *, closed: bool = False) -> Call[OfficerList]:
    """List officers of a department whose name or designation has ``q``.

    With ``closed``, which needs a session of staff, also those who receive nobody any more.
    """
    return _get(f"{API}/officers", OfficerList, department=department, q=q, closed=closed)


def list_availability(department: str, site: str) -> Call[Availability]:
    """List the days and windows in which a department still takes visitors at a site."""
    return _get(f"{API}/availability", Availability, department=department, site=site)


def list_transparency() -> Call[Transparency]:
    """List how fast each department decided in each month."""
    return _get(f"{API}/transparency", Transparency)


def view_transparency_csv() -> Call[bytes]:
    """Return how fast each department decided in each month, as CSV."""
    return _get(f"{API}/transparency.csv", bytes)


def request_otp(mobile: str, language: Language = "en") -> Call[OtpAccepted]:
    """Send a one-time code to a mobile."""
    return _command(f"{API}/otp", OtpAccepted, RequestOtp(mobile=mobile, language=language))


def verify_otp(request_id: UUID, code: str) -> Call[ApplicantSession]:
    """Exchange a one-time code for a session."""
    return _command(f"{API}/otp/verify", ApplicantSession, VerifyOtp(request_id=request_id, code=code))


def look_up_status(reference: str, mobile_last4: str) -> Call[StatusView]:
    """Show an application's status and timeline, without names."""
    return _search(
        f"{API}/status", StatusView, StatusQuestion(reference=reference, mobile_last4=mobile_last4)
    )


# Applicants


def submit_application(body: SubmitApplication) -> Call[Acknowledged]:
    """Apply for a visit."""
    return _command(f"{API}/applications", Acknowledged, body)


def list_applications(after: str | None = None, limit: int | None = None) -> Call[ApplicationList]:
    """List the applicant's applications, newest first; pass the ``next`` of one page as ``after``."""
    return _get(f"{API}/applications", ApplicationList, after=after, limit=limit)


def view_application(reference: str) -> Call[ApplicationView]:
    """Show an application with its timeline and pass."""
    return _get(f"{API}/applications/{_part(reference)}", ApplicationView)


def open_application(reference: str, id_last4: str) -> Call[ApplicationView]:
    """Open an application for this session by the last four characters of its ID card, and return it.

    The session that sent it needs no opening.
    """
    return _command(
        f"{API}/applications/{_part(reference)}/open", ApplicationView, LastFour(id_last4=id_last4)
    )


def amend_application(
    reference: str,
    *,
    purpose: str | None = None,
    preferred: Sequence[Slot] | None = None,
    officer: str | None = None,
    companions: Sequence[CompanionInput] | None = None,
    vehicle: str | None = None,
) -> Call[Acknowledged]:
    """Complete a returned application, or ask for other dates; None leaves a field as it was."""
    changes = {
        "purpose": purpose,
        "preferred": preferred,
        "officer": officer,
        "companions": companions,
        "vehicle": vehicle,
    }
    return _command(f"{API}/applications/{_part(reference)}/amend", Acknowledged, changes)


def cancel_application(reference: str) -> Call[Acknowledged]:
    """Withdraw an application; a pass is revoked."""
    return _command(f"{API}/applications/{_part(reference)}/cancel", Acknowledged)


def change_mobile(reference: str, body: NewMobile) -> Call[ApplicantSession]:
    """Give an application another mobile, to which a code was sent; return a session of it."""
    return _command(f"{API}/applications/{_part(reference)}/mobile", ApplicantSession, body)


def resend_message(reference: str) -> Call[Nothing]:
    """Send the last message about an application again."""
    return _command(f"{API}/applications/{_part(reference)}/resend", Nothing)


# Passes


def view_pass(number: str) -> Call[PassView]:
    """Show a pass with its token."""
    return _get(f"{API}/passes/{_part(number)}", PassView)


def view_qr_svg(number: str) -> Call[bytes]:
    """Return the QR as SVG."""
    return _get(f"{API}/passes/{_part(number)}/qr.svg", bytes)


def view_qr_png(number: str) -> Call[bytes]:
    """Return the QR as PNG."""
    return _get(f"{API}/passes/{_part(number)}/qr.png", bytes)


def print_pass(number: str) -> Call[PassView]:
    """Record that the reception printed a pass."""
    return _command(f"{API}/passes/{_part(number)}/print", PassView)


def reissue_pass(number: str) -> Call[PassView]:
    """Replace a lost or forwarded pass by one with a new number."""
    return _command(f"{API}/passes/{_part(number)}/reissue", PassView)


# Staff


def log_in(login_id: str, password: str) -> Call[StaffSession]:
    """Sign in with a login of the ADO Branch."""
    return _command(f"{API}/sessions", StaffSession, LogIn(login_id=login_id, password=password))


def log_out() -> Call[Nothing]:
    """End the session of the token, an applicant's too."""
    return Call("DELETE", f"{API}/sessions/current", Nothing, key=str(uuid4()))


def change_password(current: str, new: str) -> Call[StaffSession]:
    """Change the password; the answer is a new session."""
    return _command(f"{API}/password", StaffSession, ChangePassword(current=current, new=new))


def enter_code(sign_in: str, code: str) -> Call[StaffSession]:
    """Go on with a sign-in that `second_factor_required` refused; ``sign_in`` is among its facts."""
    return _command(f"{API}/sessions/code", StaffSession, EnterCode(sign_in=sign_in, code=code))


def show_enrolment(sign_in: str) -> Call[Enrolment]:
    """Show what an authenticator app needs to know, after `second_factor_missing`."""
    return _search(f"{API}/sessions/enrolment", Enrolment, SignInToken(sign_in=sign_in))


def enrol_factor(sign_in: str, code: str) -> Call[Enrolled]:
    """Set up an app by its first code; the answer has a session and the recovery codes."""
    return _command(f"{API}/sessions/enrolment/code", Enrolled, EnterCode(sign_in=sign_in, code=code))


def confirm_factor(code: str) -> Call[StaffSession]:
    """Show the second factor again, after `second_factor_stale`; use the new token from then on."""
    return _command(f"{API}/sessions/current/code", StaffSession, FactorCode(code=code))


def view_own_factor() -> Call[OwnFactor]:
    """Show what the caller has as a second factor."""
    return _get(f"{API}/second-factor", OwnFactor)


def start_enrolment(password: str = "") -> Call[WaitingSignIn]:
    """Begin to set up an app: the first one with the password, another one after `confirm_factor`."""
    return _command(f"{API}/second-factor/enrolment", WaitingSignIn, StartEnrolment(password=password))


def renew_recovery_codes() -> Call[RecoveryCodes]:
    """Replace the recovery codes of the caller."""
    return _command(f"{API}/second-factor/recovery-codes", RecoveryCodes)


# The ADO Branch


def issue_login(body: IssueLogin) -> Call[IssuedLogin]:
    """Issue a login; the answer alone has its initial password."""
    return _command(f"{API}/logins", IssuedLogin, body)


def list_logins(
    after: str | None = None,
    limit: int | None = None,
    *,
    role: Role | None = None,
    department: str | None = None,
    site: str | None = None,
    state: LoginState | None = None,
) -> Call[LoginList]:
    """List logins, by ID; a filter that is None admits all."""
    filters = {"role": role, "department": department, "site": site, "state": state}
    return _get(f"{API}/logins", LoginList, after=after, limit=limit, **filters)


def view_login(login_id: str) -> Call[LoginView]:
    """Show one login, with the number of its open sessions."""
    return _get(f"{API}/logins/{_part(login_id)}", LoginView)


def extend_login(login_id: str, valid_until: date | None) -> Call[LoginView]:
    """Set another last day of a login; None for a login without an end."""
    return _command(f"{API}/logins/{_part(login_id)}/extend", LoginView, {"valid_until": valid_until})


def set_login_mobile(login_id: str, mobile: str, language: Language = "en") -> Call[LoginView]:
    """Set where the holder of a login is told of what happens to it."""
    content = {"mobile": mobile, "language": language}
    return _command(f"{API}/logins/{_part(login_id)}/mobile", LoginView, content)


def sign_out_login(login_id: str) -> Call[EndedSessions]:
    """End all sessions of a login; its password stays."""
    return _command(f"{API}/logins/{_part(login_id)}/sign-out", EndedSessions)


def disable_login(login_id: str) -> Call[LoginView]:
    """Disable a login and end its sessions."""
    return _command(f"{API}/logins/{_part(login_id)}/disable", LoginView)


def reset_login(login_id: str) -> Call[IssuedLogin]:
    """Give a login a new initial password and end its sessions."""
    return _command(f"{API}/logins/{_part(login_id)}/reset", IssuedLogin)


def reset_factor(login_id: str) -> Call[LoginView]:
    """Remove the second factor of somebody who has lost it, and end their sessions."""
    return _command(f"{API}/logins/{_part(login_id)}/reset-factor", LoginView)


def view_factor_rule() -> Call[FactorRule]:
    """Show which roles need a second factor."""
    return _get(f"{API}/second-factor-rule", FactorRule)


def set_factor_rule(roles: Iterable[Role]) -> Call[FactorRule]:
    """Decide which roles need a second factor."""
    return _command(f"{API}/second-factor-rule", FactorRule, SetFactorRule(roles=tuple(roles)))


# The directory


def _key(cells: Iterable[str]) -> str:
    return ",".join(map(_part, cells))


def list_directory_lines(table: DirectoryTable) -> Call[LineList]:
    """List the lines of a table of the directory."""
    return _get(f"{API}/directory/{table}", LineList)


def view_directory_line(table: DirectoryTable, *key: str) -> Call[LineView]:
    """Show a line of the directory by the cells of its key."""
    return _get(f"{API}/directory/{table}/{_key(key)}", LineView)


def view_directory_history(table: DirectoryTable, *key: str) -> Call[LineHistory]:
    """Show who changed a line of the directory, when, and what it was."""
    return _get(f"{API}/directory/{table}/{_key(key)}/history", LineHistory)


def put_directory_line(
    table: DirectoryTable, cells: Mapping[str, str], was: str = "", *, accepted: int = 0
) -> Call[LineView]:
    """Add a line to the directory, or change the one whose digest is ``was``.

    Args:
        table: which one.
        cells: by column.
        was: the digest with which the line was read; empty for a new line.
        accepted: how many visits and applications the caller knows to be affected.
    """
    line = {"cells": dict(cells), "was": was, "accepted": accepted}
    return _command(f"{API}/directory/{table}", LineView, line)


def remove_directory_line(table: DirectoryTable, *key: str, was: str, accepted: int = 0) -> Call[Nothing]:
    """Remove a gate, or a holiday or hours to come, from the directory."""
    removal = {"was": was, "accepted": accepted}
    return _command(f"{API}/directory/{table}/{_key(key)}/remove", Nothing, removal)


# The watchlist


def list_watchlist(
    state: EntryState | None = None, after: str | None = None, limit: int | None = None
) -> Call[EntryList]:
    """List entries, the newest first."""
    return _get(f"{API}/watchlist/entries", EntryList, state=state, after=after, limit=limit)


def propose_watchlist_entry(body: ProposeEntry) -> Call[EntryView]:
    """Propose an entry; it holds once another officer has confirmed it."""
    return _command(f"{API}/watchlist/entries", EntryView, body)


def view_watchlist_entry(entry_id: UUID) -> Call[EntryView]:
    """Show one entry."""
    return _get(f"{API}/watchlist/entries/{entry_id}", EntryView)


def confirm_watchlist_entry(entry_id: UUID) -> Call[EntryView]:
    """Confirm an entry that another officer proposed."""
    return _command(f"{API}/watchlist/entries/{entry_id}/confirm", EntryView)


def end_watchlist_entry(entry_id: UUID) -> Call[EntryView]:
    """End an entry, or decline a proposed one."""
    return _command(f"{API}/watchlist/entries/{entry_id}/end", EntryView)


def list_watchlist_matches(
    *,
    open: bool | None = None,  # noqa: A002  the name of a query parameter
    after: str | None = None,
    limit: int | None = None,
) -> Call[MatchList]:
    """List matches of applications, the newest first."""
    return _get(f"{API}/watchlist/matches", MatchList, open=open, after=after, limit=limit)


def view_watchlist_match(match_id: UUID) -> Call[MatchView]:
    """Show a person of an application beside the entry that they match."""
    return _get(f"{API}/watchlist/matches/{match_id}", MatchView)


def settle_watchlist_match(match_id: UUID, settled_as: MatchSettlement, note: str) -> Call[MatchView]:
    """Confirm or dismiss a match, with the reason."""
    settlement = {"settled_as": settled_as, "note": note}
    return _command(f"{API}/watchlist/matches/{match_id}/settle", MatchView, settlement)


# The reception


def submit_at_counter(body: SubmitAtCounter) -> Call[Acknowledged]:
    """Apply for a visitor at the counter."""
    return _command(f"{API}/counter/applications", Acknowledged, body)


def list_waiting_here() -> Call[LookupHits]:
    """List who applied today at this site's counters and kiosks and has not gone in yet."""
    return _get(f"{API}/counter/applications", LookupHits)


def list_undelivered() -> Call[UndeliveredPasses]:
    """List the passes of this site that no message has brought to anybody."""
    return _get(f"{API}/counter/undelivered", UndeliveredPasses)


def change_mobile_at_counter(reference: str, body: NewMobileAtCounter) -> Call[Acknowledged]:
    """Give an application of this site another mobile, for a visitor whose ID card the operator has seen."""
    return _command(f"{API}/counter/applications/{_part(reference)}/mobile", Acknowledged, body)


def look_up_at_counter(q: str) -> Call[LookupHits]:
    """Find applications by mobile, reference or name."""
    return _search(f"{API}/counter/lookup", LookupHits, Lookup(q=q))


# The department


def view_capacity() -> Call[CapacityView]:
    """Show how many visitors the department takes."""
    return _get(f"{API}/capacity", CapacityView)


def view_numbers() -> Call[DeskNumbers]:
    """Show how many decisions the login and its department made, in what time, and what waits."""
    return _get(f"{API}/numbers", DeskNumbers)


def set_capacity(capacity: Capacity | None) -> Call[CapacityView]:
    """Set how many visitors the department takes; None: nothing limits it."""
    return _command(f"{API}/capacity", CapacityView, SetCapacity(capacity=capacity))


def list_reviews(
    status: ReviewStatus | None = None,
    after: str | None = None,
    limit: int | None = None,
    *,
    order: ReviewOrder | None = None,
    site: str | None = None,
    officer: str | None = None,
    unassigned: bool | None = None,
    channel: Channel | None = None,
    visit_on: date | None = None,
    waiting_hours: int | None = None,
    escalated: bool | None = None,
    decided_on: date | None = None,
    counts: bool | None = None,
) -> Call[ReviewList]:
    """List the department's reviews, the longest waiting first or in another order."""
    return _get(
        f"{API}/reviews",
        ReviewList,
        status=status,
        after=after,
        limit=limit,
        order=order,
        site=site,
        officer=officer,
        unassigned=unassigned,
        channel=channel,
        visit_on=visit_on,
        waiting_hours=waiting_hours,
        escalated=escalated,
        decided_on=decided_on,
        counts=counts,
    )


def search_reviews(q: str) -> Call[ReviewList]:
    """Find reviews by reference or name."""
    return _search(f"{API}/reviews/search", ReviewList, ReviewSearch(q=q))


def view_review(review_id: UUID) -> Call[ReviewView]:
    """Show one review."""
    return _get(f"{API}/reviews/{review_id}", ReviewView)


def approve_review(
    review_id: UUID,
    slot: Slot,
    *,
    gate: str | None = None,
    entries: int | None = None,
    vehicle_allowed: bool | None = None,
    last_day: date | None = None,
    days_reason: str | None = None,
    revision: int | None = None,
    on_behalf_of: str | None = None,
) -> Call[ReviewView]:
    """Approve a visit; None leaves the interface's default.

    With ``last_day``, at most six days after that of the slot, it takes place on each day on which that is
    possible; ``days_reason`` says why one is not enough.

    Another ``revision`` than the present one is a conflict, as is a delegation by the officer
    ``on_behalf_of`` that has ended.
    """
    decision = {
        "gate": gate,
        "entries": entries,
        "vehicle_allowed": vehicle_allowed,
        "last_day": last_day.isoformat() if last_day else None,
        "days_reason": days_reason,
        "revision": revision,
        "on_behalf_of": on_behalf_of,
    }
    return _decide("approve", review_id, {**slot.model_dump(mode="json"), **decision})


def reject_review(
    review_id: UUID,
    reason: RejectionReason,
    note: str | None = None,
    revision: int | None = None,
    on_behalf_of: str | None = None,
) -> Call[ReviewView]:
    """Reject an application; the applicant reads ``note``."""
    decision = {"reason": reason, "note": note, "revision": revision, "on_behalf_of": on_behalf_of}
    return _decide("reject", review_id, decision)


def return_review(
    review_id: UUID, note: str, revision: int | None = None, on_behalf_of: str | None = None
) -> Call[ReviewView]:
    """Return an application to its applicant, who reads ``note`` and may complete it."""
    return _decide("return", review_id, {"note": note, "revision": revision, "on_behalf_of": on_behalf_of})


def forward_review(
    review_id: UUID, *, department: str | None = None, officer: str | None = None
) -> Call[ReviewView]:
    """Forward a review to another department or to an officer of this one: exactly one of the two."""
    return _decide("forward", review_id, {"department": department, "officer": officer})


def withdraw_approval(
    review_id: UUID, reason: RejectionReason, on_behalf_of: str | None = None, note: str | None = None
) -> Call[ReviewView]:
    """Withdraw an approval; the pass is revoked, and the applicant reads ``note``."""
    decision = {"reason": reason, "note": note, "on_behalf_of": on_behalf_of}
    return _decide("withdraw", review_id, decision)


def list_closures(
    department: str | None = None, after: str | None = None, limit: int | None = None
) -> Call[ClosureList]:
    """List the days that a department closed at short notice, the newest closing first."""
    return _get(f"{API}/closures", ClosureList, department=department, after=after, limit=limit)


def list_affected(
    day: date, department: str | None = None, after: str | None = None, limit: int | None = None
) -> Call[Affected]:
    """List whom the closing of a day would affect."""
    return _get(
        f"{API}/closures/affected",
        Affected,
        day=day.isoformat(),
        department=department,
        after=after,
        limit=limit,
    )


def close_day(body: CloseDay) -> Call[ClosureView]:
    """Close a day; its visitors are asked to choose another date."""
    return _command(f"{API}/closures", ClosureView, body)


def view_closure(closure_id: UUID) -> Call[ClosureView]:
    """Show a closed day, and how many visitors were asked to choose another date."""
    return _get(f"{API}/closures/{closure_id}", ClosureView)


def lift_closure(closure_id: UUID) -> Call[ClosureView]:
    """Offer a closed day again; nobody is approved again by this."""
    return _command(f"{API}/closures/{closure_id}/lift", ClosureView)


def list_delegations(after: str | None = None, limit: int | None = None) -> Call[DelegationList]:
    """List who decides for whom in the department, the newest first."""
    return _get(f"{API}/delegations", DelegationList, after=after, limit=limit)


def delegate(body: Delegate) -> Call[DelegationView]:
    """Let a login of the department decide for one of its officers for some days."""
    return _command(f"{API}/delegations", DelegationView, body)


def end_delegation(delegation_id: UUID) -> Call[DelegationView]:
    """End a delegation at once."""
    return _command(f"{API}/delegations/{delegation_id}/end", DelegationView)


def invite_visitors(body: Invite) -> Call[Invited]:
    """Invite visitors of the login's own department; each pass follows by itself."""
    return _command(f"{API}/invitations", Invited, body)


def _decide(
    verb: Literal["approve", "reject", "return", "forward", "withdraw"],
    review_id: UUID,
    decision: dict[str, Any],
) -> Call[ReviewView]:
    return _command(f"{API}/reviews/{review_id}/{verb}", ReviewView, decision)


# The gate


def scan_pass(body: ScanPass) -> Call[ScanResult]:
    """Check a pass. A refusal by the gate is a verdict, not a `Problem`.

    The scan's nonce is its idempotency key, so that no header is sent.
    """
    return Call("POST", f"{API}/scans", ScanResult, body=_json(body))


def sync_scans(body: SyncScans) -> Call[SyncedScans]:
    """Send the scans of a gate that was without a network; the nonce of each is its idempotency key."""
    return Call("POST", f"{API}/scans/sync", SyncedScans, body=_json(body))


def call_help(body: CallForHelp) -> Call[HelpCall]:
    """Call the reception of the site for help from a gate."""
    return _command(f"{API}/gate/help", HelpCall, body)


def list_inside(site: str, after: str | None = None, limit: int | None = None) -> Call[InsideList]:
    """List who is inside a site, the longest first."""
    return _get(f"{API}/gate/inside", InsideList, site=site, after=after, limit=limit)


def view_gate_session() -> Call[GateSession]:
    """Return who is signed in at a gate, and until when."""
    return _get(f"{API}/gate/session", GateSession)


def view_manifest(gate: str, after: str | None = None, limit: int | None = None) -> Call[Manifest]:
    """Return what a gate holds to go on without a network; pass the ``next`` of a page as ``after``."""
    return _get(f"{API}/gate/manifest", Manifest, gate=gate, after=after, limit=limit)


def enrol_gate_device(code: str) -> Call[GateDeviceEnrolled]:
    """Enrol a browser as the device of a gate; the answer sets the cookie that is its credential."""
    return _command(f"{API}/gate/device", GateDeviceEnrolled, EnrolGateDevice(code=code))


def report_gate_device(body: GateDeviceReport) -> Call[Nothing]:
    """Say how an enrolled device is; the last report counts, so no key is sent."""
    return Call("POST", f"{API}/gate/device/report", Nothing, body=_json(body))


# Other programs


def view_jwks() -> Call[Jwks]:
    """Return the public keys of pass tokens and of the status list."""
    return _get("/.well-known/jwks.json", Jwks)


def view_pass_status(held: str | None = None) -> Call[bytes]:
    """Return the signed list of revoked passes, a JWS.

    Whoever names the ``held`` list, by its ``seq`` and digest with a dot between, may get a delta to it, or
    nothing where it is the newest.
    """
    return _get("/.well-known/pass-status", bytes, held=held)


def list_audit_heads(after: str | None = None, limit: int = 50) -> Call[AuditHeads]:
    """Return the signed heads of the services' audit logs, the newest first."""
    return _get("/.well-known/audit-heads", AuditHeads, after=after, limit=limit)
