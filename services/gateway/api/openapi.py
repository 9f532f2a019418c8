"""The OpenAPI 3.1 document: what FastAPI generates, plus what it does not know (problems, sessions)."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from contracts.examples import SIGNED, Schema, accepted_by
from services.gateway.access.callers import access_of
from services.gateway.edge.problems import MEDIA_TYPE, Problem

DESCRIPTION = """\
Visitor passes for the Punjab Civil Secretariat.

Sign in with `POST /api/v1/otp` and `/otp/verify` (applicants) or `POST /api/v1/sessions` (staff), and send
the token as `Authorization: Bearer …`. Every error is a problem (RFC 9457). Send an `Idempotency-Key` with
each command: then `503`, which means that the outcome is unknown, can safely be answered by repeating the
same request with the same key. A scan has no such header, because the `nonce` in its body is its key.
Instants are RFC 3339; dates and times of day are Indian Standard Time. Lists have `items` and `next`, to be
passed as `after`. Fields that are not known are refused in requests; expect new ones in answers.
"""
TAGS = [
    {"name": "anyone", "description": "Without a session"},
    {"name": "applicant", "description": "With the session that an OTP gives"},
    {"name": "passes", "description": "The applicant whose pass it is, and the reception"},
    {"name": "staff", "description": "Sessions and passwords"},
    {"name": "ado", "description": "The ADO Branch, which issues logins"},
    {"name": "watchlist", "description": "The ADO Branch and security, who keep the watchlist"},
    {"name": "reception", "description": "The counter"},
    {"name": "department", "description": "Who decides"},
    {"name": "security", "description": "The gate"},
    {"name": "machines", "description": "Keys and the status list"},
]
SERVERS = [{"url": "/", "description": "The installation that serves this document"}]
CONTACT = {"name": "Who runs this service", "url": "/en/about/contact"}
LICENCE = {"name": "Terms of use", "url": "/en/about/terms"}
_SUCCESSES = {
    "200": "The answer",
    "201": "Created",
    "202": "Accepted; it happens soon",
    "204": "Done; there is no content",
}
_PROBLEMS = {
    "401": "No session, or one that ended",
    "403": (
        "Not for this login (`must_change_password`: change the password first; `second_factor_stale`: "
        "send a new code to `/sessions/current/code` and repeat)"
    ),
    "404": "No such thing, or not for this caller",
    "409": "The present state does not allow it",
    "413": "The body is larger than 64 KiB (240 kB for `/scans/sync`)",
    "415": "The body is not JSON",
    "422": "Something in the request is not accepted; `errors` names each field",
    "429": "Too many attempts; see `Retry-After`",
    "500": "A fault of ours",
    "503": (
        "A part is down: the outcome is unknown, repeat with the same `Idempotency-Key` after `Retry-After`"
    ),
}
_OF_CONTENT = {
    "application/jose": SIGNED,
    "text/csv": (
        "department,month,applications,decisions,median_seconds,p95_seconds,percent_before_visit\r\n"
        "home,2026-11-01,412,398,7200,93600,94\r\n"
    ),
    "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 85 85">…</svg>',
}
"""Media type of an answer that is not JSON → its example. A picture in bytes has none."""
_SESSION: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]


def document(app: FastAPI) -> dict[str, Any]:
    """Return the whole document, the same each time."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    for route in routes:
        first, *rest = route.name.split("_")
        route.operation_id = route.operation_id or first + "".join(word.capitalize() for word in rest)
        first_sentence, _, _ = " ".join(route.description.partition("\n\n")[0].split()).partition(". ")
        route.summary = route.summary or first_sentence.removesuffix(".")
    result = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=routes, tags=TAGS
    )
    result["info"] |= {"contact": CONTACT, "license": LICENCE, "termsOfService": LICENCE["url"]}
    result["servers"] = SERVERS
    for route in routes:
        for method in (route.methods or ()) if route.include_in_schema else ():
            _add_access_and_problems(result["paths"][route.path_format][method.lower()], route, method)
    _add_components(result["components"])
    _drop_titles_of_fields(result)
    _add_examples(result)
    return result


def _add_access_and_problems(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    access = access_of(route)
    open_to_all = access is None or access.everybody
    if access is not None and access.roles and not access.applicants:
        operation["x-roles"] = list(access.roles)
    operation["security"] = [] if open_to_all else _SESSION
    without = ({"401", "403"} if open_to_all else set()) | (
        {"409", "413", "415"} if method != "POST" else set()
    )
    for status, meaning in _SUCCESSES.items():
        if status in operation["responses"]:
            operation["responses"][status]["description"] = meaning
    for status in sorted(_PROBLEMS.keys() - without):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"][status] = {"description": _PROBLEMS[status], "content": content}


def _drop_titles_of_fields(part: Any) -> None:
    """Delete the titles that were made from names of fields, such as "Id Last4"; they say nothing more."""
    if isinstance(part, list):
        for one in part:
            _drop_titles_of_fields(one)
    elif isinstance(part, dict):
        for schema in (*part.get("properties", {}).values(), part.get("schema")):
            if isinstance(schema, dict):
                schema.pop("title", None)
        for one in part.values():
            _drop_titles_of_fields(one)


def _add_components(components: dict[str, Any]) -> None:
    schemas = components["schemas"]
    _, problem = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(problem["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
    }


def _add_examples(document: Schema) -> None:
    """Give each body and each parameter of a document its example, in place."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter.get("required"):
                    parameter["example"] = accepted_by(
                        parameter["schema"], schemas, parameter["name"].lower()
                    )
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for body in (*bodies, *_successes(operation)):
                for media_type, content in body.get("content", {}).items():
                    if media_type == "application/json":
                        content["example"] = accepted_by(content["schema"], schemas)
                    elif media_type in _OF_CONTENT:
                        content["example"] = _OF_CONTENT[media_type]


def _successes(operation: Schema) -> list[Schema]:
    return [response for status, response in operation["responses"].items() if status.startswith("2")]
