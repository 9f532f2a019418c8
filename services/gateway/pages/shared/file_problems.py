"""The sentence for each problem of an imported file. English sentences are keys of the catalogues."""

from contracts.csv_table import Problem
from contracts.model import Language
from services.gateway.pages.shared import messages
from services.gateway.pages.shared.languages import _, texts

_AS_IN_A_FORM = (
    *("empty", "control_character", "bad_code", "needed_for_role", "not_for_role", "not_a_gate_code"),
    *("not_of_site", "not_minutes", "not_percent", "amber_before_green", "not_a_phone", "date_past"),
    *("date_too_far", "email_invalid"),
)
SENTENCES: dict[str, str] = {
    **{code: messages.SENTENCES[code] for code in _AS_IN_A_FORM},
    "file_missing": _("Choose a file, or paste its lines"),
    "file_twice": _("Choose a file or paste its lines, not both"),
    "wrong_encoding": _("The file is not UTF-8. Save it as CSV UTF-8"),
    "too_large": _("The file is larger than %(limit)s kB. Send it in parts"),
    "too_many_lines": _("There are more than %(limit)s lines. Send the rest as another file"),
    "not_csv": _("The quotation marks do not match, so this and what follows cannot be read"),
    "no_lines": _("There are no lines"),
    "unknown_column": _("There is no such column"),
    "missing_column": _("This column is missing"),
    "duplicate_column": _("This column is there twice"),
    "wrong_width": _("This line does not have %(limit)s cells as the first line has"),
    "too_long": _("This is longer than %(limit)s characters"),
    "duplicate_in_file": _("The same is in line %(limit)s already"),
    "already_stored": _("This person has such a login already"),
    "unknown_role": _("There is no such role"),
    "unknown_department": _("The directory has no such department"),
    "unknown_site": _("The directory has no such secretariat, or it is named twice"),
    "unknown_gate": _("The directory has no such gate"),
    "not_a_mobile": _("This is not a mobile number, such as 98765 43210"),
    "unknown_language": _("Enter the two-letter code of Punjabi, Hindi or English"),
    "not_a_date": _("This is not a date such as 2027-03-31"),
    "not_a_choice": _("Enter refuse or supervisor, or leave it empty"),
    "not_yes": _("Enter 1 for yes, or leave it empty"),
    "not_hours": _("Enter hours such as 09:00-13:00 14:00-17:00, in their order and at most four"),
}


def sentence(problem: Problem, language: Language) -> str:
    """Return what is wrong, in the reader's language."""
    return texts(language).gettext(SENTENCES[problem.code]) % {"limit": problem.limit}
