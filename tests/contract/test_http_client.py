"""The HTTP client against the document of the interface: each operation has a function, and the reverse."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts import rpc
from epass_client import calls
from epass_client.call import Call
from tests.support.stack.yaml_files import load

Operation = dict[str, Any]
DOCUMENT: dict[str, Any] = load(Path("contracts/openapi.yaml").read_text())
NONCE_IS_THE_KEY = {"scanPass", "syncScans"}
"""Commands that send no Idempotency-Key, since their body has one."""
OPERATIONS: dict[str, tuple[str, str, Operation]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
"""Method, path and description of each operation, by its ``operationId``."""
OPTIONAL = {"after": "x", "limit": 10, "closed": True, "since": "1", "held": "1.x", "state": "active"}
"""Parameters of a query that the examples of the document leave out."""


def snake_case(operation_id: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", operation_id).lower()


def call_of(operation_id: str) -> Call[Any]:
    """Return a call of an operation with the values of its examples."""
    _, _, operation = OPERATIONS[operation_id]
    examples = {one["name"]: one["example"] for one in operation.get("parameters", []) if "example" in one}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example", {})
    function = getattr(calls, snake_case(operation_id))
    wanted = inspect.signature(function, eval_str=True).parameters
    if "body" in wanted:
        return function(wanted["body"].annotation.model_validate(body))  # type: ignore[no-any-return]
    values = OPTIONAL | examples | body
    return function(**{name: values[name] for name in wanted if name in values})  # type: ignore[no-any-return]


def test_each_operation_has_a_function_and_each_function_is_an_operation():
    public = {
        name for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__
    }  # fmt: skip
    assert public == {snake_case(operation_id) for operation_id in OPERATIONS}


def test_each_declared_operation_is_in_the_document():
    declared = {f"{one.http.name} {one.http.route}" for one in rpc.METHODS if one.http is not None}
    served = {
        f"{snake_case(name)} {method} {path.removeprefix('/api/v1')}"
        for name, (method, path, _) in OPERATIONS.items()
    }
    assert len(declared) > 60
    assert declared <= served


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_a_call_has_the_method_path_parameters_key_body_and_answer_of_its_operation(operation_id):
    call, (method, path, operation) = call_of(operation_id), OPERATIONS[operation_id]
    assert call.method == method
    assert re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), call.path)
    parameters = operation.get("parameters", [])
    known = {one["name"] for one in parameters if one["in"] == "query"}
    assert call.query.keys() == known & (OPTIONAL.keys() | call.query.keys())

    takes_key = any(one["name"].lower() == "idempotency-key" for one in parameters)
    assert (call.key is not None) == (takes_key and operation_id not in NONCE_IS_THE_KEY)

    assert (call.body is not None) == ("requestBody" in operation)
    if call.body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(json.loads(call.body))

    success, *_ = (response for status, response in operation["responses"].items() if status.startswith("2"))
    answer = success.get("content", {}).get("application/json", {}).get("schema")
    if answer is not None:
        assert call.answer.__name__ == answer["$ref"].rsplit("/", 1)[1]
    else:
        assert call.answer.__name__ in {"bytes", "Nothing"}
