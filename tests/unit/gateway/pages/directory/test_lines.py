"""The directory on pages: listed, added, changed, and nobody's change lost."""

from collections.abc import AsyncIterator

import pytest

from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput
from contracts.rpc.approval.directory import DepartmentList, SiteList
from contracts.rpc.call import Nothing
from contracts.rpc.imports import Effects, LineChange, LineHistory, LineList, LineView
from services.approval.domain import directory_tables
from services.chassis.runtime.clock import now
from services.gateway.pages.directory.labels import COLUMNS, LABELS
from services.gateway.pages.directory.lines import KEYS
from tests.support.factories.gateway import browsing, staff_claims
from tests.support.system.page_reader import HOME, SAME_SITE, SITE, Reader, hidden
from tests.support.system.pages_alone import LINES, directory_line, directory_lines

PLACE = "/en/desk/directory/lines"
EDITED = f"{PLACE}/officers/edit/home/baldev"
HISTORY = LineHistory(
    items=(
        LineChange(changed_at=now(), changed_by="ADO-0002", before={"room": "4-18"}, after={"room": "4-31"}),
    )
)


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    async with browsing(
        approval__list_lines=directory_lines, approval__view_line=directory_line,
        approval__line_history=HISTORY, approval__put_line=LineView(cells={}, digest=""),
        approval__remove_line=Nothing(), approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
        session=staff_claims("ado"),
    ) as (http, client):  # fmt: skip
        yield Reader(http, client)


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ("sites", "Sector 1, Chandigarh"),
        ("gates", "PCS1-G1"),
        ("hours", "9:00 am – 1:00 pm"),
        ("departments", HOME.name["en"]),
        ("officers", "Superintendent"),
        ("holidays", "Republic Day"),
        ("escalation", "Reception: 60 minutes"),
    ],
)
async def test_each_table_lists_its_lines_and_leads_to_each(ado: Reader, table: str, shown: str) -> None:
    text = (await ado.http.get(f"{PLACE}/{table}")).text
    assert shown in text
    key = "/".join(LINES[table][name] for name in KEYS[table])
    address = f"{PLACE}/{table}/edit/{key}"
    assert f'href="{address}"' in text
    assert (await ado.http.get(address)).status_code == 200


async def test_a_line_shows_who_changed_what(ado: Reader) -> None:
    text = (await ado.http.get(EDITED)).text
    assert "ADO-0002" in text
    assert "<del>4-18</del> <ins>4-31</ins>" in text
    assert 'name="department"' not in text, "what a line is known by never changes"


async def test_the_history_says_a_flag_in_words(ado: Reader) -> None:
    change = LineChange(
        changed_at=now(),
        changed_by="ADO-0002",
        before={"room": "4-18", "closed": "1"},
        after={"room": "4-18", "closed": ""},
    )
    ado.client.answers["approval.line_history"] = LineHistory(items=(change,))
    text = (await ado.http.get(EDITED)).text
    assert "from “Yes” to “No”" in text
    assert "<del>Yes</del>" not in text


async def test_a_change_is_sent_with_what_was_read_and_redirects_to_the_line(ado: Reader) -> None:
    form = {**LINES["officers"], "room": "9-9", "was": "d" * 64, "key": "k-1", "code": "another"}
    saved = await ado.http.post(EDITED, data=form, headers=SAME_SITE)
    assert saved.headers["location"] == f"{EDITED}?notice=saved"
    _, asked, _, key = ado.client.last("approval.put_line")
    assert (asked.table, asked.was, key) == ("officers", "d" * 64, "k-1")
    assert asked.cells == {**LINES["officers"], "room": "9-9"}, "the key is that of the address"
    assert "Saved." in (await ado.http.get(saved.headers["location"])).text


async def test_a_change_is_shown_at_once_although_the_directory_is_cached(ado: Reader) -> None:
    await ado.http.get(f"{PLACE}/departments")
    renamed = HOME.model_copy(update={"name": {**HOME.name, "en": "Home and Justice"}})
    ado.client.answers["approval.departments"] = DepartmentList(items=(renamed,))
    await ado.http.post(f"{PLACE}/departments/edit/home", data=LINES["departments"], headers=SAME_SITE)
    assert "Home and Justice" in (await ado.http.get(f"{PLACE}/officers")).text


async def test_a_department_without_a_login_says_so_in_the_list_and_what_mends_it_on_its_page(
    ado: Reader,
) -> None:
    line = LineView(cells=LINES["departments"], digest="d", is_offered=False, missing=("login", "officer"))
    ado.client.answers |= {"approval.list_lines": LineList(items=(line,)), "approval.view_line": line}
    assert "Not offered: no login" in (await ado.http.get(f"{PLACE}/departments")).text
    page = (await ado.http.get(f"{PLACE}/departments/edit/home")).text
    assert "because nobody can decide" in page
    assert page.count("Missing") == 2
    for mend in ("/en/desk/logins/new?like=home", f"{PLACE}/officers/new?like=home"):
        assert f'href="{mend}"' in page
    ado.client.answers["approval.departments"] = DepartmentList(
        items=(HOME.model_copy(update={"unstaffed": True}),)
    )
    assert '<option value="home" selected' in (await ado.http.get(f"{PLACE}/officers/new?like=home")).text
    assert (
        'href="/en/desk/directory/contacts/departments/home"'
        in (await ado.http.get("/en/desk/directory/contacts")).text
    )


async def test_a_new_department_names_its_sites(ado: Reader) -> None:
    form = {**LINES["departments"], "code": "new", "sites": ["PCS1", "PCS2"]}
    saved = await ado.http.post(f"{PLACE}/departments/new", data=form, headers=SAME_SITE)
    assert saved.headers["location"] == f"{PLACE}/departments/edit/new?notice=saved"
    asked = ado.client.last("approval.put_line")[1]
    assert (asked.cells["sites"], asked.was) == ("PCS1 PCS2", "")


@pytest.mark.parametrize(
    ("refusal", "status", "sentence"),
    [
        (InvalidInput.of("name_en", "empty"), 422, "This must be filled in"),
        (Conflict(code="changed_meanwhile", by="ADO-0002"), 409, "ADO-0002 has changed this meanwhile"),
        (Conflict(code="changed_meanwhile", by=""), 409, "somebody has changed this meanwhile"),
    ],
)
async def test_what_is_refused_says_why_and_loses_nothing_that_was_typed(
    ado: Reader, refusal, status: int, sentence: str
) -> None:
    ado.client.answers["approval.put_line"] = refusal
    shown = await ado.http.post(EDITED, data={**LINES["officers"], "room": "9-9"}, headers=SAME_SITE)
    assert shown.status_code == status
    assert sentence in shown.text
    assert 'value="9-9"' in shown.text


@pytest.mark.parametrize("path", ["officers/edit/home/baldev", "officers/new"])
async def test_a_change_without_an_answer_keeps_what_was_typed_and_is_sent_again_with_its_key(
    ado: Reader, path: str
) -> None:
    await ado.http.get(f"{PLACE}/{path}")
    known = ado.client.answers.copy()
    for name in [one for one in known if one.startswith("approval.")]:
        del ado.client.answers[name]
    form = {**LINES["officers"], "room": "9-9", "was": "d" * 64, "key": "k-1"}
    lost = await ado.http.post(f"{PLACE}/{path}", data=form, headers=SAME_SITE)
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "2")
    assert "It is not known whether this was saved." in lost.text
    assert 'value="9-9"' in lost.text
    assert hidden(lost) == {"key": "k-1", "was": "d" * 64}
    ado.client.answers |= known
    saved = await ado.http.post(f"{PLACE}/{path}", data={**form, **hidden(lost)}, headers=SAME_SITE)
    assert saved.headers["location"] == f"{EDITED}?notice=saved"
    assert ado.client.last("approval.put_line")[3] == "k-1"


async def test_a_change_that_had_arrived_and_was_changed_since_says_which_one_counts(ado: Reader) -> None:
    ado.client.answers["approval.put_line"] = IdempotencyKeyReused()
    form = {**LINES["officers"], "room": "9-9", "key": "k-1"}
    shown = await ado.http.post(EDITED, data=form, headers=SAME_SITE)
    assert shown.status_code == 409
    assert "It was saved as you wrote it first" in shown.text
    assert 'value="9-9"' in shown.text
    assert hidden(shown)["key"] != "k-1"


async def test_a_removal_without_an_answer_is_sent_again_with_its_key(ado: Reader) -> None:
    del ado.client.answers["approval.remove_line"]
    place = f"{PLACE}/holidays/remove/PCS1/2099-01-26"
    lost = await ado.http.post(place, data={"was": "d" * 64, "key": "k-1"}, headers=SAME_SITE)
    assert (lost.status_code, hidden(lost)) == (503, {"key": "k-1", "was": "d" * 64})
    assert "It is not known whether this was saved." in lost.text
    ado.client.answers["approval.remove_line"] = Nothing()
    assert f'<form method="post" action="{place}">' in lost.text
    done = await ado.http.post(place, data=hidden(lost), headers=SAME_SITE)
    assert done.headers["location"] == f"{PLACE}/holidays?notice=removed"
    assert ado.client.last("approval.remove_line")[3] == "k-1"


async def test_what_is_there_already_is_not_added(ado: Reader) -> None:
    ado.client.answers["approval.put_line"] = Conflict(code="already_there")
    shown = await ado.http.post(f"{PLACE}/holidays/new", data=LINES["holidays"], headers=SAME_SITE)
    assert (shown.status_code, "in the directory already" in shown.text) == (409, True)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (None, "no holiday any more"),
        (Conflict(code="changed_meanwhile", by="ADO-0002"), "somebody has changed it meanwhile"),
        (Conflict(code="day_past"), "This day has passed"),
    ],
)
async def test_a_holiday_is_taken_back_after_a_question(ado: Reader, refusal, sentence: str) -> None:
    place = f"{PLACE}/holidays/remove/PCS1/2099-01-26"
    asked = await ado.http.get(place)
    assert "Republic Day" in asked.text
    assert not ado.client.was_asked("approval.remove_line")
    if refusal:
        ado.client.answers["approval.remove_line"] = refusal
    done = await ado.http.post(place, data={"was": "d" * 64}, headers=SAME_SITE)
    assert sentence in (await ado.http.get(done.headers["location"])).text


async def test_a_secretariat_is_edited_with_its_advice_and_whether_it_takes_photographs(ado: Reader) -> None:
    address = f"{PLACE}/sites/edit/PCS1"
    shown = (await ado.http.get(address)).text
    assert 'name="photograph" type="checkbox" value="1" checked' in shown
    form = {**LINES["sites"], "prohibited_en": "Knives,\r\n matches", "was": "d" * 64}
    del form["photograph"]
    saved = await ado.http.post(address, data=form, headers=SAME_SITE)
    assert saved.status_code == 303
    cells = ado.client.last("approval.put_line")[1].cells
    assert (cells["prohibited_en"], cells["photograph"]) == ("Knives, matches", "")


async def test_hours_are_typed_for_each_day_and_sent_as_the_table_has_them(ado: Reader) -> None:
    form = {"site": "PCS1", "valid_from": "2099-02-01", "monday-from-1": "09:00", "monday-to-1": "13:00",
            "monday-from-2": "14:00", "monday-to-2": "17:00", "sunday-from-1": "10:00"}  # fmt: skip
    saved = await ado.http.post(f"{PLACE}/hours/new", data=form, headers=SAME_SITE)
    assert saved.headers["location"] == f"{PLACE}/hours/edit/PCS1/2099-02-01?notice=saved"
    cells = ado.client.last("approval.put_line")[1].cells
    assert (cells["monday"], cells["tuesday"], cells["sunday"]) == ("09:00-13:00 14:00-17:00", "", "10:00-")


async def test_hours_that_hold_already_are_changed_from_a_day_on_and_begin_with_what_holds(
    ado: Reader,
) -> None:
    held = (await ado.http.get(f"{PLACE}/hours/edit/PCS1/2025-01-01")).text
    assert '<form method="post" novalidate>' not in held
    place = f"{PLACE}/hours/new?like=PCS1/2025-01-01"
    assert f'href="{place}"' in held
    form = (await ado.http.get(place)).text
    assert form.count('value="14:00"') == 5
    assert 'value="2025-01-01"' not in form


@pytest.mark.parametrize(
    ("path", "command", "facts", "sentences"),
    [
        (
            "hours/edit/PCS1/2099-01-01",
            "put_line",
            {"visits_outside_hours": 312},
            ("312 approved visits would lie outside the opening hours", "Save all the same"),
        ),
        (
            "hours/edit/PCS1/2099-01-01",
            "put_line",
            {"wishes_outside_hours": 3, "wishes_outside_hours_by_department": "finance 1, home 2"},
            ("3 applications that wait for a decision ask for a time", "finance: 1", ": 2", "all the same"),
        ),
        (
            "gates/remove/PCS1/PCS1-G1",
            "remove_line",
            {"visits_at_gate": 1},
            ("1 approved visit names this gate", "Remove all the same"),
        ),
    ],
)
async def test_a_change_that_affects_visits_says_so_with_counts_and_asks_again(
    ado: Reader, path: str, command: str, facts, sentences
) -> None:
    ado.client.answers[f"approval.{command}"] = Conflict(code="affects_visits", **facts)
    form = {"monday-from-1": "09:15", "monday-to-1": "13:00", "was": "d" * 64}
    asked = await ado.http.post(f"{PLACE}/{path}", data=form, headers=SAME_SITE)
    assert asked.status_code == 409
    assert all(sentence in asked.text for sentence in sentences)
    seen = Effects(**facts).total
    assert f'name="accepted" value="{seen}"' in asked.text
    ado.client.answers[f"approval.{command}"] = Nothing()
    done = await ado.http.post(f"{PLACE}/{path}", data={**form, "accepted": str(seen)}, headers=SAME_SITE)
    assert done.status_code == 303
    assert ado.client.last(f"approval.{command}")[1].accepted == seen


@pytest.mark.parametrize(
    "path", ["officers/edit/home/nobody", "rooms", "officers/edit/home", "rooms/new", "escalation/new"]
)
async def test_what_the_directory_does_not_have_is_no_page(ado: Reader, path: str) -> None:
    assert (await ado.http.get(f"{PLACE}/{path}")).status_code == 404


def test_the_forms_have_the_columns_of_the_tables() -> None:
    assert {
        table: tuple(one.name for one in columns) for table, columns in directory_tables.COLUMNS.items()
    } == COLUMNS
    assert KEYS == directory_tables.KEYS
    assert {name for columns in COLUMNS.values() for name in columns} == set(LABELS)
