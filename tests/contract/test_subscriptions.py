"""The table of subscriptions: complete, and the same in the documentation."""

from contracts.events import ALL
from contracts.subscriptions import SERVICES, SUBSCRIPTIONS
from tests.support.stack.paths import ROOT


def test_the_table_in_the_architecture_has_the_subscriptions_and_the_events_of_each_service() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.count("|") == 5
    ]
    table = {row[0]: (_events(row[2]), _events(row[3])) for row in rows if row[0] in SERVICES}
    assert table == {
        service: (
            {event.__name__ for event in SUBSCRIPTIONS.get(service, ())},
            {event.__name__ for event in ALL if event.producer == service},
        )
        for service in SERVICES
    }


def _events(cell: str) -> set[str]:
    return {name.strip() for name in cell.split(",")} - {"–", ""}
