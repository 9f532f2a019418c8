"""The texts of the site that the ADO Branch may write: which they are, and how long they may be."""

from typing import Literal

TextLine = Literal["ownership", "footer", "basis", "officer", "board"]
"""Texts of one line: whose website it is, in the header and on printed passes; the end of the footer; in the
privacy notice the law under which data is used, who answers questions about it, and where to complain."""
TextPage = Literal["help", "contact", "privacy", "accessibility", "terms", "policies", "service"]
"""Texts that are pages, in Markdown, whose first line is the title after ``#``."""
TextName = TextLine | TextPage
LARGEST_EMBLEM = 150_000
"""Bytes of a picture that is sent; a much smaller one is made of it."""
LONGEST_LINE = 300
LONGEST_PAGE = 6_000
"""Characters."""
