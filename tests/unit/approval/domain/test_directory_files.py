"""The tables of the directory that the ADO Branch imports and exports."""

from datetime import date, time

import pytest

from contracts.csv_table import write
from contracts.events import (
    ClosedDay,
    DepartmentRecord,
    EscalationMinutes,
    GateRules,
    OfficerRecord,
    OpeningHours,
    SiteAdvice,
    SiteContact,
    SiteRecord,
)
from services.approval.domain.directory_files import Reading, read_table
from services.approval.domain.directory_tables import COLUMNS, Directory

TODAY = date(2026, 12, 1)
WORDS = {"en": "Home", "pa": "ਗ੍ਰਹਿ", "hi": "गृह"}
HOURS = tuple(
    OpeningHours(weekday=day, opens=time(9), closes=time(17), valid_from=date(2025, 1, 1)) for day in range(5)
)
SITES = [
    SiteRecord(
        code=code,
        name=WORDS,
        address=WORDS,
        gates=(f"{code}-G1", f"{code}-G2"),
        gate_names={f"{code}-G1": WORDS},
        photograph=True,
        hours=HOURS,
        advice=SiteAdvice(parking=WORDS),
        closed_days=(ClosedDay(day=date(2026, 1, 26), reason="Republic Day"),),
    )
    for code in ("PCS1", "PCS2")
]
OFFICER = OfficerRecord(code="acs", name=WORDS, designation=WORDS, room="4-18")
MINUTES = EscalationMinutes(head=45)
HOME = DepartmentRecord(code="home", name=WORDS, sites=("PCS1",), officers=(OFFICER,), escalation=MINUTES)


def stored() -> Directory:
    return Directory(SITES, [HOME])


def read(table, *lines: str) -> Reading:
    return read_table(table, as_file(table, *lines), stored(), TODAY)


def as_file(table, *lines: str) -> str:
    """Return a file of a table; the last cells of a line may be left out."""
    header = ",".join(column.name for column in COLUMNS[table])
    return "\n".join([header, *(line + "," * (header.count(",") - line.count(",")) for line in lines)])


@pytest.mark.parametrize("table", COLUMNS)
def test_an_export_that_is_imported_again_changes_nothing(table) -> None:
    text = write([column.name for column in COLUMNS[table]], stored().lines(table))
    again = read_table(table, text, stored(), TODAY)
    assert (again.changed, again.problems) == ([], [])
    assert again.unchanged > 0


@pytest.mark.parametrize(
    ("table", "line", "column", "code"),
    [
        ("departments", "bad code,a,b,c,PCS1", "code", "bad_code"),
        ("departments", "x,a,b,c,PCS9", "sites", "unknown_site"),
        ("departments", "x,a,b,c,PCS1 PCS1", "sites", "unknown_site"),
        ("departments", "x,a,,c,PCS1", "name_pa", "empty"),
        (
            "departments",
            f"x,{'a' * 121},b,c,PCS1",
            "name_en",
            "too_long",
        ),
        ("officers", "finance,x,a,b,c,d,e,f,", "department", "unknown_department"),
        ("officers", "home,!,a,b,c,d,e,f,", "code", "bad_code"),
        ("officers", f"home,x,a,b,c,d,e,f,{'4' * 41}", "room", "too_long"),
        ("sites", "PCS3,a,b,c,d,e,f,x" + "," * 18, "photograph", "not_yes"),
        ("sites", "PCS3,a,b,c,d,e,f,1,,,,,,,only English,,x" + "," * 9, "prohibited_pa", "empty"),
        ("sites", "PCS3,a,b,c,d,e,f,,x,,,," + "," * 13, "gate_green", "not_minutes"),
        ("sites", "PCS3,a,b,c,d,e,f,,,1441,,," + "," * 13, "gate_amber", "not_minutes"),
        ("sites", "PCS3,a,b,c,d,e,f,,30,20,,," + "," * 13, "gate_amber", "amber_before_green"),
        ("sites", "PCS3,a,b,c,d,e,f,,,,perhaps,," + "," * 13, "gate_then", "not_a_choice"),
        ("sites", "PCS3,a,b,c,d,e,f,,,,,call me," + "," * 13, "reception_phone", "not_a_phone"),
        ("sites", "PCS3,a,b,c,d,e,f,,,,,,,101" + "," * 12, "gate_digits", "not_percent"),
        ("sites", "PCS3,a,b,c,d,e,f" + "," * 20 + "call me", "contact_phone", "not_a_phone"),
        ("sites", "PCS3,a,b,c,d,e,f" + "," * 21 + "a at b", "contact_email", "email_invalid"),
        ("sites", "PCS3,a,b,c,d,e,f" + "," * 22 + "only English,,x", "contact_pa", "empty"),
        ("gates", "PCS1,PCS2-G1,,,", "code", "not_a_gate_code"),
        ("gates", "PCS1,PCS3-G1,,,", "code", "not_a_gate_code"),
        ("gates", "PCS1,north,,,", "code", "not_a_gate_code"),
        ("gates", "PCS1,PCS1-G1-G2,,,", "code", "not_a_gate_code"),
        ("gates", "PCS1,PCS1-North,,,", "code", "not_a_gate_code"),
        ("gates", "PCS9,PCS9-G1,,,", "site", "unknown_site"),
        ("gates", "PCS1,PCS1-G3,North,,Uttar", "name_pa", "empty"),
        ("hours", "PCS1,2027-01-01,9-17,,,,,,", "monday", "not_hours"),
        ("hours", "PCS1,2027-01-01,,17:00-09:00,,,,,", "tuesday", "not_hours"),
        ("hours", "PCS1,2027-01-01,,,14:00-17:00 09:00-13:00,,,,", "wednesday", "not_hours"),
        ("hours", "PCS1,2026-11-30,,,,,,,", "valid_from", "date_past"),
        ("hours", "PCS1,soon,,,,,,,", "valid_from", "not_a_date"),
        ("departments", "x,a,b,c,PCS1,no", "closed", "too_long"),
        ("officers", "home,x,a,b,c,d,e,f,,x", "closed", "not_yes"),
        ("escalation", "home,240,soon,60,10", "head", "not_minutes"),
        ("escalation", "home,240,120,60,0", "walk_in", "not_minutes"),
        ("escalation", "home,240,120,-1,10", "reception", "not_minutes"),
        ("escalation", "finance,240,120,60,10", "department", "unknown_department"),
        ("holidays", "PCS9,2027-01-26,Republic Day", "site", "unknown_site"),
        ("holidays", "PCS1,26-01-2027,Republic Day", "day", "not_a_date"),
        ("holidays", "PCS1,20270126,Republic Day", "day", "not_a_date"),
        ("holidays", "PCS1,2027-W04-2,Republic Day", "day", "not_a_date"),
        ("hours", "PCS1,20270126,,,,,,,", "valid_from", "not_a_date"),
        ("holidays", "PCS1,2026-11-30,Gurpurab", "day", "date_past"),
        ("holidays", "PCS1,2027-01-26,", "reason", "empty"),
    ],
)
def test_each_bad_cell_is_named(table, line: str, column: str, code: str) -> None:
    found = read(table, line)
    assert [(one.line, one.column, one.code) for one in found.problems] == [(2, column, code)]
    assert found.changed == []


@pytest.mark.parametrize(
    ("table", "line", "column"),
    [
        ("departments", "x,a,b,c,PCS1", "code"),
        ("officers", "home,x,a,b,c,d,e,f,", "code"),
        ("holidays", "PCS1,2027-01-26,Republic Day", "day"),
    ],
)
def test_a_second_line_with_the_same_key_is_a_duplicate(table, line: str, column: str) -> None:
    found = read(table, line, line)
    assert [(one.line, one.column, one.code) for one in found.problems] == [(3, column, "duplicate_in_file")]


def test_new_changed_and_unchanged_lines_are_counted() -> None:
    unchanged = ",".join(stored().lines("holidays")[0])
    found = read("holidays", unchanged, "PCS2,2026-01-26,Another name", "PCS1,2027-01-26,Republic Day")
    assert [(one.line, one.code) for one in found.problems] == [(3, "date_past")], (
        "it would change a day gone"
    )
    found = read("holidays", unchanged, "PCS1,2027-01-26,Republic Day")
    assert (len(found.changed), found.added, found.unchanged) == (1, 1, 1)
    assert found.before == [{}]
    assert read("holidays", "PCS9,2027-01-26,Republic Day").problems[0].value == "PCS9"


def test_a_changed_department_keeps_its_officers_and_a_changed_officer_their_rank() -> None:
    directory = stored()
    for table, line in (
        ("departments", "home,a,b,c,PCS1 PCS2"),
        ("officers", "home,second,a,b,c,d,e,f,"),
        ("officers", "home,acs,a,b,c,d,e,f,9-9"),
    ):
        found = read_table(table, as_file(table, line), directory, TODAY)
        assert found.problems == []
        directory.put(table, found.changed[0].cells)
    home = directory.departments["home"]
    assert home.sites == ("PCS1", "PCS2")
    assert [(one.code, one.room) for one in home.officers] == [("acs", "9-9"), ("second", "")]
    assert home.name == {"en": "a", "pa": "b", "hi": "c"}


def test_the_reason_of_a_holiday_has_its_words_in_each_language_and_an_old_file_keeps_them() -> None:
    directory, day = stored(), date(2027, 1, 26)

    def put(*lines: str) -> ClosedDay:
        found = read_table("holidays", "\n".join(lines), directory, TODAY)
        for row in found.changed:
            directory.put("holidays", row.cells)
        return next(closed for closed in directory.sites["PCS1"].closed_days if closed.day == day)

    put("site,day,reason,reason_pa,reason_hi", f"PCS1,{day},Republic Day,ਗਣਤੰਤਰ ਦਿਵਸ,")
    closed = put("site,day,reason", f"PCS1,{day},Day of the Republic")
    assert closed == ClosedDay(
        day=day, reason="Day of the Republic", reason_translations={"pa": "ਗਣਤੰਤਰ ਦਿਵਸ"}
    )
    assert ("PCS1", f"{day}", "Day of the Republic", "ਗਣਤੰਤਰ ਦਿਵਸ", "") in directory.lines("holidays")


def test_holidays_are_in_the_order_of_days() -> None:
    directory = stored()
    for line in read("holidays", "PCS1,2027-08-15,Independence Day", "PCS1,2027-01-26,Republic Day").changed:
        directory.put("holidays", line.cells)
    days = [closed.day.isoformat() for closed in directory.sites["PCS1"].closed_days]
    assert days == ["2026-01-26", "2027-01-26", "2027-08-15"]


def changed_by(table, line: str) -> Directory:
    directory, found = stored(), read(table, line)
    assert found.problems == []
    directory.put(table, found.changed[0].cells)
    return directory


def test_a_change_never_loses_what_its_table_does_not_show() -> None:
    before = stored().sites["PCS1"]
    site = changed_by("sites", "PCS1,a,b,c,d,e,f," + "," * 17).sites["PCS1"]
    assert (site.gates, site.gate_names, site.hours, site.closed_days) == (
        before.gates,
        before.gate_names,
        before.hours,
        before.closed_days,
    )
    assert (site.photograph, site.advice, site.name["pa"]) == (False, None, "b")
    for table, line in (("gates", "PCS1,PCS1-G3,,,"), ("hours", "PCS1,2027-01-01,10:00-12:00,,,,,,")):
        kept = changed_by(table, line).sites["PCS1"]
        assert (kept.photograph, kept.advice, kept.closed_days) == (True, before.advice, before.closed_days)
    home = changed_by("departments", "home,a,b,c,PCS1 PCS2").departments["home"]
    assert (home.officers, home.escalation) == ((OFFICER,), MINUTES)


def test_a_site_chooses_what_its_gates_do_without_a_network() -> None:
    line = "PCS1,a,b,c,d,e,f,,5,60,supervisor,0172-5550101,+91 172 5550102" + "," * 13
    changed = changed_by("sites", line)
    rules = changed.sites["PCS1"].gate_rules
    assert rules == GateRules(
        green=5, amber=60, then="supervisor", reception_phone="0172-5550101", security_phone="+91 172 5550102"
    )
    assert changed.find("sites", ("PCS1",))["gate_then"] == "supervisor"
    usual = changed_by("sites", "PCS1,a,b,c,d,e,f,,,,,," + "," * 13)
    assert usual.sites["PCS1"].gate_rules is None


def test_a_site_says_where_its_visitors_ask() -> None:
    start = "PCS1,a,b,c,d,e,f" + "," * 20
    asked = changed_by("sites", f"{start}0172-5550100,desk@example.org,x,y,z").sites["PCS1"].contact
    words = {"en": "x", "pa": "y", "hi": "z"}
    assert asked == SiteContact(phone="0172-5550100", email="desk@example.org", note=words)
    assert changed_by("sites", start).sites["PCS1"].contact is None


def test_a_column_that_a_file_does_not_have_stays_as_it_is() -> None:
    text = (
        "department,code,name_en,name_pa,name_hi,designation_en,designation_pa,designation_hi\n"
        "home,acs,a,b,c,d,e,f\nhome,new,a,b,c,d,e,f"
    )
    found = read_table("officers", text, stored(), TODAY)
    assert [line.cells["room"] for line in found.changed] == ["4-18", ""]


def test_a_gate_keeps_its_place_and_a_removed_one_leaves_no_name() -> None:
    directory = changed_by("gates", "PCS1,PCS1-G1,,,")
    assert directory.sites["PCS1"].gates == ("PCS1-G1", "PCS1-G2")
    assert directory.sites["PCS1"].gate_names == {}
    directory = stored()
    directory.remove("gates", ("PCS1", "PCS1-G1"))
    assert (directory.sites["PCS1"].gates, directory.sites["PCS1"].gate_names) == (("PCS1-G2",), {})


def test_a_site_without_any_hours_opens_with_the_first_ones() -> None:
    directory = changed_by("sites", "PCS3,a,b,c,d,e,f," + "," * 13)
    for line, problems in (("PCS3,2027-01-01,,,,,,,", ["empty"]), ("PCS3,2027-01-01,,,,,,10:00-12:00,", [])):
        found = read_table("hours", as_file("hours", line), directory, TODAY)
        assert [one.code for one in found.problems] == problems


def test_what_is_closed_keeps_everything_else_and_is_opened_again() -> None:
    closed = changed_by("departments", "home,Home,ਗ੍ਰਹਿ,गृह,PCS1,1").departments["home"]
    assert closed == HOME.model_copy(update={"closed": True})
    directory = Directory(SITES, [closed])
    opened = read_table("departments", as_file("departments", "home,Home,ਗ੍ਰਹਿ,गृह,PCS1,"), directory, TODAY)
    directory.put("departments", opened.changed[0].cells)
    assert directory.departments["home"] == HOME
    officer = changed_by("officers", "home,acs,a,b,c,d,e,f,4-18,1").departments["home"].officers[0]
    assert (officer.closed, officer.room) == (True, "4-18")


def test_a_department_has_its_own_minutes_until_they_are_the_usual_ones() -> None:
    own = changed_by("escalation", "home,30,20,10,5").departments["home"]
    assert own.escalation == EscalationMinutes(stand_in=30, head=20, reception=10, walk_in=5)
    usual = changed_by("escalation", "home,240,120,60,10").departments["home"]
    assert usual.escalation is None
    assert usual.officers == (OFFICER,)
