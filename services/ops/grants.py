"""The columns that the role ``ops`` may read in each service's database, and no others.

`epass grants SERVICE` prints it as SQL. The owner of that database runs it once the tables exist.
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
    "notify": _OUTBOX | {"messages": "pass_number, purpose, state", "passes": "number, printed_at"},
    "verify": _OUTBOX
    | {"passes": "number, valid_from, inside, admitted", "scans": "pass_number, verdict, count, marks"},
}


def statements(service: str) -> Iterator[str]:
    """Yield the SQL that grants ``ops`` its rights; running it again changes nothing."""
    yield f"GRANT USAGE ON SCHEMA public TO {ROLE}"
    for table, columns in READABLE[service].items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {ROLE}"
