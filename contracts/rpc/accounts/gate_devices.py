"""RPC of accounts: devices of gates."""

from typing import Literal

from pydantic import Field

from contracts.model import GateDeviceWorry, Instant, Strict, Wire
from contracts.rpc.accounts.sessions import LogIn, StaffSession
from contracts.rpc.call import Http, Method, Nothing


class EnrolGateDevice(Strict):
    """The one-time code of a gate device, as the ADO Branch shows it: scanned, or typed."""

    code: str = Field(max_length=100)


class GateDeviceEnrolled(Wire):
    """The device that this browser is now."""

    device: str
    site: str
    gate: str


class GateDeviceReport(Strict):
    """What the app of a gate says of its device, every minute while somebody is signed in."""

    version: str = Field(max_length=64, pattern=r"^[\x20-\x7e]*$")
    """Of the app."""
    list_age_s: int | None = Field(default=None, ge=0, le=10**9)
    """How old its list of revoked passes is; None where it has none."""
    unsent: int = Field(ge=0, le=10**9)
    """How many scans it could not send."""


class GateDeviceView(Wire):
    """A gate device: where it stands, and what it has last reported."""

    device: str
    """Its login ID."""
    name: str
    site: str
    gate: str
    state: Literal["waiting", "enrolled", "revoked"]
    """``waiting``: its code was not entered yet."""
    issued_by: str | None = None
    issued_at: Instant
    enrolled_by: str | None = None
    enrolled_at: Instant | None = None
    reported_at: Instant | None = None
    version: str | None = None
    list_at: Instant | None = None
    unsent: int = 0
    worries: tuple[GateDeviceWorry, ...] = ()


class GateDeviceList(Wire):
    """The devices of gates, by site and gate."""

    items: tuple[GateDeviceView, ...]


ENROL_GATE_DEVICE = Method(
    "accounts", "enrol_gate_device", LogIn, StaffSession, command=True, said="Enrolled a gate device"
)
REPORT_GATE_DEVICE = Method(
    "accounts", "report_gate_device", GateDeviceReport, Nothing, in_transaction=True,
    http=Http("guard_on_device", "report_gate_device", "POST /gate/device/report",
        "Say how this device is: the version of its app, the age of its list, the scans it has to send."),
)  # fmt: skip
GATE_DEVICES = Method("accounts", "gate_devices", Nothing, GateDeviceList)
