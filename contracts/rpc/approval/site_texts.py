"""RPC of approval: the texts of the site that the ADO Branch writes, such as whose it is, and help."""

from typing import Annotated

from pydantic import Field

from contracts.model import Instant, Language, Strict, Wire
from contracts.rpc.call import Method, Nothing
from contracts.site_texts import LONGEST_PAGE, TextName

Words = dict[Language, Annotated[str, Field(max_length=LONGEST_PAGE)]]


class SiteText(Wire):
    """A text in the languages in which it is written, who wrote it when, and its revision."""

    name: str
    words: Words
    set_by: str
    set_at: Instant
    revision: str


class SiteTexts(Wire):
    """The texts that the ADO Branch has written; of each other one the gateway has its own."""

    items: tuple[SiteText, ...] = ()


class PutSiteText(Strict):
    """A text as it is to be. ``was`` is the revision that was read; empty for none.

    Without any words the gateway's own text counts again.
    """

    name: TextName
    words: Words
    was: str = Field(default="", max_length=64)


SITE_TEXTS = Method("approval", "site_texts", Nothing, SiteTexts)
PUT_SITE_TEXT = Method(
    "approval", "put_site_text", PutSiteText, SiteTexts, command=True, said="Changed a text of the site"
)
