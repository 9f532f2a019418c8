"""Every call and event of the contracts has one entrypoint, whose handler fits what the contracts say."""

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy.orm import Session

from contracts import events, rpc
from contracts.envelope import Received
from contracts.rpc.call import Call, Method, Nothing
from contracts.subscriptions import SERVICES, SUBSCRIPTIONS
from services.chassis.db.database import Database
from services.chassis.db.providers import Schedule
from services.chassis.messaging.entrypoint import EventEntrypoint
from services.chassis.rpc.server import GuardedRpc
from services.chassis.runtime.handlers import SINGLE
from services.chassis.runtime.settings import ServiceSettings

METHODS = {(one.service, one.name): one for one in rpc.METHODS}
Entry = tuple[str, Any, Callable[..., Any]]
EACH_SERVICE = pytest.mark.parametrize("service", sorted(SERVICES))


def settings_of(service: str) -> type:
    """Return the class of the settings that a service is given."""
    module = importlib.import_module(f"services.{service}.settings")
    (found,) = (
        one
        for one in vars(module).values()
        if inspect.isclass(one) and one.__module__ == module.__name__ and issubclass(one, ServiceSettings)
    )
    return found


def entries_of(service: str) -> list[Entry]:
    """Return the name, nameko's entrypoint and the handler of each line of a service's nameko classes."""
    modules = [importlib.import_module(f"services.{service}.{one}") for one in ("service", "consumers")]
    classes = [
        one
        for module in modules
        for one in vars(module).values()
        if inspect.isclass(one) and one.__module__ == module.__name__
    ]
    return [
        (name, entry, method.__wrapped__)
        for one in classes
        for name, method in vars(one).items()
        for entry in getattr(method, "nameko_entrypoints", ())
    ]


def answers(service: str, *, together: bool) -> list[tuple[str, Method[Any, Any], Callable[..., Any]]]:
    return [
        (name, entry.method, handler)
        for name, entry, handler in entries_of(service)
        if isinstance(entry, GuardedRpc) and entry.together == together
    ]


@EACH_SERVICE
def test_each_call_of_the_contract_has_an_entrypoint_of_its_name(service: str) -> None:
    wanted = {method.name: method for method in rpc.METHODS if method.service == service}
    assert {name: method for name, method, _ in answers(service, together=False)} == wanted
    together = {method.name for _, method, _ in answers(service, together=True)}
    assert together == {name for name, method in wanted.items() if method.together}


@pytest.mark.parametrize("method", rpc.METHODS, ids=lambda one: f"{one.service}.{one.name}")
def test_each_call_has_an_example_of_its_request_and_of_its_reply(method: Method[Any, Any]) -> None:
    for example in (method.example, method.reply_example):
        assert type(example).model_validate_json(example.model_dump_json(by_alias=True)) == example


@EACH_SERVICE
def test_each_subscription_of_the_contract_has_one_entrypoint(service: str) -> None:
    found = Counter(
        entry.event_name for _, entry, _ in entries_of(service) if isinstance(entry, EventEntrypoint)
    )
    assert found == Counter(event.__name__ for event in SUBSCRIPTIONS.get(service, ()))


def _fits(given: Any, wanted: Any) -> bool:
    """Return whether a parameter that is annotated with ``wanted`` takes ``given``."""
    if isinstance(wanted, TypeVar):
        return issubclass(given, wanted.__bound__)
    return given == wanted or given in get_args(wanted)


@EACH_SERVICE
def test_the_types_of_each_handler_fit_what_it_is_given(service: str) -> None:
    """The checker of types sees a request, a reply and an event; what comes by its name it does not see."""
    settings = settings_of(service)
    always = {"db": Database, "now": datetime, "settings": settings, "session": Session}
    always |= {name: one.annotation for name, one in settings.model_fields.items() if name in SINGLE}
    for name, entry, handler in entries_of(service):
        hints, given = get_type_hints(handler), dict(always)
        given |= {"call": Call, "service": str}
        reply = hints.pop("return")
        if isinstance(entry, GuardedRpc) and entry.together:
            given["asked"] = Sequence[tuple[entry.method.request, Call]]
            assert reply == Sequence[entry.method.reply | None], name
        elif isinstance(entry, GuardedRpc):
            given["request"] = entry.method.request
            assert reply == entry.method.reply, name
            assert entry.method.request is Nothing or "request" in hints, name
        elif isinstance(entry, EventEntrypoint):
            event = events.BY_NAME[entry.event_name]
            first, hint = next(iter(hints.items()))
            taken = get_args(hint)[0] if get_origin(hint) is Sequence else hint
            assert _fits(event, get_args(taken)[0] if get_origin(taken) is Received else taken), name
            del hints[first]
        else:
            assert isinstance(entry, Schedule)
        for parameter, hint in hints.items():
            if parameter in {*given, *SINGLE}:
                assert _fits(given[parameter], hint) or issubclass(given[parameter], hint), (name, parameter)
