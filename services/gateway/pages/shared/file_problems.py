"""The sentence for each problem of an imported file. English sentences are keys of the catalogues."""

from contracts.csv_table import Problem
from contracts.model import Language
from services.gateway.pages.shared.languages import _, texts

SENTENCES: dict[str, str] = {
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
    "empty": _("This must be filled in"),
    "too_long": _("This is longer than %(limit)s characters"),
    "control_character": _("This has a character in it that cannot be printed"),
    "duplicate_in_file": _("The same is in line %(limit)s already"),
    "already_stored": _("This person has such a login already"),
    "bad_code": _("A code has only English letters, digits, hyphens, dots and colons, and no blanks"),
    "unknown_role": _("There is no such role"),
    "unknown_department": _("The directory has no such department"),
    "unknown_site": _("The directory has no such secretariat, or it is named twice"),
    "unknown_gate": _("The directory has no such gate"),
    "needed_for_role": _("This role needs this"),
    "not_for_role": _("Leave this empty for this role"),
    "not_a_gate_code": _("Enter the code of a gate of this secretariat, such as PCS1-G3"),
    "not_of_site": _("This gate belongs to the other secretariat"),
    "not_a_mobile": _("This is not a mobile number, such as 98765 43210"),
    "unknown_language": _("Enter the two-letter code of Punjabi, Hindi or English"),
    "not_a_date": _("This is not a date such as 2027-03-31"),
    "not_minutes": _("Enter a whole number of minutes"),
    "amber_before_green": _("It goes on with a warning at least for as long as without one"),
    "not_a_choice": _("Enter refuse or supervisor, or leave it empty"),
    "not_a_phone": _("Enter a telephone number, such as 0172-5550101"),
    "not_yes": _("Enter 1 for yes, or leave it empty"),
    "not_hours": _("Enter hours such as 09:00-13:00 14:00-17:00, in their order and at most four"),
    "date_past": _("This day has passed"),
    "date_too_far": _("This day is too far ahead"),
}


def sentence(problem: Problem, language: Language) -> str:
    """Return what is wrong, in the reader's language."""
    return texts(language).gettext(SENTENCES[problem.code]) % {"limit": problem.limit}
