"""One example of each event, and their golden bytes. `python -m tests.contract.samples` adds the files that
are missing.

A golden file is never written again: a message on the wire, in a dead letter or in the stream comes from
older code.
"""

from datetime import UTC, date, datetime, time
from pathlib import Path
from uuid import UUID

from contracts import events as e
from contracts.envelope import PersonalKeyRing
from contracts.model import Companion, Contact, Official, Person, Slot
from tests.support.envelopes import wrap
from tests.support.paths import ROOT

FOLDER = ROOT / "contracts" / "samples"
KEY = "c2FtcGxlcyBvbmx5LCBub3QgYSBzZWNyZXQuLi4uLi4="
"""Seals the samples, and nothing else."""
AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
ID = UUID("0195f3a2-0000-7000-8000-000000000001")
REF = "PCS-7K3M-9QW6"
NUMBER = "7K3M9QW6"
SLOT = Slot(day=date(2026, 12, 1), start=time(10), end=time(12))
PERSON = Person(
    name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", mobile="+919876543210", id_type="voter_id", id_last4="4821"
)
CONTACT = Contact(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", mobile="+919876543210")
COMPANION = Companion(
    name="Harjit Singh", name_latin="Harjit Singh", id_type="driving_licence", id_last4="0917"
)
PERSONAL = e.ApplicationPersonal(
    applicant=PERSON, companions=(COMPANION,), purpose="Arms licence renewal", vehicle="CH01AB1234"
)
ABOUT = {"application_id": ID, "reference": REF}
PASS = {"pass_number": NUMBER, **ABOUT}
DELIVERY = {"language": "pa", "deliver_by": "whatsapp"}
DECISION = {**ABOUT, "review_id": ID, "revision": 1, "department": "home", "decided_by": "HOM-0001"}
DETAILS = {
    **ABOUT, **DELIVERY, "revision": 1, "channel": "portal", "kind": "citizen", "site": "PCS1",
    "department": "home", "purpose_kind": "meeting",
    "preferred": (SLOT,), "party": 2, "assistance": "wheelchair", "mobile_proved": True, "personal": PERSONAL,
}  # fmt: skip
ENDED = {**ABOUT, **DELIVERY, "revision": 1, "personal": CONTACT}
NOTE = e.DecisionPersonal(contact=CONTACT, note="Please bring the file number.")
SITE = e.SiteRecord(
    code="PCS1",
    name={"en": "Punjab Civil Secretariat-1", "pa": "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1", "hi": "पंजाब सिविल सचिवालय-1"},
    address={"en": "Sector 1, Chandigarh"},
    gates=("PCS1-G1",),
    hours=(e.OpeningHours(weekday=0, opens=time(9), closes=time(17), valid_from=date(2026, 1, 1)),),
    closed_days=(e.ClosedDay(day=date(2027, 1, 26), reason="Republic Day"),),
)

SAMPLES: tuple[e.Event, ...] = (
    e.OtpRequested(
        request_id=ID, language="pa", personal=e.OtpContact(mobile="+919876543210", code="042731")
    ),
    e.LoginIssued(
        login_id="PWD-0007", role="department", department="pwd", issued_by="ADO-0001", personal=CONTACT
    ),
    e.LoginDisabled(login_id="PWD-0007", disabled_by="ADO-0001", sessions_until=UNTIL),
    e.SessionEnded(sid=ID, token_expires_at=UNTIL),
    e.ApplicationSubmitted.model_validate(DETAILS),
    e.ApplicationAmended.model_validate(
        {
            **DETAILS,
            "revision": 2,
            "kind": "official",
            "personal": PERSONAL.model_copy(
                update={
                    "applicant": PERSON.model_copy(
                        update={
                            "official": Official(organisation="PWD", designation="SDO", employee_no="117")
                        }
                    )
                }
            ),
        }
    ),
    e.MobileChanged(
        **ABOUT,
        **DELIVERY,
        changed_by="counter",
        personal=e.MobileNumbers(mobile="+919876512345", before="+919876543210"),
    ),
    e.ApplicationCancelled.model_validate({**ENDED, "cancelled_by": "applicant"}),
    e.ApplicationExpired.model_validate(ENDED),
    e.PersonalDataErased.model_validate(ABOUT),
    e.DirectoryChanged(site=SITE),
    e.PassApproved.model_validate(
        {
            **DECISION,
            **DELIVERY,
            "site": "PCS1",
            "gate": "PCS1-G1",
            "slot": SLOT,
            "kind": "citizen",
            "party": 2,
            "personal": PERSONAL,
        }
    ),
    e.PassRejected.model_validate({**DECISION, **DELIVERY, "reason": "no_appointment", "personal": NOTE}),
    e.PassReturned.model_validate({**DECISION, **DELIVERY, "personal": NOTE}),
    e.ApprovalWithdrawn.model_validate({**DECISION, "reason": "security"}),
    e.VisitDayClosed.model_validate(
        {**DECISION, **DELIVERY, "day": SLOT.day, "reason": "urgent_meeting", "personal": NOTE}
    ),
    e.VisitDayReopened.model_validate({**DECISION, **DELIVERY, "day": SLOT.day, "personal": NOTE}),
    e.ReviewEscalated.model_validate(
        {
            **ABOUT,
            "review_id": ID,
            "department": "home",
            "level": 1,
            "waiting_since": AT,
            "personal": e.EscalationContact(contact=CONTACT),
        }
    ),
    e.GateAdvised.model_validate({**ABOUT, "personal": e.GateAdvice(call_supervisor=True)}),
    e.PassIssued.model_validate(
        {
            **PASS,
            **DELIVERY,
            "site": "PCS1",
            "department": "home",
            "entries": 1,
            "party": 2,
            "kind": "citizen",
            "slot": SLOT,
            "valid_from": AT,
            "valid_to": UNTIL,
            "key": e.PublicKey(kid="k1", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "personal": e.PassPersonal(
                applicant=PERSON,
                companions=(COMPANION,),
                purpose="Arms licence",
                link_code="n3X0yq1vQ5m7Zk2LwB9aTg",
            ),
        }
    ),
    e.PassRevoked.model_validate(
        {**PASS, **DELIVERY, "reason": "withdrawn", "valid_to": UNTIL, "personal": CONTACT.model_dump()}
    ),
    e.StatusListSigned(revoked_total=1),
    e.SessionKeyWithdrawn(kid="k1"),
    e.NotificationDelivered(message_id=ID, application_id=ID, purpose="pass_issued", channel="whatsapp"),
    e.PassDeliveryChanged(**PASS, undelivered=True),
    e.NotificationFailed(
        message_id=ID, application_id=ID, purpose="pass_issued", channel="sms", reason="unreachable"
    ),
    e.PassScanned.model_validate(
        {
            **PASS,
            "scan_id": ID,
            "site": "PCS1",
            "gate": "PCS1-G1",
            "direction": "entry",
            "verdict": "admit",
            "count": 2,
            "inside": 2,
            "scanned_at": AT,
            "marks": ("other_id",),
            "scanned_by": "SEC-0001",
        }
    ),
    e.GateConflictFound.model_validate(
        {
            **PASS,
            "site": "PCS1",
            "kind": "already_inside",
            "scans": (
                {"scan_id": ID, "gate": "PCS1-G1", "scanned_at": AT, "count": 2},
                {"scan_id": ID, "gate": "PCS1-G2", "scanned_at": UNTIL, "count": 1, "offline": True},
            ),
            "exposure": 1,
        }
    ),
    e.AccessChanged(
        login_id="PWD-0007", what="factor_reset", changed_by="ADO-0001", language="hi", personal=CONTACT
    ),
    e.PasswordReset(login_id="PWD-0007", reset_by="ADO-0001", sessions_until=UNTIL),
)


def file_of(event: e.Event) -> Path:
    """Return the file with an event's golden bytes."""
    return FOLDER / f"{type(event).__name__}.v{event.version}.json"


def main() -> None:
    """Write the golden files that are missing."""
    FOLDER.mkdir(exist_ok=True)
    for event in SAMPLES:
        if not file_of(event).exists():
            envelope = wrap(
                event,
                event_id=ID,
                seq=3,
                occurred_at=AT,
                keys=PersonalKeyRing([KEY]),
                correlation_id="sample",
            )
            file_of(event).write_bytes(envelope.to_bytes() + b"\n")


if __name__ == "__main__":
    main()
