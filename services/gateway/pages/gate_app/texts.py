"""What the gate's app says, from the same catalogues as the pages.

The app gets all three languages in its shell, so that a guard can change the language without a network. A
text is found by its key; a test compares the keys with those that the app asks for.
"""

from datetime import time
from typing import Any

from babel.support import NullTranslations

from contracts.model import Language
from services.chassis.runtime.time_words import span, time_of_day
from services.gateway.pages.shared import messages, vocabulary
from services.gateway.pages.shared.languages import ENDONYMS, LANGUAGES, _, month_names, texts
from services.gateway.pages.shared.vocabulary import NUMBERED_GATE

TEXTS: dict[str, str] = {
    # the frame
    "title": _("Gate"),
    "menu": _("Menu"),
    "close": _("Close"),
    "back_to_scan": _("Back to the scan"),
    "language": _("Language"),
    "sign_out": _("Sign out"),
    "sign_in": _("Sign in"),
    "signed_in_as": _("Signed in: %(login)s"),
    "signed_out": _(
        "You are signed out. Nobody can be let in by this device until you sign in. Whoever leaves is still"
        " recorded on it."
    ),
    "session_ends": _(
        "Sign out and in again within %(age)s. After that nobody can be let in without a network."
    ),
    "session_ends_offline": _(
        "The sign-in ends within %(age)s. Do not sign out before: without a network nobody can sign in, and"
        " nobody can be let in."
    ),
    "stay_signed_in": _("Stay signed in"),
    "sign_out_sure": _("Sign out all the same"),
    "may_lose": _(
        "The browser may delete scans that are not sent if this device has no space left. Get it a network"
        " soon."
    ),
    "plain_page": _("The plain gate page"),
    "choose_gate": _("At which gate are you?"),
    "leaving": _("You are signed out here. The server hears of it when the network is back."),
    # the lock
    "locked": _("This app is locked"),
    "locked_unsent": _("%(unsent)s. Scans are sent while the app is locked; none is lost."),
    "pin_of": _("PIN of %(login)s"),
    "pin_choose": _("Choose a PIN for this device"),
    "pin_why": _(
        "Four to six digits that open the app again after it has locked itself. Each guard has their own. You"
        " choose it once."
    ),
    "pin_new": _("Your new PIN"),
    "pin_again": _("The same PIN once more"),
    "pin_differs": _("These were two different PINs. Choose once more."),
    "pin_keys": _("Digits"),
    "pin_erase": _("Delete a digit"),
    "pin_done": _("Continue"),
    "other_guard": _("Another guard: sign in"),
    "pin_forgotten": _("PIN forgotten: sign in"),
    "names_deleted": _(
        "No contact with the server for %(age)s: the names of visitors were deleted here. Compare the name on"
        " the visitor's pass with the ID card. Names come back with the network."
    ),
    # the device
    "enrol_title": _("Enrol this device"),
    "enrol_how": _("Hold the one-time code of the ADO Branch in front of the camera, or type it."),
    "enrol_code": _("One-time code"),
    "enrol": _("Enrol"),
    "device_missing": _("This device is not enrolled for a gate yet."),
    "device_revoked": _(
        "This device is not enrolled any more. Its list of passes is deleted. Scans that were not sent stay"
        " on it and are sent when it is enrolled again. Sign in first; then it takes a new code."
    ),
    "device_of_other_gate": _(
        "This device is enrolled for another gate. Sign in with a login of that gate, or enrol it for this"
        " one."
    ),
    # the list
    "list_coming": _("The list of passes is on its way…"),
    "no_list": _("This device has no list of passes yet. It needs the network once."),
    "other_tab": _("The app is open in another window of this device. Close that one: then it opens here."),
    "failed": _("The app cannot start on this device. Use the plain gate page."),
    # scanning
    "direction": _("Direction"),
    "in": _("In"),
    "out": _("Out"),
    "number_label": _("Pass or vehicle number"),
    "whose_pass": _("Whose pass is it?"),
    "vehicle_not_now": _("No pass with this vehicle is open for entry now"),
    "ask_for_pass": _("Ask for the pass: scan it, or type its number."),
    "check": _("Check"),
    "hold": _("Hold the QR code in front of the camera"),
    "camera": _("Camera"),
    "light": _("Light"),
    "zoom": _("Zoom"),
    "other_camera": _("The camera that was chosen does not open. This is another one."),
    "choose_camera": _("Which camera?"),
    "camera_waits": _("The camera waits while you type or read"),
    "no_camera": _("The camera does not work. Use a scanner, or type the pass number."),
    "try_camera": _("Try the camera again"),
    # the line above everything
    "online": _("Connected"),
    "offline": _("No network since %(at)s. Go on scanning: passes are checked on this device."),
    "offline_unknown": _("No network. Go on scanning: passes are checked on this device."),
    "list_age": _("List %(age)s old"),
    "list_none": _("No list"),
    "deferred": _(
        "Many of the pass numbers typed here are unknown. Scans by number wait, and are sent from %(at)s on."
        " None is lost. Scan the QR code."
    ),
    "list_problem": _("The newest list of passes is not genuine and was not taken. Tell the supervisor."),
    "list_undated": _(
        "A clock was wrong, so nobody knows how old the list is. It counts as old until a new one comes."
    ),
    "clock_off": _("The clock of this device is wrong by %(age)s. Set it right."),
    # a call for help
    "call_for_help": _("Call for help"),
    "help_rings": _("It has been ringing at the reception since %(at)s."),
    "help_comes": _("%(login)s is on the way."),
    "help_no_answer": _(
        "No answer to the call for help of %(at)s has come here: there is no network. Telephone, or go there."
    ),
    "help_unanswered": _("Nobody has answered the call for help of %(at)s. Telephone, or call again."),
    "reception": _("Reception"),
    "security": _("Security"),
    # the ID
    "check_id": _("Check the ID card"),
    "as_named": _("The ID card is the one named: let in"),
    "as_named_supervisor": _("The supervisor agrees: let in"),
    "last_four": _("Last four of the %(card)s"),
    "let_in": _("Let in"),
    "other_id": _("Another ID card is shown"),
    "which_card": _("Which ID card?"),
    "why_accepted": _("Why it is accepted"),
    "face_matches": _("Name and face match: let in"),
    "no_card_named": _("The department named no ID card. Any valid photo ID is accepted."),
    "no_card_reason": _("The invitation names no ID card"),
    "who_comes_in": _("Who is coming in now?"),
    "how_many": _("How many are coming in now?"),
    "one_less": _("One less"),
    "one_more": _("One more"),
    "nobody_ticked": _("Tick at least one person."),
    "child": _("Child"),
    "compare_again": _("Check the card again"),
    # the visit
    "room": _("Room %(room)s"),
    "until": _("until %(at)s"),
    "wheelchair": _("A wheelchair"),
    "guide": _("Someone to guide me"),
    "written": _("Write it down for me: I do not hear well"),
    "under_18": _("Under 18: no photograph is taken, do not wait for one. Parent or guardian: %(name)s."),
    "vehicle_yes": _("may come in"),
    "vehicle_no": _("may not come in"),
    "call_supervisor": _("Call the supervisor"),
    "call_first": _("Call the supervisor before anybody goes in."),
    "undelivered": _(
        "The message with this pass reached nobody. The visitor may have no QR code: "
        "go by the pass number and the ID card."
    ),
    "calls_too": _(
        "The supervisor is called about this pass for another reason, too. Their PIN counts for that as well."
    ),
    "mismatch_too": _(
        "An ID card that did not match was shown with this pass."
        " The supervisor's PIN counts for that as well."
    ),
    "recorded": _("The entry is recorded."),
    "kept_here": _("Kept on this device. It is sent when the network is back."),
    "supervisor_login": _("Login of the supervisor"),
    "supervisor_pin": _("PIN of the supervisor"),
    "supervisor_none": _("No supervisor of this secretariat has a PIN yet. Nobody goes in now."),
    "supervisors_void": _(
        "No supervisor can agree now: nobody else of this secretariat has a PIN that counts. Telephone a"
        " supervisor, who signs in and chooses one, or the ADO Branch; then scan again. Nobody goes in"
        " before."
    ),
    "supervisors_gone": _("Nobody else here has a supervisor's PIN. Whoever needs one does not go in."),
    "supervisor_other_card": _("After a card that did not match, the supervisor decides about another one."),
    "supervisor_reason": _("Why they agree"),
    # why, and what to do next
    "valid_from": _("It is valid from %(at)s."),
    "valid_until": _("It was valid until %(at)s."),
    "closed_day": _("The department has closed this day. The pass is valid on its other days."),
    "for_site": _("It is for %(place)s."),
    "for_gate": _("It is for this gate: %(gate)s."),
    "wrong_site_exit": _(
        "Nobody was counted out: only a gate of that secretariat does that. Let them leave. If they were"
        " inside here, tell the supervisor."
    ),
    "all_inside": _("Everyone on this pass is inside."),
    "inside_since": _("Since %(at)s, by this gate: %(gate)s."),
    "used": _("Nobody on this pass may come in again."),
    "withdrawn": _("The pass was cancelled. The reception counter can help."),
    "unknown_number": _("There is no pass with this number. Read it out again."),
    "not_on_list": _(
        "This number is not on the list of this device. The pass may be of another day or another"
        " secretariat, or new. Read the number out again, or scan the QR code."
    ),
    "unknown_token": _("Nobody has issued this pass. Let nobody in with it, and call the supervisor."),
    "not_genuine": _(
        "This QR code is not valid. Scan it once more. If this appears again, let nobody in with it: type the"
        " pass number instead."
    ),
    "not_these_four": _("These are not the last four of the card named on the pass."),
    "wrong_number": _(
        "This pass number is not right: a letter or a digit of it is wrong. Compare it once more."
    ),
    "not_whole": _(
        "This is not a whole pass number: it has eight letters and digits. Read it out again."
    ),
    "no_such_vehicle": _(
        "No pass of today at this gate names this vehicle. Type the pass number, or scan the code."
    ),
    "not_read": _("The QR code was not read whole. Scan it again, or type the pass number."),
    "list_too_old": _("The list of passes on this device is too old to let anybody in by it."),
    "next_wait": _("Ask the visitor to come back then."),
    "next_gate": _("Send the visitor to that gate."),
    "next_site": _("Show the visitor the way there."),
    "next_reception": _("Send the visitor to the reception counter."),
    "next_out_first": _("If somebody left without a scan, scan the pass out first, then in."),
    "next_card": _(
        "Ask for the card that is named, or choose another card. If it is another person: let nobody in."
    ),
    "may_override": _("Only the supervisor may decide otherwise."),
    "override": _("A supervisor decides otherwise"),
    "override_check": _("The supervisor agrees: check the ID card"),
    "stray_exit": _("Nobody of this pass was inside. Are they coming in?"),
    "coming_in": _("They are coming in"),
    "how_many_leave": _("How many leave now?"),
    "fewer_leave": _("Fewer leave"),
    "not_counted": _("Nothing is recorded"),
    "not_counted_why": _(
        "Nobody has said how many leave, so that whoever was inside by this pass still counts as inside."
        " If they have left, scan the pass out again."
    ),
    "old_list": _("The list of passes is old. A pass that was withdrawn since is not refused yet."),
    "check_id_old_list": _("Old list: check the ID card"),
    "in_by_old_list": _("Let in by an old list"),
    # when something does not answer
    "trouble": _(
        "The check did not end. Scan again. If this goes on, type the pass number, or call the supervisor."
    ),
    "rejected": _("A scan of %(at)s was not recorded: %(why)s."),
    "rejected_other": _("the server does not take it"),
    "rejected_known": _("Security sees it among what happened at the gates."),
    "rejected_unknown": _("The server has no record of it. Write it down for security."),
    "noted": _("Noted: remove it here"),
    # who is inside
    "who_inside": _("Who is inside"),
    "search": _("Search"),
    "nobody_inside": _("Nobody is inside."),
    "inside_unknown": _(
        "This device does not know who is inside. Sign in, or ask another gate. More people may be inside"
        " than are named here."
    ),
    "nobody_found": _("Nobody was found."),
    "name": _("Name"),
    "people": _("People"),
    "since": _("Since"),
    "gate": _("Gate"),
    "overdue": _("Stays longer than the pass allows"),
    # the list for an evacuation
    "evacuation": _("Evacuation list"),
    "made_at": _("Made at %(at)s at this gate: %(gate)s"),
    "print": _("Print"),
    "sure_here": _("Seen at this gate"),
    "sure_other": _("Seen at another gate"),
    "sure_overdue": _("Stays longer than the pass allows: may have left unseen"),
    "sure_offline": _("Not sure: a gate was without network"),
    "found_safe": _("Found"),
    "untick_all": _("Untick all"),
}  # fmt: skip
"""Key of the app → the sentence in English."""
_AS_ON_PAGES = (
    *("count_over_party", "count_over_remaining", "full_number", "not_four", "reason_missing", "own_scan"),
    *("id_type_not_chosen", "unknown_gate", "supervisor_missing", "wrong_pin", "no_supervisor", "pin_locked"),
)
PROBLEMS: dict[str, str] = {
    "signed_out": _("Nobody is signed in here. Sign in, then scan again."),
    "too_many_attempts": _("Too many wrong numbers. Wait a minute, or scan the QR code."),
    "no_preview": _("Scan the pass again."),
    "no_gate": _("Choose the gate first."),
    "list_too_old": _("The list of passes on this device is too old to let anybody in by it."),
    "device_missing": _("This device is not enrolled for a gate yet."),
    "device_revoked": _("This device is not enrolled any more."),
    "device_of_other_gate": _("This device is for another gate."),
    "code_wrong": _("This is not the code of a device, or it was replaced by a newer one."),
    "code_used": _("This code was used already. Ask the ADO Branch for a new one."),
    "code_expired": _("This code has expired. Ask the ADO Branch for a new one."),
    "offline": _("Nobody answers. Try again when the network is back."),
    "no_list": _("This device has no list of passes yet. It needs the network once."),
    "sign_out_offline": _(
        "There is no network. If you sign out now, nobody can be let in by this device until the network is"
        " back and somebody signs in."
    ),
    "help_offline": _(
        "The reception cannot be called from here now: there is no network. Go there or telephone."
    ),
    "only_trace": _("The server has no record of it. Write it down for security."),
    "locked": _("The app is locked. Type your PIN, then scan again."),
    "pin_too_easy": _("Four to six digits, not all the same, and no row such as 1234."),
    "pins_wrong": _(
        "Too many wrong PINs: the list of passes was deleted here, and you are signed out. Sign in when there"
        " is a network. Scans that were not sent are kept, and whoever leaves is still recorded."
    ),
    "pin_uncounted": _(
        "This device is full and cannot count tries, so that no PIN opens it. Sign in instead."
    ),
    "storage": _("This device cannot keep the scan. Write it down, and use the plain gate page."),
    **{code: messages.SENTENCES[code] for code in _AS_ON_PAGES},
}
"""Code of a problem → what the guard can do about it."""


def texts_of_app() -> dict[Language, dict[str, Any]]:
    """Return what the app says in each language: sentences, counted sentences, and names of values."""
    return {language: _in_language(language) for language in LANGUAGES}


def _in_language(language: Language) -> dict[str, Any]:
    catalogue = texts(language)
    return {
        "name": ENDONYMS[language],
        "texts": {key: catalogue.gettext(sentence) for key, sentence in TEXTS.items()},
        "counted": _counted(catalogue),
        "verdicts": _names(vocabulary.VERDICTS, language),
        "marks": _names(vocabulary.MARKS, language),
        "ids": _names(vocabulary.ID_TYPES, language),
        "problems": _names(PROBLEMS, language),
        "helpReasons": _names(vocabulary.HELP_REASONS, language),
        "refusals": _names(vocabulary.INCIDENT_DETAILS, language),
        "gate": catalogue.gettext(NUMBERED_GATE),
        "months": month_names(language),
        "hours": [_hour(hour, language) for hour in range(24)],
        "span": span("%(start)s", "%(end)s", language),
    }


def _counted(catalogue: NullTranslations) -> dict[str, list[str]]:
    """Return the sentences with a number: for one, and for any other number."""
    ngettext = catalogue.ngettext
    return {
        "persons": [ngettext("%(num)s person", "%(num)s people", n) for n in (1, 2)],
        "inside_now": [ngettext("%(num)s person inside now", "%(num)s people inside now", n) for n in (1, 2)],
        "all_leave": [ngettext("All leave: %(num)s person", "All leave: %(num)s people", n) for n in (1, 2)],
        "inside_already": [ngettext("%(num)s inside already", "%(num)s inside already", n) for n in (1, 2)],
        "inside": [ngettext("%(num)s person inside", "%(num)s people inside", n) for n in (1, 2)],
        "unsent": [ngettext("%(num)s not sent", "%(num)s not sent", n) for n in (1, 2)],
        "digits_typed": [ngettext("%(num)s digit typed", "%(num)s digits typed", n) for n in (1, 2)],
        "tries_left": [
            ngettext("Wrong PIN. %(num)s try is left.", "Wrong PIN. %(num)s tries are left.", n)
            for n in (1, 2)
        ],
        "seconds": [ngettext("%(num)s second", "%(num)s seconds", n) for n in (1, 2)],
        "minutes": [ngettext("%(num)s minute", "%(num)s minutes", n) for n in (1, 2)],
        "hours": [ngettext("%(num)s hour", "%(num)s hours", n) for n in (1, 2)],
        "days": [ngettext("%(num)s day", "%(num)s days", n) for n in (1, 2)],
    }


def _hour(hour: int, language: Language) -> str:
    """Return how a time within an hour of the day is said; not every browser knows Punjabi."""
    return time_of_day(time(hour), language).replace(f"{hour % 12 or 12}:00", "%(time)s")


def _names(words: dict[str, str], language: Language) -> dict[str, str]:
    return {value: vocabulary.name_of(words, value, language) for value in words}
