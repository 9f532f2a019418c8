"""Traces: what an application causes, in all processes and until its pass is on a phone, is one tree."""

from collections.abc import Iterator

import pytest

from tests.journey.traced_journey import (
    POST,
    expected,
    steps_of,
    trace_under,
    traced_system,
    travel,
    whole_trace,
)
from tests.support.chaos.sabotage import no_trace_context
from tests.support.chaos.scenario import sabotaged
from tests.support.stack.collector import CollectedSpan, Collector
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department
from tests.support.system.system import System

ATTRIBUTES = {
    "epass.message.attempt",
    "epass.message.channel",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.destination.name",
    "messaging.message.id",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "rpc.method",
    "rpc.system.name",
    "url.scheme",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, Collector]]:
    with traced_system(tmp_path_factory.mktemp("traced")) as both:
        yield both


@pytest.fixture(scope="module")
def traced(running: tuple[System, Collector]) -> System:
    return running[0]


@pytest.fixture(scope="module")
def collector(running: tuple[System, Collector]) -> Collector:
    return running[1]


@pytest.fixture(scope="module")
def officer(traced: System) -> Department:
    return Department(traced)


def test_an_application_is_one_tree_from_its_request_to_the_phone(
    traced: System, officer: Department, collector: Collector
) -> None:
    """No span of any request, its sign-ins included, holds anything about a person."""
    applicant = Applicant(traced)
    reference, message = travel(traced, applicant, officer)
    spans = whole_trace(collector)
    assert {*steps_of(spans)} == {*expected()}

    decided = next(span for span in spans if span.name == "decide approve")
    ((of_officer, _),) = decided.links
    assert of_officer != decided.trace_id

    def look() -> bool:
        return any(span.name == "approval/approve" for span in collector.spans if span.trace_id == of_officer)

    eventually(look, "the link leads to the officer's request")

    written = b"".join(collector.bodies).decode(errors="replace")
    number = applicant.wait_for_pass(reference).number
    personal = ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", "Harjit", "Arms licence", "HOM-0001", applicant.mobile[3:])
    assert [one for one in (*personal, reference, number, message.link, message.text) if one in written] == []
    assert {name for span in collector.spans for name in span.attributes} <= ATTRIBUTES


@long
def test_control_a_relay_that_drops_the_context_breaks_the_tree(
    traced: System, officer: Department, collector: Collector
) -> None:
    traced.processes["relay"].stop()
    traced.processes["relay"] = sabotaged(traced, "relay", no_trace_context).start()
    before = len(collector.spans)
    travel(traced, Applicant(traced), officer)

    def look() -> tuple[CollectedSpan, CollectedSpan] | None:
        spans = collector.spans[before:]
        published = [span for span in trace_under(spans, POST) if span.process == "relay"]
        sent = [span for span in spans if span.name == "send pass_issued"]
        return (published[0], sent[0]) if published and sent else None

    published, sent = eventually(look, "the spans of publishing the application, and of sending the pass")
    assert published.name == "publish ApplicationSubmitted"
    assert sent.trace_id != published.trace_id
