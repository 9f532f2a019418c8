"""The phone of a system in local mode, which stands for every mobile network. No other system has it."""

import re
from collections.abc import Iterable

from pydantic import RootModel

from contracts.rpc.notify import SentMessage
from epass_client.call import Call


class Messages(RootModel[tuple[SentMessage, ...]]):
    """What a mobile received, oldest first, as ``root``."""


def list_messages(mobile: str) -> Call[Messages]:
    """List the messages to a mobile."""
    return Call("GET", "/dev/messages", Messages, query={"to": mobile})


def one_time_code(messages: Iterable[SentMessage]) -> str | None:
    """Return the newest one-time code, None while there is none."""
    codes = [
        match.group()
        for message in messages
        if message.purpose == "otp" and (match := re.search(r"\b\d{6}\b", message.text))
    ]
    return codes[-1] if codes else None
