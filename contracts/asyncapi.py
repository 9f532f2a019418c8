"""`contracts/asyncapi.yaml` (AsyncAPI 3.0, AMQP bindings), generated from the events and the subscriptions.

Usage: python -m contracts.asyncapi [--check]
"""

import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from contracts.documents import write_or_check
from contracts.envelope import Envelope
from contracts.events import ALL, Event
from contracts.subscriptions import GATEWAY_SUBSCRIPTIONS, Subscription, exchange_of, subscriptions

FILE = Path(__file__).with_name("asyncapi.yaml")
AMQP = "0.3.0"
_Json = dict[str, Any]
_REF = "#/components/schemas/{model}"


def document() -> _Json:
    """Return the whole document."""
    subscribed = list(subscriptions())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "e-Pass events",
            "version": "1.0.0",
            "description": "Every event of e-Pass: who publishes it and who subscribes to it. Events arrive "
            "in any order, and each may arrive more than once. A message with several events of one type has "
            "each on a line of its own (application/x-ndjson). The personal block is sealed (Fernet); its "
            "content is described under x-epass-personal.",
        },
        "defaultContentType": "application/json",
        "channels": {
            **{_channel(event): _exchange(event) for event in ALL},
            **{one.queue: _queue(one) for one in subscribed},
        },
        "operations": {
            **{f"publish{event.__name__}": _publish(event) for event in ALL},
            **{f"{one.service}Receives{one.event.__name__}": _receive(one) for one in subscribed},
            **{
                f"gatewayReceives{event.__name__}": _operation("receive", _channel(event), event)
                for event in GATEWAY_SUBSCRIPTIONS
            },
        },
        "components": {"messages": {event.__name__: _message(event) for event in ALL}, "schemas": _schemas()},
    }


def _channel(event: type[Event]) -> str:
    return f"{exchange_of(event.producer)}.{event.__name__}"


def _exchange(event: type[Event]) -> _Json:
    exchange = {
        "name": exchange_of(event.producer),
        "type": "topic",
        "durable": True,
        "autoDelete": False,
        "vhost": "/",
    }
    return {
        "address": event.__name__,
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": AMQP}},
    }


def _queue(one: Subscription) -> _Json:
    queue = {"name": one.queue, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}
    return {
        "address": one.queue,
        "messages": {one.event.__name__: {"$ref": f"#/components/messages/{one.event.__name__}"}},
        "bindings": {"amqp": {"is": "queue", "queue": queue, "bindingVersion": AMQP}},
    }


def _operation(action: str, channel: str, event: type[Event]) -> _Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{event.__name__}"}],
    }


def _publish(event: type[Event]) -> _Json:
    return _operation("send", _channel(event), event) | {
        "bindings": {
            "amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": AMQP}
        }
    }


def _receive(one: Subscription) -> _Json:
    return _operation("receive", one.queue, one.event) | {
        "bindings": {"amqp": {"ack": True, "bindingVersion": AMQP}}
    }


def _message(event: type[Event]) -> _Json:
    narrowed = {
        "type": {"const": event.__name__},
        "version": {"const": event.version},
        "producer": {"const": event.producer},
        "data": {"$ref": _REF.format(model=event.__name__)},
    }
    message: _Json = {
        "name": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "payload": {
            "allOf": [{"$ref": _REF.format(model="Envelope")}, {"type": "object", "properties": narrowed}]
        },
    }
    personal = event.model_fields.get("personal")
    if personal is not None and personal.annotation is not None:
        message["x-epass-personal"] = {"$ref": _REF.format(model=personal.annotation.__name__)}
    return message


def _schemas() -> _Json:
    """Return the schemas of all models. The clear part of an event never has ``personal``."""
    _, found = models_json_schema(
        [(Envelope, "serialization"), *((event, "serialization") for event in ALL)], ref_template=_REF
    )
    schemas: _Json = found["$defs"]
    for event in ALL:
        schema = schemas[event.__name__]
        schema["properties"].pop("personal", None)
        schema["required"] = [name for name in schema.get("required", []) if name != "personal"]
    return dict(sorted(schemas.items()))


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, document()))
