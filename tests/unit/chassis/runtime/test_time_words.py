"""Times of day as people say them."""

from datetime import time
from typing import get_args

import pytest

from contracts.model import Language
from services.chassis.runtime.time_words import short_time, span, time_of_day


@pytest.mark.parametrize(
    ("hour", "punjabi", "hindi", "english"),
    [
        (0, "ਰਾਤ 12:00 ਵਜੇ", "रात 12:00 बजे", "12:00 am"),
        (3, "ਰਾਤ 3:00 ਵਜੇ", "रात 3:00 बजे", "3:00 am"),
        (4, "ਸਵੇਰੇ 4:00 ਵਜੇ", "सुबह 4:00 बजे", "4:00 am"),
        (12, "ਦੁਪਹਿਰ 12:00 ਵਜੇ", "दोपहर 12:00 बजे", "12:00 pm"),
        (16, "ਸ਼ਾਮ 4:00 ਵਜੇ", "शाम 4:00 बजे", "4:00 pm"),
        (20, "ਰਾਤ 8:00 ਵਜੇ", "रात 8:00 बजे", "8:00 pm"),
    ],
)
def test_a_time_names_its_part_of_the_day(hour: int, punjabi: str, hindi: str, english: str) -> None:
    assert [time_of_day(time(hour), language) for language in ("pa", "hi", "en")] == [punjabi, hindi, english]


def test_a_short_time_leaves_the_part_of_the_day_to_the_reader() -> None:
    assert [short_time(time(14, 5), language) for language in ("pa", "hi", "en")] == [
        "2:05 ਵਜੇ",
        "2:05 बजे",
        "2:05 pm",
    ]


def test_a_span_says_from_and_to() -> None:
    assert {span("A", "B", language) for language in get_args(Language)} == {"A ਤੋਂ B ਤੱਕ", "A से B तक", "A – B"}
