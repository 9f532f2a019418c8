"""What the examples of several events share, as it stands on the wire. Nobody of this name exists."""

from typing import Any

ID = "0195f3a2-0000-7000-8000-000000000001"
AT, UNTIL = "2026-11-24T09:30:00Z", "2026-12-01T07:00:00Z"
SLOT = {"date": "2026-12-01", "from": "10:00", "to": "12:00"}
CONTACT = {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "mobile": "+919876543210"}
PERSON: dict[str, Any] = {
    **CONTACT,
    "name_latin": "Gurpreet Kaur",
    "id_type": "voter_id",
    "id_last4": "4821",
}
OFFICIAL = {"organisation": "PWD", "designation": "SDO", "employee_no": "117"}
COMPANION = {
    "name": "Harjit Singh",
    "name_latin": "Harjit Singh",
    "id_type": "driving_licence",
    "id_last4": "0917",
}
PEOPLE = {
    "applicant": PERSON,
    "companions": (COMPANION,),
    "purpose": "Arms licence renewal",
    "vehicle": "CH01AB1234",
}
NOTE = {"contact": CONTACT, "note": "Please bring the file number."}
DELIVERY = {"language": "pa", "deliver_by": "whatsapp"}
