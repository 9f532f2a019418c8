"""Free text that staff write and other people read: what must not stand in it."""

import re
import unicodedata
from typing import Literal

from contracts.characters import has_misleading_sign

_LINK = re.compile(
    r"(?i:://|\bwww\.|[a-z0-9][.\u3002](?:com|in|org|net|info|biz|xyz|top|site|online|shop|link|app|co|io|me)\b)"
    r"|[A-Za-z0-9][.\u3002][a-z]{2}"
)
"""What a phone may show as a link: a scheme, a usual domain, or small letters right after a full stop.

Names are written so too, as in "Sh.Gurpreet" and "M.Sc.", but with a capital letter.
"""


def has_link(text: str) -> bool:
    """Return whether a phone may show a part of the text as a link, also without ``https://``."""
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None


def note_problem(text: str) -> Literal["control_character", "link"] | None:
    """Return the code of what is wrong with words that a department sends to visitors; None if nothing."""
    if has_misleading_sign(text):
        return "control_character"
    return "link" if has_link(text) else None
