"""What the settings of the sender mean for the domain: chains, quiet hours, and the limits of vendors."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from contracts.model import DeliverBy
from services.notify.domain.chains import PURPOSES, Chains, Step
from services.notify.domain.quotas import Limits, QuietHours
from services.notify.handlers.leases import CHANNELS
from services.notify.settings import DeliverySettings


@dataclass(frozen=True)
class Policy:
    """On which channels a message goes out, when, and how many a vendor may be given."""

    chains: Chains
    quiet_hours: QuietHours
    limits: Mapping[DeliverBy, Limits]
    """Of the vendor of each channel; no entry is no limit."""


def policy_of(settings: DeliverySettings, connected: Collection[DeliverBy] = CHANNELS) -> Policy:
    """Return the policy that the settings describe. There are no quiet hours in local mode.

    Args:
        connected: the channels that have a vendor; no chain goes on to another.

    Raises:
        ValueError: no message has one of the purposes that wait for the morning.
    """
    if unknown := set(settings.quiet_purposes) - set(PURPOSES):
        raise ValueError(f"EPASS_QUIET_PURPOSES: there are no messages {', '.join(sorted(unknown))}")
    waits = () if settings.local_mode else settings.quiet_purposes
    purposes = [purpose for purpose in PURPOSES if purpose in waits]
    return Policy(
        chains={
            "code": _steps(settings.chain_code, connected),
            "pass": _steps(settings.chain_pass, connected),
            "status": _steps(settings.chain_status, connected),
        },
        quiet_hours=QuietHours(settings.quiet_from, settings.quiet_until, purposes),
        limits={
            "whatsapp": Limits(
                settings.whatsapp_per_second, settings.whatsapp_per_recipient, settings.whatsapp_per_day
            ),
            "sms": Limits(per_second=settings.sms_per_second),
        },
    )


def _steps(chain: tuple[str, ...], connected: Collection[DeliverBy]) -> list[Step]:
    parts = ((cast(DeliverBy, channel), wait) for channel, _, wait in (step.partition(":") for step in chain))
    return [Step(channel, timedelta(seconds=int(wait))) for channel, wait in parts if channel in connected]
