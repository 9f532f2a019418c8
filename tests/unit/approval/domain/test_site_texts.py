"""Texts of the site: what is wrong in one."""

from typing import Any

import pytest

from contracts.errors import InvalidInput
from services.approval.domain.site_texts import checked

LINE = {"en": "a", "pa": "b", "hi": "c"}


@pytest.mark.parametrize(
    ("name", "words", "problems"),
    [
        ("footer", {"en": "a"}, [("text_hi", "empty"), ("text_pa", "empty")]),
        ("footer", LINE | {"pa": "a\r\nb"}, [("text_pa", "one_line")]),
        ("ownership", LINE | {"hi": "x" * 301}, [("text_hi", "line_too_long")]),
        ("help", {"en": "Help"}, [("text_en", "no_title")]),
        ("help", {"en": "#  \ntext"}, [("text_en", "no_title")]),
        ("help", {"en": "# Help", "pa": "## ਮਦਦ"}, [("text_pa", "no_title")]),
    ],
)
def test_what_cannot_be_shown_is_named(name: Any, words: Any, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(name, words)
    assert sorted((one.field, one.code) for one in refused.value.body.fields) == problems


def test_a_page_may_lack_a_language_and_an_empty_text_is_the_usual_one() -> None:
    assert checked("help", {"en": "# Help\r\ntext\n", "pa": " "}) == {"en": "# Help\ntext"}
    assert checked("footer", {"en": "", "pa": " ", "hi": "\n"}) == {}
