"""Tables as CSV files: each problem has a line and a column, and no cell that is written is a formula."""

import pytest

from contracts.csv_table import (
    LARGEST_FILE,
    LONGEST_QUOTE,
    MOST_LINES,
    Column,
    Unreadable,
    decode,
    duplicates,
    read,
    with_quotes,
    write,
)

COLUMNS = (Column("code", required=True, longest=8), Column("name", required=True), Column("room"))


def problems(text: str) -> list[tuple[int, str, str]]:
    return [(one.line, one.column, one.code) for one in read(text, COLUMNS)[1]]


def cells(text: str) -> list[tuple[int, dict[str, str]]]:
    rows, found = read(text, COLUMNS)
    assert found == []
    return [(row.line, dict(row.cells)) for row in rows]


def test_a_table_is_read_by_the_names_of_its_columns_in_any_order() -> None:
    assert cells("Name,CODE\nHome,home\n") == [(2, {"code": "home", "name": "Home", "room": ""})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_files_of_spreadsheets_are_read(delimiter: str, end: str) -> None:
    lines = ("code,name,room", "home,ਗ੍ਰਹਿ,4-18", ",,", "", 'pwd,"Roads, bridges",')
    text = end.join(line.replace(",", delimiter) if '"' not in line else line.replace(
        'pwd,"Roads, bridges",', f'pwd{delimiter}"Roads, bridges"{delimiter}') for line in lines)  # fmt: skip
    assert cells("\ufeff" + text) == [
        (2, {"code": "home", "name": "ਗ੍ਰਹਿ", "room": "4-18"}),
        (5, {"code": "pwd", "name": "Roads, bridges", "room": ""}),
    ]


def test_a_line_is_counted_as_an_editor_counts_it() -> None:
    assert problems('code,name\nhome,"two\nlines"\n,x\n') == [
        (2, "name", "control_character"),
        (4, "code", "empty"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "", "no_lines")]),
        ("\n \n", [(1, "", "no_lines")]),
        ("code,name\n", [(1, "", "no_lines")]),
        ("code,nme\nx,y\n", [(1, "nme", "unknown_column"), (1, "name", "missing_column")]),
        ("code,name,code\nx,y,z\n", [(1, "code", "duplicate_column")]),
        ("code\nx\n", [(1, "name", "missing_column")]),
        ("code,name\nx\n", [(2, "", "wrong_width")]),
        ("code,name\nx,y,z\n", [(2, "", "wrong_width")]),
        ('code,name\nx,"y\n', [(2, "", "not_csv")]),
        ('code,name\nx,"y"z\n', [(2, "", "not_csv")]),
        ("code,name\n,y\n", [(2, "code", "empty")]),
        ("code,name\nx,   \n", [(2, "name", "empty")]),
        ("code,name\nninechars,y\n", [(2, "code", "too_long")]),
        ("code,name\nx,a\x07b\n", [(2, "name", "control_character")]),
        ("code,name\nx,a\x00b\n", [(2, "name", "control_character")]),
        ("code,name\nx,a\u202eb\n", [(2, "name", "control_character")]),
        ("code,name\nx,a\u2028b\n", [(2, "name", "control_character")]),
        ("code,name\n" + "x,y\n" * (MOST_LINES + 1), [(MOST_LINES + 2, "", "too_many_lines")]),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_each_problem_is_named_with_its_line_and_column(
    text: str, expected: list[tuple[int, str, str]]
) -> None:
    assert problems(text) == expected


def test_all_problems_are_named_at_once() -> None:
    assert problems("code,name\n,z\nninechars,y\nx\n") == [
        (2, "code", "empty"),
        (3, "code", "too_long"),
        (4, "", "wrong_width"),
    ]


def test_a_problem_says_how_much_is_allowed() -> None:
    assert read("code,name\nninechars,y\n", COLUMNS)[1][0].limit == 8


def test_a_file_is_utf_8_with_or_without_a_mark() -> None:
    assert decode("ਗ੍ਰਹਿ".encode()) == decode(b"\xef\xbb\xbf" + "ਗ੍ਰਹਿ".encode()) == "ਗ੍ਰਹਿ"


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        ("code,name\nx,é".encode("latin-1"), 2, "wrong_encoding"),
        ("code".encode("utf-16"), 1, "wrong_encoding"),
        (b"x" * (LARGEST_FILE + 1), 0, "too_large"),
    ],
)
def test_a_file_in_another_encoding_or_too_large_is_refused(data: bytes, line: int, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        decode(data)
    assert (refused.value.problem.line, refused.value.problem.code) == (line, code)


@pytest.mark.parametrize("cell", ["=1+1", "+91", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")'])
def test_no_cell_that_is_written_is_a_formula(cell: str) -> None:
    written = write(["name"], [[cell]])
    line = written.splitlines()[1].strip('"')
    assert line.startswith("'")


def test_what_is_written_is_read_again_as_it_was() -> None:
    rows = [("home", "=Home", '"quoted", and more'), ("pwd", "'apostrophe", "-1")]
    read_again = cells(write(["code", "name", "room"], rows))
    assert [tuple(row.values()) for _, row in read_again] == rows


def test_a_duplicate_names_the_line_of_the_first() -> None:
    (found,) = duplicates([(2, "a"), (3, "b"), (5, "a")], "code")
    assert (found.line, found.column, found.code, found.limit) == (5, "code", "duplicate_in_file", 2)


@pytest.mark.parametrize(
    ("cell", "quoted"),
    [
        ("ten letters", "ten letters"),
        ("x" * (LONGEST_QUOTE + 1), "x" * LONGEST_QUOTE + "…"),
        ("a\x07b-longer", "a\ufffdb-longer"),
    ],
)
def test_a_problem_quotes_what_stands_in_its_cell_shortened_and_printable(cell: str, quoted: str) -> None:
    rows, found = read(f"code,name\n{cell},A\n", COLUMNS)
    assert [(one.column, one.value) for one in with_quotes(found, rows)] == [("code", quoted)]
