"""The register of processing names every column with personal data, and who gets it."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from click.testing import CliRunner
from sqlalchemy import ARRAY, Column, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from contracts.processing import HELD, NO_PERSON, STAFF
from contracts.retention import KEPT
from contracts.subscriptions import SERVICES
from services.application.models import PERSONAL
from services.chassis.db import tables
from services.ops.cli import main

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # of SQLAlchemy
WORDLESS = {"BIGINT", "BOOLEAN", "DATE", "INTEGER", "INT8MULTIRANGE", "TIME", "TIMESTAMP", "UUID"}
"""Types that can say nothing about anybody."""
CHASSIS = """
action consumer head job key previous producer ref result route signature source type *.outbox.data
*.idempotency_keys.principal *.outbox.subject *.event_sequences.subject *.destructive_jobs.reason
"""
"""Columns of the chassis' tables with names of our own, digests and the part of events without people."""


def models() -> dict[str, MetaData]:
    own = {one: import_module(f"services.{one}.models").Base.metadata for one in SERVICES}
    return {**own, "*": tables.metadata}


def unnamed(service: str, metadata: MetaData) -> Iterator[str]:
    """Yield the columns that can hold words, of which the register does not say whether a person is in."""
    held = {f"{one.table}.{column}" for one in HELD for column in one.columns.split()}
    known = held | STAFF | NO_PERSON | (set(CHASSIS.split()) if service == "*" else set())
    for table in metadata.tables.values():
        for column in table.columns:
            kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
            name = f"{service}.{table.name}.{column.name}"
            if (
                kind.compile(POSTGRESQL).split("(")[0].split()[0] not in WORDLESS
                and not {name, column.name} & known
            ):
                yield name


@pytest.mark.parametrize("service", models())
def test_no_column_that_can_hold_words_about_a_person_is_missing_in_the_register(service: str) -> None:
    missing = list(unnamed(service, models()[service]))
    assert missing == [], "a line in contracts/processing.py: HELD if it is about a person, else NO_PERSON"


def test_a_new_column_is_missing_until_the_register_says_what_it_holds() -> None:
    metadata = MetaData()
    Table(
        "applications", metadata, Column("father", Text), Column("hobbies", ARRAY(Text)), Column("site", Text)
    )
    assert list(unnamed("application", metadata)) == [
        "application.applications.father",
        "application.applications.hobbies",
    ]


def test_the_register_names_nothing_that_is_not_there() -> None:
    there = {f"{service}.{table}.{column.name}" for service, one in models().items()
             for table, known in one.tables.items() for column in known.columns}  # fmt: skip
    named = {f"{one.table}.{column}" for one in HELD for column in one.columns.split()}
    assert named | {one for one in NO_PERSON if "." in one} <= there
    assert STAFF | {one for one in NO_PERSON if "." not in one} <= {one.rpartition(".")[2] for one in there}


def test_what_is_erased_of_an_application_is_in_the_register_with_the_period_of_people() -> None:
    mine = [one for one in HELD if one.table == "application.applications"]
    held = {column for one in mine if one.until == "people_kept_days" for column in one.columns.split()}
    assert set(PERSONAL) <= held


def test_a_site_prints_the_register_with_what_it_has_set_and_who_works_for_it(monkeypatch) -> None:
    monkeypatch.setenv("EPASS_PEOPLE_KEPT_DAYS", "365")
    monkeypatch.setenv("EPASS_WHATSAPP_URL", "https://graph.example.org/send?key=hidden")
    printed = CliRunner().invoke(main, ["register"]).output
    assert "| 365 days | 37 to 1095 |" in printed
    assert "`EPASS_WHATSAPP_URL`: graph.example.org |" in printed
    assert "hidden" not in printed
    assert "`EPASS_SMS_URL`: none" in printed
    assert all(f"`EPASS_{kind.upper()}`" in printed for kind in KEPT)
