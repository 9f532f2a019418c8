"""The rights of the roles ``relay`` and ``ops`` in each service's database, and no others.

`epass grants SERVICE` prints them as SQL, or grants them. The owner of that database does it once the tables
exist.
"""

from collections.abc import Iterator, Mapping

ROLE = "ops"
_OUTBOX = {"outbox": "type, added_at, sent_at"}
READABLE: Mapping[str, Mapping[str, str]] = {
    "accounts": _OUTBOX,
    "application": _OUTBOX
    | {"applications": "id, status, submitted_at, decision_kind, decision_revision", "revisions": "revision"},
    "approval": _OUTBOX
    | {
        "heard_applications": "application_id, details_seq",
        "reviews": "id, application_id",
        "decisions": "review_id, number, revision, status, decided_at",
        "departments": "code",
        "sites": "code",
        "gates": "code",
    },
    "issuance": _OUTBOX
    | {
        "applications": "application_id, approved_revision, withdrawn_revision, cancelled, erased",
        "passes": "number, application_id, issued_at",
    },
    "notify": _OUTBOX
    | {
        "messages": "pass_number, purpose, state, channel, created_at, ended_at",
        "passes": "number, printed_at",
    },
    "verify": _OUTBOX
    | {
        "passes": "number, valid_from, inside, admitted",
        "scans": "pass_number, verdict, count, marks, gate, recorded_at, claimed_at",
        "sites": "gates",
    },
}


_CONNECT = """
DO $$ BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO relay, ops', current_database());
END $$
""".strip()


_RELAY = """
DO $$ BEGIN
  REVOKE ALL ON outbox FROM relay;
  GRANT SELECT, UPDATE (sent_at), DELETE ON outbox TO relay;
  GRANT SELECT (consumer, event_id) ON inbox TO relay;
END $$
""".strip()
"""One statement, so that a relay that runs meanwhile never lacks a right."""


def of_relay() -> Iterator[str]:
    """Yield the SQL that lets the relay empty the outbox and see in the inbox which events have arrived.

    It changes ``sent_at`` alone, and adds nothing.
    """
    yield "GRANT USAGE ON SCHEMA public TO relay"
    yield _RELAY


def of_ops(service: str) -> Iterator[str]:
    """Yield the SQL that lets ops count, and read nothing personal."""
    yield f"GRANT USAGE ON SCHEMA public TO {ROLE}"
    for table, columns in READABLE[service].items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {ROLE}"


def statements(service: str) -> Iterator[str]:
    """Yield the SQL that lets these two connect, besides the owner, and grants them their rights.

    Running it again changes nothing.
    """
    yield _CONNECT
    yield from of_relay()
    yield from of_ops(service)
