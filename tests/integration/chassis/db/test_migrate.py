"""Migrations: the schema that they create is the one that the models describe."""

from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from contracts.subscriptions import SERVICES
from services.chassis.db import tables


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_make_the_tables_that_the_models_describe(databases, service) -> None:
    models = import_module(f"services.{service}.models")
    with databases[service].engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, [models.Base.metadata, tables.metadata])
    assert differences == []
