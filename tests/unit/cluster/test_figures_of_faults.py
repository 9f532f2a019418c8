"""What `tests/cluster` prints of each kind of fault, and how it judges them."""

from contracts.subscriptions import SERVICES
from tests.cluster.load import Asked, Span, Wait, late, rows

SPANS = [
    Span("node 1 is killed", 0, 10),
    Span("node 2 is killed", 20, 30),
    Span("node 2 starts again", 30, 40),
]
ANSWERED = [Asked(at, 0.5, 200, "application") for at in range(41)]
ASKED = [*ANSWERED, Asked(22, 0.5, 503, "verify"), Asked(24, 2.0, 200, "verify")]
"""verify answered nobody from the 22nd to the 26th second, while the application answered."""
PUBLISHED: dict[str, list[Wait]] = {
    service: [(at, at + 0.5, True) for at in range(41)] for service in SERVICES
}


def test_the_faults_of_all_nodes_are_one_row_from_the_best_to_the_worst() -> None:
    assert [str(row) for row in rows(ASKED, PUBLISHED, SPANS)] == [
        "| a node is killed | 0 to 1 | 0.5 to 4.0 s | 0.5 to 0.5 s |",
        "| a node starts again | 0 to 0 | 0.5 to 0.5 s | 0.5 to 0.5 s |",
    ]


def test_a_fault_after_which_one_service_was_silent_for_longer_than_the_limit_is_named() -> None:
    found = rows(ASKED, PUBLISHED, SPANS)
    assert late(found, 4.0) == []
    assert late(found, 3.9) == ["| a node is killed | 0 to 1 | 0.5 to 4.0 s | 0.5 to 0.5 s |"]


def test_a_fault_after_which_one_database_published_nothing_for_longer_is_named() -> None:
    waiting = {**PUBLISHED, "notify": [(21.0, 26.0, True)]}
    assert late(rows(ASKED, waiting, SPANS), 4.5) != []
    assert late(rows(ASKED, PUBLISHED, SPANS), 4.5) == []
