"""Addresses of databases that have a standby."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

from services.chassis.db.database import name_of
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.settings import read

PAIR = "postgresql+psycopg://relay:secret@/verify?host=a%2Cb&port=5432%2C5433"
SERVERS = {"host": "a,b", "port": "5432,5433", "user": "relay", "dbname": "verify"}


def test_one_address_of_two_servers_is_understood_by_both_clients() -> None:
    _, pooled = PGDialect_psycopg().create_connect_args(make_url(PAIR))
    alone = conninfo_to_dict(PAIR.replace("+psycopg", ""))
    assert SERVERS.items() <= pooled.items()
    assert SERVERS.items() <= alone.items()
    assert name_of(PAIR) == "verify"


def test_a_list_has_addresses_of_two_servers_each(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = PAIR, PAIR.replace("verify", "issuance")
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a")
    monkeypatch.setenv("EPASS_RELAY_DATABASE_URLS", ",".join(pairs))
    assert read(RelaySettings).relay_database_urls == pairs
