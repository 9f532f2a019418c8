"""Connections over TLS: the servers are known by our CA and their names, and know their clients."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from services.chassis.db.database import Database
from services.chassis.messaging import broker
from services.chassis.runtime.settings import BrokerSettings, DatabaseSettings
from services.ops import databases
from tests.integration.encrypted_servers import NAMED, UNNAMED, EncryptedServers, start_encrypted_servers
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued, messages
from tests.support.system.system import System

pytestmark = [pytest.mark.xdist_group("encryption"), long]  # of the same servers
Files = dict[str, Path]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncryptedServers]:
    with start_encrypted_servers(tmp_path_factory.mktemp("encrypted")) as running:
        yield running


def ours(servers: EncryptedServers) -> Files:
    certificate, key = servers.client
    return {"ca": servers.authority.file, "certificate": certificate, "key": key}


def broker_url(servers: EncryptedServers, files: Files, host: str = NAMED) -> str:
    """Return the address that the settings make of a plain one."""
    given = {f"broker_{name}": file for name, file in files.items()}
    plain = servers.broker_url("administrator").replace(NAMED, host)
    (url,) = BrokerSettings(broker_urls=(plain,), **given).broker_urls
    return url


def database_url(servers: EncryptedServers, files: Files, host: str = NAMED) -> str:
    given = {f"database_{name}": file for name, file in files.items()}
    plain = servers.database_url("verify").replace(NAMED, host)
    return DatabaseSettings(database_url=plain, **given).database_url.get_secret_value()


def with_asyncio(url: str) -> None:
    async def connect() -> None:
        await broker.close(await broker.connect([url], "test"))

    asyncio.run(connect())


def with_kombu(url: str) -> None:
    with broker.kombu_connection([url]) as connection:
        broker.open_to_any_node(connection)


def with_pool(url: str) -> None:
    database = Database(url)
    try:
        with database.queries() as session:
            session.execute(text("select 1"))
    finally:
        database.close()


def with_ops(url: str) -> None:
    databases.connect(url).close()


CLIENTS = [
    pytest.param(broker_url, with_asyncio, id="broker, asyncio"),
    pytest.param(broker_url, with_kombu, id="broker, kombu"),
    pytest.param(database_url, with_pool, id="database, pool"),
    pytest.param(database_url, with_ops, id="database, ops"),
]
Address = Callable[..., str]
Connect = Callable[[str], None]


@pytest.mark.parametrize(("address", "connect"), CLIENTS)
def test_a_server_and_a_client_that_our_ca_has_signed_connect(
    servers: EncryptedServers, address: Address, connect: Connect
) -> None:
    connect(address(servers, ours(servers)))


@pytest.mark.parametrize(("address", "connect"), CLIENTS)
@pytest.mark.parametrize("wrong", ["CA", "name", "no certificate", "certificate of another CA"])
def test_whoever_our_ca_does_not_vouch_for_is_refused(
    servers: EncryptedServers, address: Address, connect: Connect, wrong: str
) -> None:
    files, host = ours(servers), NAMED
    if wrong == "CA":
        files["ca"] = servers.stranger.file
    elif wrong == "name":
        host = UNNAMED
    elif wrong == "no certificate":
        del files["certificate"], files["key"]
    else:
        files["certificate"], files["key"] = servers.stranger_client
    with pytest.raises(Exception, match=r".") as refused:
        connect(address(servers, files, host))
    assert "password" not in str(refused.value)


@pytest.mark.parametrize("connect", [with_asyncio, with_kombu], ids=["asyncio", "kombu"])
def test_a_client_of_the_broker_that_speaks_in_clear_is_refused(
    servers: EncryptedServers, connect: Connect
) -> None:
    with pytest.raises(Exception, match=r"."):
        connect(servers.broker_url("administrator"))


def test_a_client_of_the_databases_that_speaks_in_clear_is_refused(servers: EncryptedServers) -> None:
    with pytest.raises(Exception, match="no encryption"):
        with_ops(f"{servers.database_url('verify')}?sslmode=disable")


def test_kombu_checks_the_name_of_the_node_to_which_it_fails_over(servers: EncryptedServers) -> None:
    right, wrong = (broker_url(servers, ours(servers), host) for host in (NAMED, UNNAMED))
    dead = right.replace(f":{servers.stack.broker.tls_port}", ":1")  # type: ignore[attr-defined]
    with broker.kombu_connection([dead, right]) as connection:
        broker.open_to_any_node(connection)
    with broker.kombu_connection([dead, wrong]) as connection, pytest.raises(Exception, match=r"."):
        broker.open_to_any_node(connection)


def test_the_connection_to_the_database_is_encrypted_and_shows_the_clients_certificate(
    servers: EncryptedServers,
) -> None:
    with databases.connect(database_url(servers, ours(servers))) as connection:
        shown = connection.execute(
            "select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
        ).fetchone()
    assert shown == (True, "/CN=client")


def test_every_process_works_over_tls_alone(servers: EncryptedServers) -> None:
    with System(servers, **servers.settings) as system:
        applicant, department, officer = Applicant(system), Department(system), Officer(system)
        _, the_pass = issued(applicant, department, known_to=officer)
        eventually(lambda: messages(system, applicant.mobile, "pass_issued"), "the pass arrives")
        assert officer.scan(pass_number=the_pass.number, id_check=MATCHED).verdict == "admit"
