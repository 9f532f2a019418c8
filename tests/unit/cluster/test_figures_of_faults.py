"""What `make cluster-test` prints of each kind of fault, and what it judges where a limit is given."""

from tests.support.cluster.load import Asked, Span, late, rows

SPANS = [
    Span("node 1 is killed", 0, 10),
    Span("node 2 is killed", 20, 30),
    Span("node 2 starts again", 30, 40),
]
ANSWERED = [*range(11), *range(20, 23), *range(26, 41)]
"""Nobody was answered from the 22nd to the 26th second."""
ASKED = [Asked(at, 0.0, 200) for at in ANSWERED] + [Asked(24, 0.5, 503)]
PUBLISHED = [float(at) for at in range(41)]


def test_the_faults_of_all_nodes_are_one_row_from_the_best_to_the_worst() -> None:
    assert [str(row) for row in rows(ASKED, PUBLISHED, SPANS)] == [
        "| a node is killed | 0 to 1 | 1.0 to 4.0 s | 1.0 to 1.0 s |",
        "| a node starts again | 0 to 0 | 1.0 to 1.0 s | 1.0 to 1.0 s |",
    ]


def test_a_fault_after_which_it_took_longer_than_the_limit_is_named() -> None:
    found = rows(ASKED, PUBLISHED, SPANS)
    assert late(found, 4.0) == []
    assert late(found, 3.9) == ["| a node is killed | 0 to 1 | 1.0 to 4.0 s | 1.0 to 1.0 s |"]
    assert late(rows(ASKED, PUBLISHED[:25], SPANS), 4.0) != [], "events count, too"
    assert late(found, float("inf")) == []
