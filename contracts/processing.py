"""The register of processing: which columns hold personal data, why, how long, and who gets them.

`docs/processing.md` is made of it. `tests/unit/contracts/test_processing.py` fails for a column that can hold
words and stands neither here nor in `NO_PERSON`.

Usage: python -m contracts.processing [--check]
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from contracts.documents import table, write_or_check
from contracts.retention import KEPT

FILE = Path(__file__).parents[1] / "docs" / "processing.md"
DECIDE, GATE, TELL, PROVE, WORK, GUARD = (
    "to decide about the visit",
    "to let them in, and know who is inside",
    "to tell them what became of it",
    "to know whose application it is",
    "to know who of the staff did what",
    "to keep somebody out who threatened others",
)
PEOPLE, RECORDS, DESK = "people_kept_days", "records_kept_months", "the department, the reception"
GATES = "the gates of the site"


@dataclass(frozen=True)
class Held:
    """Columns of a table with personal data. ``until`` says when they are deleted, by kinds of `KEPT`."""

    table: str
    columns: str
    what: str
    why: str
    until: str
    to: str


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HELD = (
    Held("application.applications", "name name_latin name_keys",
         "name of the applicant", DECIDE, PEOPLE, f"{DESK}, {GATES}"),
    Held("application.applications", "mobile email",
         "where messages go", TELL, PEOPLE, f"{DESK}, who delivers messages"),
    Held("application.applications", "id_type id_last4",
         "kind and last four of an ID card", GATE, PEOPLE, f"{DESK}, {GATES}"),
    Held("application.applications", "official guardian companions purpose vehicle",
         "office, who applies for a child, who comes along, purpose, vehicle",
         DECIDE, PEOPLE, f"{DESK}, {GATES}"),
    Held("application.applications", "assistance",
         "wheelchair, guide, or writing",
         GATE, "for ever, after those days about nobody", f"{DESK}, {GATES}"),
    Held("application.applications", "note",
         "the department's words to the applicant", TELL, PEOPLE, "the applicant"),
    Held("application.applications", "correction",
         "who is to come instead, until the department has confirmed it; its words", DECIDE, PEOPLE, DESK),
    Held("application.photographs", "sealed",
         "photograph, sealed", GATE, "photographs_kept_days",
         "the reception and the gates of the site; the ADO Branch, for a standing pass"),
    Held("application.requests", "mobile sealed",
         "whose complaint or question it is; its words and the answer, sealed, with name and address of "
         "who has no mobile",
         TELL, PEOPLE, "the grievance officer; the data officer, if it is about data"),
    Held("application.opening_tries", "who",
         "keyed digest of a mobile, a reference, or a login", PROVE, "a week", "nobody"),
    Held("approval.reviews", "name name_latin name_keys personal held_event correction",
         "the application as the department sees it", DECIDE, PEOPLE, "the department"),
    Held("approval.decisions", "note days_reason",
         "the department's words", TELL, PEOPLE, "the applicant"),
    Held("approval.first_approvals", "days_reason",
         "the department's words", DECIDE, PEOPLE, "the department"),
    Held("approval.watchlist_entries", "sealed traits",
         "name, last four, mobile and reason, sealed; keyed digests of them",
         GUARD, "watchlist_kept_days", "security, the ADO Branch"),
    Held("approval.watchlist_matches", "person_digest sealed_note",
         "which of the party matched, as a keyed digest; words, sealed", GUARD, PEOPLE, "security"),
    Held("issuance.applications", "mobile",
         "where the link of the pass goes", TELL, PEOPLE, "nobody"),
    Held("issuance.passes", "personal idc link_code",
         "the people of the pass; keyed digest of the ID card; its link",
         GATE, PEOPLE, "whoever has the link; the gates"),
    Held("notify.messages", "personal email_sealed recipient",
         "recipient and content of a message, sealed", TELL, PEOPLE, "who delivers messages"),
    Held("notify.applications", "mobile_sealed",
         "a changed number, sealed", TELL, PEOPLE, "who delivers messages"),
    Held("notify.departments", "rooms",
         "rooms of officers, by their code", TELL, "until somebody removes the line", "the applicant"),
    Held("notify.opt_outs", "recipient",
         "keyed digest of a number whose holder wants no messages",
         TELL, "until eight days after they want messages again", "nobody"),
    Held("notify.media", "sealed",
         "the vendor's ID of the picture of a pass, sealed", TELL, "29 days", "Meta"),
    Held("notify.local_phone", "recipient text link",
         "messages, in local mode only", TELL, "a day", "developers"),
    Held("verify.passes", "visitors id_commitments",
         "the people of the pass; keyed digests of ID cards", GATE, PEOPLE, GATES),
    Held("verify.passes", "assistance",
         "wheelchair, guide, or writing", GATE, "for ever, after those days about nobody", GATES),
    Held("verify.scans", "reason",
         "an officer's words at a gate",
         GATE, f"{PEOPLE}; of a scan whose pass nobody knew, {RECORDS}", "auditors"),
    Held("verify.gate_incidents", "reason",
         "a supervisor's words",
         GATE, f"{PEOPLE}; of one whose pass nobody knew, {RECORDS}", "the ADO Branch, security"),
    Held("accounts.otp_codes", "mobile_digest mobile_sealed",
         "a mobile, sealed; keyed digest", PROVE, "2 days", "who delivers messages"),
    Held("accounts.otp_requests", "mobile_digest address device",
         "keyed digests of a mobile and of an address", PROVE, "2 days", "nobody"),
    Held("accounts.sessions", "subject mobile_sealed",
         "keyed name of whoever signed in; their mobile, sealed",
         PROVE, "24 hours after the session ends", "nobody"),
    Held("accounts.proved_mobiles", "mobile_digest",
         "keyed digest of a mobile", PROVE, "180 days, as long as a browser is known", "nobody"),
    Held("accounts.logins", "name",
         "name of a member of staff", WORK, "for ever: who decided is a record", "the ADO Branch, auditors"),
    Held("accounts.logins", "mobile_sealed",
         "their mobile, sealed", TELL, "until the login is disabled", "who delivers messages"),
    Held("accounts.login_failures", "account address device",
         "login, keyed digests of address and browser", PROVE, "until it counts no more", "nobody"),
    Held("accounts.imports", "text_sealed result",
         "a file with logins that was uploaded, sealed", WORK, "24 hours", "the ADO Branch"),
    Held("approval.imports", "text_sealed result",
         "a file with the directory, sealed", WORK, "24 hours", "the ADO Branch"),
    Held("approval.officers", "name designation room",
         "officers whom visitors may ask for", DECIDE, "until somebody removes the line", "everybody"),
    Held("approval.duty_contacts", "sealed",
         "numbers of whoever is on duty, sealed",
         TELL, "until somebody removes them", "who delivers messages"),
    Held("approval.directory_history", "before after",
         "lines of the directory as they were, with officers",
         WORK, "for ever: who changed what is a record", "the ADO Branch"),
    Held("*.outbox", "personal",
         "the people of an event, sealed",
         DECIDE, "7 days after it was sent", "the services that consume them"),
    Held("*.audit_log", "actor objects address",
         "logins, keyed names of applicants, references; no name or number",
         WORK, RECORDS, "auditors"),
)  # fmt: skip
"""Besides it `STAFF`: logins, which name a member of staff by a number."""
STAFF = _names(
    """
    allowed_by answered_by approved_by assistant_of called_by changed_by closed_by confirmed_by decided_by
    disabled_by drafted_by ended_by enrolled_by entered_by forwarded_by involved issued_by lifted_by login
    login_id made_by named_by on_behalf_of proposed_by scanned_by seen_by sent_by set_by settled_by stand_in
    submitted_by supervisor suspended_by
    """
)
"""Columns with logins of staff: in records as long as these, else as long as their row."""
NO_PERSON = _names(
    """
    about advice body_hmac challenge channel closed_as closed_by_role closed_days closure_reason code
    code_digest code_sealed contact content correlation_id decision_kind decision_reason deliver_by deltas
    department department_code detail details digest direction escalation facts failed_tries forwarded_from
    from_department further_days gate gate_names gate_rules gates id_kind inside_site instead_of jws
    key_sealed kid kind lane language last_gate later_details link_digest marks masked nonce
    notice number offered officer
    pass_number password_hash place preferred prefix private_sealed provider provider_id public_x
    purpose_kind reason_translations record reference replaces revocation revoked_reason role roles salt
    scanned_pass scans secret_sealed settled_as site site_code slot standing_state state status steps
    to_department to_officer traceparent verdict verifier version visit what words x accounts.sign_ins.purpose
    application.directory.subject approval.closed_days.reason approval.closures.note
    approval.closures.reason approval.visits.answer approval.visits.outcome approval.visits.reason
    approval.visits.room approval.visits.visitor_says approval.visit_announcements.recipient
    approval.place_waits.outcome approval.decisions.reason approval.departments.name approval.gates.name
    approval.site_texts.name approval.sites.address approval.sites.name notify.delivery_reports.reason
    notify.departments.name notify.local_phone.purpose notify.media.name notify.messages.purpose
    notify.messages.reason notify.messages.replies notify.providers.name notify.sites.name
    verify.help_calls.reason verify.scans.id_type issuance.passes.said
    application.breach_notices.breach application.breaches.name application.breaches.texts
    application.notices.texts
    """
)
"""Columns, or ``service.table.column``, with codes, keys, numbers, dates and words about nobody."""


@dataclass(frozen=True)
class Processor:
    """Who works for the site: used where ``setting`` is not empty; ``senders`` are its names in senders."""

    name: str
    setting: str
    gets: str
    where: str
    senders: tuple[str, ...] = ()


PROCESSORS = (
    Processor("SMS", "sms_url", "mobile number and text, without a name",
              "as its contract says; registered (DLT)", ("sms_gateway", "mobile_seva", "msg91")),
    Processor("WhatsApp", "whatsapp_url", "mobile number, text and picture of the pass",
              "Meta, outside India", ("whatsapp_cloud",)),
    Processor("email", "smtp_url", "email address, text and pass", "as its contract says", ("smtp",)),
    Processor("backups", "ops_backup_stamp", "everything, encrypted before it leaves",
              "where the site puts them"),
    Processor("hosting", "", "everything, as it runs", "where the site runs it"),
)  # fmt: skip


def told_until(until: str, told: Mapping[str, str]) -> str:
    """Return how long columns are kept, with what is said of each kind of `KEPT` in place of its name."""
    for name in KEPT:
        until = until.replace(name, told[name])
    return until


def _host(value: object) -> str:
    """Return who is behind a setting: the host of an address, which may have a key elsewhere in it."""
    return urlsplit(str(value)).hostname or "set"


def lines(chosen: Mapping[str, object] | None = None) -> Iterator[str]:
    """Yield the lines of the register, as Markdown.

    Args:
        chosen: setting → its value, to say what is set instead of what is usual.
    """
    here = "usual" if chosen is None else "set here"
    yield from (
        "# Register of processing", "",
        "What is stored about whom, why, how long, and who gets it; generated from",
        "`contracts/processing.py` and `contracts/retention.py`. `epass register`, with the settings of the",
        "sender, prints it with what the site has set and which processors it uses. The law, the officer and",
        "the Board are texts of the ADO Branch (`/desk/directory/texts`), shown below the",
        "privacy notice.", "",
        "## How long, and what a site may choose", "",
    )  # fmt: skip
    kinds = []
    for name, kind in KEPT.items():
        value = kind.usual if chosen is None else chosen[name]
        limits = f"{kind.least} to {kind.most}"
        kinds.append((f"`EPASS_{name.upper()}`", kind.what, f"{value} {kind.unit}", limits, kind.reason))
    yield from table(("setting", "of what", here, "least to most", "why these limits"), kinds)
    days = 30 if chosen is None else chosen["backup_days"]
    yield from (
        "", "Copies for emergencies (backups) hold whoever was erased since, until they are deleted: after",
        f"`EPASS_BACKUP_DAYS` ({days} days, {here}); the receipt of an erasure says by which day. After a",
        "restore they are erased again ([backup](backup.md)). Sealed copies of events end by themselves, in",
        "outboxes and the stream after 7 days, in dead letters after 30 ([decision",
        "77](decisions/0077-no-key-for-each-person.md)).", "",
        "Where a person asks for the erasure of a visit that is over and that the site has to keep for",
        "`EPASS_KEPT_AT_LEAST_DAYS`, application keeps it locked until then and shows it to the data officer",
        "alone; the columns of all other services are erased at once ([decision",
        "83](decisions/0083-locked-until-it-may-go.md)).",
        "", "## Which fields", "",
    )  # fmt: skip
    fields = []
    for one in HELD:
        columns = f"`{one.table}`: {', '.join(one.columns.split())}"
        until = told_until(one.until, {name: f"`EPASS_{name.upper()}`" for name in KEPT})
        fields.append((columns, one.what, one.why, until, one.to))
    yield from table(("columns", "what", "why", "how long", "who gets it"), fields)
    named = textwrap.wrap(", ".join(f"`{name}`" for name in sorted(STAFF)) + ".", 110)
    yield from ("", f"Logins of staff, {WORK}, as long as the row or record they stand in:", *named, "")
    yield from ("## Who works for the site", "")
    processors = []
    for who in PROCESSORS:
        value = f"`EPASS_{who.setting.upper()}`" if who.setting else "always"
        if chosen is not None and who.setting:
            value += f": {_host(chosen[who.setting])}" if chosen[who.setting] else ": none"
        processors.append((who.name, value, who.gets, who.where))
    yield from table(("for", "where this is set", "what they get", "where"), processors)


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, "\n".join([*lines(), ""])))
