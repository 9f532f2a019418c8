"""Prometheus metrics of requests. Labels never identify a person."""

from typing import get_args

from prometheus_client import Counter, Gauge

from contracts.rpc.requests import ClosedAs

REQUEST_LATE = Gauge(
    "epass_request_late_seconds",
    "Since when the oldest unanswered request should have been answered; 0 while none is late",
)
REQUESTS_CLOSED = Counter(
    "epass_requests_closed_total", "Requests of people that an officer closed without an answer", ["kind"]
)
for _kind in get_args(ClosedAs):
    REQUESTS_CLOSED.labels(_kind)
