"""The index of the decisions lists each of them, by its number and its title."""

import re

from tests.support.stack.paths import ROOT

FOLDER = ROOT / "docs" / "decisions"


def test_the_index_lists_every_decision_and_no_other() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d+) \| \[(.+)\]\((\S+)\) \|$", index, re.MULTILINE)
    files = sorted(FOLDER.glob("0*.md"))
    titles = [re.match(r"# (\d+)\. (.+)", file.read_text(encoding="utf-8")) for file in files]
    assert listed == [
        (title[1], title[2], file.name) for title, file in zip(titles, files, strict=True) if title
    ]
    assert [int(file.name[:4]) for file in files] == [int(number) for number, _, _ in listed]
