"""Commands of `epass` that change the database of one service."""

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from services.ops.cli import main


@pytest.fixture
def database(request, databases, monkeypatch):
    """Return the database of a service, which the environment of the commands names."""
    database = databases[request.param]
    monkeypatch.setenv("EPASS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    return database


def current_kids(database) -> list[str]:
    with database.transaction() as session:
        return list(session.scalars(text("select kid from signing_keys where state = 'current'")))


@pytest.mark.parametrize(
    ("database", "service"), [("accounts", "accounts"), ("issuance", "issuance")], indirect=["database"]
)
def test_a_key_is_rotated_by_command(database, service) -> None:
    outputs = [CliRunner().invoke(main, ["keys", "rotate", service]) for _ in range(2)]

    assert [output.exit_code for output in outputs] == [0, 0]
    (kid,) = current_kids(database)
    assert outputs[1].output == f"{service} signs with {kid} now\n"
    with database.transaction() as session:
        assert session.scalar(text("select count(*) from signing_keys where state = 'retired'")) == 1


@pytest.mark.parametrize("database", ["accounts"], indirect=True)
def test_a_rotation_without_key_encryption_keys_stops_with_the_name_of_the_setting(
    database, monkeypatch
) -> None:
    monkeypatch.delenv("EPASS_KEY_ENCRYPTION_KEYS")

    refused = CliRunner().invoke(main, ["keys", "rotate", "accounts"])

    assert str(refused.exception) == "EPASS_KEY_ENCRYPTION_KEYS is missing"
    assert current_kids(database) == []


@pytest.mark.parametrize("database", ["accounts"], indirect=True)
def test_the_demo_logins_are_seeded_from_a_file(database, tmp_path) -> None:
    file = tmp_path / "logins.json"
    file.write_text('{"ado": {"login_id": "ADO-0001", "password": "correct horse battery"}}')

    seeded = CliRunner().invoke(main, ["seed", "accounts", "--logins", str(file)])

    assert seeded.exit_code == 0, seeded.output
    with database.transaction() as session:
        assert session.scalars(text("select login_id from logins")).all() == ["ADO-0001"]
