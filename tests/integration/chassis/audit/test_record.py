"""Each command and each look at people's data leaves a row, and so does each refusal; nobody is named."""

from contextlib import suppress
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts import rpc
from contracts.errors import ContractError, Forbidden, InvalidInput, NotAuthenticated, NotFound
from contracts.rpc.application import ChangeMobile, Lookup, OpenApplication, ReferenceOnly
from contracts.rpc.approval.decisions import Approve, Reject
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion, ReviewSearch
from contracts.rpc.audit import AuditQuestion
from contracts.rpc.call import Nothing, Page, Principal, Proof
from contracts.rpc.notify import UNDELIVERED_HERE, UndeliveredPass, UndeliveredPasses, Webhook
from contracts.rpc.privacy import FindPerson
from contracts.rpc.verify.manifests import PlateQuestion
from contracts.rpc.verify.presence import InsideQuestion
from services.accounts.domain.second_factor import STEP
from services.accounts.service import Service as AccountsService
from services.application.handlers import mobiles
from services.application.service import Service as ApplicationService
from services.application.settings import ApplicationSettings
from services.approval.service import Service as ApprovalService
from services.approval.settings import ApprovalSettings
from services.chassis.audit import entries, record, refusals
from services.chassis.db import cursors
from services.chassis.rpc import server
from services.chassis.runtime.clock import now
from services.notify.service import Service as NotifyService
from services.notify.settings import NotifySettings
from services.verify.service import Service as VerifyService
from tests.support.factories.accounts import ADDRESS, PASSWORD, Accounts, a_call, given_login
from tests.support.factories.accounts import SETTINGS as ACCOUNTS
from tests.support.factories.application import Desk, applicant_call, form, reception_call
from tests.support.factories.application import slot as wished
from tests.support.factories.approval import (
    AUDITOR,
    approval,
    assistant,
    by,
    deliver,
    desk,
    fill_directory,
    review_id_of,
    slot,
    submitted,
)
from tests.support.factories.calls import make_call
from tests.support.factories.verify import GATE, SETTINGS, Gate, calling, pass_issued, scan_of
from tests.support.stack.settings import make_settings


def rows(database, columns: str = "actor, role, action, result") -> list[tuple]:
    refusals.write(database)
    with database.transaction() as session:
        found = session.execute(text(f"select {columns} from audit_log order by at, position"))
        return [tuple(row) for row in found]


@pytest.fixture(autouse=True)
def _nothing_counted_before(monkeypatch) -> None:
    monkeypatch.setattr(refusals, "_MEMORY", f"refusals {uuid4()}")


@pytest.fixture
def approval_service(databases) -> ApprovalService:
    fill_directory(databases["approval"])
    service = ApprovalService()
    service.db, service.settings = databases["approval"], make_settings(ApprovalSettings)
    return service


@pytest.fixture
def application_service(databases) -> ApplicationService:
    Desk(databases["application"]).open_directory()
    service = ApplicationService()
    service.db, service.settings = databases["application"], make_settings(ApplicationSettings)
    return service


@pytest.fixture
def review(approval_service):
    """Return the id and the reference of a review that waits."""
    waiting = submitted(preferred=(slot((now() + timedelta(days=7)).date()),))
    deliver(approval_service.db, waiting, at=now())
    return review_id_of(approval_service.db, waiting.application_id), waiting.reference


def test_a_decision_is_recorded_with_its_effect_once_and_a_repeat_as_one(approval_service, review) -> None:
    review_id, reference = review
    wanted = Reject(review_id=review_id, reason="duplicate", note="")
    for _ in range(2):
        approval_service.reject(wanted, by(desk(), "a key"))
    assert rows(approval_service.db) == [
        ("HOM-0001", "department", "reject", "done"),
        ("HOM-0001", "department", "reject", "repeated"),
    ]
    assert rows(approval_service.db, "objects") == [([str(review_id), reference],)] * 2


def test_the_row_of_a_command_is_in_the_transaction_of_its_effect(
    approval_service, review, monkeypatch
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("it was recorded after the commit")

    monkeypatch.setattr(refusals, "insert", fail)
    approval_service.reject(Reject(review_id=review[0], reason="duplicate", note=""), by(desk(), "a key"))
    assert rows(approval_service.db) == [("HOM-0001", "department", "reject", "done")]


def test_a_command_whose_transaction_fails_leaves_a_refusal_and_no_row_of_a_deed(
    approval_service, review
) -> None:
    review_id, _ = review
    wanted = Approve.model_validate(approval(review_id))
    with pytest.raises(NotFound):
        approval_service.approve(wanted, by(desk("finance", "FIN-0001"), "a key"))
    assert rows(approval_service.db) == [("FIN-0001", "department", "approve", "not_found")]


def test_a_list_that_names_people_is_recorded_with_whom_it_named(approval_service, review) -> None:
    approval_service.list_reviews(ReviewQuestion(), by(desk()))
    approval_service.view_review(ReviewId(review_id=review[0]), by(assistant()))
    assert rows(approval_service.db, "actor, action, objects") == [
        ("HOM-0001", "list_reviews", [review[1]]),
        ("HOM-0009", "view_review", [str(review[0]), review[1], "home-secretary"]),
    ]


def test_nobody_sees_what_cannot_be_recorded(approval_service, review, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the table is full")

    monkeypatch.setattr(refusals, "insert", fail)
    with pytest.raises(ContractError):
        approval_service.view_review(ReviewId(review_id=review[0]), by(desk()))
    with pytest.raises(NotFound):
        approval_service.view_review(ReviewId(review_id=review[0]), by(desk("finance", "FIN-0001")))


def working_day() -> date:
    """Return a day in a week, or the Monday after it where the site is closed on that day."""
    day = (now() + timedelta(days=7)).date()
    return day + timedelta(days=8 - day.isoweekday() if day.isoweekday() > 5 else 0)


def test_an_applicant_who_looks_at_their_own_is_not_recorded_and_one_who_opens_is(
    application_service,
) -> None:
    own = applicant_call()
    sent = application_service.submit(form(preferred=[wished(working_day())]), applicant_call(key="a key"))
    reference = sent["reference"]
    application_service.view(ReferenceOnly(reference=reference), own)
    with pytest.raises(InvalidInput):
        application_service.open(OpenApplication(reference=reference, id_last4="9999"), own)
    application_service.open(OpenApplication(reference=reference, id_last4="4821"), own)
    assert rows(application_service.db) == [
        (own.principal.id, "applicant", "submit", "done"),
        (own.principal.id, "applicant", "open", "invalid_input"),
        (own.principal.id, "applicant", "open", "done"),
    ]
    assert rows(application_service.db, "objects") == [([reference],)] * 3


def test_an_operator_who_helps_is_recorded_with_whom_they_helped(application_service) -> None:
    call = applicant_call()
    principal = call.principal.model_copy(update={"login_id": "SEW-0001"})
    application_service.list_applications(Page(), call.model_copy(update={"principal": principal}))
    assert rows(application_service.db, "actor, role, action, objects") == [
        ("SEW-0001", "assisted", "list_applications", [call.principal.id])
    ]


def test_each_part_of_a_long_row_says_who_was_helped_and_at_which_device(
    application_service, monkeypatch
) -> None:
    monkeypatch.setattr(record, "MOST_OBJECTS", 3)
    call = applicant_call()
    sent = [
        application_service.submit(form(preferred=[wished(working_day())]), applicant_call(key=f"{number}"))
        for number in range(3)
    ]
    helped = call.principal.model_copy(update={"login_id": "SEW-0001", "kiosk": None})
    application_service.list_applications(Page(), call.model_copy(update={"principal": helped}))
    found = rows(application_service.db, "objects, action")
    parts = [objects for objects, action in found if action == "list_applications"]
    assert [one[0] for one in parts] == [call.principal.id] * 2
    assert sorted(name for one in parts for name in one[1:]) == sorted(one["reference"] for one in sent)


def test_what_a_counter_looks_up_is_never_written_down(application_service) -> None:
    application_service.submit(form(preferred=[wished(working_day())]), applicant_call(key="a key"))
    application_service.lookup(Lookup(q="Gurpreet"), reception_call())
    (_, (looked, *_)) = rows(application_service.db, "to_jsonb(audit_log) - '{id,at}'::text[]")
    assert looked["action"] == "lookup"
    assert not [what for what in ("urpreet", "98765", "4821") if what in str(looked)]


def test_a_search_that_finds_nobody_is_found_by_auditors_and_says_to_nobody_what_was_typed(
    databases, application_service, approval_service
) -> None:
    """Whoever tries plates, numbers or names, one after the other, is seen by what they tried."""
    verify = VerifyService()
    verify.db, verify.settings = databases["verify"], SETTINGS
    guard, counter = calling(), reception_call()
    officer = Principal(kind="staff", id="DPO-0001", login_id="DPO-0001", role="privacy")

    def sought(service, *searches) -> list[tuple[str, str]]:
        for search in searches:
            search()
        found = rows(service.db, "objects, to_jsonb(audit_log) - '{id,at,address}'::text[]")
        for what in ("1234", "98765", "gurpreet"):
            assert not [one for _, one in found if what in str(one).lower()]
        return [(objects[0].partition(":")[0], objects[0]) for objects, _ in found]

    def at_gate(plate: str) -> None:
        verify.find_by_plate(PlateQuestion(gate=GATE, plate=plate), guard)

    def at_counter(q: str) -> None:
        application_service.lookup(Lookup(q=q), counter)

    gate = sought(verify, *(lambda one=one: at_gate(one) for one in ("CH01AB1234", "ch-1-ab 1234", "1234")))
    assert [kind for kind, _ in gate] == ["vehicle"] * 3
    assert gate[0] == gate[1] != gate[2], "another spelling is the same search"
    typed = ("CH01AB1234", "98765 43210", "+919876543210", "Gurpreet", "gurpreet ")
    desk_ = sought(
        application_service,
        *(lambda one=one: at_counter(one) for one in typed),
        lambda: application_service.find_person(
            FindPerson(q="9876543210", id_last4="4821"), make_call(officer)
        ),
    )
    assert [kind for kind, _ in desk_] == ["vehicle", "mobile", "mobile", "name", "name", "mobile"]
    assert len({name for _, name in desk_}) == 3
    ((kind, _),) = sought(
        approval_service, lambda: approval_service.search_reviews(ReviewSearch(q="gurpreet"), by(desk()))
    )
    assert kind == "name"
    wanted = AuditQuestion(object=gate[0][1])
    assert [one["actor"] for one in verify.audit_entries(wanted, by(AUDITOR))["items"]] == ["SEC-0001"] * 2


def test_a_preview_that_names_somebody_is_recorded_and_a_scan_is_a_record_itself(databases) -> None:
    gate = Gate(databases["verify"])
    service = VerifyService()
    service.db, service.settings = gate.database, SETTINGS
    issued = gate.issue(valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=1))
    service.scan(scan_of(issued, id_check=None), calling())
    service.scan(scan_of(issued), calling())
    service.inside(InsideQuestion(site="PCS1"), calling())
    unknown = pass_issued(valid_from=now(), valid_to=now() + timedelta(hours=1), site="PCS2")
    service.scan(scan_of(unknown, id_check=None), calling())
    assert rows(gate.database, "actor, action, objects") == [
        ("SEC-0001", "preview", [issued.pass_number, issued.reference]),
        ("SEC-0001", "inside", [issued.pass_number, issued.reference]),
    ]
    with gate.database.transaction() as session:
        assert session.scalars(text("select position from scans")).all() == [1]


def test_a_repeated_scan_that_names_somebody_again_is_recorded(databases) -> None:
    gate = Gate(databases["verify"])
    service = VerifyService()
    service.db, service.settings = gate.database, SETTINGS
    issued = gate.issue(valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=1))
    named, nameless = scan_of(issued), scan_of(issued)
    for request in (named, nameless, named, nameless):
        service.scan(request, calling())
    assert rows(gate.database, "actor, action, objects, result") == [
        ("SEC-0001", "scan", [issued.pass_number, issued.reference], "repeated")
    ]


def test_an_auditor_finds_rows_by_actor_object_and_day_and_is_recorded_too(approval_service, review) -> None:
    approval_service.list_reviews(ReviewQuestion(), by(desk()))
    approval_service.list_reviews(ReviewQuestion(), by(desk("finance", "FIN-0001")))

    def found(**wanted: object) -> list[str]:
        page = approval_service.audit_entries(AuditQuestion(**wanted), by(AUDITOR))
        return [one["actor"] for one in page["items"] if one["action"] != "audit_entries"]

    assert found() == ["FIN-0001", "HOM-0001"]
    assert found(actor="FIN-0001") == ["FIN-0001"]
    assert found(object=review[1]) == ["HOM-0001"]
    assert found(last=(now() - timedelta(days=2)).date()) == []
    assert found(actions=("approve",)) == found(refused=True) == []
    assert found(actions=("approve", "list_reviews")) == ["FIN-0001", "HOM-0001"]
    with pytest.raises(Forbidden):
        approval_service.audit_entries(AuditQuestion(), by(desk()))
    assert rows(approval_service.db)[2:] == [
        *[("AUD-0001", "auditor", "audit_entries", "done")] * 7,
        ("HOM-0001", "department", "audit_entries", "forbidden"),
    ]
    refused = approval_service.audit_entries(AuditQuestion(refused=True), by(AUDITOR))["items"]
    assert [one["result"] for one in refused] == ["forbidden"]


def test_a_file_of_the_log_is_one_row_however_many_parts_it_has(approval_service) -> None:
    asked = AuditQuestion(export=True, limit=1)
    going_on = by(AUDITOR).model_copy(update={"by_itself": True})
    approval_service.audit_entries(asked, by(AUDITOR))
    following = asked.model_copy(update={"after": cursors.encode(now(), uuid4())})
    for _ in range(2):
        approval_service.audit_entries(following, going_on)
    assert rows(approval_service.db) == [("AUD-0001", "auditor", "export_audit", "done")]


def test_the_log_says_whom_an_auditor_searched_and_no_header_of_theirs_hides_a_page(approval_service) -> None:
    by_itself = by(AUDITOR).model_copy(update={"by_itself": True})
    for _ in range(2):
        approval_service.audit_entries(AuditQuestion(actor="HOM-0001", object="PCS-7K3M-9QWX"), by_itself)
    after = approval_service.audit_entries(AuditQuestion(limit=1), by_itself)["next"]
    approval_service.audit_entries(AuditQuestion(after=after, object="what somebody typed"), by_itself)
    for _ in range(2):
        approval_service.audit_entries(AuditQuestion(export=True), by_itself)
    assert rows(approval_service.db, "action, objects, result") == [
        *[("audit_entries", ["HOM-0001", "PCS-7K3M-9QWX"], "done")] * 2,
        *[("audit_entries", [], "done")] * 2,
        *[("export_audit", [], "done")] * 2,
    ]


def test_whoever_pages_through_the_log_shows_the_second_factor_again(approval_service, monkeypatch) -> None:
    """All pages together are as much as a file."""
    monkeypatch.setattr(entries, "PAGES_AN_HOUR", 3)
    stale = AUDITOR.model_copy(update={"factor_at": int(now().timestamp()) - 301})
    for _ in range(3):
        approval_service.audit_entries(AuditQuestion(), by(stale))
    with pytest.raises(Forbidden) as refused:
        approval_service.audit_entries(AuditQuestion(), by(stale))
    assert refused.value.body.code == "second_factor_stale"
    fresh = stale.model_copy(update={"factor_at": int(now().timestamp())})
    assert approval_service.audit_entries(AuditQuestion(), by(fresh))["items"]


def test_pages_of_rows_meet_without_a_gap(approval_service) -> None:
    at = now()
    with approval_service.db.transaction() as session:
        for number in range(7):
            record.record_task(session, f"{number}", [], at)
    seen: list[str] = []
    after = None
    while True:
        page = approval_service.audit_entries(
            AuditQuestion(actor="command line", after=after, limit=3), by(AUDITOR)
        )
        seen += [one["action"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == [f"{number}" for number in range(7)]


def test_what_does_not_have_the_form_of_a_login_is_not_recorded() -> None:
    wrong = rpc.accounts.sessions.LogIn(login_id="my password 7", password="x" * 12)
    assert record.objects_of(wrong, is_request=True) == []
    assert record.objects_of(wrong.model_copy(update={"login_id": " ado-0001"}), is_request=True) == [
        "ADO-0001"
    ]


NAMES = {"name", "name_latin", "applicant", "mobile", "email", "visitors", "companions", "jpeg"}
"""Fields of replies that name people, or show them."""
NAMES_NOBODY_ELSE = {
    "application.status": "no name",
    "application.number_to_prove": "no page shows it; a code is sent there",
    "approval.site_texts": "texts of the site",
    "issuance.view_by_link": "who has the link holds the pass",
    "approval.sites": "names of places",
    "approval.departments": "names of departments",
    "approval.officers": "the public directory",
    "approval.list_lines": "the directory",
    "approval.view_line": "the directory",
    "approval.line_history": "the directory",
    "approval.check_directory_file": "the directory",
    "application.check": "what was typed just now",
    "application.view_breach": "words to everybody",
    "accounts.own_sessions": "their own",
    "accounts.gate_devices": "names of tablets",
}


def test_each_method_whose_reply_names_people_is_recorded() -> None:
    def names(kind: object, seen: set[object]) -> bool:
        if kind in seen:
            return False
        seen.add(kind)
        fields = getattr(kind, "model_fields", {})
        if NAMES & set(fields):
            return True
        inner = [field.annotation for field in fields.values()] or list(getattr(kind, "__args__", ()))
        return any(names(one, seen) for one in inner)

    unrecorded = {
        f"{one.service}.{one.name}"
        for one in rpc.METHODS
        if not one.command and not one.names_people and names(one.reply, set())
    }
    assert unrecorded <= set(NAMES_NOBODY_ELSE), unrecorded - set(NAMES_NOBODY_ELSE)


def test_who_copies_the_qr_of_a_pass_is_recorded_as_who_looks_at_the_pass() -> None:
    """It opens a gate as the pass does, and a name that it does not have keeps nobody out."""
    staff, theirs = Principal(kind="staff", login_id="RCP-0001"), Principal(kind="applicant", id="a")
    for method in (rpc.issuance.PASS, rpc.issuance.QR):
        assert record.is_recorded(method, staff)
        assert not record.is_recorded(method, theirs)


def test_a_change_of_the_number_is_recorded_with_to_whom_it_went_and_without_the_number(
    application_service, monkeypatch
) -> None:
    """By this an auditor sees that one operator has moved many passes to one phone."""
    desk_ = Desk(application_service.db)
    new = Principal(kind="applicant", id="applicant:keyed-hash-of-the-number", mobile="+919811122233")
    monkeypatch.setattr(mobiles, "proved_by", lambda *_: new)
    expected = []
    for card, result in (("4822", "invalid_input"), ("4821", "done")):
        reference = desk_.submit().reference
        wanted = ChangeMobile(reference=reference, proof=Proof(session="theirs"), id_last4=card)
        with suppress(InvalidInput):
            application_service.change_mobile(wanted, reception_call(key=f"a click with {card}"))
        expected.append(("RCP-0001", "change_mobile", [reference, new.id], result))
    assert rows(application_service.db, "actor, action, objects, result") == expected


def test_a_sign_in_is_recorded_by_the_login_and_a_wrong_password_as_a_refusal(databases) -> None:
    given_login(databases["accounts"], "HOM-0001")
    service = AccountsService()
    service.db, service.settings = databases["accounts"], ACCOUNTS
    with pytest.raises(NotAuthenticated):
        service.log_in(rpc.accounts.sessions.LogIn(login_id="hom-0001", password="wrong"), a_call(key="a"))
    service.log_in(rpc.accounts.sessions.LogIn(login_id="hom-0001", password=PASSWORD), a_call(key="b"))
    assert rows(service.db, "actor, action, objects, result, address") == [
        ("anonymous", "log_in", ["HOM-0001"], "wrong_login", ADDRESS),
        ("anonymous", "log_in", ["HOM-0001"], "done", ADDRESS),
    ]


def test_a_code_of_an_app_is_recorded_by_the_login_whether_it_is_right_or_wrong(databases) -> None:
    accounts = Accounts(databases["accounts"])
    given_login(accounts.db, "HOM-0001")
    app, _ = accounts.given_app(at=now() - 10 * STEP)
    service = AccountsService()
    service.db, service.settings = accounts.db, ACCOUNTS
    token = accounts.sign_in_token()
    for code in ("000000", app.at(now())):
        with suppress(InvalidInput):
            service.enter_code(
                rpc.accounts.second_factor.EnterCode(sign_in=token, code=code), a_call(key=f"key {code}")
            )
    assert rows(accounts.db, "action, objects, result") == [
        ("enter_code", ["HOM-0001"], "invalid_input"),
        ("enter_code", ["HOM-0001"], "done"),
    ]


def test_the_list_of_passes_that_did_not_arrive_is_recorded_with_whose_they_are(databases) -> None:
    one = UndeliveredPass(reference="PCS-DCR7-P9GB", pass_number="7K3M9PXQ", channel="sms", since=now())

    class Service:
        db = databases["notify"]
        undelivered_here = server.rpc(UNDELIVERED_HERE, lambda: UndeliveredPasses(items=(one,)))

    service = Service()
    service.undelivered_here(Nothing(), reception_call())
    assert rows(service.db, "actor, action, objects") == [
        ("RCP-0001", "undelivered_here", [one.reference, one.pass_number])
    ]


def test_a_page_that_asks_again_by_itself_is_recorded_only_when_it_shows_somebody_new(
    approval_service, review
) -> None:
    by_itself = by(desk()).model_copy(update={"by_itself": True})
    approval_service.list_reviews(ReviewQuestion(), by(desk()))
    for _ in range(3):
        approval_service.list_reviews(ReviewQuestion(), by_itself)
    looks = [("HOM-0001", "department", "list_reviews", "done")]
    assert rows(approval_service.db) == looks
    another = submitted(preferred=(slot((now() + timedelta(days=7)).date()),))
    deliver(approval_service.db, another, at=now())
    for _ in range(2):
        approval_service.list_reviews(ReviewQuestion(), by_itself)
    looks.append(("HOM-0001", "department", "list_reviews", "refreshed"))
    assert rows(approval_service.db) == looks
    assert another.reference in rows(approval_service.db, "objects")[-1][0]
    approval_service.list_reviews(ReviewQuestion(), by(desk()))
    assert rows(approval_service.db)[2:] == looks[:1]


@pytest.mark.parametrize(
    "other",
    [{"principal": desk("home", "HOM-0002")}, {"address": "elsewhere"}, {}],
    ids=["another login", "another address", "later"],
)
def test_what_somebody_else_saw_elsewhere_or_long_ago_is_recorded_of_a_page_that_asks_by_itself(
    approval_service, review, monkeypatch, other
) -> None:
    approval_service.list_reviews(ReviewQuestion(), by(desk()))
    if not other:
        monkeypatch.setattr(record, "KNOWN_FOR", timedelta(0))
    call = by(desk()).model_copy(update={"by_itself": True, **other})
    approval_service.list_reviews(ReviewQuestion(), call)
    assert [one[3] for one in rows(approval_service.db)] == ["done", "refreshed"]


def test_a_refusal_is_recorded_although_a_page_asks_again_by_itself(approval_service, review) -> None:
    call = by(AUDITOR).model_copy(update={"by_itself": True})
    for _ in range(2):
        with pytest.raises(Forbidden):
            approval_service.list_reviews(ReviewQuestion(), call)
    assert rows(approval_service.db) == [("AUD-0001", "auditor", "list_reviews", "forbidden")] * 2


def test_each_look_is_recorded_that_no_open_page_takes_by_itself(approval_service, review) -> None:
    """A browser says of a file that is fetched, too, that no person asked."""
    call = by(desk()).model_copy(update={"by_itself": True})
    for _ in range(2):
        approval_service.view_review(ReviewId(review_id=review[0]), call)
    assert [one[2:] for one in rows(approval_service.db)] == [("view_review", "done")] * 2


def test_what_no_vendor_signed_leaves_no_row_however_often_it_is_sent(databases) -> None:
    service = NotifyService()
    service.db = databases["notify"]
    service.settings = make_settings(NotifySettings, sms_webhook_secret="a" * 32)
    with pytest.raises(NotAuthenticated):
        service.receive_webhook(Webhook(vendor="sms", body=b"e30="), make_call(key="k"))
    assert rows(service.db) == []


def test_a_file_of_the_log_begins_with_the_second_factor_of_just_now(approval_service) -> None:
    stale = AUDITOR.model_copy(update={"factor_at": int(now().timestamp()) - 301})
    with pytest.raises(Forbidden) as refused:
        approval_service.audit_entries(AuditQuestion(export=True), by(stale))
    assert refused.value.body.code == "second_factor_stale"
    assert approval_service.audit_entries(AuditQuestion(), by(stale))["items"], "a page is a look"
    fresh = stale.model_copy(update={"factor_at": int(now().timestamp())})
    assert approval_service.audit_entries(AuditQuestion(export=True), by(fresh))["items"]
