"""The generated documents are fresh, and valid by the schemas of their specifications.

``asyncapi-3.0.0.schema.json`` is the AsyncAPI initiative's JSON schema (Apache-2.0, npm ``@asyncapi/specs``
6.11.1), compacted.
"""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from contracts import asyncapi
from services.gateway import openapi_file as openapi

SCHEMA = json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text())
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


@pytest.mark.parametrize("generator", [asyncapi, openapi], ids=["asyncapi", "openapi"])
def test_the_committed_document_is_what_the_code_generates(generator) -> None:
    assert yaml.safe_load(generator.FILE.read_text(encoding="utf-8")) == generator.document()


def test_asyncapi_is_valid() -> None:
    document = yaml.safe_load(asyncapi.FILE.read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_a_broken_asyncapi_document_is_refused() -> None:
    broken = copy.deepcopy(asyncapi.document())
    next(iter(broken["operations"].values()))["action"] = "shout"
    assert list(VALIDATOR.iter_errors(broken))


def test_openapi_is_valid() -> None:
    document = yaml.safe_load(openapi.FILE.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_a_broken_openapi_document_is_refused() -> None:
    broken = copy.deepcopy(openapi.document())
    del broken["info"]["title"]
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())
