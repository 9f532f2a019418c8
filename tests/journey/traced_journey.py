"""One journey of a traced system: an application, its approval, and the pass on a phone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contracts.rpc.notify import SentMessage
from tests.support.stack.backends import start_stack
from tests.support.stack.collector import CollectedSpan, Collector
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, messages
from tests.support.system.system import System

POST = "POST /api/v1/applications"
_STEPS = """
gateway: POST /api/v1/applications
  gateway: approval/availability
    approval: approval/availability
  gateway: application/submit
    application: application/submit
      relay: publish ApplicationSubmitted
        approval: process ApplicationSubmitted
          approval: decide approve
            relay: publish PassApproved
              application: process PassApproved
              issuance: process PassApproved
                relay: publish PassIssued
                  application: process PassIssued
                  verify: process PassIssued
                  notify: process PassIssued
                    sender: send pass_issued
                      relay: publish NotificationDelivered
                        application: process NotificationDelivered
            relay: publish GateAdvised
              verify: process GateAdvised
        notify: process ApplicationSubmitted
          sender: send application_submitted
            relay: publish NotificationDelivered
              application: process NotificationDelivered
"""


def expected() -> Counter[tuple[str, str]]:
    """Count the steps of the journey, each after the one that caused it (`steps_of`)."""
    steps, above = Counter[tuple[str, str]](), [""]
    for line in _STEPS.strip().splitlines():
        name = line.strip()
        del above[(len(line) - len(name)) // 2 + 1 :]
        steps[above[-1], name] += 1
        above.append(name)
    return steps


def trace_under(spans: Sequence[CollectedSpan], name: str) -> list[CollectedSpan]:
    """Return the spans of the newest trace whose root has a name, in the order in which they began."""
    roots = [span for span in spans if span.name == name and not span.parent_id]
    if not roots:
        return []
    trace_id = max(roots, key=lambda span: span.began).trace_id
    return sorted((span for span in spans if span.trace_id == trace_id), key=lambda span: span.began)


def problems_of_tree(spans: Sequence[CollectedSpan]) -> list[str]:
    """Return what keeps spans from being one tree: two roots, two traces, or a parent that is not there."""
    ids = {span.span_id for span in spans}
    roots = [span.name for span in spans if not span.parent_id]
    problems = [
        f"{span.name} has no parent" for span in spans if span.parent_id and span.parent_id not in ids
    ]
    if len(ids) != len(spans):
        problems.append("two spans have one id")
    if len({span.trace_id for span in spans}) != 1:
        problems.append("more than one trace, or none")
    if len(roots) != 1:
        problems.append(f"the roots are {roots}")
    return problems


def steps_of(spans: Sequence[CollectedSpan]) -> Counter[tuple[str, str]]:
    """Count each span as process and name, after that of its parent."""
    known = {span.span_id: f"{span.process}: {span.name}" for span in spans}
    return Counter((known.get(span.parent_id, ""), known[span.span_id]) for span in spans)


@contextmanager
def traced_system(folder: Path) -> Iterator[tuple[System, Collector]]:
    """Run the whole system on a stack of its own, and the collector of its spans."""
    with (
        Collector() as collector,
        start_stack(folder) as stack,
        System(stack, EPASS_OTLP_ENDPOINT=collector.url) as system,
    ):
        yield system, collector


def travel(system: System, applicant: Applicant, department: Department) -> tuple[str, SentMessage]:
    """Apply, approve, and wait until the phone has the pass; return the reference and the message."""
    reference = applicant.apply()
    department.approve(reference)
    applicant.wait_for_pass(reference)
    (message,) = eventually(lambda: messages(system, applicant.mobile, "pass_issued"), "the pass arrives")
    return reference, message


def whole_trace(collector: Collector) -> list[CollectedSpan]:
    """Wait until the newest application is one tree with every step; return its spans."""

    def look() -> list[CollectedSpan] | None:
        spans = trace_under(collector.spans, POST)
        return spans if steps_of(spans) >= expected() and not problems_of_tree(spans) else None

    try:
        return eventually(look, "every step of the trace")
    except AssertionError:
        spans = trace_under(collector.spans, POST)
        missing, problems = expected() - steps_of(spans), problems_of_tree(spans)
        raise AssertionError(f"missing: {[*missing]}; {problems}") from None
