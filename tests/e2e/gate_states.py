"""The states of pages of the gate, its supervisors, the kiosk, and passes that reached nobody."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import get_args

from contracts.errors import Forbidden, NotAuthenticated
from contracts.model import IST
from contracts.rpc.accounts.gate_devices import GateDeviceList
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.application import StatusView
from contracts.rpc.verify.incidents import HelpCalls, IncidentList, IncidentScan, IncidentView, Telephones
from contracts.rpc.verify.manifests import PlateHit, PlateHits
from contracts.rpc.verify.supervisors import (
    OwnPin,
    SiteProblem,
    SiteSupervision,
    SupervisorList,
    SupervisorView,
)
from tests.e2e.own_data_states import own_data
from tests.e2e.page_samples import CHECKED, ISSUED, OTHER_LAST4, WAY, State
from tests.support.factories.gateway import NUMBER, REFERENCE
from tests.support.factories.pages import ADMIT, REVIEW_ID, login


def undelivered() -> Iterator[State]:
    """Yield the pages of the gate about a pass that no message has brought to anybody."""
    lost = ADMIT.model_copy(update={"undelivered": True})
    scanned = {"verify.scan": lost}
    yield State("security", "/gate", {"pass": NUMBER, "nonce": "n-1"}, scanned)
    entered = {"verify.scan": lost.model_copy(update={"preview": False, "inside": 1})}
    yield State("security", "/gate/enter", CHECKED, entered)


def plates() -> Iterator[State]:
    """Yield the pages of the gate about a vehicle: whose pass it is, and that no pass names it."""
    named = (("Gurpreet Kaur", NUMBER, "PB65AB1234"), ("Baldev Singh", "AB3D5FGM", "CH01AC1234"))
    later = datetime(2026, 12, 1, 15, tzinfo=IST)
    hits = PlateHits(
        items=(
            *(
                PlateHit(pass_=number, reference=REFERENCE, name_latin=name, party=2, vehicle=vehicle)
                for name, number, vehicle in named
            ),
            PlateHit(party=1, department="home", valid_from=later, valid_to=later + timedelta(hours=1)),
        ),
        is_cut=True,
    )
    yield State("security", "/gate", {"pass": "1234", "nonce": "n-1"}, {"verify.find_by_plate": hits})
    nobody = {"verify.find_by_plate": PlateHits()}
    yield State("security", "/gate", {"pass": "PB65AB1234", "nonce": "n-1"}, nobody)


def without_supervisors() -> Iterator[State]:
    """Yield the pages of a gate where no supervisor can agree."""
    telephones = Telephones(reception="0172-5550101", security="0172-5550102")
    void = ADMIT.model_copy(update={"supervisors_void": True})
    for asked in (void.model_copy(update={"call_supervisor": True}), void):
        answers = {"verify.scan": asked, "verify.help_calls": HelpCalls(telephones=telephones)}
        yield State("security", "/gate", {"pass": NUMBER, "nonce": "n-1"}, answers)


def supervised() -> Iterator[State]:
    """Yield the pages about supervisors of gates, and those of incidents."""
    at = datetime(2026, 12, 1, 9, 30, tzinfo=IST)
    head = SupervisorView(login_id="SEC-0009", site="PCS1", named_by="ADO-0001", named_at=at, pin_set_at=at)
    other = login("SEC-0010", role="security", site="PCS1", department=None, gate=None)
    named = {
        "verify.supervisors": SupervisorList(items=(head,)),
        "accounts.list_logins": LoginList(items=(other,)),
    }
    sites = (
        SiteSupervision(
            site="PCS1", demanded=True, decided_by="ADO-0001", decided_at=at, problem="nobody_can_agree"
        ),
        SiteSupervision(site="PCS2", problem="nobody_decided"),
    )
    lifted = SiteSupervision(
        site="PCS1", decided_by="ADO-0001", decided_at=at, problem="watched_not_demanded"
    )
    for shown in (sites, (lifted, SiteSupervision(site="PCS2", problem="nobody_can_agree"))):
        unguarded = named | {"verify.supervisors": SupervisorList(items=(head,), sites=shown)}
        yield State("ado", "/desk/supervisors", answers=unguarded)
    nobody = {"verify.supervisors": SupervisorList(), "accounts.list_logins": LoginList(items=())}
    yield State("ado", "/desk/supervisors", answers=named)
    yield State("ado", "/desk/supervisors", {}, named, status=422)
    yield State("ado", "/desk/supervisors", answers=nobody)
    own = {"verify.own_pin": OwnPin(is_supervisor=True, pin_set_at=at)}
    yield State("security", "/gate/pin", answers=own)
    yield State("security", "/gate/pin", {"pin": "12"}, own, status=422)
    yield State("security", "/gate/pin", answers={"verify.own_pin": OwnPin(is_supervisor=False)})
    for problem in get_args(SiteProblem):
        gone = OwnPin(is_supervisor=True, problem=problem)
        yield State("security", "/gate/pin", answers={"verify.own_pin": gone})
    scans = tuple(
        IncidentScan(gate=gate, scanned_at=at, count=1, offline=True) for gate in ("PCS1-G1", "PCS1-G2")
    )
    happened = IncidentView(
        id=REVIEW_ID, found_at=at, site="PCS1", gate="PCS1-G1", kind="conflict", detail="already_inside",
        pass_number=NUMBER, scans=scans, exposure=1,
    )  # fmt: skip
    agreed = happened.model_copy(
        update={
            "kind": "override", "detail": None, "exposure": 0, "scans": scans[:1], "login": "SEC-0001",
            "supervisor": "SEC-0009", "reason": "Known to me", "seen_at": at, "seen_by": "SEC-0009",
        }
    )  # fmt: skip
    refused = happened.model_copy(
        update={
            "kind": "refused", "detail": "too_old", "exposure": 0, "scans": (), "login": "SEC-0001",
            "pass_number": None,
        }
    )  # fmt: skip
    unproven = agreed.model_copy(
        update={
            "kind": "unproven", "detail": "supervisor_missing", "supervisor": None, "login": "SEC-0002",
            "reason": None, "seen_at": None, "seen_by": None,
        }
    )  # fmt: skip
    own = agreed.model_copy(update={"seen_at": None, "seen_by": None, "is_own": True})
    unanswered = refused.model_copy(update={"kind": "unanswered", "detail": "danger", "called_at": at})
    items = (happened, agreed, own, unproven, refused, unanswered)
    found = {"verify.incidents": IncidentList(items=items, unseen=5)}
    yield State("security", "/gate/incidents", answers=found)
    yield State("security", "/gate/incidents", answers={"verify.incidents": IncidentList()})
    yield State("ops", "/ops/gate-incidents", answers=found)


def kiosk() -> Iterator[State]:
    """Yield the pages of the ADO Branch for kiosks, and a kiosk with a visitor."""
    kiosks = {
        "accounts.list_logins": LoginList(
            items=(login("KIO-0001", role="kiosk", site="PCS1", department=None),)
        )
    }
    yield State("ado", "/desk/kiosks", answers=kiosks)
    yield State("ado", "/desk/kiosks", {}, status=422)
    yield State("ado", "/desk/kiosks", {"name": "Main hall", "site": "PCS1"})
    yield State("ado", "/gate-devices")
    yield State("ado", "/gate-devices", {}, status=422)
    yield State("ado", "/gate-devices", {"name": "North tablet", "gate": "PCS1-G1"})
    yield State("ado", "/gate-devices/GAT-0001/code")
    yield State("ado", "/gate-devices/GAT-0001/revoke")
    yield State("ops", "/gate-devices")
    yield State("ado", "/gate-devices", answers={"accounts.gate_devices": GateDeviceList(items=())})
    yield State(None, "/kiosk/enrol")
    yield State(
        None,
        "/kiosk/enrol",
        {"kiosk_id": "KIO-0001"},
        {"accounts.enrol_kiosk": NotAuthenticated()},
        status=422,
    )
    yield State("kiosk", "/kiosk")
    begun = ("/kiosk", {})
    yield State("kiosk", "/sign-in", before=(begun,))
    yield State("kiosk", "/sign-in/code", before=(begun, ("/sign-in", {"mobile": "9876543210"})))
    left = StatusView(reference=REFERENCE, status="issued", site="PCS1", department="home", timeline=())
    typed = {"reference": REFERENCE, "mobile_last4": "3210"}
    yield State("kiosk", "/status", typed, {"application.status": left}, before=(begun,))
    for number, (path, _) in enumerate(WAY):
        yield State("visitor at a kiosk", path, before=WAY[:number])
    yield State("visitor at a kiosk", "/apply/who", {}, status=422)
    yield State("visitor at a kiosk", "/apply/check", before=WAY)
    sent = (*WAY, ("/apply/check", None))
    yield State("visitor at a kiosk", "/kiosk/done", before=sent)
    yield State("visitor at a kiosk", "/kiosk/done", answers={"application.view": ISSUED}, before=sent)
    yield State("visitor at a kiosk", "/kiosk/slip", before=sent)
    yield State("visitor at a kiosk", "/kiosk/pass", answers={"application.view": ISSUED}, before=sent)
    yield State(
        "visitor at a kiosk",
        "/requests",
        answers={"application.list_requests": Forbidden(code="at_a_kiosk")},
        status=403,
    )
    yield State("visitor at a kiosk", "/my-data", answers=own_data())
    asked = {"reference": REFERENCE, "id_last4": "0000"}
    yield State("visitor at a kiosk", "/my-data/open", asked, own_data() | OTHER_LAST4, status=422)
