"""Chains: on which channels a message goes out, one after the other, until somebody has it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from contracts.mobile import channel_to
from contracts.model import DeliverBy
from services.notify.domain.messages import Purpose

Kind = Literal["code", "pass", "status"]
PURPOSES: Sequence[Purpose] = get_args(Purpose)


NOT_WANTED = frozenset({"revoked", "wrong_number", "opted_out"})
"""Reasons for which nobody should have the message. That it reached nobody is no fault then."""
Ending = Literal["reached", "nobody"]


@dataclass(frozen=True)
class Step:
    """A channel, and how long to wait on it for the news that the message has arrived."""

    channel: DeliverBy
    wait: timedelta


Chains = Mapping[Kind, Sequence[Step]]
"""The steps of each kind of message. The channel that the person chose comes first, then the others."""


@dataclass(frozen=True)
class Addresses:
    """Where a person can be reached."""

    mobile: str | None
    email: str | None

    def on(self, channel: DeliverBy) -> str | None:
        """Return the address for a channel, or None where that does not reach them."""
        if channel == "email":
            return self.email
        reaches = self.mobile is not None and channel_to(self.mobile, channel) == channel
        return self.mobile if reaches else None


def ending_of(reason: str) -> Ending | None:
    """Return how a chain ends whose last channel fails for this reason; None where nobody is missed."""
    return None if reason in NOT_WANTED else "nobody"


def kind_of(purpose: Purpose) -> Kind:
    """Return which chain a message of this purpose follows."""
    return "code" if purpose == "otp" else "pass" if purpose == "pass_issued" else "status"


def wait_of(chains: Chains, purpose: Purpose, channel: DeliverBy) -> timedelta | None:
    """Return how long a message waits on a channel, or None where it ends there."""
    steps = chains.get(kind_of(purpose), ())
    return next((step.wait for step in steps if step.channel == channel), None)


def next_channel(
    chains: Chains, purpose: Purpose, tried: Collection[DeliverBy], addresses: Addresses
) -> DeliverBy | None:
    """Return the first channel of the chain that was not tried and has an address, or None."""
    for step in chains.get(kind_of(purpose), ()):
        if purpose == "breach_notice" and step.channel == "whatsapp":
            continue  # what WhatsApp lets through in a day is for passes
        if step.channel not in tried and addresses.on(step.channel):
            return step.channel
    return None
