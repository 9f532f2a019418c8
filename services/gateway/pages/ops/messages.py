"""What became of the messages about one application, and what to do next; no name, number or text.

The sentences about a vendor's answer are those of ``docs/messages.md``.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response

from contracts import rpc
from contracts.crockford import parse_pass_number, parse_reference
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.model import Language
from contracts.ops import LetterView, Report
from contracts.rpc.notify import MessageSearch, MessageTrace, MessageTraces, PassTrace
from services.gateway.pages.ops.findings import DAY, MESSAGES, RELAY
from services.gateway.pages.shared import timeline
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.languages import _, instant_in_words, texts
from services.gateway.pages.shared.reports import doubt_old_looks
from services.gateway.pages.shared.view import OpsPage, View, page_router

router = page_router("/ops/messages")
Subject = Annotated[str, Path(max_length=40)]
CONSUMER = "notify."
"""How the names of notify's queues begin."""
FAILS = "A provider fails"
VENDORS, NUMBERS, ANSWERS = "Send one", "When the number is wrong", "What a reason means"
"""Headings of ``docs/messages.md``."""
PURPOSES: dict[str, str] = {
    **timeline.MESSAGES,
    "otp": _("A one-time code"),
    "login_issued": _("A new login"),
    "access_changed": _("Notice that a login was changed"),
    "mobile_changed": _("Notice that the number was changed"),
    "request_answered": _("Notice that a request was answered"),
    "breach_notice": _("Notice that data was seen or taken"),
    "pass_issued": _("Pass"),
    "application_submitted": _("Confirmation of the application"),
    "pass_revoked": _("Notice that the pass was cancelled"),
}
STATES: dict[str, tuple[str, str]] = {
    "queued": ("open", _("Waits to be sent")),
    "accepted": ("submitted", _("The vendor has it")),
    "delivered": ("active", _("It has arrived")),
    "read": ("active", _("It was read")),
    "failed": ("rejected", _("Failed")),
    "expired": ("rejected", _("Too late")),
    "withdrawn": ("ended", _("Not sent any more")),
    "not_needed": ("ended", _("For nobody's phone")),
}
"""State of a message → its colour and its name."""
REPORTS: dict[str, str] = {
    "sent": _("The vendor has sent it on"),
    "delivered": _("It has arrived"),
    "read": _("It was read"),
    "failed": _("The vendor could not deliver it"),
}
REASONS: dict[str, str] = {
    **timeline.MESSAGE_REASONS,
    "unreachable": _("The vendor could not be reached"),
    "timeout": _("The vendor did not answer in time"),
    "busy": _("The vendor takes no more just now"),
    "credentials": _("The vendor refused our credentials"),
    "account": _("The account at the vendor is blocked, or has no credit"),
    "fault": _("Our own program could not hand it over"),
    "gateway_fault": _("The vendor had a fault"),
    "template": _("The text is not registered at the vendor"),
    "media": _("The vendor refused the picture"),
    "limited": _("WhatsApp limits what this person or our number may get"),
    "window_closed": _("WhatsApp takes only registered texts"),
    "bad_number": _("Nobody has this number"),
    "bad_address": _("Nobody has this email address"),
    "rejected": _("The operator dropped it: do not disturb, or a text that is not the registered one"),
    "refused": _("The vendor refused it"),
    "undelivered": _("The vendor took it and could not deliver it"),
    "quota": _("The daily limit of the vendor was reached"),
    "provider_away": _("The vendor was left alone, because it fails"),
    "private_address": _("The name of the vendor leads into our own network"),
    "unreadable": _("Its sealed part cannot be opened"),
    "no_channel": _("No vendor is connected for this channel"),
    "revoked": _("The pass was cancelled before"),
    "attempts": _("It was tried as often as it may be"),
}
"""What a vendor answered, or why nobody was asked."""
AGAIN = _("Once the vendor works, the reception sends it again, or prints the pass.")
OTHER_NUMBER = _("The reception asks the visitor for another number and changes it, or prints the pass.")
TEXTS = _("Compare the text with the registered one.")
SETTINGS = _("Check the settings of the vendor.")
REPORT_IT = _("Report it, with what the log of the sender says.")
REMEDIES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("unreachable", "timeout", "gateway_fault", "busy", "media"), (AGAIN, FAILS)),
    **dict.fromkeys(("provider_away", "attempts", "refused"), (AGAIN, FAILS)),
    "quota": (AGAIN, DAY),
    "credentials": (_("Renew the token or the password of the vendor: what waits is sent then."), VENDORS),
    "account": (_("Settle it with the vendor: what waits is sent then."), VENDORS),
    **dict.fromkeys(("template", "window_closed", "rejected"), (TEXTS, ANSWERS)),
    **dict.fromkeys(("private_address", "no_channel"), (SETTINGS, ANSWERS)),
    "unreadable": (_("Look for a missing key among those of personal data."), ANSWERS),
    "fault": (REPORT_IT, ANSWERS),
    **dict.fromkeys(
        ("bad_number", "bad_address", "not_on_whatsapp", "wrong_number", "undelivered", "unconfirmed"),
        (OTHER_NUMBER, NUMBERS),
    ),
    **dict.fromkeys(("opted_out", "limited"), (OTHER_NUMBER, NUMBERS)),
    "expired": (_("Nothing: its time is over."), ""),
    "revoked": (_("Nothing: the pass is not valid any more."), ""),
}
"""What to do about a message that failed for this reason, and the section about it."""
DONE: dict[str, str] = {
    "delivered": _("Nothing: it has arrived."),
    "read": _("Nothing: it has arrived."),
    "withdrawn": _("Nothing: nobody should get it any more."),
    "not_needed": _("Nothing: the reception prints the pass, or the visitor opens it."),
}
"""States after which nothing is to be done."""
TOLD_NO_MORE = _("Nothing: the vendor has it, and tells no more.")
LASTING = {"credentials", "account", "template", "private_address", "no_channel", "unreadable", "fault"}
"""Reasons that do not go away by themselves, however often a message is tried again."""
RUNBOOKS = (FAILS, MESSAGES, DAY)
"""Headings of ``docs/runbooks.md``; all other ones are of ``docs/messages.md``."""


@dataclass(frozen=True)
class Step:
    """What to do, and the section of our documents that says more, if any."""

    text: str
    section: str = ""

    @property
    def document(self) -> str:
        """The document that has the section."""
        return "docs/runbooks.md" if self.section in RUNBOOKS else "docs/messages.md"


@dataclass(frozen=True)
class Happened:
    """What happened to a message at one time: in words, and our code for it."""

    at: datetime
    channel: str
    text: str
    code: str = ""


@dataclass(frozen=True)
class Shown:
    """One message on all its channels, as the page shows it."""

    purpose: str
    newest: MessageTrace
    tries: int
    lines: Sequence[Happened]
    next: Step


@router.get("")
async def ask_subject(view: OpsPage) -> Response:
    """Ask for a reference, a pass number, or the id of a message."""
    return _page(view)


@router.post("")
async def search(view: OpsPage) -> Response:
    """Lead to what was looked for, once it has the form of a reference, a number or an id."""
    typed = text_of(await view.form(), "q")[:100]
    subject = _canonical(typed)
    if subject is None:
        return _page(view, 422, typed=typed, errors={"q": "not_a_message"})
    return view.to(f"/ops/messages/{subject}")


@router.get("/{subject}")
async def show_messages(view: OpsPage, subject: Subject) -> Response:
    """Show what became of the messages about one application.

    Raises:
        NotFound: this is neither a reference nor a pass number nor an id.
    """
    if _canonical(subject) != subject:
        raise NotFound("there is nothing such")
    found, report = await asyncio.gather(_traces(view, subject), _report(view), return_exceptions=True)
    known = report if isinstance(report, Report) else None
    values: dict[str, Any] = {
        "typed": subject,
        "subject": subject,
        "waiting": _waiting(known),
        "runbook": RELAY,
    }
    if isinstance(found, MessageTraces):
        words = Words(view.language, found.passes)
        shown = [words.message(group) for group in _grouped(found.items)]
        letters = await _letters(view, known, found)
        return _page(view, **values, found=found, shown=shown, letters=letters)
    if isinstance(found, NotFound):
        return _page(view, 404, **values, is_unknown=True)
    if isinstance(found, Unavailable):
        return _page(view, 503, **values)
    assert isinstance(found, BaseException)
    raise found


def _page(view: View, status: int = 200, /, **values: Any) -> Response:
    usual = {
        "typed": "", "errors": {}, "subject": "", "found": None, "shown": (), "letters": None,
        "is_unknown": False, "waiting": None, "states": STATES,
    }  # fmt: skip
    return view.html("ops/messages.html", status, **{**usual, **values})


def _canonical(text: str) -> str | None:
    """Return a reference, a pass number or an id in canonical form; None for anything else."""
    text = text.strip()
    try:
        if text.upper().startswith("PCS"):
            return parse_reference(text)
        return str(UUID(text)) if len(text) > 30 else parse_pass_number(text)
    except ValueError:
        return None


async def _traces(view: View, subject: str) -> MessageTraces:
    name = "reference" if subject.startswith("PCS") else "message_id" if len(subject) > 30 else "pass_number"
    return await view.query(rpc.notify.TRACE_MESSAGES, MessageSearch.model_validate({name: subject}))


async def _report(view: View) -> Report:
    return doubt_old_looks(await view.caller.state.ops.report())


def _waiting(report: Report | None) -> Sequence[str] | None:
    """Return the databases whose events wait to be sent; None where that is unknown."""
    if report is None or not report.outboxes or not all(one.answers for one in report.outboxes):
        return None
    return [one.database for one in report.outboxes if one.waiting]


async def _letters(view: View, report: Report | None, found: MessageTraces) -> Sequence[LetterView] | None:
    """Return the dead letters about an application or its passes; None where they are unknown."""
    if report is None or not report.queues.answers:
        return None
    dead = [one.queue for one in report.queues.items if one.dead_letters and one.queue.startswith(CONSUMER)]
    about = {f"application:{found.application_id}", *(f"pass:{one.number}" for one in found.passes)}
    try:
        lists = await asyncio.gather(
            *(view.caller.state.ops.letters(queue, view.principal) for queue in dead)
        )
    except ContractError:
        return None
    return [letter for one in lists for letter in one.items if letter.subject in about]


def _grouped(items: Sequence[MessageTrace]) -> Iterator[list[MessageTrace]]:
    """Yield each message with its channels in order, the newest message first."""
    groups: dict[tuple[UUID, str], list[MessageTrace]] = {}
    for one in items:
        groups.setdefault((one.event_id, one.purpose), []).append(one)
    for group in groups.values():
        yield sorted(group, key=lambda one: one.step)


class Words:
    """Says in one language what became of messages, and what to do."""

    def __init__(self, language: Language, passes: Sequence[PassTrace] = ()) -> None:
        self._language = language
        self._passes = {one.number: one for one in passes}
        self._translate = texts(language).gettext

    def message(self, steps: Sequence[MessageTrace]) -> Shown:
        """Return a message, whose channels are given in order, as the page shows it."""
        lines = sorted((line for one in steps for line in self._lines(one)), key=lambda line: line.at)
        purpose = self._translate(PURPOSES.get(steps[0].purpose, steps[0].purpose))
        reached = next((one for one in steps if one.state in ("delivered", "read")), steps[-1])
        return Shown(purpose, reached, sum(one.attempts for one in steps), lines, self.next_step(reached))

    def next_step(self, one: MessageTrace) -> Step:
        """Return what to do about a message, by its newest step or the one that has arrived."""
        if one.state not in ("delivered", "read") and (text := self._without_need(one)):
            return self._step(text)
        if one.state in DONE:
            is_told = one.state != "delivered" or one.provider is not None
            return self._step(DONE[one.state] if is_told else TOLD_NO_MORE)
        if one.state == "queued":
            return self._while_it_waits(one)
        if one.next_at is not None:
            text = _("Nothing: unless it is reported as delivered, it goes on to another channel at %(at)s.")
            return self._step(text, at=self._at(one.next_at))
        if one.state == "accepted":
            return self._step(
                _("Wait for the report of the vendor. If none comes, the reception sends it again.")
            )
        text, section = REMEDIES.get(one.reason or one.state, (AGAIN, ANSWERS))
        return self._step(text, section)

    def _without_need(self, one: MessageTrace) -> str:
        """Return why nobody needs the message any more; empty where somebody does."""
        if one.is_replaced:
            return _("Nothing: the visitor has another number since, and got it there.")
        known = self._passes.get(one.pass_number or "") if one.purpose == "pass_issued" else None
        if known and known.revoked:
            return _("Nothing: the pass is not valid any more.")
        return _("Nothing: the reception has printed the pass.") if known and known.printed else ""

    def _while_it_waits(self, one: MessageTrace) -> Step:
        if one.reason in LASTING:
            return self._step(*REMEDIES[one.reason or ""])
        if one.attempts and one.due_at is not None:
            return self._step(_("Nothing: it is tried again at %(at)s."), at=self._at(one.due_at))
        return self._step(
            _("The sender takes it next. If it still waits in some minutes, look here:"), MESSAGES
        )

    def _lines(self, one: MessageTrace) -> Iterator[Happened]:
        channel = self._translate(timeline.CHANNELS.get(one.channel, one.channel))
        queued = _("Asked for again") if one.is_resend and not one.step else _("Began to wait")
        yield Happened(one.queued_at, channel, self._translate(queued))
        for failed in one.failed:
            yield Happened(failed.at, channel, self._reason(failed.reason), failed.reason)
        for report in one.reports:
            text = self._translate(REPORTS.get(report.status, report.status))
            reason = f": {self._reason(report.reason)}" if report.reason else ""
            yield Happened(report.at, channel, text + reason, report.reason or "")
        said = {failed.reason for failed in one.failed} | {report.reason for report in one.reports}
        if one.ended_at is None:
            return
        if one.provider is not None or one.state in ("accepted", "delivered", "read"):
            vendor = one.provider or self._translate(_("the vendor"))
            text = self._translate(_("Taken by %(vendor)s")) % {"vendor": vendor}
            yield Happened(one.ended_at, channel, text)
        if one.reason and one.reason not in said:
            yield Happened(one.ended_at, channel, self._reason(one.reason), one.reason)

    def _reason(self, code: str) -> str:
        return self._translate(REASONS.get(code, code))

    def _at(self, at: datetime) -> str:
        return instant_in_words(at, self._language)

    def _step(self, text: str, section: str = "", **values: str) -> Step:
        return Step(self._translate(text) % values if values else self._translate(text), section)
