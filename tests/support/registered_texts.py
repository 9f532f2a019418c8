"""The texts as they are registered at the operators (DLT), and what a variable of theirs may hold."""

from services.notify.domain.templates import VARIABLES, Template

VARIABLE_UNITS = 40
"""The longest value that an operator's template allows one variable, in UTF-16 units."""


def registered_text(template: Template) -> str:
    """Return the text with a tag for each variable."""
    return template.text.format_map(VARIABLES)
