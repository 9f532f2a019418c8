"""The columns of the directory's tables, and what the pages call them."""

from contracts.model import DirectoryTable
from services.gateway.pages.shared.languages import _

COLUMNS: dict[DirectoryTable, tuple[str, ...]] = {
    "sites": (
        "code", "name_en", "name_pa", "name_hi", "address_en", "address_pa", "address_hi", "photograph",
        "gate_green", "gate_amber", "gate_then", "reception_phone", "security_phone", "gate_digits",
        "prohibited_en", "prohibited_pa", "prohibited_hi", "declare_en", "declare_pa", "declare_hi",
        "parking_en", "parking_pa", "parking_hi", "wheelchair_en", "wheelchair_pa", "wheelchair_hi",
        "contact_phone", "contact_email", "contact_en", "contact_pa", "contact_hi",
    ),
    "gates": ("site", "code", "name_en", "name_pa", "name_hi"),
    "hours": (
        "site", "valid_from", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ),
    "departments": ("code", "name_en", "name_pa", "name_hi", "sites", "closed"),
    "officers": (
        "department", "code", "name_en", "name_pa", "name_hi", "designation_en", "designation_pa",
        "designation_hi", "room", "closed",
    ),
    "holidays": ("site", "day", "reason", "reason_pa", "reason_hi"),
    "escalation": ("department", "stand_in", "head", "reception", "walk_in"),
}  # fmt: skip
"""As the service has them; a test compares the two."""
LABELS: dict[str, str] = {
    "code": _("Code"),
    "name_en": _("Name in English"),
    "name_pa": _("Name in Punjabi"),
    "name_hi": _("Name in Hindi"),
    "address_en": _("Address in English"),
    "address_pa": _("Address in Punjabi"),
    "address_hi": _("Address in Hindi"),
    "photograph": _("Photograph at the counter"),
    "gate_green": _("Minutes for which a gate without a network is as good as online"),
    "gate_amber": _("Minutes for which it goes on with a warning"),
    "gate_then": _("What it does after that"),
    "reception_phone": _("Telephone of the reception, for gates"),
    "security_phone": _("Telephone of security, for gates"),
    "gate_digits": _("Of 100 passes, for how many a gate asks for the last four of the ID card"),
    "prohibited_en": _("What may not be brought, in English"),
    "prohibited_pa": _("What may not be brought, in Punjabi"),
    "prohibited_hi": _("What may not be brought, in Hindi"),
    "declare_en": _("What is declared at the gate, in English"),
    "declare_pa": _("What is declared at the gate, in Punjabi"),
    "declare_hi": _("What is declared at the gate, in Hindi"),
    "parking_en": _("Where vehicles are left, in English"),
    "parking_pa": _("Where vehicles are left, in Punjabi"),
    "parking_hi": _("Where vehicles are left, in Hindi"),
    "wheelchair_en": _("Where a wheelchair is to be had, in English"),
    "wheelchair_pa": _("Where a wheelchair is to be had, in Punjabi"),
    "wheelchair_hi": _("Where a wheelchair is to be had, in Hindi"),
    "contact_phone": _("Telephone for visitors"),
    "contact_email": _("Email address for visitors"),
    "contact_en": _("Who answers and when, in English"),
    "contact_pa": _("Who answers and when, in Punjabi"),
    "contact_hi": _("Who answers and when, in Hindi"),
    "sites": _("Where it sits"),
    "department": _("Department"),
    "designation_en": _("Designation in English"),
    "designation_pa": _("Designation in Punjabi"),
    "designation_hi": _("Designation in Hindi"),
    "room": _("Room"),
    "closed": _("Receives nobody any more"),
    "site": _("Secretariat"),
    "valid_from": _("From this day on"),
    "monday": _("Monday"),
    "tuesday": _("Tuesday"),
    "wednesday": _("Wednesday"),
    "thursday": _("Thursday"),
    "friday": _("Friday"),
    "saturday": _("Saturday"),
    "sunday": _("Sunday"),
    "day": _("Day"),
    "reason": _("Reason"),
    "reason_pa": _("Reason in Punjabi"),
    "reason_hi": _("Reason in Hindi"),
    "stand_in": _("Minutes before the visit at which the stand-in is asked"),
    "head": _("Minutes before the visit at which the head of the department is asked"),
    "reception": _("Minutes before the visit at which the reception is asked"),
    "walk_in": _("Minutes that a visitor at the reception waits for each step"),
}
LONG = tuple(
    f"{name}_{language}"
    for name in ("prohibited", "declare", "parking", "wheelchair")
    for language in ("en", "pa", "hi")
)
"""Columns with a text of more than one line."""
FLAGS = ("photograph", "closed")
"""Columns that say yes or, empty, no."""
