"""The figures of a load, computed from what was recorded."""

import pytest

from tests.support.cluster.load import Asked, Span, figures, longest_silence

SPAN = Span("away", 100.0, 110.0)


@pytest.mark.parametrize(
    ("instants", "seconds"),
    [((), 10.0), ((99.0, 111.0), 10.0), ((101.0, 102.0), 8.0), ((109.0, 103.0), 6.0)],
    ids=["nothing", "only outside", "nothing at the end", "a gap in between"],
)
def test_the_longest_silence_counts_from_the_beginning_to_the_end_of_a_span(
    instants: tuple[float, ...], seconds: float
) -> None:
    assert longest_silence(instants, SPAN) == seconds


def test_only_answers_end_a_silence_and_only_requests_of_the_span_count() -> None:
    asked = [
        Asked(99.0, 0.5, 200),
        Asked(101.0, 3.0, 503),
        Asked(102.0, 0.1, 0),
        Asked(105.0, 2.0, 404),
        Asked(111.0, 0.1, 503),
    ]
    line = figures(asked, [101.0, 109.5], SPAN)
    assert "requests   0.3/s, 2 failed, median 2000 ms, slowest 3.0 s, none answered for 7.0 s" in line
    assert "events  0.2/s, none published for 8.5 s" in line


def test_a_span_without_requests_has_figures_too() -> None:
    assert "requests   0.0/s, 0 failed, median 0 ms, slowest 0.0 s, none answered for 10.0 s" in figures(
        [], [], SPAN
    )
