"""What is wrong with the system, as sentences, each with the runbook that helps.

A part that did not answer is a finding too: nobody may read silence as health. The limits are those of the
alerts (``deploy/prometheus/alerts.yml``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.model import Language
from contracts.ops import OutboxView, Part, Report
from services.gateway.pages.ops.jobs import jobs_of
from services.gateway.pages.shared.languages import _, duration_in_words, instant_in_words, number, texts
from services.gateway.pages.shared.reports import vendors_of

LATE_OUTBOX_SECONDS = 30
CLOCK_SECONDS = 2
CODE_SECONDS = 30
REVOCATIONS_SECONDS = 120
QUOTA_SHARE = 0.9
"""From here on the day of a vendor is nearly used up."""
NAMED = 4
"""So many names stand in a sentence; the rest is counted."""
GONE, CONSUMERS, LETTERS = "A process is gone", "A consumer is gone", "Dead letters have come"
RELAY, BOOKS, CLOCKS = "Relay behind", "An invariant is broken", "Clocks differ"
LEFT_ALONE, DAY, WAIT = "A vendor is left alone", "A daily limit is nearly reached", "Codes wait"
LOOKS, MESSAGES, JOBS = "Nobody looks", "Messages are not delivered", "A job does not run"
REFUSED = "A destructive job is refused"
BROKER, DATABASE = "The broker is gone", "A database is away"
REVOCATIONS = "Revocations are old"
RUNBOOKS = (
    GONE, CONSUMERS, LETTERS, RELAY, BOOKS, CLOCKS, LEFT_ALONE, DAY, WAIT, LOOKS, BROKER, DATABASE, MESSAGES,
    JOBS, REVOCATIONS, REFUSED,
)  # fmt: skip
"""Headings of ``docs/runbooks.md``."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or unknown, and the section about it."""

    text: str
    runbook: str


class Findings:
    """Says in one language what is wrong."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def of(self, report: Report | None, checks: Mapping[str, bool]) -> list[Finding]:
        """Return everything that is wrong, nothing if all is well."""
        found = [*self._of_gateway(checks)]
        if report is None:
            return [*found, self._say(_("The exporter does not answer: the rest is unknown."), LOOKS)]
        return [
            *found,
            *self._of_unknown(report),
            *self._of_processes(report),
            *self._of_queues(report),
            *self._of_databases(report),
            *self._of_revocations(report),
            *self._of_messages(report),
        ]

    def _of_gateway(self, checks: Mapping[str, bool]) -> Iterator[Finding]:
        if not checks["broker"]:
            yield self._say(_("This gateway has no connection to the broker."), BROKER)
        if not all(checks[name] for name in ("session_keys", "denied_sessions")):
            text = _("This gateway has not reached the service of logins yet: nobody can sign in here.")
            yield self._say(text, GONE)

    def _of_unknown(self, report: Report) -> Iterator[Finding]:
        if not report.queues.answers:
            yield self._silent(
                report.queues,
                _("The broker has not answered since %(since)s: queues and dead letters are unknown."),
                _("The broker has not answered yet: queues and dead letters are unknown."),
                BROKER,
            )
        silent = [one for one in report.outboxes if not one.answers]
        for group in ([one for one in silent if one.looked_at], [one for one in silent if not one.looked_at]):
            if not group:
                continue
            yield self._silent(
                min(group, key=lambda one: one.looked_at or report.at),
                _("Databases that have not answered since %(since)s: %(names)s."),
                _("Databases that have not answered yet: %(names)s."),
                DATABASE,
                names=self._names([one.database for one in group]),
            )
        if report.outboxes and not report.invariants.answers:
            yield self._silent(
                report.invariants,
                _("The books were checked last at %(since)s: whether they balance is unknown."),
                _("The books were not checked yet: whether they balance is unknown."),
                LOOKS,
            )
        if not report.outboxes:
            yield self._say(
                _("The exporter knows no database: outboxes, messages, gates and books are unknown."), LOOKS
            )
        if not (report.processes.answers and report.processes.items):
            yield self._silent(
                report.processes,
                _("Processes were looked at last at %(since)s: which ones work is unknown."),
                _("The exporter knows no process yet: which ones work is unknown."),
                LOOKS,
            )
        answering = {one.database for one in report.outboxes if one.answers}
        if "notify" in answering and not report.channels.answers:
            yield self._say(_("What became of messages is unknown."), LOOKS)
        elif "notify" in answering and not (report.lanes.answers and report.receipts.answers):
            yield self._say(_("What waits to be sent, and what vendors have told, is unknown."), LOOKS)
        if "verify" in answering and not report.gates.answers:
            yield self._say(_("What was scanned at the gates is unknown."), LOOKS)

    def _of_processes(self, report: Report) -> Iterator[Finding]:
        if not report.processes.answers:
            return
        processes = report.processes.items
        if silent := [one.name for one in processes if one.state == "no_answer"]:
            yield self._say(_("Without an answer: %(names)s."), GONE, names=self._names(silent))
        for one in processes:
            if one.state == "not_ready":
                failing = self._names(one.failing)
                text = _("%(name)s is not ready: %(failing)s.")
                yield self._say(text, GONE, name=one.name, failing=failing)
            if one.state != "no_answer" and abs(one.clock_skew or 0) > CLOCK_SECONDS:
                text = _("The clock of %(name)s and those of the gateways differ by %(seconds)s seconds.")
                seconds = number(round(abs(one.clock_skew or 0), 1), self._language)
                yield self._say(text, CLOCKS, name=one.name, seconds=seconds)

        # The exporter's own looks are named where they are missing.
        if late := [
            f"{one.process} {one.name}"
            for one in jobs_of(report)
            if one.is_late and one.process != "exporter"
        ]:
            text = _("Jobs that have not succeeded for three of their intervals: %(names)s.")
            yield self._say(text, JOBS, names=self._names(late))

    def _of_queues(self, report: Report) -> Iterator[Finding]:
        if not report.queues.answers:
            return
        queues = report.queues.items
        if unheard := [one.queue for one in queues if one.consumers == 0]:
            yield self._say(_("Nobody consumes %(names)s."), CONSUMERS, names=self._names(unheard))
        if dead := [one for one in queues if one.dead_letters]:
            text = _("Dead letters wait to be looked at: %(names)s.")
            names = [f"{one.queue} ({number(one.dead_letters, self._language)})" for one in dead]
            yield self._say(text, LETTERS, names=self._names(names))

    def _of_databases(self, report: Report) -> Iterator[Finding]:
        if fixed := [one.database for one in report.outboxes if one.answers and not one.writable]:
            text = _("Databases that take no changes: %(names)s.")
            yield self._say(text, DATABASE, names=self._names(fixed))
        late = [one for one in report.outboxes if one.answers and one.oldest_seconds > LATE_OUTBOX_SECONDS]
        if late:
            text = _("Events have waited for %(duration)s to be sent: %(names)s.")
            longest = max(one.oldest_seconds for one in late)
            duration = duration_in_words(int(longest), self._language)
            yield self._say(text, RELAY, duration=duration, names=self._names([one.database for one in late]))
        if refused := [f"{one.database} {job.name}" for one in report.outboxes for job in one.refused]:
            text = _(
                "Jobs that delete what is old do not run, because a clock is in doubt, or more is due at "
                "once than usual: %(names)s."
            )
            yield self._say(text, REFUSED, names=self._names(refused))
        for broken in report.invariants.items:
            if not broken.holds:
                yield self._say(_("The books do not balance: %(name)s."), BOOKS, name=broken.name)

    def _of_revocations(self, report: Report) -> Iterator[Finding]:
        ages = [one.age_seconds for one in report.revocations]
        if None in ages:
            yield self._say(_("How old the list of revoked passes is, is unknown."), REVOCATIONS)
        oldest = max((age for age in ages if age is not None), default=0)
        if oldest > REVOCATIONS_SECONDS:
            duration = duration_in_words(int(oldest), self._language)
            text = _("The list of revoked passes is %(duration)s old.")
            yield self._say(text, REVOCATIONS, duration=duration)

    def _of_messages(self, report: Report) -> Iterator[Finding]:
        if report.channels.answers:
            for channel in report.channels.items:
                if channel.failed and not channel.delivered:
                    text = _("No message on %(channel)s was delivered within a day, and %(failed)s failed.")
                    failed = number(channel.failed, self._language)
                    yield self._say(text, MESSAGES, channel=channel.channel, failed=failed)
        for lane in report.lanes.items if report.lanes.answers else ():
            if lane.lane == "otp" and lane.oldest_seconds > CODE_SECONDS:
                waits = duration_in_words(int(lane.oldest_seconds), self._language)
                yield self._say(
                    _("Somebody has waited for %(duration)s for a one-time code."), WAIT, duration=waits
                )
        vendors = vendors_of(report)
        if alone := [one.provider for one in vendors.items if one.breaker == "open"]:
            text = _("Vendors that are left alone because they fail: %(names)s.")
            yield self._say(text, LEFT_ALONE, names=self._names(alone))
        for one in vendors.items:
            if one.quota and one.used is not None and one.used > QUOTA_SHARE * one.quota:
                text = _("%(name)s takes only %(left)s more messages today.")
                left = number(one.quota - one.used, self._language)
                yield self._say(text, DAY, name=one.provider, left=left)

    def _silent(
        self, part: Part[Any] | OutboxView, since: str, never: str, runbook: str, **facts: str
    ) -> Finding:
        """Say that a part does not answer: with ``since`` if it ever did, else with ``never``."""
        if part.looked_at is None:
            return self._say(never, runbook, **facts)
        return self._say(since, runbook, since=instant_in_words(part.looked_at, self._language), **facts)

    def _names(self, names: Sequence[str]) -> str:
        shown = ", ".join(names[:NAMED])
        return f"{shown}, +{number(len(names) - NAMED, self._language)}" if len(names) > NAMED else shown

    def _say(self, text: str, runbook: str, **facts: str) -> Finding:
        return Finding(texts(self._language).gettext(text) % facts, runbook)
