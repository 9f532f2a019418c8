"""The generated documents are valid by the schemas of their specifications.

``asyncapi-3.0.0.schema.json`` is the AsyncAPI initiative's JSON schema (Apache-2.0, npm ``@asyncapi/specs``
6.11.1), compacted.
"""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from contracts import asyncapi
from services.gateway.documents import openapi_file as openapi
from tests.support.stack.yaml_files import load

SCHEMA = json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text())
Document = dict[str, Any]
FORMATS = jsonschema.FormatChecker(("date", "date-time", "uuid"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def test_asyncapi_is_valid() -> None:
    document = load(asyncapi.FILE.read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_a_broken_asyncapi_document_is_refused() -> None:
    broken = copy.deepcopy(asyncapi.document())
    next(iter(broken["operations"].values()))["action"] = "shout"
    assert list(VALIDATOR.iter_errors(broken))


def test_openapi_is_valid() -> None:
    document = load(openapi.FILE.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_a_broken_openapi_document_is_refused() -> None:
    broken = {**DOCUMENT, "info": {"version": "1"}}
    assert next(iter(OpenAPIV31SpecValidator(broken).iter_errors()), None)


def test_openapi_says_where_it_is_served_by_whom_and_on_what_terms() -> None:
    document = DOCUMENT
    assert document["info"]["contact"]["url"] == "/en/about/contact"
    assert document["info"]["license"]["url"] == document["info"]["termsOfService"] == "/en/about/terms"
    assert [server["url"] for server in document["servers"]] == ["/"]


def operations(document: Document) -> dict[str, Document]:
    """Return the operations of an OpenAPI document by their method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


DOCUMENT = openapi.document()
OPERATIONS = operations(DOCUMENT)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_has_the_title_of_a_sentence_and_examples_that_its_schemas_accept(name: str) -> None:
    title = OPERATIONS[name]["summary"]
    assert " " in title
    assert title != title.title(), "made from the name of a function"
    assert not title.endswith(".")
    assert faults_of_examples(DOCUMENT, OPERATIONS[name]) == []


def test_control_a_missing_and_a_wrong_example_are_found() -> None:
    document = copy.deepcopy(DOCUMENT)
    operation = document["paths"]["/api/v1/otp"]["post"]
    operation["requestBody"]["content"]["application/json"]["example"]["mobile"] = 98765
    del operation["responses"]["202"]["content"]["application/json"]["example"]
    assert faults_of_examples(document, operation) == ["98765 is not of type 'string'", "202: no example"]


def faults_of_examples(document: Document, operation: Document) -> list[str]:
    """Return what is wrong with the examples of bodies and of required parameters."""
    bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
    bodies |= {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
    found = {
        name: content
        for name, body in bodies.items()
        for media_type, content in body.get("content", {}).items()
        if media_type != "image/png"  # bytes have no example
    }
    found |= {
        parameter["name"]: parameter
        for parameter in operation.get("parameters", ())
        if parameter.get("required")
    }
    faults = []
    for name, content in found.items():
        if "example" not in content:
            faults.append(f"{name}: no example")
        elif "schema" in content:
            schema = {**content["schema"], "components": document["components"]}
            validator = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
            faults += [error.message for error in validator.iter_errors(content["example"])]
    return faults
