"""The test oracle: compares the clients' ledger, the provider's ledger and the evidence in the databases.

:func:`judge` is pure, so that each of its rules has a test of its own (``test_oracle.py``).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.chaos.evidence import Evidence, Lease, Message
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Ledger
from tests.support.chaos.receipts import ARRIVED, is_of_a_dead_pass, is_silent, name_messages, told, unheard

WITH_PASS = frozenset({"issued", "entered", "left"})
FINAL_MESSAGE = frozenset({"delivered", "read", "withdrawn", "not_needed"})
_DUE_BY_DECISION = {"approved": {"pass_issued"}, "rejected": {"rejected"}}


@dataclass
class Findings:
    """What was found wrong; each list has references or words, none has a person."""

    lost: list[str] = field(default_factory=list)
    """201s without an application, or with one that did not end as its people were promised."""
    undecided: list[str] = field(default_factory=list)
    """Applications that wait on a desk. Nothing lost them: no department of the crowd has got to them."""
    duplicate_applications: list[str] = field(default_factory=list)
    duplicate_passes: list[str] = field(default_factory=list)
    duplicate_scans: list[str] = field(default_factory=list)
    """Scans that were recorded twice, or that no guard has seen recorded."""
    conflicts: list[str] = field(default_factory=list)
    """Passes with which more came in than may, of which supervisors hear not once."""
    duplicate_messages: list[str] = field(default_factory=list)
    """Two messages of one purpose about one application: one effect was had twice."""
    disagreements: list[str] = field(default_factory=list)
    """Application, issuance and gate disagree about a pass, or a delivery is not recorded."""
    unfinished: list[str] = field(default_factory=list)
    """Events and messages that still wait."""
    dead: dict[str, int] = field(default_factory=dict)
    sms_missing: list[str] = field(default_factory=list)
    sms_unrecorded: list[str] = field(default_factory=list)
    """Charged more often than notify has recorded as possible."""
    sms_too_many: list[str] = field(default_factory=list)
    """Taken more often than by killed senders that held it, or twice where the vendor honours keys."""
    two_channels: list[str] = field(default_factory=list)
    """Messages that went out on two channels without a failure between."""
    silent_chains: list[str] = field(default_factory=list)
    """Messages that reached nobody by what the vendors told, and no other channel was tried."""
    unheard: list[str] = field(default_factory=list)
    """Messages of which a vendor told something else than what notify has."""
    foreign: list[str] = field(default_factory=list)
    """What a vendor took and notify has no message of."""
    broken: list[str] = field(default_factory=list)
    """What the clients noticed themselves."""
    sms_duplicates: int = 0
    sms_repeats_recognised: int = 0
    channels: Counter[str] = field(default_factory=Counter)
    """How many messages each channel took; no finding."""
    fallbacks: int = 0
    late: Counter[str] = field(default_factory=Counter)
    """By channel: messages that had arrived after all, as was told once another channel was tried."""
    reported_failed: Counter[str] = field(default_factory=Counter)
    """By channel: messages that a vendor took and told later that they failed."""

    def problems(self) -> dict[str, int]:
        """Return how many there are of each kind that was found."""
        counted = {
            name: len(value)
            for name, value in vars(self).items()
            if isinstance(value, list | dict) and not isinstance(value, Counter)
        }
        return {name: count for name, count in counted.items() if count}

    def details(self) -> Iterator[str]:
        """Yield a line with a few examples of each kind."""
        for name, value in vars(self).items():
            if isinstance(value, list | dict) and value and not isinstance(value, Counter):
                some = [*value.items()] if isinstance(value, dict) else value
                yield f"{name} ({len(value)}): {', '.join(str(one) for one in some[:8])}"


def judge(
    promises: Promises, evidence: Evidence, ledger: Ledger, held: Collection[Lease] = frozenset()
) -> Findings:
    """Apply all rules.

    Args:
        promises: what clients were promised.
        evidence: what the databases hold.
        ledger: what the vendors took.
        held: what killed senders had leased; each lease explains one duplicate of its message.
    """
    found = Findings(dead=evidence.dead, broken=list(promises.broken))
    explained = Counter(message_id for message_id, _lease in {*held})
    ledger, found.foreign = name_messages(ledger, evidence, promises, explained)
    found.unfinished += [f"{count} in {where}" for where, count in evidence.waiting.items()]
    for reference in promises.mobiles:
        application_id = evidence.ids.get(reference)
        if application_id is None:
            found.lost.append(f"{reference}: no such application")
        else:
            _judge_application(reference, application_id, promises, evidence, found)
    found.duplicate_applications += [
        reference for reference in evidence.ids if reference not in promises.mobiles
    ]
    _judge_scans(promises, evidence, found)
    _judge_codes(promises, evidence, ledger, found)
    _judge_sms(evidence, ledger, explained, found)
    return found


def _judge_application(
    reference: str, application_id: str, promises: Promises, evidence: Evidence, found: Findings
) -> None:
    status, expected = evidence.statuses[application_id], promises.expected_status(reference)
    if not expected and application_id in evidence.at_a_desk:
        found.undecided.append(reference)
    elif status not in expected:
        found.lost.append(f"{reference}: {status} instead of {'/'.join(expected) or 'decided'}")
    passes = evidence.passes.get(application_id, {})
    reissued = reference in promises.reissued
    if len(passes) > 1 + reissued:
        found.duplicate_passes.append(f"{reference}: {len(passes)}")
    if len(passes) < 2 and reissued:
        found.lost.append(f"{reference}: reissued with {len(passes)} passes")
    live = sum(passes.values())
    if status in WITH_PASS and live != 1:
        found.lost.append(f"{reference}: {status} with {live} live passes")
    if status not in WITH_PASS and live:
        found.disagreements.append(f"{reference}: {status} with a live pass")
    for who, theirs in (("application", evidence.passes_of_application), ("gate", evidence.passes_of_gate)):
        if theirs.get(application_id, {}) != passes:
            found.disagreements.append(f"{reference}: the {who} knows other passes than issuance")
    _judge_messages(reference, application_id, promises, evidence, found)


def _judge_messages(
    reference: str, application_id: str, promises: Promises, evidence: Evidence, found: Findings
) -> None:
    messages = evidence.messages.get(application_id, [])
    chains = by_event(messages)
    counted = Counter(chain[0].purpose for chain in chains)
    due = Counter({"application_submitted": 1})
    if reference in promises.returned:
        due["returned"] = 1
    if reference in promises.cancelled:
        due["application_cancelled"] = 1
    elif reference in promises.withdrawn:
        due["pass_revoked"] = int(bool(evidence.passes.get(application_id)))
    else:
        due.update(_DUE_BY_DECISION.get(promises.decided.get(reference, ""), set()))
    due["pass_issued"] += (reference in promises.reissued) + (reference in promises.resent)
    found.duplicate_messages += [
        f"{reference}: {count} × {purpose}"
        for purpose, count in counted.items()
        if count > max(due[purpose], 1)
    ]
    found.sms_missing += [f"{reference}: no {purpose}" for purpose in due if counted[purpose] < due[purpose]]
    live = evidence.passes.get(application_id, {})
    for chain in chains:
        _judge_chain(chain, reference, live, found)
    sure = sum(message.state == "delivered" and not message.provider for message in messages)
    sure += reference in promises.printed
    # Of a message whose response was lost a report may tell first: then nobody says that it was sent.
    perhaps = sum(bool(message.provider) for message in messages)
    if not sure <= evidence.deliveries_recorded[application_id] <= sure + perhaps:
        found.disagreements.append(
            f"{reference}: recorded {evidence.deliveries_recorded[application_id]} of {sure} deliveries"
        )


def _judge_chain(chain: list[Message], whose: str, live: Mapping[str, bool], found: Findings) -> None:
    """Check that an event has reached its person on one of its channels, or waits nowhere.

    No other channel is tried for a pass that was revoked meanwhile: its message may have failed on the last.
    """
    states, purpose = {message.state for message in chain}, chain[0].purpose
    if "queued" not in states and is_of_a_dead_pass(chain[0], live):
        return
    if "queued" in states or (states == {"accepted"}):
        found.unfinished.append(f"{whose}: {purpose} is not sent, or nobody said what became of it")
    elif not states & FINAL_MESSAGE:
        found.sms_missing.append(f"{whose}: {purpose} {' '.join(sorted(states))}")


def _judge_scans(promises: Promises, evidence: Evidence, found: Findings) -> None:
    promised = {(nonce, scan.verdict) for theirs in promises.scans.values() for nonce, scan in theirs.items()}
    found.lost += [f"scan {nonce}: no {verdict}" for nonce, verdict in promised - set(evidence.scans)]
    found.duplicate_scans += [
        f"{nonce}: {count} × {verdict}"
        for (nonce, verdict), count in evidence.scans.items()
        if count > 1 or (nonce, verdict) not in promised
    ]
    for reference, application_id in evidence.ids.items():
        entries = [scan for scan in promises.scans.get(reference, {}).values() if scan.verdict == "admit"]
        too_many, told = [1] * (len(entries) - 1), evidence.conflicts.get(application_id, [])
        if told != too_many:
            found.conflicts.append(f"{reference}: {told} too many by conflicts, {too_many} by the guards")


def _judge_codes(promises: Promises, evidence: Evidence, ledger: Ledger, found: Findings) -> None:
    """Check that who requested a code got one.

    A code that is requested again is sent again, which is no duplicate.
    """
    reached = {ledger.numbers[message.id] for message in evidence.codes if message.id in ledger.numbers}
    found.sms_missing += ["a one-time code"] * len(promises.numbers - reached)
    for message in evidence.codes:
        if message.state == "queued":
            found.unfinished.append("a one-time code is not sent")


def by_event(messages: Iterable[Message]) -> list[list[Message]]:
    """Return the messages of each event: one on each channel of its chain."""
    found: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        found.setdefault((message.purpose, message.event or message.id), []).append(message)
    return list(found.values())


def two_ways(evidence: Evidence, charged: Counter[str]) -> list[str]:
    """Return what went out on two channels although the first of them had not failed."""
    wrong = []
    for messages in by_event(evidence.every_message):
        taken = [one for one in messages if charged.get(one.id) and one.id not in evidence.given_up]
        if len(taken) > 1:
            wrong.append(f"{taken[0].purpose}: {' and '.join(sorted(one.channel for one in taken))}")
    return wrong


def _judge_sms(evidence: Evidence, ledger: Ledger, explained: Counter[str], found: Findings) -> None:
    found.two_channels += two_ways(evidence, ledger.charged)
    found.channels, found.fallbacks = ledger.channels, len(evidence.given_up)
    found.unheard += unheard(evidence.every_message, ledger)
    said = told(ledger)
    for application_id, theirs in evidence.messages.items():
        for chain in by_event(theirs):
            if is_silent(chain, ledger, said, evidence.passes.get(application_id, {})):
                states = " ".join(f"{one.channel} {one.state}" for one in chain)
                found.silent_chains.append(f"{chain[0].purpose}: {states}")
    for message in evidence.every_message:
        charged, held = ledger.charged[message.id], explained[message.id]
        found.late[message.channel] += message.id in evidence.given_up and message.state in ARRIVED
        found.reported_failed[message.channel] += bool(message.provider) and message.state == "failed"
        if message.state in ARRIVED and not charged:
            found.sms_missing.append(f"{message.purpose} counts as delivered and was never taken")
        if charged > 1 + message.possible_duplicates:
            found.sms_unrecorded.append(
                f"{message.purpose}: taken {charged} times, {message.possible_duplicates} possible duplicates"
            )
        found.sms_duplicates += max(charged - 1, 0)
        if charged > 1 + held:
            found.sms_too_many.append(
                f"{message.purpose}: taken {charged} times, and {held} killed senders had it"
            )
        elif charged > 1 and message.id in ledger.honoured:
            found.sms_too_many.append(f"{message.purpose}: taken {charged} times, and its key is honoured")
        found.sms_repeats_recognised += ledger.repeated[message.id]
