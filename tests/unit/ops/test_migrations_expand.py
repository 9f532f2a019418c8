"""A migration only expands: what the release before it reads and writes stays where it is.

Old processes go on with the new tables while an upgrade lasts (docs/upgrading.md). What is not needed any
more is taken away by a later release than the one that stops using it; whoever does that names it in
``CONTRACTED``.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.support.stack.paths import ROOT

MIGRATIONS = sorted(ROOT.glob("services/*/migrations/versions/*.py"))
CONTRACTED: frozenset[str] = frozenset()
"""Migrations that take away what no process of the release before uses, such as ``verify/0103_old``."""
TAKES_AWAY = re.compile(
    r"\bop\.(?:drop_column|drop_table|rename_table)\b|\bnew_column_name\b"
    r"|\bdrop\s+(?:column|table)\b|\brename\s+(?:column|to)\b",
    re.IGNORECASE,
)


def takes_away(source: str) -> list[str]:
    """Return what a migration drops or renames on its way up; the way down is not taken in production."""
    rest = "\n".join(
        ast.unparse(node)
        for node in ast.parse(source).body
        if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade")
    )
    return TAKES_AWAY.findall(rest)


@pytest.mark.parametrize("file", MIGRATIONS, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_no_migration_drops_or_renames_what_the_release_before_it_uses(file: Path) -> None:
    if f"{file.parts[-4]}/{file.stem}" not in CONTRACTED:
        assert takes_away(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "step",
    [
        'op.drop_column("passes", "holder")',
        'op.alter_column("passes", "holder", new_column_name="owner")',
        'op.execute("ALTER TABLE passes RENAME COLUMN holder TO owner")',
        'op.execute("ALTER TABLE passes DROP COLUMN holder")',
        'op.rename_table("passes", "tickets")',
    ],
)
def test_control_a_step_that_takes_something_away_is_found(step: str) -> None:
    assert takes_away(f"def upgrade():\n    {step}\n") != []
    assert takes_away(f"def downgrade():\n    {step}\n") == []
