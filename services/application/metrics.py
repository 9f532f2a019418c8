"""Prometheus metrics of requests. Labels never identify a person."""

from prometheus_client import Gauge

REQUEST_LATE = Gauge(
    "epass_request_late_seconds",
    "Since when the oldest unanswered request should have been answered; 0 while none is late",
)
