"""The system that faults are injected into: two servers, all processes, and a phone provider that nobody
kills."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.chaos.memory import within_limit
from tests.support.chaos.provider import Provider
from tests.support.stack.backends import TestStack, start_stack
from tests.support.system.system import System


@dataclass(frozen=True)
class Deployment:
    """A running system with its servers and its provider."""

    stack: TestStack
    system: System
    provider: Provider


def settings_for(provider: Provider) -> dict[str, str]:
    """Return the settings of a system that sends its messages to this provider."""
    return {
        "EPASS_SMS_URL": provider.url,
        "EPASS_APPLICANT_SESSION_MINUTES": "600",
        # No other channel: what a test says of a message does not depend on where else it may go.
        "EPASS_CHAIN_CODE": "sms:45",
        "EPASS_CHAIN_PASS": "sms:600",
        "EPASS_CHAIN_STATUS": "sms:3600",
    }


def settings_of_every_channel(provider: Provider) -> dict[str, str]:
    """Return the same with all channels; messages go on to another one so soon that some reports are late."""
    chain = "whatsapp:5,sms:6"
    chains = {"EPASS_CHAIN_PASS": chain, "EPASS_CHAIN_STATUS": chain}
    return settings_for(provider) | provider.settings | chains


@contextmanager
def deploy(
    folder: Path, settings: Callable[[Provider], dict[str, str]] = settings_for
) -> Iterator[Deployment]:
    """Start everything in a folder, and stop it afterwards; none may need more memory than a container."""
    (folder / "stack").mkdir()
    with (
        start_stack(folder / "stack") as stack,
        Provider(folder) as provider,
        System(stack, **settings(provider)) as system,
        within_limit(system.processes),
    ):
        yield Deployment(stack, system, provider)
