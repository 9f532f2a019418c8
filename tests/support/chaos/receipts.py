"""What vendors told of messages against what notify made of it; pure, as the oracle is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.notify.domain.messages import provider_id_digest
from tests.support.chaos.evidence import Evidence, Message
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Ledger, Taken

ARRIVED = frozenset({"delivered", "read"})
NOT_SENT = frozenset({"withdrawn", "not_needed"})


def name_messages(
    ledger: Ledger, evidence: Evidence, promises: Promises, held: Counter[str]
) -> tuple[Ledger, list[str]]:
    """Return the ledger with each message under our ID of it, and what was taken and is no message of ours.

    Notify keeps the ID of a vendor whose response it has recorded. A message without a response is the same
    as another one of the same text to the same number; else it is one of the same purpose to that number,
    and of several one that may have been sent again without a recorded response.
    """
    by_vendor_id = {one.provider_id: one.id for one in evidence.every_message if one.provider_id}
    by_purpose = _by_purpose(evidence, promises)
    charged, numbers, keys = Counter(ledger.charged), dict(ledger.numbers), dict(ledger.keys)
    by_text, unknown, foreign = defaultdict(list), list[Taken](), list[str]()

    def charge(taken: Taken, message_id: str) -> None:
        charged[message_id] += 1
        numbers[message_id] = taken.to

    for taken in ledger.nameless:
        if message_id := by_vendor_id.get(provider_id_digest(taken.vendor_id)):
            charge(taken, message_id)
            by_text[taken.to, taken.text].append(message_id)
            keys[taken.vendor_id] = message_id
        else:
            unknown.append(taken)
    ours = {*promises.numbers, *promises.mobiles.values()}
    for taken in unknown:
        options = by_text[taken.to, taken.text] or by_purpose[taken.to, taken.purpose]
        if taken.purpose == "otp" and not options:
            options = [one.id for one in evidence.codes if one.id not in numbers]
        if options:
            charge(taken, max(options, key=lambda one: held[one] - charged[one]))
        elif taken.to in ours:
            foreign.append(f"an SMS {taken.purpose} that is no message of notify")
    return replace(ledger, charged=charged, numbers=numbers, keys=keys, nameless=[]), foreign


def _by_purpose(evidence: Evidence, promises: Promises) -> Mapping[tuple[str, str], list[str]]:
    found = defaultdict(list)
    for reference, mobile in promises.mobiles.items():
        for message in evidence.messages.get(evidence.ids.get(reference, ""), []):
            if message.channel == "sms":
                found[mobile, message.purpose].append(message.id)
    return found


def told(ledger: Ledger) -> Mapping[str, set[str]]:
    """Return what vendors have told of each message, as far as our webhook has taken it."""
    found = defaultdict[str, set[str]](set)
    for vendor_id, statuses in ledger.reports.items():
        if key := ledger.keys.get(vendor_id):
            found[key] |= statuses
    return found


def unheard(messages: Iterable[Message], ledger: Ledger) -> list[str]:
    """Return the messages whose state is not what their vendors told, and our webhook has taken."""
    said, wrong = told(ledger), []
    for message in messages:
        has_arrived, theirs = message.state in ARRIVED, said[message.id]
        if bool(theirs & ARRIVED) != has_arrived and message.provider and message.state not in NOT_SENT:
            wrong.append(
                f"{message.purpose} is {message.state}, told {' '.join(sorted(theirs)) or 'nothing'}"
            )
        elif message.state == "accepted" and "failed" in theirs:
            wrong.append(f"{message.purpose} is accepted, told failed")
    return wrong


def is_of_a_dead_pass(message: Message, live: Mapping[str, bool]) -> bool:
    """Return whether a message brings a pass that is not good any more: no other channel is tried for it."""
    return message.purpose == "pass_issued" and not live.get(message.pass_number, True)


def is_silent(
    chain: list[Message], ledger: Ledger, said: Mapping[str, set[str]], live: Mapping[str, bool]
) -> bool:
    """Return whether an event reached nobody by what its vendors say, and no channel is tried any more.

    Somebody can always be reached (`vendors_ledger.fate_of`), so no chain ends so but that of a revoked pass.

    Args:
        chain: the messages of an event.
        ledger: of the vendors.
        said: what they have told, from `told`.
        live: whether each pass is good, by its number.
    """
    if not any(one.provider for one in chain) or any(
        one.state in {*NOT_SENT, "queued"} or is_of_a_dead_pass(one, live) for one in chain
    ):
        return False
    return not any(
        said[one.id] & ARRIVED or (one.state in ARRIVED and ledger.charged[one.id] and not one.provider)
        for one in chain
    )
