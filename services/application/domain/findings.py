"""Findings of the check of a form: every problem, and the fields in which an Aadhaar number was masked."""

from collections.abc import Iterable

from contracts import visiting_rules
from contracts.errors import FieldError, InvalidInput

PROBLEMS: dict[str, str] = {
    **visiting_rules.PROBLEMS,
    "name_missing": "a name is needed",
    "name_too_long": "a name has at most 100 characters",
    "name_characters": (
        "a name is written in letters of Gurmukhi, Devanagari or Latin, with . ' / @ - , ( ) and digits"
    ),
    "name_not_latin": "this name is the one in Latin letters",
    "full_number": "only the last four characters of an ID are taken, never the whole number",
    "not_four": "the last four characters of an ID are letters or digits",
    "not_a_mobile": "this is no mobile number",
    "email_invalid": "this is no email address",
    "email_missing": "delivery by email needs an email address",
    "deliver_by_unreachable": "SMS reaches Indian mobiles only; WhatsApp and email reach others",
    "printed_only_at_counter": "a pass is printed at the counter only",
    "official_missing": "an official states organisation, designation and employee number",
    "official_not_expected": "a citizen states no office",
    "unknown_site": "there is no such site",
    "unknown_department": "there is no such department",
    "department_not_at_site": "this department does not sit at this site",
    "unknown_officer": "there is no such officer in this department",
    "closed_department": "this department takes no visits any more",
    "unstaffed_department": "nobody can decide for this department now",
    "closed_officer": "this officer receives nobody any more",
    "purpose_missing": "a purpose is needed",
    "id_incomplete": "an ID is stated by its type and its last four, or not at all",
    "invited_twice": "this visitor is on the list already",
    "companion_id_missing": "a companion who is no child states type and last four of an ID",
    "day_closed": "the department has closed this day",
    "standing_off": "there are no standing passes at this site",
    "standing_one_person": "a standing pass is for one person with an ID",
    "ends_before_it_begins": "the last day is not after the first",
    "too_many_standing_days": "a standing pass reaches over at most 180 days",
    "vehicle_invalid": "this is no registration number of a vehicle",
}
"""Error code → its sentence for developers. The pages translate the codes
(`services/gateway/pages/shared/messages.py`)."""


class Findings:
    """Problems of a form, each with its field (such as ``companions.1.id_type``), and masked fields.

    Args:
        known: problems that were found elsewhere; each counts where nothing else is wrong with its field.
    """

    def __init__(self, known: Iterable[FieldError] = ()) -> None:
        self._known = tuple(known)
        self._problems: list[FieldError] = []
        self._masked: list[str] = []

    def refuse(self, field: str, code: str, because: str = "") -> None:
        """Record a problem; ``code`` is one of PROBLEMS. Its sentence ends with a reason, if one is given."""
        message = f"{PROBLEMS[code]}: {because}" if because else PROBLEMS[code]
        self._problems.append(FieldError(field=field, code=code, message=message))

    def mask(self, field: str) -> None:
        """Record that an Aadhaar number was masked."""
        self._masked.append(field)

    @property
    def masked(self) -> tuple[str, ...]:
        """Fields in which a number was masked."""
        return tuple(self._masked)

    def raise_if_refused(self) -> None:
        """Raise `InvalidInput` with all problems, if there is any."""
        refused = {one.field for one in self._problems}
        problems = (*self._problems, *(one for one in self._known if one.field not in refused))
        if problems:
            raise InvalidInput("the application is not acceptable as it is", fields=problems)
