"""Acts and outcomes of the audit log: their groups, and their names in words."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from contracts import rpc
from contracts.model import Language
from contracts.subscriptions import SERVICES
from services.gateway.pages.shared.actions import ACTIONS
from services.gateway.pages.shared.languages import _, texts
from services.gateway.pages.shared.vocabulary import VERDICTS

LOOKS, DECISIONS, SIGN_INS, DIRECTORY, PASSES = "looks", "decisions", "sign_ins", "directory", "passes"
APPLICATIONS, REFUSALS = "applications", "refusals"
GROUPS: dict[str, str] = {
    LOOKS: _("Looks"),
    DECISIONS: _("Decisions, closed days and watchlist"),
    SIGN_INS: _("Sign-ins"),
    APPLICATIONS: _("Applications"),
    PASSES: _("Passes, messages and gates"),
    DIRECTORY: _("Directory, logins and keys"),
}
"""Each act is of one group. Refusals are of all."""
_SIGN_INS = {
    "change_password", "confirm_factor", "end_own_sessions", "enter_code", "log_in", "log_out",
    "renew_recovery_codes", "request_otp", "start_enrolment", "enrol_factor", "verify_otp",
}  # fmt: skip
_DIRECTORY = {
    "apply_directory_file", "put_duty_contacts", "put_line", "remove_line", "send_directory_file",
    "rotate_key", "withdraw_key", "set_pin", "name_supervisor", "end_supervisor", "demand_supervisors",
    "lift_supervisors", "put_site_text", "put_emblem",
}  # fmt: skip
_BY_SERVICE = {
    "accounts": DIRECTORY, "approval": DECISIONS, "application": APPLICATIONS, "issuance": PASSES,
    "notify": PASSES, "verify": PASSES,
}  # fmt: skip
_LOOKED_AT = {f"{one.service}.{one.name}" for one in rpc.METHODS if not one.command}
LOOKS_AT_PEOPLE: Mapping[str, Collection[str]] = {
    service: {
        one.name
        for one in rpc.METHODS
        if one.service == service and one.names_people and one.name != "manifest"
    }
    for service in SERVICES
}
"""By service, the acts that show people to whoever does them; a manifest is for a device of a gate."""
_WHY: dict[str, str] = {
    _("there is nothing such, or not for this login"): "not_found",
    _("this login may not do it"): "forbidden",
    _("nobody was signed in"): "not_authenticated",
    _("what was typed was not accepted"): "invalid_input",
    _("the same form came with other answers"): "idempotency_key_reused",
    _("a wrong login, password, code or PIN, or an old one"): (
        "wrong_login wrong_code wrong_pin wrong_password wrong_token code_used code_expired token_used "
        "token_expired no_supervisor initial_password_expired"
    ),
    _("too many within a short time"): (
        "too_many_attempts too_many_tries too_many_open too_many_reissues pin_locked work_required"
    ),
    _("the session, the login or the device was not valid any more"): (
        "session_ended sign_in_ended operator_signed_out kiosk_ended enrolment_over device_revoked "
        "login_disabled delegation_ended no_delegation unproven_principal"
    ),
    _("something that proves who it is was missing"): (
        "second_factor_missing second_factor_stale second_factor_required no_factor own_factor "
        "must_change_password device_missing not_opened"
    ),
    _("it is of another place"): (
        "wrong_site other_site not_your_site limited_to_site not_your_gate device_of_other_gate cross_site "
        "at_a_kiosk only_in_app"
    ),
    _("somebody else has to do it"): (
        "second_officer same_officer own_incident own_call own_scan is_assistant ado_only"
    ),
    _("it was done, changed or over before"): (
        "conflict already_decided already_closed already_settled already_revoked already_stored "
        "already_there application_closed application_changed changed_meanwhile too_late_to_undo entry_ended "
        "pass_expired pass_revoked no_pass day_past cannot_cancel cannot_amend cannot_change_mobile "
        "cannot_correct visit_begun not_proposed not_approved not_reissuable closed_by_ado day_closed "
        "window_full too_old too_early offer_over"
    ),
}
"""Why something was refused → the codes that say so. All other codes are one: it was not possible."""
REFUSED = {code: why for why, codes in _WHY.items() for code in codes.split()}
NOT_POSSIBLE = _("it was not possible")


def group_of(name: str) -> str:
    """Return the group of an act, by its service and name."""
    service, _dot, action = name.partition(".")
    if is_look(name):
        return LOOKS
    if action in _SIGN_INS:
        return SIGN_INS
    return DIRECTORY if action in _DIRECTORY or action.startswith("import_") else _BY_SERVICE[service]


def is_look(name: str) -> bool:
    """Return whether an act is a look: a question, or a file of the log."""
    return name in _LOOKED_AT or name.endswith(".export_audit")


def is_known(act: str) -> bool:
    """Return whether an act, or a group of them, can be chosen."""
    return act in GROUPS or act == REFUSALS or act in ACTIONS


def chosen(act: str) -> dict[str, Collection[str]]:
    """Return by service which acts were chosen; nothing where all are wanted.

    Acts of several services that have one name are chosen together.
    """
    found: dict[str, set[str]] = {}
    if act in {"", REFUSALS}:
        return {}
    for name in ACTIONS:
        if group_of(name) == act or ACTIONS[name] == ACTIONS.get(act):
            service, _dot, action = name.partition(".")
            found.setdefault(service, set()).add(action)
    return {service: sorted(names) for service, names in found.items()}


def choices(language: Language) -> Iterator[tuple[str, str, Sequence[tuple[str, str]]]]:
    """Yield each group, its name, and its acts by name, each with the first that has it."""
    translate = texts(language).gettext
    for group, title in GROUPS.items():
        first: dict[str, str] = {}
        for name, words in ACTIONS.items():
            if group_of(name) == group:
                first.setdefault(translate(words), name)
        yield group, translate(title), sorted((name, words) for words, name in first.items())


def words_of(name: str, language: Language) -> str:
    """Return what was done or looked at, in words."""
    translate = texts(language).gettext
    if name not in ACTIONS:  # a newer service knows it
        return translate(_("Something that this version has no words for"))
    words = translate(ACTIONS[name])
    return translate(_("Looked at: %(what)s")) % {"what": words} if is_look(name) else words


def outcome_of(name: str, result: str, language: Language) -> str:
    """Return what came of it, in words."""
    translate = texts(language).gettext
    known: Mapping[str, str] = OUTCOMES | (VERDICTS if name == "verify.scan" else {})
    if result in known:
        return translate(known[result])
    return translate(_("Refused: %(why)s")) % {"why": translate(REFUSED.get(result, NOT_POSSIBLE))}


OUTCOMES: dict[str, str] = {
    "done": _("Done"),
    "repeated": _("Done before"),
    "refreshed": _("The open page asked again by itself"),
}
