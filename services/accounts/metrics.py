"""Prometheus metrics of accounts. Labels never identify a person."""

from prometheus_client import Gauge

from services.chassis.runtime.metrics import DirectoryLabel

GATE_DEVICES = Gauge(
    "epass_gate_devices_worrying",
    "Enrolled gate devices that have not reported (lost: with somebody signed in), or not sent, for too long",
    ["site", "worry"],
)
site_label = DirectoryLabel()
