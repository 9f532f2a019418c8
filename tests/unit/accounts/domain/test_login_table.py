"""The table of logins that the ADO Branch imports."""

from datetime import date

import pytest

from services.accounts.domain.login_table import NewLogin, Places, read_logins
from services.accounts.domain.logins import Scope

TODAY = date(2026, 12, 1)
PLACES = Places({"home", "pwd"}, {"PCS1", "PCS2"}, {"PCS1-G1", "PCS2-G1"})
HEADER = "role,name,department,site,gate,mobile,language,valid_until\n"
GOOD = "department,Gurpreet Kaur,home,,,98765 43210,pa,2027-03-31\n"


def read(*lines: str) -> tuple[list[tuple[int, NewLogin]], list[tuple[int, str, str]]]:
    logins, problems = read_logins(HEADER + "\n".join(lines), PLACES, TODAY)
    return logins, [(one.line, one.column, one.code) for one in problems]


def test_a_good_line_becomes_a_login() -> None:
    assert read(GOOD) == (
        [
            (
                2,
                NewLogin(
                    "department", "Gurpreet Kaur", Scope("home"), "+919876543210", "pa", date(2027, 3, 31)
                ),
            )
        ],
        [],
    )


def test_what_is_left_out_is_empty() -> None:
    text = "name,role\n Harjit   Singh ,ops\n"
    assert read_logins(text, PLACES, TODAY) == (
        [(2, NewLogin("ops", "Harjit Singh", Scope(), None, None, None))],
        [],
    )


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("minister,A,,,,,,", "role", "unknown_role"),
        ("kiosk,A,,PCS1,,,,", "role", "unknown_role"),
        (",A,,,,,,", "role", "empty"),
        ("ops,,,,,,,", "name", "empty"),
        (f"ops,{'x' * 101},,,,,,", "name", "too_long"),
        ("department,A,homw,,,,,", "department", "unknown_department"),
        ("department,A,,,,,,", "department", "needed_for_role"),
        ("ops,A,home,,,,,", "department", "not_for_role"),
        ("security,A,,PCS9,,,,", "site", "unknown_site"),
        ("security,A,,,,,,", "site", "needed_for_role"),
        ("security,A,,PCS1,PCS1-G9,,,", "gate", "unknown_gate"),
        ("security,A,,PCS1,PCS2-G1,,,", "gate", "not_of_site"),
        ("ops,A,,,,12345,,", "mobile", "not_a_mobile"),
        ("ops,A,,,,,fr,", "language", "unknown_language"),
        ("ops,A,,,,,,31.3.2027", "valid_until", "not_a_date"),
        ("ops,A,,,,,,2026-11-30", "valid_until", "date_past"),
        ("ops,A,,,,,,2126-11-30", "valid_until", "date_too_far"),
    ],
)
def test_each_bad_cell_is_named(line: str, column: str, code: str) -> None:
    logins, problems = read(GOOD.strip(), line)
    assert problems == [(3, column, code)]
    assert [number for number, _ in logins] == [2], "a line with a problem is no login"


def test_the_same_person_for_the_same_task_is_a_duplicate_however_it_is_written() -> None:
    _, problems = read(GOOD.strip(), "department,GURPREET  kaur,home,,,,,")
    assert problems == [(3, "name", "duplicate_in_file")]
    assert read(GOOD.strip(), "department,Gurpreet Kaur,pwd,,,,,")[1] == []
