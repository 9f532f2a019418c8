"""Templates to HTML responses. Everything that is put into a page is escaped, and an unknown name is an error."""

from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(
    loader=PackageLoader("services.gateway"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> HTMLResponse:
    """A template of ``templates/``, rendered."""
    return HTMLResponse(_environment.get_template(template).render(**values), status, headers)
