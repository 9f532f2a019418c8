"""RPC of approval: the texts of the site that the ADO Branch writes, such as whose it is, and help."""

from typing import Annotated

from pydantic import Field

from contracts.model import Instant, Language, Strict, Wire
from contracts.rpc.call import Method, Nothing
from contracts.site_texts import LARGEST_EMBLEM, LONGEST_PAGE, TextName

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


class Emblem(Wire):
    """The emblem of the site as a PNG (base64), who set it when, and its revision; empty for none."""

    png: str = ""
    set_by: str = ""
    set_at: Instant | None = None
    revision: str = ""


class PutEmblem(Strict):
    """A PNG or JPEG (base64), or nothing to have no emblem. ``was`` is the revision that was read."""

    picture: str = Field(default="", max_length=LARGEST_EMBLEM * 4 // 3 + 4)
    was: str = Field(default="", max_length=64)


EMBLEM = Method("approval", "emblem", Nothing, Emblem)
PUT_EMBLEM = Method(
    "approval", "put_emblem", PutEmblem, Emblem, command=True, fresh=True, said="Changed the emblem"
)
SITE_TEXTS = Method("approval", "site_texts", Nothing, SiteTexts)
PUT_SITE_TEXT = Method(
    "approval", "put_site_text", PutSiteText, SiteTexts, command=True, fresh=True,
    said="Changed a text of the site",
)  # fmt: skip
