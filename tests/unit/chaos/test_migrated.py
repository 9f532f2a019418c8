"""The copy of migrated databases is made anew when what makes it has changed."""

from pathlib import Path

import pytest

from tests.support.stack import migrated


def test_a_migration_that_changes_or_comes_gives_another_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrated, "ROOT", tmp_path)
    folder = tmp_path / "services" / "verify" / "migrations" / "versions"
    folder.mkdir(parents=True)
    names = []
    for name, content in (("0001.py", "1"), ("0001.py", "2"), ("0002.py", "3")):
        (folder / name).write_text(content)
        names.append(migrated._version())
    assert len(set(names)) == 3
    assert migrated._version() == names[-1]
