"""Commands of `epass` that change the database of one service."""

import os
import re
import stat

import psycopg
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import text

from services.accounts.adapters import passwords
from services.ops.cli import main
from services.ops.grants import statements
from tests.integration.audit_rows import tasks
from tests.support.factories.approval import fill_directory, pending
from tests.support.stack.databases import execute, owner_of


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
def test_a_key_is_rotated_and_a_stolen_one_found_in_the_list_and_withdrawn_by_command(
    database, service
) -> None:
    """The commands of the runbook in docs/runbooks.md."""
    run = CliRunner().invoke
    outputs = [run(main, ["keys", "rotate", service]).output for _ in range(2)]
    (stolen,) = current_kids(database)
    assert outputs[1] == f"{service} signs with {stolen} now\n"
    assert run(main, ["keys", "list", service]).output.startswith(f"{stolen} current, since 20")

    withdrawn = run(main, ["keys", "withdraw", service, stolen])

    (kid,) = current_kids(database)
    assert withdrawn.output.startswith(f"{stolen} is withdrawn; {service} signs with {kid} now, 0 ")
    first, second, _retired = run(main, ["keys", "list", service]).output.splitlines()
    assert first.startswith(f"{kid} current, since 20")
    assert re.fullmatch(rf"{re.escape(stolen)} withdrawn, since 20.* until 20.*Z", second)
    for unknown in ("nobody", "-E4boZLf"):  # the id of a key may begin with a dash
        refused = run(main, ["keys", "withdraw", service, unknown])
        assert (refused.exit_code, refused.output) == (1, f"Error: {service} has no key {unknown}\n")


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


@pytest.mark.parametrize("database", ["accounts"], indirect=True)
def test_the_first_login_of_the_ado_branch_is_created_once(database) -> None:
    create = ["create-first-ado", "--name", "Gurpreet Kaur", "--mobile", "98765 43210"]

    created, again = CliRunner().invoke(main, create), CliRunner().invoke(main, create)

    assert created.exit_code == 0, created.output
    login_id, initial_password = created.stdout.split()
    assert (again.exit_code, "ADO Branch" in again.output) == (1, True)
    with database.transaction() as session:
        logins = session.execute(
            text("select login_id, role, must_change_password, password_hash from logins")
        )
        ((known_id, role, must_change, stored),) = logins.all()
    assert (known_id, role, must_change) == (login_id, "ado", True)
    assert tasks(database) == [("create_first_ado", [login_id])]
    secret = SecretStr(os.environ["EPASS_PASSWORD_SECRET"])
    assert passwords.verify(stored, initial_password, secret)
    assert not passwords.verify(stored, "wrong", secret)


@pytest.mark.parametrize("database", ["accounts"], indirect=True)
def test_the_app_of_the_last_ado_is_reset_and_of_nobody_else(database) -> None:
    created = CliRunner().invoke(main, ["create-first-ado", "--name", "Gurpreet Kaur"])
    login_id, _ = created.stdout.split()
    execute(database, f"insert into second_factors values ('{login_id}', 'sealed', now(), 1)")

    done, again = (CliRunner().invoke(main, ["reset-factor", login_id]) for _ in range(2))

    assert done.exit_code == 0, done.output
    assert (again.exit_code, "no such login" in again.output) == (1, True)
    with database.transaction() as session:
        assert session.scalar(text("select count(*) from second_factors")) == 0


LOGINS = "role,name,department,site,gate\ndepartment,Gurpreet Kaur,home,,\nsecurity,Harjit Singh,,T1,{gate}\n"


@pytest.mark.parametrize("database", ["accounts"], indirect=True)
def test_logins_are_issued_from_a_file_that_was_checked_against_the_directory(
    database, databases, stack, monkeypatch, tmp_path
) -> None:
    fill_directory(databases["approval"])
    with owner_of(databases["approval"]).engine.begin() as owner:
        for statement in statements("approval"):
            owner.execute(text(statement))
    monkeypatch.setenv("EPASS_DIRECTORY_DATABASE_URL", stack.database_url("ops", "approval"))
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(LOGINS.format(gate="T1-G2"))
    bad.write_text(LOGINS.format(gate="T9-G9"))

    def names() -> list[str]:
        with database.transaction() as session:
            return list(session.scalars(text("select name from logins order by name")))

    unused = tmp_path / "unused.csv"
    refused = CliRunner().invoke(main, ["import", "logins", str(bad), "--apply", "--passwords", str(unused)])
    assert not unused.exists()
    assert (refused.exit_code, refused.output) == (1, "line 3, gate: The directory has no such gate\n")
    checked = CliRunner().invoke(main, ["import", "logins", str(good)])
    assert (checked.exit_code, checked.output, names()) == (0, "2 logins would be issued\n", [])
    slips = tmp_path / "slips.csv"
    apply = ["import", "logins", str(good), "--apply", "--passwords", str(slips)]
    assert CliRunner().invoke(main, apply[:4]).exit_code == 2, "the passwords need a file"
    slips.write_text("something else")
    assert CliRunner().invoke(main, apply).exit_code == 1, "no file is overwritten"
    assert (slips.read_text(), names()) == ("something else", [])
    slips.unlink()
    applied = CliRunner().invoke(main, apply)
    assert (applied.exit_code, names()) == (0, ["Gurpreet Kaur", "Harjit Singh"])
    ((action, issued),) = tasks(database)
    assert action == "import_logins"
    assert applied.output == f"2 logins are issued; their initial passwords are in {slips}\n"
    assert stat.S_IMODE(slips.stat().st_mode) == 0o600
    made = slips.read_text().splitlines()
    assert made[0] == "\ufefflogin_id,name,initial_password"
    login_id, name, password = made[1].split(",")
    assert (login_id in issued, name) == (True, "Gurpreet Kaur")
    with database.transaction() as session:
        of_login = text("select password_hash from logins where login_id = :login_id")
        stored = session.scalar(of_login, {"login_id": login_id})
    assert passwords.verify(stored, password, SecretStr(os.environ["EPASS_PASSWORD_SECRET"]))
    again = CliRunner().invoke(main, ["import", "logins", str(good)])
    assert again.exit_code == 1
    assert "such a login already" in again.output


@pytest.mark.parametrize("database", ["approval"], indirect=True)
def test_a_file_of_the_directory_says_whom_it_affects_and_closes_nothing_without_that_number(
    database, tmp_path
) -> None:
    fill_directory(database)
    pending(database)
    file = tmp_path / "departments.csv"
    header = "code,name_en,name_pa,name_hi,sites,closed"
    file.write_text(f"{header}\nhome,Home,ਗ੍ਰਹਿ,गृह,T1 T2,1\n", encoding="utf-8")

    def run(*options: str) -> tuple[int, bool]:
        result = CliRunner().invoke(main, ["import", "departments", str(file), *options])
        return result.exit_code, "applications_waiting 1" in result.output

    def is_closed() -> bool:
        with database.transaction() as session:
            return bool(session.scalar(text("select closed from departments where code = 'home'")))

    assert (run(), run("--apply"), is_closed()) == ((0, True), (1, True), False)
    assert (run("--apply", "--accept", "1"), is_closed()) == ((0, True), True)


@pytest.mark.parametrize("database", ["verify"], indirect=True)
def test_the_owner_of_a_database_lets_its_service_relay_and_ops_in_and_nobody_else(
    database, stack, monkeypatch
) -> None:
    with owner_of(database).engine.begin() as owner:
        name = owner.scalar(text("select current_database()"))
        owner.execute(text(f'grant connect on database "{name}" to public'))
        owner.execute(text(f'revoke connect on database "{name}" from relay, ops, verify_app'))
    monkeypatch.setenv("EPASS_DATABASE_URL", stack.database_url("verify"))

    applied = CliRunner().invoke(main, ["grants", "verify", "--apply"])

    assert (applied.exit_code, applied.output) == (0, "")
    with psycopg.connect(address_of(stack, "verify_app", name)) as service:
        assert service.execute("select count(visitors) from passes").fetchone() is not None
    with psycopg.connect(address_of(stack, "relay", name)) as relay:
        assert relay.execute("select count(*) from outbox").fetchone() is not None
    with psycopg.connect(address_of(stack, "ops", name)) as ops:
        assert ops.execute("select count(inside) from passes").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ops.execute("select visitors from passes")
    with pytest.raises(psycopg.OperationalError, match="does not have CONNECT privilege"):
        psycopg.connect(address_of(stack, "notify", name))


def address_of(stack, role: str, database: str) -> str:
    return stack.database_url(role, database).replace("postgresql+psycopg://", "postgresql://")


@pytest.mark.parametrize("database", ["verify"], indirect=True)
def test_a_database_of_a_release_before_the_first_upgradable_one_is_refused(database, monkeypatch) -> None:
    url = owner_of(database).engine.url.update_query_dict({"options": "-csearch_path=earlier"})
    monkeypatch.setenv("EPASS_DATABASE_URL", url.render_as_string(hide_password=False))
    with owner_of(database).transaction() as session:
        session.execute(text("create schema earlier create table alembic_version (version_num text)"))
        session.execute(text("insert into earlier.alembic_version values ('0030')"))
    try:
        refused = CliRunner().invoke(main, ["migrate", "verify"])
    finally:
        execute(owner_of(database), "drop schema earlier cascade")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: verify: this release does not know revision 0030 ")
