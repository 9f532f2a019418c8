"""What is said about a breach of personal data to everybody whom it touched (rule 7(1) of the DPDP Rules)."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from contracts.identity import mask_aadhaar
from contracts.model import Instant, Strict, Wire
from contracts.rpc.call import Method

NAME = re.compile(r"[0-9A-Z][0-9A-Z-]{2,11}")
"""Of a breach, such as ``2026-1``: it stands in the address of its page."""
LONGEST = 600
_LINK = re.compile(r"://|www\.|\b[a-z0-9-]+\.(?:in|com|org|net|gov)/", re.IGNORECASE)


def _plain(text: str) -> str:
    if _LINK.search(text):
        raise ValueError("a link: whoever forges such a page has links")
    if mask_aadhaar(text)[1]:
        raise ValueError("an Aadhaar number")
    return text


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST),
    AfterValidator(_plain),
]


class BreachWords(Strict):
    """What people are told, in one language, in the order of the rule."""

    happened: Words
    consequences: Words
    measures: Words
    advice: Words
    contact: Words


class BreachTexts(Strict):
    """The same in each language."""

    pa: BreachWords
    hi: BreachWords
    en: BreachWords


class BreachName(Strict):
    """A breach, by its name as it was typed."""

    name: str = Field(max_length=40)


class Breach(Wire):
    """A breach that people were told of."""

    name: str
    told_at: Instant
    texts: BreachTexts


VIEW_BREACH = Method("application", "view_breach", BreachName, Breach)
