"""The states of pages of the directory: its lines, its contacts and its files."""

from collections.abc import Iterator

from contracts.csv_table import Problem
from contracts.errors import Conflict, InvalidInput, Unavailable
from contracts.rpc.approval.site_texts import Emblem, SiteText, SiteTexts
from contracts.rpc.imports import ImportReport, LineEffect, LineList, LineView
from services.chassis.runtime.clock import now
from tests.e2e.page_samples import State
from tests.support.factories.pages import REVIEW_ID
from tests.support.system.pages_alone import LINES


def lines() -> Iterator[State]:
    """Yield the pages of the directory, line by line."""
    place = "/desk/directory/lines"
    for table in ("sites", "gates", "hours", "departments", "officers", "holidays"):
        yield State("ado", f"{place}/{table}")
        yield State("ado", f"{place}/{table}/new")
    yield State("ado", f"{place}/sites/edit/PCS1")
    shut = LineList(items=(LineView(cells={**LINES["departments"], "closed": "1"}, digest="d" * 64),))
    yield State("ado", f"{place}/departments", answers={"approval.list_lines": shut})
    new = LineView(
        cells=LINES["departments"], digest="d" * 64, is_offered=False, missing=("login", "hours", "officer")
    )
    yield State("ado", f"{place}/departments", answers={"approval.list_lines": LineList(items=(new,))})
    yield State("ado", f"{place}/departments/edit/home", answers={"approval.view_line": new})
    yield State("ado", f"{place}/departments/edit/home")
    waiting = Conflict(code="affects_visits", applications_waiting=3)
    yield State(
        "ado", f"{place}/departments/edit/home", {"closed": "1"}, {"approval.put_line": waiting}, status=409
    )
    yield State("ado", f"{place}/gates/edit/PCS1/PCS1-G1")
    yield State("ado", f"{place}/hours/edit/PCS1/2025-01-01")
    coming = f"{place}/hours/edit/PCS1/2099-01-01"
    yield State("ado", coming)
    yield State("ado", f"{place}/hours/new?like=PCS1/2025-01-01")
    bad_hours = {"approval.put_line": InvalidInput.of("monday", "not_hours")}
    yield State("ado", coming, {"monday-from-1": "17:00", "monday-to-1": "09:00"}, bad_hours, status=422)
    outside = Conflict(code="affects_visits", visits_outside_hours=312)
    yield State("ado", coming, {"monday-from-1": "09:00"}, {"approval.put_line": outside}, status=409)
    yield State("ado", f"{place}/hours/remove/PCS1/2099-01-01")
    gate = f"{place}/gates/remove/PCS1/PCS1-G1"
    yield State("ado", gate)
    at_gate = Conflict(code="affects_visits", visits_at_gate=1)
    yield State("ado", gate, {"was": "d"}, {"approval.remove_line": at_gate}, status=409)
    edited = f"{place}/officers/edit/home/baldev"
    yield State("ado", edited)
    yield State("ado", f"{edited}?notice=saved")
    invalid = {"approval.put_line": InvalidInput.of("name_en", "empty")}
    yield State("ado", edited, {"name_en": ""}, invalid, status=422)
    lost = {"approval.put_line": Unavailable()}
    yield State("ado", edited, {**LINES["officers"], "key": "k"}, lost, status=503)
    meanwhile = {"approval.put_line": Conflict(code="changed_meanwhile", by="ADO-0002")}
    yield State("ado", edited, {"name_en": "Baldev Singh"}, meanwhile, status=409)
    yield State(
        "ado",
        f"{place}/departments/new",
        {},
        {"approval.put_line": InvalidInput.of("sites", "empty")},
        status=422,
    )
    yield State("ado", f"{place}/holidays/remove/PCS1/2099-01-26")
    yield State("ado", f"{place}/holidays?notice=changed")


def contacts() -> Iterator[State]:
    """Yield the pages of what happens when nobody decides."""
    yield State("ado", "/desk/directory/lines/escalation")
    minutes = "/desk/directory/lines/escalation/edit/home"
    yield State("ado", minutes)
    wrong = {"approval.put_line": InvalidInput.of("head", "not_minutes")}
    yield State("ado", minutes, {"head": "soon"}, wrong, status=422)
    place = "/desk/directory/contacts"
    yield State("ado", place)
    yield State("ado", f"{place}/departments/home")
    yield State("ado", f"{place}/sites/PCS1?notice=saved")
    bad = {"approval.put_duty_contacts": InvalidInput.of("mobile.baldev", "not_a_mobile")}
    yield State("ado", f"{place}/departments/home", {"mobile.baldev": "12"}, bad, status=422)
    crossed = {"approval.put_duty_contacts": Conflict(code="changed_meanwhile", by="ADO-0002")}
    yield State("ado", f"{place}/departments/home", {"mobile.baldev": "12"}, crossed, status=409)


def texts() -> Iterator[State]:
    """Yield the pages of the texts of the site."""
    place = "/desk/directory/texts"
    written = SiteText(name="help", words={"en": "# Help"}, set_by="ADO-0002", set_at=now(), revision="1")
    own = {"approval.site_texts": SiteTexts(items=(written,))}
    yield State("ado", place, answers=own)
    yield State("ado", f"{place}/ownership")
    yield State("ado", f"{place}/help?notice=saved", answers=own)
    yield State("ado", f"{place}/emblem")
    kept = Emblem(png="AA==", set_by="ADO-0002", set_at=now(), revision="1")
    yield State("ado", f"{place}/emblem?notice=changed", answers={"approval.emblem": kept})
    yield State("ado", f"{place}/emblem", {}, status=422)
    wrong = {"approval.put_site_text": InvalidInput.of("text_hi", "no_title")}
    yield State("ado", f"{place}/help", {"text_hi": "Help"}, wrong, status=422)
    crossed = {"approval.put_site_text": Conflict(code="changed_meanwhile", by="ADO-0002")}
    yield State("ado", f"{place}/footer", {"text_hi": "e-Pass"}, crossed, status=409)


def files() -> Iterator[State]:
    """Yield the pages of imported and exported files."""
    place = "/desk/directory/files"
    yield State("ado", place)
    yield State("ado", place, {}, status=422)
    yield State("ado", place, {"table": "holidays"}, status=422)
    problems = (
        Problem(line=3, column="role", code="unknown_role", value="minister"),
        Problem(line=4, column="name", code="too_long", limit=100),
        Problem(line=5, code="wrong_width", limit=8),
    )
    bad = ImportReport(import_id=REVIEW_ID, problems=problems, further_problems=12)
    yield State("ado", f"{place}/logins/{REVIEW_ID}", answers={"accounts.check_login_file": bad})
    yield State("ado", f"{place}/holidays/{REVIEW_ID}")
    officer = LINES["officers"]
    effects = (
        LineEffect(line=2, after=officer),
        LineEffect(line=3, before=officer, after={**officer, "room": "9-9"}),
        LineEffect(line=4, before=officer, after={**officer, "closed": "1"}),
    )
    some = ImportReport(import_id=REVIEW_ID, added=1, changed=2, lines=effects)
    yield State("ado", f"{place}/officers/{REVIEW_ID}", answers={"approval.check_directory_file": some})
    nothing = ImportReport(import_id=REVIEW_ID, unchanged=9)
    yield State("ado", f"{place}/officers/{REVIEW_ID}", answers={"approval.check_directory_file": nothing})
    yield State("ado", f"{place}/logins/{REVIEW_ID}")
    yield State("ado", f"{place}/logins/{REVIEW_ID}/passwords")
