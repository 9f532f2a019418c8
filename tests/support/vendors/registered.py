"""Every text of ours, as the vendors of SMS have it registered."""

from pathlib import Path
from typing import get_args

from contracts.model import Language
from services.notify import commands
from services.notify.commands import Form
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from tests.support.vendors.mobile_seva import MobileSeva


def texts(form: Form) -> dict[str, str]:
    """Return the text of each template by its ID, as ``otp-pa``."""
    return {f"{one.name}-{one.language}": one.text for one in commands.texts(form)}


def write_registrations(path: Path) -> None:
    """Write the file that registers every text, as the stand-ins expect it."""
    lines = ['entity_id = "1301000000000000001"', f'header = "{MobileSeva.header}"']
    for purpose in get_args(Purpose):
        lines += [f"[{purpose}]", f"version = {templates.find(purpose, 'en').version}"]
        lines += [f'{language} = "{purpose}-{language}"' for language in get_args(Language)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
