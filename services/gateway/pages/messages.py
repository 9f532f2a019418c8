"""What a problem with an answer is called, by its code. English sentences are keys of the catalogues."""

from contracts.model import Language
from services.gateway.pages.languages import texts


def _(text: str) -> str:
    """Marks a sentence for the catalogues."""
    return text


SENTENCES: dict[str, str] = {
    "choose_one": _("Choose one of these"),
    "organisation_missing": _("Enter your organisation"),
    "designation_missing": _("Enter your designation"),
    "employee_no_missing": _("Enter your employee number"),
    "official_missing": _("Enter organisation, designation and employee number"),
    "name_missing": _("Enter a name"),
    "name_too_long": _("The name must have 100 characters or fewer"),
    "name_characters": _("Write the name in Punjabi, Hindi or English letters"),
    "name_latin_missing": _("Enter the name in English letters"),
    "name_not_latin": _("Write this name in English letters"),
    "id_last4_missing": _("Enter the last four characters of the ID card's number"),
    "full_number": _("Enter the last four characters only, never the whole number"),
    "not_four": _("Enter exactly four letters or digits"),
    "mobile_missing": _("Enter your mobile number"),
    "not_a_mobile": _("Enter a mobile number, such as 98765 43210"),
    "code_missing": _("Enter the code that we sent"),
    "wrong_code": _("This is not the code. Look at the newest SMS"),
    "code_used": _("This code was used already. Ask for a new one"),
    "code_expired": _("This code is too old. Ask for a new one"),
    "too_many_tries": _("This code was tried too often. Ask for a new one"),
    "unknown_site": _("Choose one of these"),
    "closed_site": _("This secretariat is closed in the coming weeks"),
    "unknown_department": _("Choose one of these"),
    "department_not_at_site": _("This department is at the other secretariat"),
    "unknown_officer": _("This person is not in this department any more"),
    "purpose_missing": _("Say why you come"),
    "date_missing": _("Choose a day"),
    "from_missing": _("Choose from when"),
    "to_missing": _("Choose until when"),
    "date_past": _("This day has passed"),
    "date_too_far": _("This day is too far away"),
    "closed_day": _("The secretariat is closed on this day"),
    "outside_hours": _("The secretariat is not open at this time"),
    "window_order": _("The end must be after the beginning"),
    "window_too_short": _("Choose at least a quarter of an hour"),
    "window_over": _("This time has passed today"),
    "duplicate_slot": _("You have chosen this twice"),
    "too_many_companions": _("These are too many people"),
    "companion_id_missing": _("Enter an ID card, or say that this is a child"),
    "vehicle_invalid": _("Enter a vehicle number, such as PB65AB1234"),
    "deliver_by_unreachable": _("SMS reaches Indian numbers only. Choose WhatsApp"),
    "too_long": _("This is too long"),
    "login_missing": _("Enter login ID and password"),
    "wrong_login": _("Login ID or password is wrong"),
    "wrong_password": _("This is not the present password"),
    "passwords_differ": _("The two new passwords differ"),
    "password_too_short": _("The password must have at least 12 characters"),
    "password_same_as_current": _("Choose another password than the present one"),
    "password_contains_login_id": _("The password must not contain the login ID"),
    "password_too_common": _("This password is too easy to guess"),
    "role_missing": _("Choose a role"),
    "needed_for_role": _("This role needs it"),
    "not_for_role": _("This role has none"),
    "not_of_site": _("This gate belongs to the other secretariat"),
    "pass_missing": _("Scan the QR code or type the pass number"),
    "unknown_gate": _("This gate belongs to the other secretariat"),
    "no_vehicle": _("The application names no vehicle"),
    "required": _("Write a note"),
    "exactly_one": _("Choose a department or an officer, not both"),
    "same_department": _("It is with this department already"),
    "other_last4": _("These are not the last four characters of this application's ID card"),
    "unknown_reference": _("There is no application with this reference and this mobile number"),
}


def said(code: str, language: Language) -> str:
    """The sentence of a code in a language; an unknown code has a sentence for all."""
    return texts(language).gettext(SENTENCES.get(code, _("This cannot be accepted. Look at it again")))
