"""The figures of a load, computed from what was recorded."""

import pytest

from contracts.subscriptions import SERVICES
from tests.cluster.load import Asked, Span, Wait, figures, longest_silence, service_of, silences

SPAN = Span("away", 100.0, 110.0)
NOTHING: dict[str, list[Wait]] = {service: [] for service in SERVICES}


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        ([], 0.0),
        ([(99.0, 112.0, True)], 12.0),
        ([(109.0, 109.5, False), (112.0, 170.0, True)], 61.0),
        ([(111.0, 170.0, True)], 0.0),
        ([(90.0, 91.0, False), (112.0, 113.0, True)], 0.0),
        ([(101.0, 102.0, True), (104.0, 104.5, True)], 1.0),
        ([(101.0, 102.0, True), (103.0, 108.0, False), (108.5, 109.0, True)], 6.0),
        ([(103.0, 104.0, False)], 7.0),
        ([(101.0, 109.0, True), (102.0, 105.0, True)], 4.0),
    ],
    ids=[
        "nobody waits",
        "somebody waits all the time",
        "refused at the end, and answered long afterwards",
        "somebody waits who came afterwards",
        "only outside",
        "answered at once, with a pause",
        "refused, and answered when asked again",
        "refused, and never answered",
        "the second one is answered first",
    ],
)
def test_a_silence_lasts_from_when_somebody_waits_until_anybody_is_answered(
    waits: list[Wait], seconds: float
) -> None:
    assert longest_silence(waits, SPAN) == seconds


def test_a_silence_that_a_fault_begins_is_not_of_the_calm_before() -> None:
    calm = Span("all nodes", SPAN.since, SPAN.until)
    assert longest_silence([(109.0, 170.0, True)], calm) == 1.0


def test_a_service_that_answers_does_not_hide_one_that_does_not() -> None:
    busy = [(100.0 + at, 100.5 + at, True) for at in range(10)]
    found = silences({"application": busy, "verify": [(101.0, 109.0, True)]}, SPAN)
    assert list(found.items()) == [("verify", 8.0), ("application", 0.5)]


def test_the_figures_name_each_service_and_each_database_the_slowest_first() -> None:
    asked = [
        Asked(101.0, 3.0, 503, "verify"),
        Asked(102.0, 0.1, 0, "approval"),
        Asked(102.5, 0.5, 200, "approval"),
        Asked(105.0, 2.0, 404, "verify"),
        Asked(111.0, 0.1, 503, "verify"),
    ]
    events: dict[str, list[Wait]] = {**NOTHING, "notify": [(101.0, 109.5, True)]}
    line = figures(asked, events, SPAN)
    assert "requests   0.4/s, 2 failed, median 1250 ms, slowest 3.0 s" in line
    assert "events  0.1/s" in line
    assert "answered none for (s): verify 6.0, approval 1.0, accounts 0.0" in line
    assert "published none for (s): notify 8.5, accounts 0.0" in line


def test_a_span_without_requests_has_figures_too() -> None:
    line = figures([], NOTHING, SPAN)
    assert "requests   0.0/s, 0 failed, median 0 ms, slowest 0.0 s" in line
    assert "answered none for (s): accounts 0.0" in line


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/otp/verify", "accounts"),
        ("/api/v1/applications", "application"),
        ("/api/v1/applications/PB-1/resend", "notify"),
        ("/api/v1/reviews/1/approve", "approval"),
        ("/api/v1/passes/1/reissue", "issuance"),
        ("/api/v1/passes/1/print", "notify"),
        ("/api/v1/scans", "verify"),
    ],
)
def test_each_request_of_the_crowd_is_of_the_service_that_answers_it(path: str, service: str) -> None:
    assert service_of(path) == service
