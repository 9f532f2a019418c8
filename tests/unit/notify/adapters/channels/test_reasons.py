"""The reasons of failures: a closed set, and each is explained to the administrator."""

import re
from pathlib import Path

from services.notify.adapters import channels
from services.notify.adapters.channels import REASONS, mobile_seva, msg91, whatsapp

FOLDER = Path(channels.__file__).parent
DOCUMENT = (FOLDER.parents[3] / "docs" / "messages.md").read_text(encoding="utf-8")


def test_every_reason_that_a_channel_gives_is_in_the_set() -> None:
    raised = {
        reason
        for path in FOLDER.glob("*.py")
        for reason in re.findall(r'ChannelError\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }
    tables = (mobile_seva._LATER, mobile_seva._NEVER, msg91._LATER, msg91._NEVER, msg91._FAILED)
    given = {reason for table in tables for reason in table.values()}
    faults = {fault.reason for fault in whatsapp._FAULTS.values()}
    assert raised | given | faults <= REASONS


def test_every_reason_is_explained() -> None:
    assert {*re.findall(r"`(\w+)`", DOCUMENT.partition("## What a reason means")[2])} & REASONS == REASONS
