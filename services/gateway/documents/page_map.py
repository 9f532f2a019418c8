"""The map of the pages in ``docs/pages.md``: URL, who may open it, module, templates and RPCs.

Templates and RPCs are those that the function of a route names, or a function of the gateway's pages that it
reaches. Usage: python -m services.gateway.documents.page_map [--check]
"""

import ast
import inspect
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fastapi.routing import APIRoute

from contracts.documents import table, with_block, write_or_check
from contracts.rpc.call import Method
from services.gateway import pages
from services.gateway.access.callers import access_of

FILE = Path(__file__).parents[3] / "docs" / "pages.md"
UNDER_A_LANGUAGE = "/{language:lang}"
READ = ("services.gateway.pages.", "services.gateway.handlers.")
"""Modules whose functions belong to a page that calls them."""
OF_EVERY_PAGE = tuple(
    f"services.gateway.pages.shared.{name}"
    for name in ("error_pages", "languages", "messages", "navigation", "render", "view")
)


def text() -> str:
    """Return the page with its map: a row for each path of a module."""
    (router,) = pages.routers(local_mode=True)
    routes: defaultdict[tuple[str, str], list[APIRoute]] = defaultdict(list)
    for route in router.routes:
        if isinstance(route, APIRoute):
            routes[route.endpoint.__module__, route.path].append(route)
    head = ("URL", "who", "module", "template", "RPC")
    return with_block(FILE, "map", table(head, (_row(*place, routes[place]) for place in sorted(routes))))


def _row(module: str, path: str, routes: list[APIRoute]) -> tuple[str, ...]:
    path = path.replace(":path", "")
    url = path.removeprefix(UNDER_A_LANGUAGE) or "/" if path.startswith(UNDER_A_LANGUAGE) else f".{path}"
    verbs = sorted({method for route in routes for method in route.methods or ()})
    templates, calls = set[str](), set[tuple[str, bool]]()
    for route in routes:
        for function in _functions(route.endpoint):
            names, objects = _names(function)
            templates |= names
            calls |= {
                (f"{one.service}.{one.name}", one.command) for one in objects if isinstance(one, Method)
            }
    return (
        f"`{', '.join(verbs)} {url}`",
        ", ".join(sorted(set().union(*(_who(route) for route in routes)))),
        f"`{module.removeprefix(f'{pages.__name__}.').replace('.', '/')}.py`",
        ", ".join(f"`{name}`" for name in sorted(templates)),
        ", ".join(f"**`{name}`**" if changes else f"`{name}`" for name, changes in sorted(calls)),
    )


def _who(route: APIRoute) -> set[str]:
    access = access_of(route)
    if access is None or access.everybody:
        return {"everybody"}
    return {*access.roles, *(["applicants"] if access.applicants else [])}


@cache
def _names(function: FunctionType) -> tuple[frozenset[str], tuple[Any, ...]]:
    """Return the templates that a function names, and the objects of its module that it mentions."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found = (_value(node, function.__globals__) for node in ast.walk(tree))
    texts = {_text(node) for node in ast.walk(tree)}
    return frozenset(one for one in texts if re.search(r"[\w>]\.html$", one)), tuple(_flat(found))


def _value(node: ast.AST, names: dict[str, Any]) -> Any:
    """Return what a name stands for, such as ``rpc.verify.scans.SCAN``; None for a local one."""
    match node:
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=owner, attr=name):
            whole = _value(owner, names)
            return getattr(whole, name, None) if isinstance(whole, ModuleType) else None
    return None


def _text(node: ast.AST) -> str:
    """Return a constant text; what an f-string fills in stands in it as its name, ``apply/<name>.html``."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_part(part) for part in parts)
    return ""


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        *_, name = re.findall(r"\w+", ast.unparse(part.value))
        return f"<{name}>"
    return str(part.value) if isinstance(part, ast.Constant) else ""


def _flat(objects: Iterable[Any]) -> Iterator[Any]:
    """Yield objects, and what stands in constants that are tables."""
    for one in objects:
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, tuple) else (one,)
        for part in parts:
            yield from part if isinstance(part, tuple) else (part,)


def _functions(endpoint: Callable[..., Any]) -> set[FunctionType]:
    """Return a function with those of the pages that it reaches."""
    found, new = set[FunctionType](), [endpoint]
    while new:
        function = inspect.unwrap(new.pop())
        if isinstance(function, FunctionType) and _has_source(function) and function not in found:
            found.add(function)
            for one in _names(function)[1]:
                module = getattr(one, "__module__", None) or ""
                if module.startswith(READ) and module not in OF_EVERY_PAGE:
                    new += [one] if isinstance(one, FunctionType) else _methods(one)
    return found


def _has_source(function: FunctionType) -> bool:
    """Return whether a function is written on lines of its own: no lambda, and not made by a dataclass."""
    return function.__name__ != "<lambda>" and function.__code__.co_filename.endswith(".py")


def _methods(one: Any) -> list[FunctionType]:
    """Return the methods of a class; none of anything else."""
    parts = vars(one).values() if inspect.isclass(one) else ()
    return [part for part in parts if isinstance(part, FunctionType)]


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, text()))
