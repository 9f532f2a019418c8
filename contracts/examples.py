"""The examples of requests and replies, made from their schemas and from what their fields are called.

A field has the same example everywhere, so that the calls tell one visit from the application to the gate:
what one answers, the next asks for. A field that is not listed gets the first value that its schema allows.
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

DAY, START, END = "2026-12-01", "10:00", "12:00"
REFERENCE, NUMBER = "PCS-7K3M-9QWX", "7K3M9QW4"
SUBMITTED, DECIDED = "2026-11-30T11:05:00+05:30", "2026-11-30T11:40:00+05:30"
OPENS, CLOSES = f"{DAY}T09:30:00+05:30", f"{DAY}T12:30:00+05:30"
SIGNED = "eyJhbGciOiJFZERTQSIsImtpZCI6IjIwMjYtMTEifQ.eyJqdGkiOiI3SzNNOVFXNCJ9.c2lnbmF0dXJl"
FIELDS: dict[str, Any] = {
    "access_token": SIGNED,
    "by_status": {"pending": 12},
    "count": 2,
    "entries": 1,
    "current": "amber-canal-seven-lantern",
    "decided_at": DECIDED,
    "department": "home",
    "expires_at": "2026-11-30T12:05:00+05:30",
    "facts": {},
    "from": START,
    "gate": "PCS1-G1",
    "gates": "PCS1-G1",
    "id_last4": "4821",
    "id_type": "voter_id",
    "initial_password": "amber-canal-seven-lantern",
    "inside": 2,
    "issued_at": "2026-11-02T10:00:00+05:30",
    "issued_by": "ADO-0001",
    "kid": "2026-11",
    "last_used_at": "2026-11-30T10:15:00+05:30",
    "list_age_s": 3,
    "login_id": "HOM-7K3M9Q",
    "marks": (),
    "masked": (),
    "mobile": "98765 43210",
    "mobile_last4": "3210",
    "name": "Gurpreet Kaur",
    "name_latin": "Gurpreet Kaur",
    "new": "four-plain-words-together",
    "next": None,
    "nonce": "9d2b4c0e-one-for-each-scan",
    "proof": "sTmZeHZj6xGlSHwul5idX9CdJyFr8KhzbPSuoMbeT30",
    "note": "Bring the licence and a copy of it",
    "notice": "4f1c09ab7d3e",
    "number": NUMBER,
    "officer": "home-superintendent",
    "only_that_day": 3,
    "party": 2,
    "pass": NUMBER,
    "pass_number": NUMBER,
    "password": "amber-canal-seven-lantern",
    "persons": 2,
    "purpose": "Arms licence renewal, file 114/2026",
    "q": REFERENCE,
    "reason": "It is at home",
    "reference": REFERENCE,
    "request_id": "7a1d0c52-8f6e-4b7e-9a43-6b0f3c5d2e11",
    "request_number": "REQ-7K3M-9QW4",
    "resend_after": 60,
    "revision": 1,
    "role": "department",
    "room": "4-31",
    "scanned_at": f"{DAY}T09:58:00+05:30",
    "since": f"{DAY}T09:58:00+05:30",
    "sign_in": "AZXzogAAQACAAAAAAAAAAAECAwQFBgcICQoLDA0ODxA=",
    "site": "PCS1",
    "sites": "PCS1",
    "to": END,
    "token": SIGNED,
    "valid_from": OPENS,
    "valid_to": CLOSES,
    "vehicle": "PB65AB1234",
    "what": "submitted",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "applications": 412,
    "approved": 14,
    "approved_people": 19,
    "closed": "2026-12-25",
    "closed_by": "HOM-0001",
    "days_reason": "Hearings on two days",
    "decided_today": 8,
    "decisions": 398,
    "free": 7,
    "further_days": "2026-12-02",
    "limited": True,
    "median_seconds": 7200,
    "month": "2026-11-01",
    "p95_seconds": 93600,
    "percent_before_visit": 94,
    "overrides": "wrong_gate",
    "pin": "481516",
    "places": 20,
    "set_by": "HOM-0001",
    "from_hours": 1,
    "to_hours": 4,
    "told": 15,
    "waiting": 2,
    "with_other_days": 5,
    "reviews": 11,
}
"""Field → its example, in any schema that accepts it."""
OF_ONE_SCHEMA: dict[tuple[str, str], Any] = {
    ("ApplicationView", "status"): "issued",
    ("Approve", "last_day"): "2026-12-02",
    ("ClosedDay", "day"): "2027-01-26",
    ("ClosedDay", "reason"): "Republic Day",
    ("CloseDay", "note"): "The Secretary is called to the Assembly",
    ("ClosureView", "note"): "The Secretary is called to the Assembly",
    ("Companion", "id_type"): "driving_licence",
    ("Companion", "name"): "Harjit Singh",
    ("Companion", "name_latin"): "Harjit Singh",
    ("CompanionInput", "id_last4"): "0917",
    ("CompanionInput", "id_type"): "driving_licence",
    ("CompanionInput", "name"): "Harjit Singh",
    ("DepartmentView", "code"): "home",
    ("DepartmentView", "name"): {"pa": "ਗ੍ਰਹਿ ਵਿਭਾਗ", "hi": "गृह विभाग", "en": "Home Affairs"},
    ("Forward", "department"): "finance",
    ("IssueLogin", "name"): "Baldev Singh",
    ("LoginView", "name"): "Baldev Singh",
    ("NameSupervisor", "login_id"): "SEC-7K3M9Q",
    ("SupervisorId", "login_id"): "SEC-7K3M9Q",
    ("WrongPins", "login"): "SEC-7K3M9Q",
    ("Lookup", "q"): "Gurpreet",
    ("OfficerRecord", "code"): "home-superintendent",
    ("OfficerRecord", "designation"): {"pa": "ਸੁਪਰਡੈਂਟ", "hi": "अधीक्षक", "en": "Superintendent"},
    ("OfficerRecord", "name"): {"pa": "ਬਲਦੇਵ ਸਿੰਘ", "hi": "बलदेव सिंह", "en": "Baldev Singh"},
    ("OpeningHours", "closes"): "17:00",
    ("OpeningHours", "opens"): "09:00",
    ("OpeningHours", "valid_from"): "2026-01-01",
    ("Person", "mobile"): "+919876543210",
    ("RequestStatus", "answer_by"): "2027-02-28T23:59:00+05:30",
    ("RequestStatus", "answered_at"): "2026-12-03T10:20:00+05:30",
    ("RequestStatus", "closed_at"): None,
    ("VisitingDay", "closes"): "13:00",
    ("WindowAvailability", "end"): "11:00",
    ("SiteRecord", "address"): {"pa": "ਸੈਕਟਰ 1, ਚੰਡੀਗੜ੍ਹ", "hi": "सेक्टर 1, चंडीगढ़", "en": "Sector 1, Chandigarh"},
    ("SiteRecord", "code"): "PCS1",
    ("SiteRecord", "name"): {
        "pa": "ਪੰਜਾਬ ਸਿਵਲ ਸਕੱਤਰੇਤ-1",
        "hi": "पंजाब सिविल सचिवालय-1",
        "en": "Punjab Civil Secretariat-1",
    },
    ("RequestOtp", "work"): "",
    ("VerifyOtp", "code"): "482913",
    ("EnterCode", "code"): "482913",
    (
        "Enrolment",
        "address",
    ): "otpauth://totp/epass.punjab.gov.in:HOM-7K3M9Q?secret=JBSW…&issuer=epass.punjab.gov.in",
    ("Enrolment", "secret"): "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
}
LEFT_OUT = {
    ("Applicant", "email"), ("Applicant", "official"), ("Applicant", "guardian"), ("ApplicationView", "note"),
    ("ApplicationView", "reason"), ("ApplicationView", "mobile_change_after"),
    ("CompanionInput", "child"), ("CompanionInput", "name_latin"),
    ("Companion", "id_last4"), ("Person", "id_last4"),
    ("Forward", "officer"), ("IssueLogin", "site"), ("IssueLogin", "gate"), ("LoginView", "gate"),
    ("LoginView", "site"), ("OpeningHours", "valid_to"), ("Person", "email"),
    ("Person", "official"), ("Person", "guardian"), ("ReviewView", "official"),
    ("ReviewView", "guardian"), ("ReviewView", "decision"),
    ("StaffSession", "gate"), ("StaffSession", "site"), ("PassView", "replaced_by"),
    ("PassView", "revocation"), ("SubmitAtCounter", "photograph"), ("SubmitAtCounter", "weekly_until"),
    ("SubmitApplication", "weekly_until"), ("ApplicationView", "weekly_until"),
    ("ReviewView", "weekly_until"),
    ("ReviewView", "forwarded_from"), ("ScanPass", "pass_number"), ("ScanResult", "inside_gate"),
    ("ScanResult", "inside_since"), ("SiteRecord", "advice"), ("SiteRecord", "gate_names"),
}  # fmt: skip
"""Fields that the example of a schema does without, because with them it would not be true."""
BY_FORMAT = {
    "date": DAY,
    "date-time": SUBMITTED,
    "time": START,
    "uuid": "0b6f1f5e-3c1a-4f7a-9d55-2f0c8f2a9d10",
}
KINDS = {"string": str, "integer": int, "number": int, "boolean": bool, "object": dict}


def example_of(model: type[BaseModel]) -> Any:
    """Return the example of a request or a reply, as it stands in JSON."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return accepted_by(schema, schema.get("$defs", {}), owner=model.__name__)


def accepted_by(schema: Schema, schemas: dict[str, Schema], field: str = "", owner: str = "") -> Any:
    """Return a value that a schema accepts.

    Args:
        schema: of a body, a parameter or a field.
        schemas: the document's, by name.
        field: what the value is called, if it is called anything.
        owner: the schema that has the field.
    """
    listed = OF_ONE_SCHEMA.get((owner, field), FIELDS.get(field))
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        is_without = field in FIELDS and listed is None
        return None if is_without else accepted_by(choices[0], schemas, field, owner)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return accepted_by(schemas[name], schemas, owner=name.removesuffix("-Input").removesuffix("-Output"))
    if schema.get("type") == "array":
        return [] if listed == () else [accepted_by(schema["items"], schemas, field, owner)]
    if "properties" in schema:
        return {
            name: accepted_by(of_it, schemas, name, owner)
            for name, of_it in schema["properties"].items()
            if (owner, name) not in LEFT_OUT
        }
    return _plain(schema, listed, field)


def _plain(schema: Schema, listed: Any, field: str) -> Any:
    """Return the listed value of a field if the schema has that kind of values, else the first it allows."""
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if choices:
        return listed if listed in choices else choices[0]
    kind = schema["type"]
    if isinstance(listed, KINDS[kind]):
        return listed
    if kind == "object":
        return {}
    if kind == "string":
        return BY_FORMAT.get(schema.get("format", ""), field or "text")
    return KINDS[kind](schema.get("default", schema.get("minimum", 0)))
