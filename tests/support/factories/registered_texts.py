"""The texts as they are registered at the operators (DLT), and what a variable of theirs may hold."""

from pathlib import Path
from typing import get_args

from contracts.model import Language
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from services.notify.domain.templates import VARIABLES, Template

VARIABLE_UNITS = 40
"""The longest value that an operator's template allows one variable, in UTF-16 units."""


def registered_text(template: Template) -> str:
    """Return the text with a tag for each variable."""
    return template.text.format_map(VARIABLES)


def registration_file(folder: Path, **changes: str) -> Path:
    """Return a file in which every text is registered, with some tables replaced."""
    lines = ['entity_id = "1301000000000000001"', 'header = "PBEPAS"']
    for purpose in get_args(Purpose):
        version = templates.find(purpose, "pa").version
        ids = "\n".join(f'{language} = "1307{purpose}{language}"' for language in get_args(Language))
        lines.append(changes.get(purpose, f"[{purpose}]\nversion = {version}\n{ids}"))
    path = folder / "registrations.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
