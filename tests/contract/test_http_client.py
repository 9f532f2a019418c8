"""The HTTP client against the document of the interface: each operation has a function, and the reverse."""

import inspect
import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from contracts.application_form import Applicant, CompanionInput, InvitedVisitor
from contracts.capacity import Capacity, VisitingDay
from contracts.model import Slot
from contracts.rpc.accounts import GateDeviceReport, IssueLogin
from contracts.rpc.application import (
    Invite,
    NewMobile,
    NewMobileAtCounter,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.approval import CloseDay, Delegate, ProposeEntry
from contracts.rpc.verify import CallForHelp, DecidedOffline, Matched, OfflineScan, ScanPass, SyncScans
from epass_client import calls
from epass_client.calls import Call
from tests.support.stack.yaml_files import load

DOCUMENT: dict[str, Any] = load(Path("contracts/openapi.yaml").read_text())
REVIEW, SLOT = UUID(int=7), Slot(day=date(2026, 12, 1), start=time(10), end=time(12))
APPLICATION: dict[str, Any] = {
    "applicant": Applicant(kind="citizen", name="Gurpreet Kaur", id_type="voter_id", id_last4="4821"),
    "site": "PCS1",
    "department": "home",
    "purpose_kind": "meeting",
    "purpose": "Arms licence renewal",
    "preferred": (SLOT,),
}
SCAN = ScanPass(
    token="a.b.c",
    gate="PCS1-G1",
    direction="entry",
    nonce="12345678",
    scanned_at=datetime(2026, 12, 1, tzinfo=UTC),
    id_check=Matched(kind="matched", id_type="voter_id", id_last4="4821"),
)
OFFLINE_SCAN = OfflineScan(
    **SCAN.model_dump(exclude_unset=True), offline=DecidedOffline(verdict="admit", list_age_s=120)
)
CALLS: dict[str, Call[Any]] = {
    "scanPass": calls.scan_pass(SCAN),
    "syncScans": calls.sync_scans(SyncScans(gate="PCS1-G1", scans=(OFFLINE_SCAN,))),
    "callHelp": calls.call_help(CallForHelp(gate="PCS1-G1", reason="visitor")),
    "listInside": calls.list_inside("PCS1", after="x", limit=10),
    "viewGateSession": calls.view_gate_session(),
    "enrolGateDevice": calls.enrol_gate_device("GAT-0001-k7fm-w3pa-xq9t"),
    "reportGateDevice": calls.report_gate_device(GateDeviceReport(version="0.12.0", list_age_s=3, unsent=0)),
    "viewManifest": calls.view_manifest("PCS1-G1", after="x", limit=10),
    "listSites": calls.list_sites(),
    "listDepartments": calls.list_departments(closed=True),
    "listAvailability": calls.list_availability("home", "PCS1"),
    "viewCapacity": calls.view_capacity(),
    "setCapacity": calls.set_capacity(
        Capacity(days=(VisitingDay(weekday=0, opens=time(10), closes=time(13), places=20),))
    ),
    "listTransparency": calls.list_transparency(),
    "viewTransparencyCsv": calls.view_transparency_csv(),
    "viewNumbers": calls.view_numbers(),
    "listOfficers": calls.list_officers("home", "bal", closed=True),
    "requestOtp": calls.request_otp("+919812345678", "pa"),
    "verifyOtp": calls.verify_otp(REVIEW, "123456"),
    "lookUpStatus": calls.look_up_status("PCS-7K3M-9QW4", "5678"),
    "submitApplication": calls.submit_application(SubmitApplication(**APPLICATION)),
    "listApplications": calls.list_applications(after="x", limit=10),
    "viewApplication": calls.view_application("PCS-7K3M-9QW4"),
    "openApplication": calls.open_application("PCS-7K3M-9QW4", "4821"),
    "amendApplication": calls.amend_application(
        "PCS-7K3M-9QW4",
        purpose="Another",
        preferred=[SLOT],
        officer="",
        companions=[CompanionInput(name="Simran", child=True)],
    ),
    "cancelApplication": calls.cancel_application("PCS-7K3M-9QW4"),
    "changeMobile": calls.change_mobile("PCS-7K3M-9QW4", NewMobile(request_id=REVIEW, code="482917")),
    "resendMessage": calls.resend_message("PCS-7K3M-9QW4"),
    "viewPass": calls.view_pass("7K3M9QW4"),
    "viewQrSvg": calls.view_qr_svg("7K3M9QW4"),
    "viewQrPng": calls.view_qr_png("7K3M9QW4"),
    "printPass": calls.print_pass("7K3M9QW4"),
    "reissuePass": calls.reissue_pass("7K3M9QW4"),
    "logIn": calls.log_in("HOM-0001", "a password"),
    "logOut": calls.log_out(),
    "enterCode": calls.enter_code("c2lnbi1pbg", "482913"),
    "showEnrolment": calls.show_enrolment("c2lnbi1pbg"),
    "enrolFactor": calls.enrol_factor("c2lnbi1pbg", "482913"),
    "confirmFactor": calls.confirm_factor("482913"),
    "viewOwnFactor": calls.view_own_factor(),
    "startEnrolment": calls.start_enrolment("a password"),
    "renewRecoveryCodes": calls.renew_recovery_codes(),
    "resetFactor": calls.reset_factor("HOM-0001"),
    "viewFactorRule": calls.view_factor_rule(),
    "setFactorRule": calls.set_factor_rule(["ado", "security"]),
    "changePassword": calls.change_password("old", "new"),
    "issueLogin": calls.issue_login(IssueLogin(role="department", name="Baldev Singh", department="home")),
    "listLogins": calls.list_logins(
        after="x", limit=10, role="department", department="home", site="PCS1", state="active"
    ),
    "viewLogin": calls.view_login("HOM-0001"),
    "setLoginMobile": calls.set_login_mobile("HOM-0001", "9876543210", "pa"),
    "extendLogin": calls.extend_login("HOM-0001", date(2027, 3, 31)),
    "signOutLogin": calls.sign_out_login("HOM-0001"),
    "disableLogin": calls.disable_login("HOM-0001"),
    "resetLogin": calls.reset_login("HOM-0001"),
    "listDirectoryLines": calls.list_directory_lines("officers"),
    "viewDirectoryLine": calls.view_directory_line("officers", "home", "home-secretary"),
    "viewDirectoryHistory": calls.view_directory_history("officers", "home", "home-secretary"),
    "putDirectoryLine": calls.put_directory_line("holidays", {"site": "PCS1"}, "4fa1", accepted=3),
    "removeDirectoryLine": calls.remove_directory_line("gates", "PCS1", "PCS1-G2", was="4fa1", accepted=3),
    "listWatchlist": calls.list_watchlist("active", after="x", limit=10),
    "proposeWatchlistEntry": calls.propose_watchlist_entry(
        ProposeEntry(
            name="Balwinder Singh", id_last4="4821", reason="Threats", valid_until=date(2026, 12, 31)
        )
    ),
    "viewWatchlistEntry": calls.view_watchlist_entry(REVIEW),
    "confirmWatchlistEntry": calls.confirm_watchlist_entry(REVIEW),
    "endWatchlistEntry": calls.end_watchlist_entry(REVIEW),
    "listWatchlistMatches": calls.list_watchlist_matches(open=False, after="x", limit=10),
    "viewWatchlistMatch": calls.view_watchlist_match(REVIEW),
    "settleWatchlistMatch": calls.settle_watchlist_match(REVIEW, "dismissed", "Another face"),
    "inviteVisitors": calls.invite_visitors(
        Invite(
            site="PCS1",
            purpose_kind="meeting",
            purpose="Budget talks",
            slot=SLOT,
            visitors=(InvitedVisitor(name="Ravi Kumar"),),
        )
    ),
    "submitAtCounter": calls.submit_at_counter(SubmitAtCounter(**APPLICATION, mobile=None)),
    "listWaitingHere": calls.list_waiting_here(),
    "listUndelivered": calls.list_undelivered(),
    "changeMobileAtCounter": calls.change_mobile_at_counter(
        "PCS-7K3M-9QW4", NewMobileAtCounter(request_id=REVIEW, code="482917", id_last4="4821")
    ),
    "lookUpAtCounter": calls.look_up_at_counter("Gurpreet"),
    "listReviews": calls.list_reviews("pending", after="x", limit=10),
    "searchReviews": calls.search_reviews("PCS-7K3M-9QW4"),
    "viewReview": calls.view_review(REVIEW),
    "approveReview": calls.approve_review(
        REVIEW,
        SLOT,
        gate="PCS1-G1",
        entries=2,
        vehicle_allowed=True,
        last_day=SLOT.day,
        days_reason="a hearing",
        revision=1,
    ),
    "rejectReview": calls.reject_review(REVIEW, "security", "a note", 1),
    "returnReview": calls.return_review(REVIEW, "a note", 1),
    "forwardReview": calls.forward_review(REVIEW, department="finance"),
    "withdrawApproval": calls.withdraw_approval(REVIEW, "security"),
    "listClosures": calls.list_closures("home", after="x", limit=10),
    "listAffected": calls.list_affected(date(2026, 12, 1), "home", after="x", limit=10),
    "closeDay": calls.close_day(CloseDay(day=date(2026, 12, 1), reason="officer_away")),
    "viewClosure": calls.view_closure(REVIEW),
    "liftClosure": calls.lift_closure(REVIEW),
    "listDelegations": calls.list_delegations(after="x", limit=10),
    "delegate": calls.delegate(
        Delegate(
            officer="secretary",
            login="HOM-0002",
            first_day=date(2026, 12, 1),
            last_day=date(2026, 12, 5),
        )
    ),
    "endDelegation": calls.end_delegation(REVIEW),
    "viewJwks": calls.view_jwks(),
    "viewPassStatus": calls.view_pass_status(),
    "listAuditHeads": calls.list_audit_heads(after="x", limit=10),
}
"""A call of each operation, by its ``operationId``."""
NOT_COVERED: dict[str, str] = {}
"""Operations without a function, each with the reason."""
NONCE_IS_THE_KEY = {"scanPass", "syncScans"}
"""Commands that send no Idempotency-Key, since their body has one."""


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation, by its ``operationId``."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def snake_case(operation_id: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", operation_id).lower()


def test_each_operation_of_the_document_has_a_function_or_a_reason_for_none():
    assert CALLS.keys() | NOT_COVERED.keys() == operations().keys()
    assert not CALLS.keys() & NOT_COVERED.keys()


def test_each_function_is_an_operation_of_the_document():
    public = {
        name for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__ and not name.startswith("_")
    }  # fmt: skip
    assert public == {snake_case(operation_id) for operation_id in CALLS}


@pytest.mark.parametrize("operation_id", CALLS)
def test_a_call_has_the_method_path_and_parameters_of_its_operation(operation_id):
    call, (method, path, operation) = CALLS[operation_id], operations()[operation_id]
    assert call.method == method
    assert re.fullmatch(
        re.sub(r"\{\w+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")), call.path
    )
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    assert call.query.keys() <= known


@pytest.mark.parametrize("operation_id", CALLS)
def test_a_call_has_an_idempotency_key_exactly_where_the_operation_takes_one(operation_id):
    call, (_, _, operation) = CALLS[operation_id], operations()[operation_id]
    takes_key = any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", []))
    assert (call.key is not None) == (takes_key and operation_id not in NONCE_IS_THE_KEY)


@pytest.mark.parametrize("operation_id", CALLS)
def test_the_body_of_a_call_is_valid_for_its_operation(operation_id):
    call, (_, _, operation) = CALLS[operation_id], operations()[operation_id]
    assert (call.body is not None) == ("requestBody" in operation)
    if call.body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(json.loads(call.body))


@pytest.mark.parametrize("operation_id", CALLS)
def test_the_answer_of_a_call_is_the_model_of_its_operation(operation_id):
    call, (_, _, operation) = CALLS[operation_id], operations()[operation_id]
    success, *_ = (response for status, response in operation["responses"].items() if status.startswith("2"))
    schema = success.get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        assert call.answer.__name__ == schema["$ref"].rsplit("/", 1)[1]
    else:
        assert call.answer.__name__ in {"bytes", "Nothing"}
