"""Prometheus metrics of requests. Labels never identify a person."""

from typing import get_args

from prometheus_client import Counter, Gauge

from contracts.model import LinkAnswer
from contracts.rpc.requests import ClosedAs

REQUEST_LATE = Gauge(
    "epass_request_late_seconds",
    "Since when the oldest unanswered request should have been answered; 0 while none is late",
)
QUESTIONS = Counter(
    "epass_visit_questions_total",
    "Visitors who have left: asked whether they were met, or not: heard of late, or without an entry",
    ["result"],
)
for _result in ("asked", "late", "no_entry"):
    QUESTIONS.labels(_result)
WITHOUT_EFFECT = Counter(
    "epass_link_answers_without_effect_total",
    "Words of visitors, on the page of their pass or by a reply, that came too late to change anything",
    ["answer"],
)
for _answer in get_args(LinkAnswer):
    WITHOUT_EFFECT.labels(_answer)
NOTICES_DIFFER = Counter(
    "epass_notices_differ_total",
    "Privacy notices that a gateway wanted to store under a version that is stored with other texts",
)
REQUESTS_CLOSED = Counter(
    "epass_requests_closed_total", "Requests of people that an officer closed without an answer", ["kind"]
)
for _kind in get_args(ClosedAs):
    REQUESTS_CLOSED.labels(_kind)
