"""The tree itself: what suites may import from each other, and how long a file may be."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.stack.paths import ROOT

TESTS = ROOT / "tests"
IMPORT = re.compile(
    r"^\s*(?:from (tests\b[\w.]*) import (\([^)]*\)|.*)|import (tests\b[\w.]*))", re.MULTILINE
)


def imports_of(path: Path) -> Iterator[str]:
    """Yield the dotted name of each thing that a module imports from the tests."""
    for package, names, module in IMPORT.findall(path.read_text(encoding="utf-8")):
        yield from [module] if module else [f"{package}.{name}" for name in re.findall(r"[\w*]+", names)]


def found(names: str, *, below: Path = TESTS) -> list[str]:
    """Return each import, below a folder, whose name is matched."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(below.rglob("*.py"))
        for name in imports_of(path)
        if re.search(names, name)
    ]


def test_no_test_imports_a_test() -> None:
    """What two of them need stands in `tests/support`, or in a module of their suite."""
    assert found(r"\.(test_\w+|conftest)\b") == []


def test_what_supports_all_suites_imports_none() -> None:
    assert found(r"^tests\.(?!support\b)", below=TESTS / "support") == []
    assert found(r"^tests\.support\b", below=TESTS / "support"), "the pattern finds imports"


def test_no_file_of_tests_has_more_than_600_lines() -> None:
    files = [*TESTS.rglob("*.py"), *(ROOT / "web" / "gate" / "test").glob("*.ts")]
    long = [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 600]
    assert len(files) > 500
    assert long == []


def test_no_file_of_code_written_by_hand_has_more_than_450_lines() -> None:
    """A longer one holds several subjects."""
    folders = ("contracts", "deploy", "epass_client", "services")
    files = [path for name in folders for path in (ROOT / name).rglob("*.py")]
    long = {
        str(path.relative_to(ROOT))
        for path in files
        if len(path.read_text(encoding="utf-8").splitlines()) > 450
    }
    assert long == {"epass_client/calls.py"}, "and that is generated"
