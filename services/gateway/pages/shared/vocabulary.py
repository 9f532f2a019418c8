"""The names of values on pages: kinds of ID, purposes, statuses, reasons, verdicts, roles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Protocol

from contracts.events import SiteRecord
from contracts.model import Language
from services.gateway.pages.shared.actions import ACTIONS
from services.gateway.pages.shared.languages import _, days_in_words, hours_in_words, texts

ID_TYPES: dict[str, str] = {
    "aadhaar": _("Aadhaar card"),
    "driving_licence": _("Driving licence"),
    "voter_id": _("Voter ID card"),
    "passport": _("Passport"),
    "pan": _("PAN card"),
    "government_id": _("Government ID card"),
    "other_photo_id": _("Other photo ID card"),
}
PURPOSES: dict[str, str] = {
    "meeting": _("A meeting"),
    "hearing": _("A hearing"),
    "rti_inspection": _("To see files (RTI)"),
    "tender": _("A tender"),
    "delivery": _("To deliver something"),
    "other": _("Something else"),
}
STATUSES: dict[str, str] = {
    "submitted": _("With the department"),
    "approved": _("Approved, the pass is being made"),
    "rejected": _("Not approved"),
    "returned": _("Sent back to be completed"),
    "date_needed": _("Another date is needed"),
    "day_reopened": _("A date is needed"),
    "cancelled": _("Cancelled"),
    "expired": _("Expired without a decision"),
    "issued": _("Pass issued"),
    "entered": _("Inside"),
    "left": _("Visit over"),
    "revoked": _("Pass cancelled"),
}
TAGS: dict[str, str] = {
    "submitted": "blue",
    "approved": "teal",
    "rejected": "red",
    "returned": "yellow",
    "date_needed": "yellow",
    "day_reopened": "yellow",
    "cancelled": "grey",
    "expired": "grey",
    "issued": "green",
    "entered": "purple",
    "left": "grey",
    "revoked": "red",
    "pending": "blue",
    "withdrawn": "orange",
    "closed": "grey",
    "active": "green",
    "never_used": "yellow",
    "proposed": "yellow",
    "ended": "grey",
    "open": "yellow",
    "confirmed": "red",
    "dismissed": "grey",
    "disabled": "grey",
}
"""The colour of each state's tag, of an application, a review, a login, an entry and a match."""
NOT_MET: dict[str, str] = {
    "officer_away": _("The officer is away"),
    "meeting_went_on": _("Another meeting took longer"),
    "papers_missing": _("Papers were missing"),
    "wrong_department": _("Another department is responsible"),
    "visitor_left": _("The visitor left before"),
    "other": _("Another reason"),
}
"""Why a visitor was not met."""
TIMELINE_ENTRIES: dict[str, str] = {
    "submitted": _("Application sent"),
    "amended": _("Application completed"),
    "mobile_changed": _("The mobile number was changed"),
    "corrected": _("The application was corrected"),
    "correction_waits": _("The correction waits for the department"),
    "correction_applied": _("The department confirmed the correction"),
    "correction_refused": _("The department did not confirm the correction"),
    "photograph_outdated": _("The photograph is deleted, because name or ID card was corrected"),
    "cancelled": _("Cancelled"),
    "expired": _("Expired without a decision"),
    "escalated": _("It waited too long and went to a senior officer"),
    "approved": _("The department approved"),
    "visit_moved": _("The department gave another day"),
    "rejected": _("The department did not approve"),
    "returned": _("The department sent it back"),
    "withdrawn": _("The department withdrew its approval"),
    "day_closed": _("The department closed the day of the visit"),
    "day_dropped": _("The department closed one day of the visit"),
    "day_reopened": _("The department offers the closed day again"),
    "pass_issued": _("The pass was made"),
    "pass_reissued": _("A new pass replaced the old one"),
    "pass_revoked": _("The pass was cancelled"),
    "message_delivered": _("The message was sent"),
    "message_arrived": _("The message has arrived"),
    "message_read": _("The message was read"),
    "message_failed": _("The message could not be delivered"),
    "entered": _("Went in"),
    "office_told": _("The office knows that you are here"),
    "left": _("Left"),
    "visitor_coming": _("You said that you are coming"),
    "visit_question": _("You were asked whether you were met"),
}
REASONS: dict[str, str] = {
    "not_this_department": _("Another department deals with this"),
    "officer_unavailable": _("The officer is not available"),
    "insufficient_details": _("The application says too little"),
    "no_appointment": _("There is no appointment"),
    "duplicate": _("There is already another application for this"),
    "security": _("For security reasons"),
    "other": _("Another reason"),
}
CLOSURES: dict[str, str] = {
    "urgent_meeting": _("An urgent meeting"),
    "officer_away": _("The officer is away"),
    "holiday_declared": _("A holiday was declared"),
    "security": _("For security reasons"),
    "other": _("Another reason"),
}
REVIEWS: dict[str, str] = {
    "pending": _("To decide"),
    "approved": _("Approved"),
    "rejected": _("Rejected"),
    "returned": _("Sent back"),
    "date_needed": _("Another date is needed"),
    "day_reopened": _("A date is needed"),
    "withdrawn": _("Withdrawn"),
    "closed": _("Closed"),
}
CORRECTED: dict[str, str] = {
    "name": _("Name"),
    "id": _("ID card"),
    "companions": _("Companions"),
    "email": _("Email"),
}
"""What a correction changes."""
VERDICTS: dict[str, str] = {
    "admit": _("Let in"),
    "exit": _("Exit recorded"),
    "already_inside": _("Already inside"),
    "already_used": _("Already used"),
    "not_yet_valid": _("Too early"),
    "day_closed": _("Not on this day"),
    "expired": _("Expired"),
    "wrong_site": _("Another secretariat"),
    "wrong_gate": _("Another gate"),
    "revoked": _("Pass cancelled"),
    "unknown_pass": _("Unknown pass"),
    "bad_signature": _("Not a genuine pass"),
    "id_mismatch": _("The ID does not match"),
    "unreadable": _("Scan again"),
}
MARKS: dict[str, str] = {
    "late": _("Left after the pass had expired"),
    "revoked": _("The pass was cancelled"),
    "other_site": _("The pass is for the other secretariat"),
    "other_gate": _("Not the gate named on the pass"),
    "all": _("Nobody was counted: all who were inside"),
    "no_entry": _("More people left than were recorded as entering"),
    "other_id": _("Let in with another ID card"),
    "id_seen": _("The officer compared name and photograph"),
    "old_code": _("No new code of this standing pass was shown: the last four of the ID card decide"),
    "offline": _("Decided at the gate without a network"),
    "recounted": _("Counted again: the gate never had the server's answer"),
    "conflict": _("Contradicts what other gates recorded"),
    "supervisor": _("A supervisor let them in"),
    "unproven": _("Nobody has proven that it was the supervisor"),
    "despite_not_yet_valid": _("Set aside: the pass was not valid yet"),
    "despite_expired": _("Set aside: the pass had expired"),
    "despite_day_closed": _("Set aside: the department had closed this day"),
    "despite_wrong_gate": _("Set aside: the pass is for another gate"),
    "despite_already_inside": _("Set aside: everyone of this pass was inside"),
    "despite_already_used": _("Set aside: the pass was used already"),
    "clock_off": _("The clock of the gate was wrong"),
    "sent_by_other": _("Sent from another login than the one at the gate"),
    "id_unchecked": _("No ID card was checked"),
    "assumed_left": _("Presumed gone, since no exit was recorded"),
    "reason_masked": _("An Aadhaar number in the reason was hidden"),
}
INCIDENTS: dict[str, str] = {
    "conflict": _("More people came in than a pass allows"),
    "unproven": _("Let in without a supervisor's proof"),
    "wrong_pin": _("A PIN was typed wrong several times"),
    "refused": _("A scan that was refused for good"),
    "override": _("A supervisor let somebody in"),
    "unanswered": _("Nobody answered a call for help"),
    "recounted": _("An entry was counted again"),
}
HELP_REASONS: dict[str, str] = {
    "visitor": _("A visitor needs help"),
    "danger": _("Danger: security is needed"),
    "device": _("Something at the gate does not work"),
}
"""Why a gate calls for help."""
INCIDENT_DETAILS: dict[str, str] = {
    **HELP_REASONS,
    "over_entries": _("came in more often than allowed"),
    "already_inside": _("all were inside already"),
    "revoked": _("the pass was cancelled"),
    "expired": _("outside its hours or days"),
    "wrong_place": _("for another secretariat or gate"),
    "id_mismatch": _("another ID card"),
    "unknown": _("no genuine pass"),
    "not_yet_valid": _("before its hours"),
    "day_closed": _("on a closed day"),
    "wrong_gate": _("for another gate"),
    "already_used": _("used already"),
    "other": _("another reason"),
    "invalid_input": _("its form is wrong"),
    "unreadable_token": _("the QR code cannot be read"),
    "too_old": _("older than 30 days"),
    "nonce_reused": _("another scan has the same number"),
    "verdict_of_other_direction": _("in and out are mixed up"),
    "not_your_gate": _("of another gate than its login"),
    "supervisor_missing": _("no supervisor agreed"),
    "list_too_old": _("by a list that was too old"),
    "own_scan": _("who scanned or sent it agreed"),
    "own_pin": _("the guard's own, so the device deleted its list"),
    "more_came": _("more than recorded before"),
    "fewer_came": _("fewer than recorded before"),
}
"""Why a gate called, why more came in than allowed, why a scan was refused, or what was set aside."""
ROLES: dict[str, str] = {
    "ado": _("ADO Branch"),
    "department": _("Department"),
    "reception": _("Reception counter"),
    "assisted": _("Sewa Kendra operator"),
    "security": _("Security at a gate"),
    "ops": _("Operations"),
    "auditor": _("Auditor"),
    "grievance": _("Grievance officer"),
    "privacy": _("Data officer"),
    "kiosk": _("Kiosk"),
    "gate_device": _("Gate device"),
}
ASSISTANCE: dict[str, str] = {
    "wheelchair": _("A wheelchair"),
    "guide": _("Someone to guide me"),
    "written": _("Write it down for me: I do not hear well"),
}
RELATIONS: dict[str, str] = {
    "mother": _("Mother"),
    "father": _("Father"),
    "guardian": _("Legal guardian"),
}
REQUEST_KINDS: dict[str, str] = {
    "complaint": _("A complaint"),
    "question": _("A question"),
    "own_data": _("About my data: see, correct, erase"),
    "nomination": _("Name somebody who may use my rights after me"),
    "feedback": _("Feedback on this website"),
}
CLOSED_AS: dict[str, str] = {
    "spam": _("It is advertising, or says nothing that one can answer"),
    "abuse": _("It only insults"),
    "duplicate": _("It was asked before, under another number"),
}
"""Why a request was closed without an answer."""
ASKED: dict[str, str] = {"in_person": _("In person"), "in_writing": _("In writing")}
"""How a person has asked the data officer for something."""
LOGIN_STATES: dict[str, str] = {
    "active": _("In use"),
    "never_used": _("Never signed in"),
    "expired": _("Time over"),
    "disabled": _("Disabled"),
}
ENTRY_STATES: dict[str, str] = {
    "proposed": _("Waits for a second officer"),
    "active": _("In force"),
    "ended": _("Over"),
}
MATCH_KINDS: dict[str, str] = {
    "firm": _("Name and ID card or mobile agree"),
    "possible": _("Only the name agrees"),
}
SETTLEMENTS: dict[str, str] = {
    "open": _("To look at"),
    "confirmed": _("It is this person"),
    "dismissed": _("It is somebody else"),
}
NUMBERED_GATE = _("Gate %(number)s")
VOCABULARIES: dict[str, dict[str, str]] = {
    "id": ID_TYPES, "purpose": PURPOSES, "status": STATUSES, "timeline": TIMELINE_ENTRIES, "reason": REASONS,
    "closure": CLOSURES, "review": REVIEWS,
    "verdict": VERDICTS, "mark": MARKS, "role": ROLES,
    "login_state": LOGIN_STATES, "entry": ENTRY_STATES, "match": MATCH_KINDS, "settlement": SETTLEMENTS,
    "action": ACTIONS, "corrected": CORRECTED, "request": REQUEST_KINDS, "assistance": ASSISTANCE,
    "relation": RELATIONS, "closed": CLOSED_AS, "asked": ASKED,
    "help_reason": HELP_REASONS,
    "incident": INCIDENTS, "incident_detail": INCIDENT_DETAILS,
}  # fmt: skip


class WithStatus(Protocol):
    """An application, or a review of one, as some list or page shows it."""

    @property
    def status(self) -> str:
        """Its status, or the status of its review."""


def state_of(shown: WithStatus) -> str:
    """Return the state of an application, by which it is named everywhere.

    It is the status, but where the department closed the day of the visit: then another date is needed, and
    nothing else is missing. After the closing was lifted the closed day can be chosen, too.
    """
    of = getattr(shown, "decision", None) or shown
    if shown.status != "returned" or not getattr(of, "closed_day", None):
        return shown.status
    return "day_reopened" if getattr(of, "day_reopened", False) else "date_needed"


def items(words: Mapping[str, str], language: Language) -> list[dict[str, str]]:
    """Return the values of a vocabulary as items of a radio group."""
    return [{"value": value, "text": texts(language).gettext(word)} for value, word in words.items()]


def name_of(words: Mapping[str, str], value: str, language: Language) -> str:
    """Return the name of one value."""
    return texts(language).gettext(words.get(value, value))


def gate_name_of(sites: Iterable[SiteRecord], code: str, language: Language) -> str:
    """Return the name of a gate in a language.

    A gate without a name in the directory is called by its number: that of ``PCS1-G1`` is 1.
    """
    given = next((names.get(language) for one in sites if (names := one.gate_names.get(code))), None)
    number = code.rpartition("-G")[2]
    return given or (texts(language).gettext(NUMBERED_GATE) % {"number": number} if number else code)


def slot_in_words(slot: Mapping[str, str], language: Language, further_days: Sequence[date] = ()) -> str:
    """Return a slot such as ``Tuesday, 1 December 2026, 10:00 am – 12:00 pm``.

    With the days after it, it is ``1–3 December 2026, each day 10:00 am – 12:00 pm``.
    """
    start, end = (time.fromisoformat(slot[name]) for name in ("from", "to"))
    return days_and_hours((date.fromisoformat(slot["date"]), *further_days), start, end, language)


def days_and_hours(days: Sequence[date], start: time, end: time, language: Language) -> str:
    """Return on which days a visit is, and from when to when."""
    when = {"days": days_in_words(days, language), "hours": hours_in_words(start, end, language)}
    if len(days) == 1:
        return "{days}, {hours}".format_map(when)
    return texts(language).gettext("%(days)s, each day %(hours)s") % when
