"""RPC of application: the privacy notice by its versions, as it was shown (section 6(10) of the DPDP Act)."""

import hashlib
import json
from typing import Annotated

from pydantic import Field

from contracts.model import Instant, Language, Strict, Wire
from contracts.rpc.call import Method

LONGEST = 100_000
"""Characters of a text of the notice; a site's own file may be longer than a page that is typed."""
DIGITS, DIGITS_BEFORE = 32, 12
"""Of a version, and of those until 0.28: with so few somebody finds two texts with one."""
Text = Annotated[str, Field(max_length=LONGEST)]
Lines = Annotated[tuple[Text, ...], Field(max_length=20)]


class NoticeText(Wire):
    """All that one version says to readers of one language."""

    language: Language
    """Of the title and the body, which may not be written in the reader's."""
    title: Text
    body: Text
    """Markdown."""
    short: Text
    """What is said before the first field."""
    kept: Lines
    law: Lines
    consents: Lines = ()
    """What people tick, where the site rests on consent: the applicant, the counter, who invites."""


class NoticeTexts(Strict):
    """One version of the notice, by the reader's language."""

    texts: dict[Language, NoticeText]

    @property
    def version(self) -> str:
        """Return a digest of all that it says: another text has another version."""
        said = json.dumps(self.model_dump(mode="json", include={"texts"}), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:DIGITS]


class RecordedNotice(Wire):
    """Under which version it is kept."""

    version: str = ""


class NoticeQuestion(Strict):
    """A version, as it was typed."""

    version: str = Field(max_length=40)


class ShownNotice(NoticeTexts):
    """A version, and since when forms have shown it."""

    first_shown: Instant


RECORD_NOTICE = Method("application", "record_notice", NoticeTexts, RecordedNotice, in_transaction=True)
VIEW_NOTICE = Method("application", "view_notice", NoticeQuestion, ShownNotice)
