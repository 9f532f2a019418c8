"""The OpenAPI document is complete, and the same each time.

`tests/contract/test_documents.py` validates it.
"""

import json
import re
from functools import cache
from typing import Any

from services.gateway.app import create_app
from tests.support.factories.gateway import gateway_settings

READS = {"lookUpStatus", "lookUpRequest", "searchReviews", "lookUpAtCounter", "showEnrolment"}
"""POST only because the question must not stand in a URL."""
NEEDS_NO_KEY = {"scanPass", "syncScans", "reportGateDevice", "openApplication"}
"""The nonce in its body is its key; of reports of a device the last one counts; what is open stays open."""


@cache
def document() -> dict[str, Any]:
    return create_app(gateway_settings()).openapi()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_the_same_each_time_and_in_each_mode() -> None:
    again = create_app(gateway_settings(local_mode=False)).openapi()
    assert json.dumps(again) == json.dumps(document())


def test_each_operation_has_a_unique_name_a_tag_and_a_description() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names)
    assert all(operation["tags"] and operation["description"] for _, _, operation in operations())


def test_each_operation_lists_its_problems() -> None:
    for path, method, operation in operations():
        problems = {
            status
            for status, response in operation["responses"].items()
            if "application/problem+json" in response.get("content", {})
        }
        assert {"404", "422", "429", "500", "503"} <= problems, path
        assert ({"401", "403"} <= problems) == bool(operation["security"]), path
        assert method != "post" or {"409", "413", "415"} <= problems


def test_each_command_takes_an_idempotency_key_unless_a_repeat_is_safe_without() -> None:
    for path, method, operation in operations():
        names = [parameter["name"] for parameter in operation.get("parameters", [])]
        command = method == "delete" or (
            method == "post" and operation["operationId"] not in READS | NEEDS_NO_KEY
        )
        assert ("idempotency-key" in [name.lower() for name in names]) is command, path


def test_each_response_is_a_model_of_the_contracts() -> None:
    for path, _, operation in operations():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if content is not None:
                assert status.startswith("2"), path
                assert content["schema"].get("$ref", "").startswith("#/components/schemas/"), path


def test_an_operation_for_staff_lists_its_roles() -> None:
    approve = document()["paths"]["/api/v1/reviews/{review_id}/approve"]["post"]
    assert approve["x-roles"] == ["department"]
    assert approve["security"] == [{"bearer": []}, {"cookie": []}]


def test_routes_of_local_mode_are_not_in_the_document() -> None:
    assert not [path for path in document()["paths"] if path.startswith("/dev")]
