"""The page on security says what a stolen process reaches, as the attack suite tries it."""

from tests.integration.attacks.stolen import GOALS, REACHED, outcome
from tests.support.stack.paths import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## A stolen process\n")[1].split("\n## ")[0]


def test_the_table_of_stolen_processes_is_the_one_that_is_tried() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines()]
    stated = {row[0]: row[1:] for row in rows if row[0] in REACHED and len(row) == len(GOALS) + 1}
    assert stated == {process: [outcome(process, goal) for goal in GOALS] for process in REACHED}


def test_each_goal_is_explained() -> None:
    assert [goal for goal, words in GOALS.items() if f"- **{goal}**: {words}" not in SECTION] == []
