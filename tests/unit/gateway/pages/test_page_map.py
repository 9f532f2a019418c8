"""The map of the pages, ``docs/pages.md``, against the routes, templates and RPCs in the code."""

import re
from dataclasses import dataclass
from pathlib import Path

from fastapi.routing import APIRoute

from contracts import rpc
from contracts.rpc.call import Method
from services.gateway import pages
from tests.support.factories.pages import UNDER_A_LANGUAGE
from tests.support.stack.paths import ROOT

MAP = ROOT / "docs/pages.md"
TEMPLATES = ROOT / "services/gateway/templates"
PAGES = ROOT / "services/gateway/pages"
ROW = re.compile(
    r"^\| `(?P<methods>[A-Z, ]+) (?P<url>\S+)` \| `(?P<module>\S+)` "
    r"\| (?P<template>.*?) \| (?P<rpcs>.*?) ?\|$"
)
LANGUAGE_FREE = "."
"""Stands in front of a URL that has no language."""


@dataclass(frozen=True)
class Row:
    """One row of the map."""

    routes: frozenset[tuple[str, str]]
    """Method and path of each route."""
    module: str
    templates: tuple[str, ...]
    rpcs: dict[str, bool]
    """Name → whether the map marks it as changing something."""


def row_of(match: re.Match[str]) -> Row:
    url = match["url"]
    path = (
        url.removeprefix(LANGUAGE_FREE)
        if url.startswith(LANGUAGE_FREE)
        else UNDER_A_LANGUAGE + url.rstrip("/")
    )
    return Row(
        frozenset((method, path) for method in match["methods"].split(", ")),
        match["module"],
        tuple(re.findall(r"`(\S+\.html)`", match["template"])),
        {name: bold == "**" for bold, name in re.findall(r"(\**)`(\S+)`", match["rpcs"])},
    )


def rows(text: str) -> list[Row]:
    return [row_of(match) for line in text.splitlines() if (match := ROW.match(line))]


def mapped() -> list[Row]:
    return rows(MAP.read_text())


def served() -> dict[tuple[str, str], str]:
    """Return method and path of every route of a page → the module that serves it."""
    return {
        (method, route.path): str(Path(route.endpoint.__code__.co_filename).relative_to(PAGES))
        for router in pages.routers(local_mode=True)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }


def methods() -> dict[str, Method]:  # type: ignore[type-arg]  # of any request and reply
    """Return every RPC by its name, such as ``verify.scan``."""
    found = {}
    for module in vars(rpc).values():
        for one in vars(module).values() if hasattr(module, "__file__") else ():
            if isinstance(one, Method):
                found[f"{one.service}.{one.name}"] = one
    return found


def test_the_map_lists_every_page_with_its_module_and_nothing_else() -> None:
    found = [(route, row.module) for row in mapped() for route in row.routes]
    assert len(found) == len(dict(found)), "no route stands there twice"
    assert dict(found) == served()


def test_every_template_in_the_map_exists() -> None:
    for row in mapped():
        for name in row.templates:
            assert list(TEMPLATES.glob(re.sub(r"<\w+>", "*", name))), name


def test_every_rpc_in_the_map_exists_and_is_bold_if_it_changes_something() -> None:
    known = {name: method.command for name, method in methods().items()}
    for row in mapped():
        assert row.rpcs == {name: known.get(name) for name in row.rpcs}, row


def test_every_rpc_that_a_module_calls_is_in_its_rows() -> None:
    """A module that calls ``rpc.verify.SCAN`` has a row with ``verify.scan``; shared modules have no rows."""
    for module in {row.module for row in mapped()}:
        named = re.findall(r"\brpc\.(\w+)\.([A-Z_]+)\b", (PAGES / module).read_text())
        called = {
            f"{getattr(getattr(rpc, service), name).service}.{getattr(getattr(rpc, service), name).name}"
            for service, name in named
        }
        listed = {name for row in mapped() if row.module == module for name in row.rpcs}
        assert called <= listed, module


def test_control_a_page_missing_in_the_map_is_found() -> None:
    text = MAP.read_text().replace("| `GET /cleared` | `sign_in.py` |", "| `GET /gone` | `sign_in.py` |")
    assert {route for row in rows(text) for route in row.routes} ^ set(served()) == {
        ("GET", f"{UNDER_A_LANGUAGE}/cleared"),
        ("GET", f"{UNDER_A_LANGUAGE}/gone"),
    }
