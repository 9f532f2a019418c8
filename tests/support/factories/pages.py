"""Replies of the services that the pages show, for tests of pages."""

from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from contracts import rpc
from contracts.model import Companion, Person, Slot
from contracts.rpc.accounts import LoginView, StaffSession
from contracts.rpc.application import ApplicationView
from contracts.rpc.approval import DecisionView, DepartmentView, ReviewView
from contracts.rpc.notify import PhoneMessages, SentMessage
from contracts.rpc.verify import ScanResult
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, REFERENCE, claims, signed

UNDER_A_LANGUAGE = "/{language:lang}"
"""How the path of nearly every page begins."""
REVIEW_ID = UUID("0195f3a2-0000-4000-8000-000000000001")
FIRST, SECOND = (Slot(day=date(2026, 12, day), start=time(10), end=time(12)) for day in (1, 2))
POLICE = DepartmentView(code="police", name={"en": "Police", "pa": "ਪੁਲਿਸ", "hi": "पुलिस"}, sites=("PCS1",))


def review(**given: Any) -> ReviewView:
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "reference": REFERENCE, "revision": 3, "status": "pending", "department": "home",
        "site": "PCS1", "channel": "portal",
        "kind": "citizen", "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "id_type": "voter_id",
        "id_last4": "4821", "party": 2,
        "companions": (Companion(name="Harjit Singh", name_latin="Harjit Singh"),), "purpose_kind": "meeting",
        "purpose": "Arms licence",
        "preferred": (FIRST, SECOND), "vehicle": "PB65AB1234", "mobile_proved": True, "submitted_at": now(),
        "waiting_since": now(), "visit": FIRST, "language": "pa", "deliver_by": "sms",
    }  # fmt: skip
    return ReviewView(**{**facts, **given})


DECIDED = DecisionView(
    status="approved",
    decided_by="HOM-0002",
    decided_at=now(),
    slot=FIRST,
    gate="PCS1-G1",
    entries=2,
    vehicle_allowed=True,
)


ADMIT = ScanResult(
    verdict="admit", preview=True, pass_=NUMBER, reference=REFERENCE, party=3, inside=0, valid_from=now(),
    valid_to=now(), site="PCS1",
    applicant=Person(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", id_type="voter_id"),
    vehicle="PB65AB1234",
    companions=(Companion(name="Harjit Singh", name_latin="Harjit Singh"),
    Companion(name="Simran", name_latin="Simran", child=True)),
    assistance="wheelchair",
)  # fmt: skip


def login(login_id: str, **given: Any) -> LoginView:
    facts: dict[str, Any] = {
        "role": "department",
        "name": "Harjit Singh",
        "department": "home",
        "issued_at": now(),
    }
    return LoginView(login_id=login_id, **{**facts, **given})


def session(**given: Any) -> StaffSession:
    facts: dict[str, Any] = {
        "access_token": signed(claims("staff")),
        "role": "department",
        "login_id": "HOM-0001",
        "expires_at": now(),
    }
    return StaffSession(**{**facts, **given})


APPLICATION = rpc.application.ApplicationView(
    reference=REFERENCE, status="submitted", site="PCS1", department="home", submitted_at=now(),
    channel="portal", revision=1,
    applicant=Person(name="Gurpreet Kaur", name_latin="Gurpreet Kaur", id_type="voter_id", id_last4="4821"),
    purpose_kind="meeting",
    purpose="Arms licence", preferred=(FIRST,), language="en", deliver_by="sms",
    timeline=(rpc.application.TimelineEntry(at=now(), what="submitted"),),
)  # fmt: skip


def phone_messages(*texts: str) -> PhoneMessages:
    return PhoneMessages(
        items=tuple(
            SentMessage(
                at=now() - timedelta(minutes=5),
                to="+919876543210",
                channel="sms",
                purpose="pass",
                language="en",
                text=text,
            )
            for text in texts
        )
    )


def counter_application(**given: Any) -> ApplicationView:
    facts: dict[str, Any] = {
        "reference": REFERENCE, "status": "submitted", "site": "PCS1", "department": "home",
        "submitted_at": now(), "channel": "counter",
        "revision": 1, "applicant": Person(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur",
        id_type="voter_id", id_last4="4821"),
        "purpose_kind": "meeting", "purpose": "Licence", "language": "pa", "deliver_by": "printed",
        "timeline": (),
        "preferred": (Slot.model_validate({"date": "2026-12-01", "from": "10:00", "to": "12:00"}),),
    }  # fmt: skip
    return ApplicationView(**{**facts, **given})
