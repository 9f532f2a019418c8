"""The table of ASVS: no requirement is missing, its words are few, and what it counts and names is there."""

import re
from collections import Counter

import pytest

from tests.support.stack.paths import ROOT

LEVELS = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123
2.1:122 2.2:112 2.3:12223 2.4:23
3.1:3 3.2:113 3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333
4.1:12233 4.2:23333 4.3:22 4.4:1222
5.1:2 5.2:112333 5.3:113 5.4:222
6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222
7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22
8.1:1233 8.2:1123 8.3:133 8.4:23
9.1:111 9.2:1222
10.1:22 10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222
11.1:2233 11.2:22233 11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33
12.1:12233 12.2:11 12.3:22223
13.1:2333 13.2:222223 13.3:2233 13.4:1222233
14.1:22 14.2:12223333 14.3:122
15.1:12233 15.2:12233 15.3:1222222 15.4:3333
16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223
17.1:23 17.2:22223333 17.3:22
"""
"""The sections of ASVS 5.0.0, and the level of each of their requirements in turn."""
REQUIRED = {
    f"{section}.{number}": level
    for section, levels in (one.split(":") for one in LEVELS.split())
    for number, level in enumerate(levels, start=1)
    if level != "3"
}
STATES = ("met", "partly", "not", "not applicable")
PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|requirements\.lock)`")


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row that begins with the number of a requirement."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [row for row in found if re.fullmatch(r"\d+\.\d+\.\d+", row[0])]


MISSING, CHAPTERS = (rows(part) for part in PAGE.split("\n## 1. "))


def test_every_requirement_of_levels_1_and_2_stands_once_in_its_order_with_its_level() -> None:
    assert [(row[0], row[1]) for row in CHAPTERS] == list(REQUIRED.items())


def test_each_has_a_state_and_a_proof_or_why_there_is_none() -> None:
    assert {row[3] for row in CHAPTERS} == set(STATES)
    assert [row for row in CHAPTERS if len(row) != 5 or not all(row)] == []
    assert [row for row in CHAPTERS if row[4] == "–" and row[3] != "not"] == []


def test_what_is_not_met_or_in_part_stands_at_the_top_and_says_what_is_missing() -> None:
    assert [row[:4] for row in MISSING] == [row[:4] for row in CHAPTERS if row[3] in {"partly", "not"}]
    assert [row for row in MISSING if len(row) != 5 or not all(row)] == []


@pytest.mark.parametrize("level", "12")
def test_the_page_counts_right(level: str) -> None:
    counted = Counter(row[3] for row in CHAPTERS if row[1] == level)
    assert f"| level {level} | " + " | ".join(str(counted[state]) for state in STATES) + " |" in PAGE


def test_every_file_that_a_proof_names_exists() -> None:
    named = [name for row in CHAPTERS + MISSING for name in FILE.findall(row[4])]
    assert len(named) > 200
    assert [name for name in named if not (ROOT / name).exists()] == []
