"""Logins and the directory as files: sent, checked, applied, exported, on pages that work without scripts."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts import csv_table
from contracts.csv_table import LARGEST_FILE, Problem
from contracts.errors import Conflict, NotFound
from contracts.rpc.approval.directory import DepartmentList
from contracts.rpc.imports import CsvFile, ImportedLogin, ImportId, ImportReport, LineEffect
from services.accounts.domain import login_table, logins
from services.accounts.handlers import login_imports
from services.approval.domain import directory_files, directory_tables
from services.chassis.runtime.clock import now
from services.gateway.pages.directory.files import COLUMNS, TABLES
from services.gateway.pages.shared import file_problems
from tests.support.factories.gateway import browsing, signed, staff_claims
from tests.support.factories.pages import session
from tests.support.system.page_reader import HOME, SAME_SITE, Reader, hidden
from tests.support.system.pages_alone import LINES

IMPORT = UUID("0195f3a2-0000-4000-8000-000000000009")
PLACE = "/en/desk/directory/files"
LOGINS = (
    ImportedLogin(login_id="HOM-0002", name="Gurpreet Kaur", initial_password="k7fm-w3pa-xq9t"),
    ImportedLogin(login_id="HOM-0003", name="=1+1", initial_password="amrk-w3pa-xq9t"),
)


class Ado(Reader):
    """A member of the ADO Branch."""

    async def send_file(self, file: bytes | None = None, **fields: str) -> httpx.Response:
        files: dict[str, Any] = {"file": ("table.csv", file or b"", "text/csv")}
        return await self.http.post(PLACE, data=fields, files=files, headers=SAME_SITE)


@pytest.fixture
async def ado() -> AsyncIterator[Ado]:
    sent = ImportId(import_id=IMPORT)
    applied = ImportReport(import_id=IMPORT, added=2, applied_at=now(), logins=LOGINS)
    async with browsing(
        accounts__send_login_file=sent, approval__send_directory_file=sent,
        accounts__check_login_file=applied, accounts__apply_login_file=applied,
        approval__check_directory_file=ImportReport(import_id=IMPORT, added=12, changed=3, unchanged=140),
        approval__apply_directory_file=ImportReport(import_id=IMPORT, applied_at=now()),
        approval__departments=DepartmentList(items=(HOME,)),
        accounts__export_logins=CsvFile(text="\ufefflogin_id\r\n"),
        approval__export_directory=CsvFile(text="\ufeffcode\r\n"),
        session=staff_claims("ado"),
    ) as (http, client):  # fmt: skip
        yield Ado(http, client)


@pytest.mark.parametrize(
    "given",
    [
        {"file": "site,day,reason\nPCS1,2027-01-26,ਗਣਤੰਤਰ ਦਿਵਸ".encode()},
        {"file": b"\xef\xbb\xbf" + "site,day,reason\nPCS1,2027-01-26,ਗਣਤੰਤਰ ਦਿਵਸ".encode()},
        {"text": "site,day,reason\nPCS1,2027-01-26,ਗਣਤੰਤਰ ਦਿਵਸ"},
    ],
    ids=["a file", "a file of a spreadsheet", "pasted lines"],
)
async def test_a_file_or_pasted_lines_are_sent_and_the_next_page_shows_what_they_would_do(
    ado: Ado, given: dict[str, Any]
) -> None:
    answer = await ado.send_file(table="holidays", key="k-1", **given)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}/holidays/{IMPORT}")
    _, asked, _, key = ado.client.last("approval.send_directory_file")
    assert (asked.table, key) == ("holidays", "k-1")
    assert asked.text == "site,day,reason\nPCS1,2027-01-26,ਗਣਤੰਤਰ ਦਿਵਸ"
    shown = (await ado.http.get(answer.headers["location"])).text
    assert "The file can be applied" in shown
    assert "140" in shown
    assert not ado.client.was_asked("approval.apply_directory_file")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Choose a file, or paste its lines"),
        ({"file": b"a", "text": "b"}, "not both"),
        ({"file": "site\né".encode("latin-1")}, "not UTF-8. Save it as CSV UTF-8 (line 2)"),
        ({"file": b"x" * (LARGEST_FILE + 1)}, "larger than 192 kB"),
        ({"file": b"a", "table": "rooms"}, "Choose one of these"),
    ],
)
async def test_what_is_no_file_is_refused_on_the_form(ado: Ado, given: dict[str, Any], sentence: str) -> None:
    answer = await ado.send_file(**{"table": "holidays", **given})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not ado.client.was_asked("approval.send_directory_file")


async def test_a_large_file_is_taken_here_and_nowhere_else(ado: Ado) -> None:
    large = b"x" * LARGEST_FILE
    assert (await ado.send_file(large, table="holidays")).status_code == 303
    ado.client.asked.clear()
    assert (await ado.send_file(large * 2, table="holidays")).status_code == 422
    assert not ado.client.was_asked("approval.send_directory_file")
    for path in ("/en/desk/logins/new", "/en/staff/password", f"{PLACE}/holidays/{IMPORT}"):
        refused = await ado.http.post(path, files={"file": ("x.csv", large)}, headers=SAME_SITE)
        assert refused.status_code == 422, path
        small = await ado.http.post(path, files={"file": ("x.csv", b"x")}, headers=SAME_SITE)
        assert small.status_code == 422, path


async def test_each_problem_is_shown_with_its_line_and_column_in_the_language_of_the_reader(ado: Ado) -> None:
    problems = (
        Problem(line=3, column="role", code="unknown_role"),
        Problem(line=4, column="name", code="too_long", limit=100),
    )
    ado.client.answers["accounts.check_login_file"] = ImportReport(
        import_id=IMPORT, problems=problems, further_problems=12
    )
    shown = (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).text
    assert "There is no such role" in shown
    assert "longer than 100 characters" in shown
    assert "And 12 more." in shown
    assert "Apply the file" not in shown
    for language, sentence in (("pa", "ਅਜਿਹੀ ਕੋਈ ਭੂਮਿਕਾ ਨਹੀਂ ਹੈ"), ("hi", "ऐसी कोई भूमिका नहीं है")):
        assert sentence in (await ado.http.get(f"{PLACE.replace('en', language, 1)}/logins/{IMPORT}")).text


async def test_a_problem_quotes_the_cell_as_text_and_never_as_markup(ado: Ado) -> None:
    bad = Problem(line=2, column="role", code="unknown_role", value="<b>boss")
    ado.client.answers["accounts.check_login_file"] = ImportReport(import_id=IMPORT, problems=(bad,))
    shown = (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).text
    assert "<code>&lt;b&gt;boss</code>" in shown


@pytest.mark.parametrize(
    ("table", "lines", "shown"),
    [
        (
            "officers",
            [
                LineEffect(line=2, after=LINES["officers"]),
                LineEffect(line=3, before=LINES["officers"], after={**LINES["officers"], "room": "9-9"}),
                LineEffect(line=4, before=LINES["officers"], after={**LINES["officers"], "closed": "1"}),
            ],
            [
                r"Baldev Singh · home/baldev</th>\s*<td[^>]*>New</td>",
                r"Room: <del>4-31</del> <ins>9-9</ins>",
                r"govuk-tag--orange\">Receives nobody any more</strong>",
            ],
        ),
        (
            "holidays",
            [LineEffect(line=2, after=LINES["holidays"])],
            [r"Monday, 26 January 2099 · Republic Day · PCS1</th>"],
        ),
        (
            "logins",
            [LineEffect(line=2, after={"role": "security", "name": "<i>Asha", "gate": "PCS1-G1"})],
            [r"&lt;i&gt;Asha · Security at a gate · PCS1-G1</th>"],
        ),
        *((table, [LineEffect(line=2, after=LINES[table])], [r"New</td>"]) for table in LINES),
    ],
)
async def test_a_check_names_what_will_be_added_changed_and_ended(ado: Ado, table: str, lines, shown) -> None:
    report = ImportReport(import_id=IMPORT, added=len(lines), changed=2, lines=tuple(lines))
    service = "accounts.check_login_file" if table == "logins" else "approval.check_directory_file"
    ado.client.answers[service] = report
    text = (await ado.http.get(f"{PLACE}/{table}/{IMPORT}")).text
    assert "What will change" in text
    for pattern in shown:
        assert re.search(pattern, text), pattern
    assert "And 2 more." in text


async def test_a_file_of_logins_is_checked_against_the_directory_that_the_gateway_knows(ado: Ado) -> None:
    await ado.http.get(f"{PLACE}/logins/{IMPORT}")
    asked = ado.client.last("accounts.check_login_file")[1]
    assert (asked.import_id, asked.sites, asked.language) == (IMPORT, ("PCS1",), "en")
    assert asked.departments


async def test_applying_redirects_to_what_was_done(ado: Ado) -> None:
    for table, command in (
        ("logins", "accounts.apply_login_file"),
        ("officers", "approval.apply_directory_file"),
    ):
        applied = await ado.http.post(f"{PLACE}/{table}/{IMPORT}", data={"key": "k-2"}, headers=SAME_SITE)
        assert (applied.status_code, applied.headers["location"]) == (303, f"{PLACE}/{table}/{IMPORT}")
        assert ado.client.last(command)[3] == "k-2"
    await ado.http.post(f"{PLACE}/officers/{IMPORT}", data={"accepted": "3"}, headers=SAME_SITE)
    assert ado.client.last("approval.apply_directory_file")[1].accepted == 3
    shown = (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).text
    assert "The file is applied" in shown
    assert "HOM-0002" in shown


async def test_a_file_that_cannot_be_applied_any_more_says_that_something_changed(ado: Ado) -> None:
    ado.client.answers["approval.apply_directory_file"] = Conflict(code="file_has_problems")
    ado.client.answers["approval.check_directory_file"] = ImportReport(
        import_id=IMPORT, problems=(Problem(line=2, column="department", code="unknown_department"),)
    )
    refused = await ado.http.post(f"{PLACE}/officers/{IMPORT}", data={}, headers=SAME_SITE)
    shown = (await ado.http.get(refused.headers["location"])).text
    assert "something has changed meanwhile" in shown


async def test_initial_passwords_are_a_sheet_and_a_file_and_stored_by_no_cache(ado: Ado) -> None:
    place = f"{PLACE}/logins/{IMPORT}/passwords"
    sheet = await ado.http.get(place)
    assert "k7fm-w3pa-xq9t" in sheet.text
    assert "/en/staff/sign-in" in sheet.text
    file = await ado.http.get(f"{place}.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="passwords.csv"'
    assert "HOM-0003,'=1+1,amrk-w3pa-xq9t" in file.text, "no cell is a formula"
    for answer in (sheet, file):
        assert answer.headers["cache-control"] == "private, no-store"
    report = await ado.http.get(f"{PLACE}/logins/{IMPORT}")
    assert "k7fm" not in report.text


@pytest.mark.parametrize("page", ["passwords", "passwords.csv"])
async def test_initial_passwords_need_the_second_factor_again(ado: Ado, page: str) -> None:
    place = f"{PLACE}/logins/{IMPORT}/{page}"
    hidden_ones = tuple(login.model_copy(update={"initial_password": None}) for login in LOGINS)
    ado.client.answers["accounts.check_login_file"] = ImportReport(
        import_id=IMPORT, added=2, applied_at=now(), logins=hidden_ones, confirm_passwords=True
    )
    asked = await ado.http.get(place)
    assert asked.status_code == 403
    assert "Confirm with your app" in asked.text
    assert "not shown any more" not in (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).text
    confirmed = session(access_token=signed(staff_claims("ado")), role="ado", login_id="ADO-0001")
    ado.client.answers["accounts.confirm_factor"] = confirmed
    form = hidden(asked) | {"confirmed_code": "123456"}
    shown = await ado.http.post("/en/staff/second-factor/confirm", data=form, headers=SAME_SITE)
    assert (shown.status_code, shown.headers["location"]) == (303, place)


async def test_passwords_that_are_not_shown_any_more_are_no_file(ado: Ado) -> None:
    gone = tuple(login.model_copy(update={"initial_password": None}) for login in LOGINS)
    ado.client.answers["accounts.check_login_file"] = ImportReport(
        import_id=IMPORT, added=2, applied_at=now(), logins=gone
    )
    assert (await ado.http.get(f"{PLACE}/logins/{IMPORT}/passwords.csv")).status_code == 404
    assert "not shown any more" in (await ado.http.get(f"{PLACE}/logins/{IMPORT}/passwords")).text
    assert "not shown any more" in (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).text


@pytest.mark.parametrize("table", TABLES)
async def test_each_table_can_be_downloaded(ado: Ado, table: str) -> None:
    file = await ado.http.get(f"/en/desk/directory/export/{table}.csv")
    assert file.status_code == 200
    assert file.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    assert file.content.startswith(b"\xef\xbb\xbf")


async def test_a_file_of_somebody_else_is_not_found(ado: Ado) -> None:
    ado.client.answers["accounts.check_login_file"] = NotFound()
    assert (await ado.http.get(f"{PLACE}/logins/{IMPORT}")).status_code == 404
    assert (await ado.http.get(f"{PLACE}/rooms/{IMPORT}")).status_code == 404
    assert (await ado.http.get("/en/desk/directory/export/rooms.csv")).status_code == 404


def test_the_columns_on_the_page_are_those_of_the_services() -> None:
    known = {"logins": login_table.COLUMNS, **directory_tables.COLUMNS}
    assert {table: ",".join(one.name for one in columns) for table, columns in known.items()} == COLUMNS


def test_every_problem_that_can_be_found_has_a_sentence() -> None:
    modules = (csv_table, login_table, logins, login_imports, directory_files)
    sources = "".join(Path(str(module.__file__)).read_text() for module in modules)
    cell = r'\("?\w+"?, "(\w+)", (?:cells|day|in_order|site_of|read_windows|_\w+)[\[( .)]'
    found = re.compile(rf'Problem\([^()]*code="(\w+)"|InvalidInput\.of\([^,]+, "(\w+)"|{cell}')
    codes = {code for match in found.findall(sources) for code in match if code}
    assert codes <= set(file_problems.SENTENCES)
    assert len(codes) >= 20, codes
    elsewhere = {"empty", "too_long", "control_character", "file_missing", "file_twice"}
    assert set(file_problems.SENTENCES) - codes == elsewhere, "no sentence is left over"


async def test_a_file_without_an_answer_stays_on_the_page_as_its_lines(ado: Ado) -> None:
    del ado.client.answers["approval.send_directory_file"]
    lost = await ado.send_file(b"code,name_en\nnew,Sports & youth\n", table="departments")
    assert lost.status_code == 503
    assert "what you wrote is still here" in lost.text
    assert "new,Sports &amp; youth" in lost.text


async def test_applying_a_file_without_an_answer_is_sent_again_with_its_key(ado: Ado) -> None:
    del ado.client.answers["approval.apply_directory_file"]
    place = f"{PLACE}/officers/{IMPORT}"
    lost = await ado.http.post(place, data={"key": "k-1", "accepted": "3"}, headers=SAME_SITE)
    assert (lost.status_code, hidden(lost)) == (503, {"key": "k-1", "accepted": "3"})
    assert "It is not known whether this was saved." in lost.text
