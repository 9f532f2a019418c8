"""Tables as CSV files: read with each problem named by line and column, written so that no cell is a formula.

What a table's columns mean is not here.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.characters import has_control_character
from contracts.model import Wire

LARGEST_FILE = 192 * 1024
"""In bytes, encoded as UTF-8."""
MOST_LINES = 500
LONGEST_QUOTE = 60
"""Characters of a cell that a problem quotes."""
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS = (",", ";", "\t")


class Problem(Wire):
    """One problem of a table: where it is, and a code that front ends translate."""

    line: int
    """As an editor counts the lines of the file, from 1."""
    column: str = ""
    """Empty if it is about the whole line or the whole file."""
    code: str
    limit: int | None = None
    """The number that the sentence mentions: the most that is allowed, or another line."""
    value: str = ""
    """What stands in the cell, shortened."""


class Unreadable(ValueError):
    """The bytes are no text."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, whether its cells must be filled in, and their most characters."""

    name: str
    required: bool = False
    longest: int = 100


@dataclass(frozen=True)
class Row:
    """One line of a table: its number in the file, and its cells by column.

    A column that the file does not have is empty, and among ``missing``.
    """

    line: int
    cells: Mapping[str, str]
    missing: frozenset[str] = frozenset()


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Raises:
        Unreadable: ``wrong_encoding``, with the first line that is not UTF-8; or ``too_large``.
    """
    if len(data) > LARGEST_FILE:
        raise Unreadable(Problem(line=0, code="too_large", limit=LARGEST_FILE // 1024))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(line=line, code="wrong_encoding")) from None


def read(text: str, columns: Sequence[Column]) -> tuple[list[Row], list[Problem]]:
    """Return the lines of a table and the problems of its form. Empty lines do not count.

    The first line names the columns, in any order. Cells are separated by commas, semicolons or tabs, as
    spreadsheets write them. If the columns themselves are wrong, no line is returned.
    """
    header, *lines = _records(text)
    if isinstance(header, Problem):
        return [], [header]
    names = [plain(name).lower() for name in header.cells]
    problems = _problems_of_columns(header.line, names, columns)
    if problems:
        return [], problems
    by_name = {column.name: column for column in columns}
    rows = []
    for number, record in enumerate(lines):
        if isinstance(record, Problem):
            problems.append(record)
            break
        if number == MOST_LINES:
            problems.append(Problem(line=record.line, code="too_many_lines", limit=MOST_LINES))
            break
        if len(record.cells) != len(names):
            problems.append(Problem(line=record.line, code="wrong_width", limit=len(names)))
            continue
        cells = dict(zip(names, map(plain, record.cells), strict=True))
        problems += [
            Problem(line=record.line, column=name, code=code, limit=by_name[name].longest)
            for name, cell in cells.items()
            if (code := _problem_of_cell(cell, by_name[name]))
        ]
        everything = {column.name: cells.get(column.name, "") for column in columns}
        rows.append(Row(record.line, everything, frozenset(everything.keys() - cells.keys())))
    if not rows and not problems:
        problems.append(Problem(line=header.line, code="no_lines"))
    return rows, problems


def write(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as CSV (RFC 4180) with a byte order mark, by which spreadsheets know UTF-8.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; `read` takes it away.
    """
    return "\ufeff" + write_rows([columns]) + write_rows(rows)


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """Return further lines of a table, as `write` makes them."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(
        [f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell for cell in row] for row in rows
    )
    return out.getvalue()


def plain(cell: str) -> str:
    """Return a cell as `read` does: no blanks around it, and no apostrophe that `write` put in front."""
    stripped = cell.strip()
    bare = stripped.removeprefix("'")
    return bare if bare.startswith(_BEGINS_A_FORMULA) else stripped


@dataclass(frozen=True)
class _Record:
    line: int
    cells: list[str]


def _records(text: str) -> list[_Record | Problem]:
    """Return the records that are not empty, the header first. A problem ends the file."""
    found: list[_Record | Problem] = []
    text = text.removeprefix("\ufeff")
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            found.append(Problem(line=line, code="not_csv"))
            break
        if any(cell.strip() for cell in cells):
            found.append(_Record(line, cells))
    return found or [Problem(line=1, code="no_lines")]


def _problems_of_columns(line: int, names: Sequence[str], columns: Sequence[Column]) -> list[Problem]:
    known = {column.name for column in columns}
    problems = [Problem(line=line, column=name, code="unknown_column") for name in names if name not in known]
    problems += [
        Problem(line=line, column=name, code="duplicate_column")
        for name in sorted(known)
        if names.count(name) > 1
    ]
    problems += [
        Problem(line=line, column=column.name, code="missing_column")
        for column in columns
        if column.required and column.name not in names
    ]
    return problems


def _problem_of_cell(cell: str, column: Column) -> str:
    if column.required and not cell:
        return "empty"
    if len(cell) > column.longest:
        return "too_long"
    return "control_character" if has_control_character(cell) else ""


def with_quotes(problems: Iterable[Problem], rows: Iterable[Row]) -> list[Problem]:
    """Return the problems by line, each with what stands in its cell."""
    cells = {(row.line, name): cell for row in rows for name, cell in row.cells.items()}
    quoted = (
        one.model_copy(update={"value": quote(cells.get((one.line, one.column), ""))}) for one in problems
    )
    return sorted(quoted, key=lambda one: one.line)


def quote(cell: str) -> str:
    """Return a cell so that a problem can show it: shortened, and without what cannot be printed."""
    shown = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cell[:LONGEST_QUOTE]
    )
    return f"{shown}…" if len(cell) > LONGEST_QUOTE else shown


def duplicates(keys: Sequence[tuple[int, object]], column: str) -> list[Problem]:
    """Return a problem for each line whose key an earlier line has.

    Args:
        keys: number and key of each line.
        column: in which the problem is shown.
    """
    first: dict[object, int] = {}
    problems = []
    for line, key in keys:
        if key in first:
            problems.append(Problem(line=line, column=column, code="duplicate_in_file", limit=first[key]))
        first.setdefault(key, line)
    return problems
