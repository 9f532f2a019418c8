"""Many passes that were never scanned: copies of one real pass, by SQL, signed with the stack's key."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.load import ID
from bench.meter import wait_until
from contracts.commitment import commit, commitment_key
from contracts.crockford import new_pass_number, new_reference
from contracts.sealing import SealedBox
from contracts.tokens import PASS_TYP, PassClaims
from deploy.local.stack import Stack
from services.chassis.tokens.signing_key import SigningKey

_APPLICATIONS = """
with one as (select applications as row from applications where reference = %(like)s)
insert into applications
select (jsonb_populate_record(one.row, jsonb_build_object('id', id, 'reference', reference, 'nonce', id))).*
from one, unnest(%(ids)s::uuid[], %(references)s::text[]) as new(id, reference)
"""
_PASSES_OF_APPLICATIONS = """
with one as (select passes as row from passes where number = %(like)s)
insert into passes
select (jsonb_populate_record(one.row, jsonb_build_object('number', number, 'application_id', id))).*
from one, unnest(%(ids)s::uuid[], %(numbers)s::text[]) as new(id, number)
"""
_PASSES_AT_THE_GATE = """
with one as (select passes as row from passes where number = %(like)s)
insert into passes
select (jsonb_populate_record(one.row, jsonb_build_object(
  'number', number, 'application_id', id, 'reference', reference, 'id_commitments', jsonb_build_array(idc)
))).*
from one, unnest(%(ids)s::uuid[], %(references)s::text[], %(numbers)s::text[], %(commitments)s::text[])
  as new(id, reference, number, idc)
"""
_ID_OF_NUMBER = "md5('bench' || number)::uuid"
_MORE_APPLICATIONS = f"""
with one as (select applications as row from applications where reference = %(like)s)
insert into applications
select (jsonb_populate_record(one.row, jsonb_build_object(
  'id', {_ID_OF_NUMBER}, 'reference', 'BENCH-' || number, 'nonce', {_ID_OF_NUMBER}
))).*
from one, generate_series(%(first)s::int, %(last)s::int) as number
"""
_MORE_PASSES_OF_APPLICATIONS = f"""
with one as (select passes as row from passes where number = %(like)s)
insert into passes
select (jsonb_populate_record(one.row, jsonb_build_object(
  'number', 'BENCH' || number, 'application_id', {_ID_OF_NUMBER}
))).*
from one, generate_series(%(first)s::int, %(last)s::int) as number
"""
_MORE_PASSES_AT_THE_GATE = f"""
with one as (select passes as row from passes where number = %(like)s)
insert into passes
select (jsonb_populate_record(one.row, jsonb_build_object(
  'number', 'BENCH' || number, 'application_id', {_ID_OF_NUMBER}, 'reference', 'BENCH-' || number
))).*
from one, generate_series(%(first)s::int, %(last)s::int) as number
"""


@dataclass(frozen=True)
class Copies:
    """A stack with a real pass, of which more can be made."""

    stack: Stack
    token: str

    def make(self, count: int) -> list[str]:
        """Make so many passes, known to application and verify; return their tokens."""
        like, reference = self._claims, self._reference()
        master = self._secret("EPASS_COMMITMENT_MASTER")
        numbers = [new_pass_number() for _ in range(count)]
        values = {
            "ids": [uuid4() for _ in numbers],
            "references": [new_reference() for _ in numbers],
            "numbers": numbers,
            "commitments": [commit(commitment_key(master, number), *ID) for number in numbers],
        }
        with self.stack.postgres.connect("application") as application:
            application.execute(_APPLICATIONS, values | {"like": reference})
            application.execute(_PASSES_OF_APPLICATIONS, values | {"like": like.jti})
            application.execute("vacuum analyze applications, passes")
        with self.stack.postgres.connect("verify") as verify:
            verify.execute(_PASSES_AT_THE_GATE, values | {"like": like.jti})
            verify.execute("vacuum analyze passes")
        return list(self._sign(numbers, values["commitments"]))

    def fill_up(self, first: int, last: int) -> None:
        """Let application and verify know more passes, numbered so, that are never scanned."""
        span = {"first": first, "last": last}
        with self.stack.postgres.connect("application") as application:
            application.execute(_MORE_APPLICATIONS, span | {"like": self._reference()})
            application.execute(_MORE_PASSES_OF_APPLICATIONS, span | {"like": self._claims.jti})
            application.execute("vacuum analyze applications, passes")
        with self.stack.postgres.connect("verify") as verify:
            verify.execute(_MORE_PASSES_AT_THE_GATE, span | {"like": self._claims.jti})
            verify.execute("vacuum analyze passes")

    def rest(self) -> None:
        """Write what was filled to disk, and wait until no autovacuum runs: neither is part of a scan."""
        vacuums = "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'"
        with self.stack.postgres.connect() as server:
            server.execute("checkpoint")
            wait_until(lambda: _one(server, vacuums) == 0, "no autovacuum runs", pause=0.5)

    def _sign(self, numbers: list[str], commitments: list[str]) -> Iterator[str]:
        key = self._signing_key()
        for number, idc in zip(numbers, commitments, strict=True):
            claims = self._claims.model_copy(update={"jti": number, "idc": idc})
            yield key.sign(claims.payload(), PASS_TYP)

    @property
    def _claims(self) -> PassClaims:
        return PassClaims.model_validate(jwt.decode(self.token, options={"verify_signature": False}))

    def _reference(self) -> str:
        with self.stack.postgres.connect("verify") as verify:
            return str(_one(verify, "select reference from passes where number = %s", self._claims.jti))

    def _signing_key(self) -> SigningKey:
        box = SealedBox(self._secret("EPASS_KEY_ENCRYPTION_KEYS").split(","))
        kid = jwt.get_unverified_header(self.token)["kid"]
        with self.stack.postgres.connect("issuance") as issuance:
            sealed = str(_one(issuance, "select private_sealed from signing_keys where kid = %s", kid))
        return SigningKey(kid, Ed25519PrivateKey.from_private_bytes(box.open(sealed)))

    def _secret(self, name: str) -> str:
        return self.stack.environment("issuance")[name]


def _one(connection: "psycopg.Connection[tuple[object, ...]]", query: str, *values: str) -> object:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]
