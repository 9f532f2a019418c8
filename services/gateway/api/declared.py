"""The routes that the contracts declare (`contracts.rpc.call.Http`), made from what stands there.

A route reads the request of its call from path, query and body, makes the call and returns the reply. Where
there is more to do than that, a module beside this one does it (`answers`).
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from inspect import Parameter, Signature, cleandoc, signature
from typing import Annotated, Any, Concatenate, TypeVar, get_origin

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from contracts.model import Strict, Wire
from contracts.rpc.call import Callers, Method
from services.gateway.access.admission import Caller, rate_limited
from services.gateway.access.callers import ACCESS
from services.gateway.access.idempotency_keys import IdempotencyKey

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
Work = Callable[Concatenate[Caller, Q, ...], Awaitable[R]]
"""What a route does: it gets the caller and the request, and returns the reply.

A further parameter ``key`` is the Idempotency-Key. Others are what FastAPI knows by their types.
"""
_FRESH = """

Needs a second factor that was shown within five minutes, if the login has one: `403` with
`second_factor_stale` asks for it."""
_CHAPTERS: dict[Callers, str] = {
    "signing_in": "anyone",
    "pass_holder": "passes",
    "signed_in": "staff",
    "closer": "department",
    "closure_reader": "department",
    "watcher": "watchlist",
    "guard": "security",
    "guard_on_device": "security",
    "guard_of_site": "security",
}
"""Under which tag of the OpenAPI document an operation stands, if not under the name of its callers."""


def answers(router: APIRouter, method: Method[Q, R]) -> Callable[[Work[Q, R]], Work[Q, R]]:
    """Return a decorator that adds the declared route of a call to a router, with other work to do."""

    def add(work: Work[Q, R]) -> Work[Q, R]:
        _add(router, method, work)
        return work

    return add


def rest_of(methods: Iterable[Method[Any, Any]], routers: Iterable[APIRouter]) -> APIRouter:
    """Return a router with all declared routes that are in none of the others.

    A path without parameters comes first, so that no parameter of another path takes it.
    """
    done = {getattr(route, "name", "") for router in routers for route in router.routes}
    rest = [one for one in methods if one.http is not None and one.http.name not in done]
    router = APIRouter()
    for method in sorted(rest, key=lambda one: "{" in one.http.route if one.http else False):
        _add(router, method, _call_of(method))
    return router


def _call_of(method: Method[Q, R]) -> Work[Q, R]:
    async def query(caller: Caller, request: Q) -> R:
        return await caller.query(method, request)

    async def command(caller: Caller, request: Q, key: str | None) -> R:
        return await caller.command(method, request, key)

    async def command_with_its_key(caller: Caller, request: Q) -> R:
        return await caller.command(method, request)

    return (command_with_its_key if method.carries_key else command) if method.command else query


def _add(router: APIRouter, method: Method[Any, Any], work: Work[Any, Any]) -> None:
    """Add the declared route of a call to a router."""
    http = method.http
    assert http is not None
    verb, _, path = http.route.partition(" ")
    further = dict(list(signature(work).parameters.items())[2:])

    async def endpoint(caller_: Caller, body_: BaseModel | None = None, **given: Any) -> Any:
        also = {name: given.pop(f"{name}_") for name in further}
        if not isinstance(body_, method.request):
            sent = {name: getattr(body_, name) for name in body_.model_fields_set} if body_ else {}
            body_ = method.request(**given, **sent)
        return await work(caller_, body_, **also)

    parameters: dict[str, Any] = {"caller_": Annotated[Caller, Depends(ACCESS[http.callers])]}
    parameters |= {
        f"{name}_": IdempotencyKey if name == "key" else one.annotation for name, one in further.items()
    }
    endpoint.__signature__ = Signature(  # type: ignore[attr-defined]  # FastAPI reads it
        [
            *(Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in parameters.items()),
            *_fields(method.request, verb, re.findall(r"\{(\w+)\}", path)),
        ]
    )
    router.add_api_route(
        f"/api/v1{path}".removeprefix(router.prefix),
        endpoint,
        methods=[verb],
        name=http.name,
        description=cleandoc(http.does) + (_FRESH if method.fresh else ""),
        status_code=http.status,
        response_model=method.reply,
        tags=None if router.tags else [_CHAPTERS.get(http.callers, http.callers)],
        dependencies=[rate_limited(http.limit)] if http.limit else [],
    )


def _fields(request: type[Wire], verb: str, in_path: list[str]) -> Iterator[Parameter]:
    """Yield the parameters of a route for the fields of a request."""
    rest = {name: field for name, field in request.model_fields.items() if name not in in_path}
    for name in in_path:
        yield _parameter(name, request.model_fields[name], Path)
    if verb == "GET":
        yield from (_parameter(name, field, Query) for name, field in rest.items())
    elif rest:
        body: Any = request
        if in_path:  # the request itself checks what concerns several of its fields
            these: Any = {name: (field.annotation, field) for name, field in rest.items()}
            body = create_model(request.__name__, __base__=Strict, __doc__=request.__doc__, **these)
        yield Parameter("body_", Parameter.KEYWORD_ONLY, annotation=body)


def _parameter(name: str, field: FieldInfo, place: Callable[..., Any]) -> Parameter:
    """Return the parameter of a route for a field in the path or in the query.

    In the path several values are one text, which the request takes apart.
    """
    is_text = place is Path and get_origin(field.annotation) is tuple
    described = place(description=field.description)
    kind = Annotated[str, described] if is_text else Annotated[(field.annotation, *field.metadata, described)]
    default = Parameter.empty if field.is_required() else field.default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
