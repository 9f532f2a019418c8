"""The Markdown pages: their width, the paths that they name, and the import contracts that they list."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.stack.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMED_PATH = re.compile(r"`((?:contracts|deploy|docs|epass_client|services|tests|web|bench)/[\w./-]+)`")
MADE_BY_AN_INSTALLATION = re.compile(r"deploy/(\.env$|secrets/)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
LINK_TO_SECTION = re.compile(r"\]\((?!https?:)([^)#\s]*\.md)?#([\w-]+)\)")


def lines_of_prose(page: Path) -> list[str]:
    """Return the lines outside code blocks and tables; neither can be wrapped."""
    outside = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [line for line in outside.splitlines() if not line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_of_prose_is_wider_than_110_columns(page: Path) -> None:
    assert [line for line in lines_of_prose(page) if len(line) > 110] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_of_code_begins_and_ends_on_a_line_of_its_own(page: Path) -> None:
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if "```" in line]
    assert [line for line in lines if not re.fullmatch(r"\s*```\w*", line)] == []
    assert len(lines) % 2 == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = NAMED_PATH.findall(text)
    named = [ROOT / path for path in paths if not MADE_BY_AN_INSTALLATION.match(path)]
    linked = [page.parent / path for path in LINK.findall(text)]
    assert [str(path) for path in [*named, *linked] if not path.exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = (
        re.sub(r"\[(.+?)\]\(.+?\)", r"\1", title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    )
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_section_leads_to_one(page: Path) -> None:
    links = LINK_TO_SECTION.findall(page.read_text(encoding="utf-8"))
    lost = [
        f"{path}#{anchor}"
        for path, anchor in links
        if anchor not in anchors((page.parent / path).resolve() if path else page)
    ]
    assert lost == []


def test_the_architecture_lists_every_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [contract["name"] for contract in contracts if f"- {contract['name']}" not in architecture] == []
