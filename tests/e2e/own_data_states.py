"""The states of the pages on which applicants see, copy and erase what is kept of them."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from contracts.errors import InvalidInput, NotFound, Unavailable
from contracts.model import IST, Person
from contracts.rpc.accounts.logins import LoginPlace, LoginPlaces
from contracts.rpc.application import ApplicationList, ApplicationView
from contracts.rpc.call import Nothing
from contracts.rpc.companions import CompanionView
from contracts.rpc.notices import NoticeText, ShownNotice
from contracts.rpc.notify import OwnMessages
from contracts.rpc.own_data import Consent, ErasedOnRequest, Kept, OwnData, Reader
from tests.e2e.page_samples import State
from tests.support.factories.gateway import NUMBER, REFERENCE
from tests.support.factories.pages import APPLICATION
from tests.support.system.page_reader import PERSON
from tests.support.system.pages_alone import SUMMARY

AT = datetime(2026, 12, 1, 10, 30, tzinfo=IST)
LOCKED_UNTIL = datetime(2999, 12, 1, 10, 30, tzinfo=IST)
SHOWN = "0123456789ab"
OVER, COMING = SUMMARY.model_copy(update={"opened": True}), "PCS-0000-0001"
ANSWERS = {
    "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "mobile": "+919876543210", "email": "k@example.org",
    "id_type": "voter_id", "official": None, "department": "home", "site": "PCS1",
    "officer": "baldev", "purpose_kind": "meeting", "purpose": "Arms licence", "vehicle": "PB 65 A 1234",
    "preferred": [{"date": "2026-12-01", "from": "10:00", "to": "12:00"}], "assistance": None, "note": "",
    "companions": [{"name": "Harjit Singh", "child": False, "id_type": "aadhaar"}],
}  # fmt: skip


def _kept(kind: str, *records: dict[str, Any], **given: Any) -> Kept:
    return Kept(reference=REFERENCE, kind=kind, count=len(records), since=AT, records=records, **given)


def _reply(*items: Kept, seen: tuple[Reader, ...] = ()) -> OwnData:
    return OwnData(items=items, readers=seen)


def _requests(until: datetime) -> Iterator[Kept]:
    """Yield a request that waits and one that was answered."""
    for number, answer in (("REQ-7K3M-9QW4", "It was closed."), ("REQ-0000-0000", "")):
        record = {"number": number, "sent_at": AT.isoformat(), "text": "They sent me away", "answer": answer}
        erasable = AT if answer else None
        facts = {"reference": number, "kind": "request", "count": 1, "since": AT, "until": until}
        yield Kept(**facts, erasable=erasable, records=(record,))


def own_data(**given: Any) -> dict[str, Any]:
    """Return what services answer about somebody whose visit is over, and who has applied for another."""
    until = AT + timedelta(days=180)
    officer = Reader(actor="HOM-0001", role="department", times=3, first=AT, last=AT + timedelta(hours=1))
    guard = Reader(actor="SEC-0001", role="security", times=1, first=AT, last=AT)
    other = SUMMARY.model_copy(update={"opened": True, "reference": COMING})
    undecided = Kept(reference=COMING, kind="answers", count=1, since=AT, until=until, records=(ANSWERS,))
    moment, called = AT.isoformat(), {"department": "home", "answer": "come_up"}
    answers: Mapping[str, Any] = {
        "application.list_applications": ApplicationList(items=(OVER, other)),
        "application.own_data": _reply(
            _kept(
                "answers",
                ANSWERS,
                until=until,
                erasable=AT,
                receivers=("home",),
                numbers=(NUMBER,),
                notice=SHOWN,
            ),
            undecided,
            _kept("photograph", {"jpeg": ""}, until=until, erasable=AT),
            _kept(
                "progress",
                {"at": moment, "what": "submitted", "facts": {}},
                {"at": moment, "what": "visit_answered", "facts": called},
                is_nameless=True,
            ),
            *_requests(until),
        ),
        "approval.own_data": _reply(
            _kept("desk", ANSWERS, receivers=("home",)),
            _kept(
                "decisions",
                {
                    "decided_at": moment,
                    "department": "home",
                    "status": "approved",
                    "note": "",
                    "days_reason": "",
                },
                is_nameless=True,
            ),
            seen=(officer, officer.model_copy(update={"actor": "HOM-0002"})),
        ),
        "issuance.own_data": _reply(
            _kept("passes", {"number": NUMBER, "issued_at": moment, "valid_from": moment, "valid_to": moment})
        ),
        "notify.own_data": _reply(
            _kept(
                "messages",
                {"queued_at": moment, "state": "read", "text": "e-Pass"},
                receivers=("sms", "msg91"),
            )
        ),
        "verify.own_data": _reply(
            _kept("gates", {"number": NUMBER}),
            _kept(
                "scans",
                {"scanned_at": moment, "gate": "PCS1-G1", "verdict": "admit"},
                is_nameless=True,
                receivers=("PCS1-G1",),
            ),
            seen=(guard,),
        ),
        "accounts.login_places": LoginPlaces(
            items=(
                LoginPlace(login_id="HOM-0001", department="home"),
                LoginPlace(login_id="HOM-0002", department="home"),
                LoginPlace(login_id="SEC-0001", site="PCS1"),
            )
        ),
    }
    return {**answers, **{name.replace("__", "."): answer for name, answer in given.items()}}


HARJIT = CompanionView(
    reference=REFERENCE, number=NUMBER, name="ਹਰਜੀਤ ਸਿੰਘ", name_latin="Harjit Singh", id_type="aadhaar",
    site="PCS1", department="home", day=AT.date(), since=AT, until=AT + timedelta(days=180),
)  # fmt: skip
NOT_FOUND = InvalidInput.of("number", "no_such_companion")


def of_companions() -> Iterator[State]:
    """Yield the pages on which somebody who came along sees their line."""
    place, asked = "/my-data/companion", {"number": NUMBER, "name": "Harjit", "id_last4": "0917"}
    yield State("applicant", place)
    yield State("applicant", place, asked, {"application.view_companion": NOT_FOUND}, status=422)
    found = {"application.view_companion": HARJIT}
    yield State("applicant", place, asked, own_data() | found)
    yield State("applicant", place, asked, own_data(verify__own_data=Unavailable()) | found)


def consented(answers: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """Return what services answer where the visit that is over was asked for with consent."""
    answers = answers or own_data()
    (first, *others) = answers["application.own_data"].items
    consent = Consent(given_at=AT, notice=SHOWN, **given)
    items = (first.model_copy(update={"consent": consent}), *others)
    return answers | {"application.own_data": _reply(*items)}


def of_consents() -> Iterator[State]:
    """Yield the pages of consent, where a site rests on it; and of who applies for a child."""
    place = f"/applications/{REFERENCE}/consent"
    yield State("applicant", "/my-data", answers=consented())
    yield State("applicant", "/my-data", answers=consented(withdrawn_at=AT))
    yield State("applicant", place, answers=consented())
    yield State("applicant", place, {"key": "k"}, own_data() | {"application.withdraw_consent": Nothing()})
    yield State("applicant", "/apply/who", PERSON | {"kind": "minor"}, status=422)


def shortened(shown: ApplicationView) -> ApplicationView:
    """Return an application that is locked, as its applicant and the reception see it."""
    return shown.model_copy(
        update={
            "status": "issued",
            "applicant": Person(name="", name_latin=""),
            "purpose": "",
            "locked_until": LOCKED_UNTIL,
        }
    )


def with_locked(answers: dict[str, Any] | None = None, *, is_locked: bool = True) -> dict[str, Any]:
    """Return what services answer where the other visit is over and has to stay: locked, or to be locked."""
    answers = answers or own_data()
    own = answers["application.own_data"]
    facts = {"erasable": LOCKED_UNTIL, "is_locked": is_locked, "lockable": None if is_locked else AT}
    items = tuple(
        one.model_copy(update={**facts, "until": LOCKED_UNTIL}) if one.reference == COMING else one
        for one in own.items
    )
    over, other = answers["application.list_applications"].items
    line = {"locked_until": LOCKED_UNTIL, "name": "", "status": "issued"} if is_locked else {}
    return answers | {
        "application.own_data": own.model_copy(update={"items": items}),
        "application.list_applications": ApplicationList(items=(over, other.model_copy(update=line))),
    }


def of_own_data() -> Iterator[State]:
    """Yield the pages about what is kept of an applicant."""
    yield State("applicant", "/my-data", answers=own_data())
    yield State("applicant", "/my-data", answers=own_data(verify__own_data=Unavailable()))
    closed = ApplicationList(items=(SUMMARY,))
    nothing = {name: _reply() for name in own_data() if name.endswith(".own_data")}
    yield State(
        "applicant", "/my-data", answers={**own_data(), **nothing, "application.list_applications": closed}
    )
    none = ApplicationList(items=())
    yield State(
        "applicant", "/my-data", answers={**own_data(), **nothing, "application.list_applications": none}
    )
    for stopped in (False, True):
        chosen = {"notify.own_messages": OwnMessages(stopped=stopped)}
        yield State("applicant", "/my-data/messages", answers=chosen)
    yield State("applicant", "/my-data/erase", answers=own_data())
    for is_locked in (False, True):
        yield State("applicant", "/my-data/erase", answers=with_locked(is_locked=is_locked))
    yield State("applicant", "/my-data", answers=with_locked())
    yield State("applicant", "/applications", answers=with_locked())
    locked = {"application.view": shortened(APPLICATION)}
    yield State("applicant", f"/applications/{REFERENCE}", answers=locked)
    yield State("reception", f"/counter/applications/{REFERENCE}", answers=locked)
    receipt = "7K3M9QW4"
    erased = ErasedOnRequest(
        receipt=receipt,
        references=(REFERENCE,),
        photographs=(COMING,),
        requests=("REQ-7K3M-9QW4",),
        locked={COMING: LOCKED_UNTIL},
    )
    wanted = {"reference": REFERENCE, "key": "k"}
    yield State("applicant", "/my-data/erase", wanted, {"application.erase_own_data": erased})


def of_notices() -> Iterator[State]:
    """Yield a version of the privacy notice, and one that nobody has stored."""
    words = {"title": "Privacy", "body": "## Who sees it\n\nThe department.", "short": "We use it."}
    text = NoticeText(language="en", **words, kept=("180 days",), law=("Section 6",), consents=("I agree.",))
    shown = ShownNotice(texts={"en": text, "hi": text, "pa": text}, first_shown=AT)
    place = f"/about/privacy/versions/{SHOWN}"
    yield State(None, place, answers={"application.view_notice": shown})
    yield State(None, place, answers={"application.view_notice": NotFound()}, status=404)
