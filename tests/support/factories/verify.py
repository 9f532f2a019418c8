"""What a gate sees in tests: an issuer, its passes as events and as tokens, forged tokens, officers, scans.

All instants depend on NOON (11:30 IST). A pass is valid from 10:00 to 12:30 IST of that day by default.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select, text

from contracts.commitment import commit, commitment_key
from contracts.crockford import new_pass_number
from contracts.envelope import Received
from contracts.events import (
    DirectoryChanged,
    Event,
    GateAdvice,
    GateAdvised,
    PassDeliveryChanged,
    PassIssued,
    PassPersonal,
    PassRevoked,
    PersonalDataErased,
    PublicKey,
    Revocation,
    SiteRecord,
    StatusListSigned,
)
from contracts.key_set import KeySet
from contracts.model import Companion, Person, Slot
from contracts.rpc.call import Call, Principal
from contracts.rpc.verify.manifests import Manifest, ManifestQuestion
from contracts.rpc.verify.offline_scans import OfflineScan, SyncedScan, SyncedScans, SyncScans
from contracts.rpc.verify.presence import InsideList, InsideQuestion
from contracts.rpc.verify.scans import Matched, OtherId, ScanPass, ScanResult
from services.chassis.db import tables
from services.chassis.db.database import Database
from services.verify.adapters import signing_keys
from services.verify.handlers import event_handlers, manifests, offline_scans, presence, scans
from services.verify.models import Base, PassRow, ScanRow
from services.verify.settings import VerifySettings
from tests.support.factories import envelopes
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import example
from tests.support.stack.settings import make_settings

E = TypeVar("E", bound=Event)
NOON = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=100)
VALID_FROM = NOON - timedelta(minutes=90)
VALID_TO = NOON + timedelta(minutes=60)
GATE = "PCS1-G1"
SETTINGS = make_settings(VerifySettings)
MASTER = SETTINGS.commitment_master.get_secret_value()
"""The key of ID commitments."""
MATCHED = Matched(kind="matched", id_type="voter_id", id_last4="4821")
OTHER_ID = OtherId(kind="other_id", id_type="passport", reason="voter ID forgotten, same face")


class Issuer:
    """Signs as issuance does, and as it never would."""

    def __init__(self, kid: str, private: Ed25519PrivateKey | None = None) -> None:
        self.kid = kid
        self.private = private or Ed25519PrivateKey.generate()
        self.raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public(self) -> PublicKey:
        return PublicKey(kid=self.kid, x=_b64(self.raw))

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(
            claims, self.private, "EdDSA", headers={"typ": "epass+jwt", "kid": self.kid, **header}
        )


ISSUER = Issuer("k1")
STRANGER = Issuer("k1")
"""Another key under the same name."""


def key_set(*issuers: Issuer, withdrawn: tuple[str, ...] = (), at: datetime = LONG_AGO) -> KeySet:
    """The keys of these issuers, as issuance lists them."""
    keys = tuple(issuer.public for issuer in issuers)
    return KeySet(iat=int(at.timestamp()), keys=keys, withdrawn=withdrawn)


def status_list(
    *revoked: str, repeated: tuple[Revocation, ...] = (), keys: str | None = None
) -> StatusListSigned:
    """A signed list of these revocations, as issuance publishes it; its key set is older than a gate's."""
    numbers = {*revoked, *(one.pass_number for one in repeated)}
    return StatusListSigned(
        live_total=len(numbers),
        live_checksum=sum(int.from_bytes(hashlib.md5(one.encode()).digest()[:4]) for one in numbers),
        repeated=repeated,
        key_set=keys or key_set(ISSUER).sign(MASTER),
    )


def applicant(**changes: Any) -> Person:
    return PassIssued.sample().personal.applicant.model_copy(update=changes)


def pass_issued(*companions: Companion, person: Person | None = None, **changes: Any) -> PassIssued:
    """A pass for the applicant and these companions."""
    people = {"applicant": person or applicant(), "companions": companions, "vehicle": "CH01AB1234"}
    facts: dict[str, Any] = {
        "pass_number": new_pass_number(),
        "application_id": uuid4(),
        "party": 1 + len(companions),
        "slot": Slot(day=date(2026, 12, 1), start=time(10, 30), end=time(12)),
        "valid_from": VALID_FROM,
        "valid_to": VALID_TO,
        "key": ISSUER.public,
        "personal": PassPersonal(**people, link_code="l" * 22),
    }
    return example(PassIssued, **facts | changes)


def party_of(size: int, **changes: Any) -> PassIssued:
    """A pass for so many people."""
    return pass_issued(*(Companion(name=f"Companion {n}", child=True) for n in range(size - 1)), **changes)


def pass_revoked(issued: PassIssued, **changes: Any) -> PassRevoked:
    return example(PassRevoked, issued, **changes)


def erased(issued: PassIssued) -> PersonalDataErased:
    return example(PersonalDataErased, issued)


def gates_of(site: str, *gates: str) -> DirectoryChanged:
    """The directory's record of a site with these gates."""
    return DirectoryChanged(site=SiteRecord(code=site, name={}, address={}, gates=gates, hours=()))


def received(event: E, seq: int = 1, at: datetime = NOON) -> Received[E]:
    return envelopes.received(event, seq, at)


def claims_of(issued: PassIssued, **changes: Any) -> dict[str, Any]:
    """The token's claims, as contracts/tokens.py has them."""
    person = issued.personal.applicant
    key = commitment_key(MASTER, issued.pass_number)
    claims = {
        "iss": SETTINGS.issuer,
        "aud": "gate",
        "jti": issued.pass_number,
        "nbf": int(issued.valid_from.timestamp()),
        "exp": int(issued.valid_to.timestamp()),
        "site": issued.site,
        "party": issued.party,
        "gate": issued.gate,
        "entries": issued.entries,
        "idc": commit(key, person.id_type, person.id_last4) if person.id_type and person.id_last4 else None,
        "days": [(day - issued.slot.day).days for day in issued.further_days] or None,
    } | changes
    return {name: claim for name, claim in claims.items() if claim is not None}


def token_of(issued: PassIssued) -> str:
    """What the QR holds."""
    return ISSUER.sign(claims_of(issued))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _assembled(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token put together by hand: PyJWT refuses to make most of these."""
    signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_b64(sign(signed.encode()))}"


UNREADABLE = frozenset({
    "no alg", "typ in capitals", "an unknown kid", "a kid with a NUL", "a kid with a surrogate",
    "a kid that is a number", "no signature", "a header nested deep", "not a token", "four parts", "nothing",
})  # fmt: skip
"""Refused tokens that may be a genuine pass of which a scanner read a part wrong."""


def forgeries(issued: PassIssued) -> dict[str, str]:
    """Tokens that somebody must have made, by what is wrong with them."""
    return {kind: token for kind, token in refused_tokens(issued).items() if kind not in UNREADABLE}


def unreadable_tokens(issued: PassIssued) -> dict[str, str]:
    """Tokens that a scanner may have read wrong, by what is wrong with them."""
    return {kind: token for kind, token in refused_tokens(issued).items() if kind in UNREADABLE}


def refused_tokens(issued: PassIssued) -> dict[str, str]:
    """Tokens for a genuine pass that a gate must not take, by what is wrong with them."""
    claims, header = claims_of(issued), {"typ": "epass+jwt", "alg": "EdDSA", "kid": ISSUER.kid}
    genuine, sign = token_of(issued), ISSUER.private.sign
    pem = ISSUER.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own_key = {"kty": "OKP", "crv": "Ed25519", "x": _b64(STRANGER.raw)}
    session = claims | {"aud": "gateway", "sub": "SEC-0001", "sid": str(UUID(int=1)), "kind": "staff"}
    head, payload, signature = genuine.split(".")
    larger = _b64(json.dumps(claims | {"party": 9}).encode())

    def hs256(key: bytes) -> Callable[[bytes], bytes]:
        return lambda signed: hmac.new(key, signed, hashlib.sha256).digest()

    return {
        "alg none": _assembled(header | {"alg": "none"}, claims, lambda _: b""),
        "alg None, signed": _assembled(header | {"alg": "None"}, claims, sign),
        "no alg": _assembled({"typ": "epass+jwt", "kid": ISSUER.kid}, claims, sign),
        "HS256 with the public key, raw": _assembled(header | {"alg": "HS256"}, claims, hs256(ISSUER.raw)),
        "HS256 with the public key, PEM": _assembled(header | {"alg": "HS256"}, claims, hs256(pem)),
        "crit": _assembled(header | {"crit": ["exp"]}, claims, sign),
        "b64": _assembled(header | {"b64": False, "crit": ["b64"]}, claims, sign),
        "jwk": _assembled(header | {"jwk": own_key}, claims, STRANGER.private.sign),
        "jwk without kid": _assembled(
            {"typ": "epass+jwt", "alg": "EdDSA", "jwk": own_key}, claims, STRANGER.private.sign
        ),
        "jku": _assembled(header | {"jku": "https://example.org/keys"}, claims, sign),
        "x5u": _assembled(header | {"x5u": "https://example.org/cert"}, claims, sign),
        "x5c": _assembled(header | {"x5c": ["AAAA"]}, claims, sign),
        "another typ": ISSUER.sign(claims, typ="JWT"),
        "typ in capitals": ISSUER.sign(claims, typ="EPASS+JWT"),
        "a session token": ISSUER.sign(session, typ="epass-session+jwt"),
        "a status list": ISSUER.sign(claims, typ="epass-status+jwt"),
        "another key": STRANGER.sign(claims),
        "an unknown kid": Issuer("k9").sign(claims),
        "a kid with a NUL": _assembled(header | {"kid": "\x00"}, claims, sign),
        "a kid with a surrogate": _assembled(header | {"kid": "\ud800"}, claims, sign),
        "a kid that is a number": _assembled(header | {"kid": 1}, claims, sign),
        "tampered payload": f"{head}.{larger}.{signature}",
        "tampered signature": f"{head}.{payload}.{_b64(bytes(64))}",
        "no signature": f"{head}.{payload}.",
        "another iss": ISSUER.sign(claims | {"iss": "epass.example.org"}),
        "another aud": ISSUER.sign(claims | {"aud": "gateway"}),
        "several aud": ISSUER.sign(claims | {"aud": ["gate", "gateway"]}),
        "no aud": ISSUER.sign({name: claim for name, claim in claims.items() if name != "aud"}),
        "no exp": ISSUER.sign({name: claim for name, claim in claims.items() if name != "exp"}),
        "no site": ISSUER.sign({name: claim for name, claim in claims.items() if name != "site"}),
        "a header nested deep": f"{_b64(b'[' * 1400)}.e30.e30",
        "not a token": "7K3M9QW4",
        "four parts": f"{genuine}.e30",
        "nothing": "",
    }


def officer(
    site: str | None = "PCS1", gate: str | None = GATE, login_id: str = "SEC-0001", **changes: Any
) -> Principal:
    principal = Principal(kind="staff", id=login_id, role="security", login_id=login_id, site=site, gate=gate)
    return principal.model_copy(update=changes)


def calling(principal: Principal | None = None) -> Call:
    return make_call(principal or officer())


def scan_of(shown: PassIssued | str, **changes: Any) -> ScanPass:
    """An entry with the applicant's ID at GATE, by the pass's token or by what is given in its place."""
    facts: dict[str, Any] = {
        "token": token_of(shown) if isinstance(shown, PassIssued) else shown,
        "gate": GATE,
        "nonce": uuid4().hex,
        "id_check": MATCHED,
    }
    return ScanPass(**facts | changes)


def offline_scan(shown: PassIssued | str, at: datetime = NOON, **changes: Any) -> OfflineScan:
    """An entry of one person that GATE has admitted without a network."""
    given: dict[str, Any] = {"count": 1, "scanned_at": at, "offline": {"verdict": "admit", "list_age_s": 60}}
    scan = scan_of(shown).model_dump(exclude_unset=True)
    return OfflineScan.model_validate(scan | given | changes)


def offline_exit(shown: PassIssued | str, at: datetime = NOON, **changes: Any) -> OfflineScan:
    """The same for a person who has left."""
    left = {"direction": "exit", "id_check": None, "offline": {"verdict": "exit", "list_age_s": 60}}
    return offline_scan(shown, at, **left | changes)


def number_scan(number: str, **changes: Any) -> ScanPass:
    """The same by pass number."""
    return scan_of("", token=None, pass_number=number, **changes)


def gate_advised(issued: PassIssued, *, call_supervisor: bool = True) -> GateAdvised:
    """What approval advises about the application of a pass."""
    return example(GateAdvised, issued, personal=GateAdvice(call_supervisor=call_supervisor))


def delivery_changed(issued: PassIssued, *, undelivered: bool = True) -> PassDeliveryChanged:
    """What notify tells of the message with a pass."""
    return example(PassDeliveryChanged, issued, undelivered=undelivered)


HANDLERS: dict[type[Event], Callable[..., None]] = {
    PassIssued: lambda *arguments: event_handlers.handle_pass_issued(*arguments, SETTINGS),
    PassRevoked: event_handlers.handle_pass_revoked,
    DirectoryChanged: lambda event, session, _now: event_handlers.handle_directory_changed(event, session),
    PassDeliveryChanged: lambda event, session, _now: event_handlers.handle_pass_delivery_changed(
        event, session
    ),
    GateAdvised: lambda event, session, _now: event_handlers.handle_gate_advised(event, session),
    StatusListSigned: lambda *arguments: event_handlers.handle_status_list_signed(*arguments, SETTINGS),
    PersonalDataErased: lambda event, session, _now: event_handlers.handle_personal_data_erased(
        event, session
    ),
}


class Gate:
    """Verify's handlers on its database, each call in a transaction of its own, at NOON by default."""

    def __init__(self, database: Database, *issuers: Issuer) -> None:
        """Let this gate know issuance's keys, ISSUER's by default."""
        self.database = database
        signing_keys.clear_cache()
        with database.transaction() as session:
            signing_keys.store(session, key_set(*(issuers or (ISSUER,))), NOON)

    def tell_keys(self, *issuers: Issuer, withdrawn: tuple[str, ...] = (), at: datetime = NOON) -> None:
        """Let this gate hear of a newer key set than that of its beginning."""
        signed = key_set(*issuers, withdrawn=withdrawn, at=at).sign(MASTER)
        self.handle(status_list(keys=signed), at=at)
        signing_keys.clear_cache()

    def handle(self, *events: Event, seq: int = 1, at: datetime = NOON, now: datetime = NOON) -> None:
        for event in events:
            with self.database.transaction() as session:
                HANDLERS[type(event)](received(event, seq, at), session, now)

    def issue(self, *companions: Companion, **changes: Any) -> PassIssued:
        """A pass that this gate knows of."""
        issued = pass_issued(*companions, **changes)
        self.handle(issued)
        return issued

    def issue_party(self, size: int, **changes: Any) -> PassIssued:
        issued = party_of(size, **changes)
        self.handle(issued)
        return issued

    def scan(self, request: ScanPass, principal: Principal | None = None, at: datetime = NOON) -> ScanResult:
        with self.database.transaction() as session:
            return scans.scan_in_transaction(request, calling(principal), session, at, SETTINGS)

    def enter(self, shown: PassIssued | str, at: datetime = NOON, **changes: Any) -> ScanResult:
        return self.scan(scan_of(shown, **changes), at=at)

    def leave(self, shown: PassIssued | str, at: datetime = NOON, **changes: Any) -> ScanResult:
        return self.scan(scan_of(shown, direction="exit", id_check=None, **changes), at=at)

    def inside(self, principal: Principal | None = None, **question: Any) -> InsideList:
        with self.database.transaction() as session:
            return presence.list_inside(
                InsideQuestion(**{"site": "PCS1"} | question), calling(principal), session
            )

    def sync(
        self,
        *scans: OfflineScan | dict[str, Any],
        principal: Principal | None = None,
        at: datetime = NOON,
        gate: str = GATE,
    ) -> tuple[SyncedScan, ...]:
        """Send scans of a time without a network; return what became of each."""
        return self.synced(*scans, principal=principal, at=at, gate=gate).items

    def synced(
        self,
        *scans: OfflineScan | dict[str, Any],
        principal: Principal | None = None,
        at: datetime = NOON,
        gate: str = GATE,
    ) -> SyncedScans:
        """Send scans of a time without a network; return the whole answer."""
        request = SyncScans.model_validate({"gate": gate, "scans": scans})
        return offline_scans.sync(request, calling(principal), self.database, at, SETTINGS)

    def conflicts(self) -> list[dict[str, Any]]:
        """Each `GateConflictFound` in the outbox, oldest first."""
        outbox = tables.outbox.c
        query = select(outbox.data).where(outbox.type == "GateConflictFound").order_by(outbox.position)
        with self.database.transaction() as session:
            return list(session.scalars(query))

    def manifest(self, principal: Principal | None = None, at: datetime = NOON, **question: Any) -> Manifest:
        """What this gate holds offline; a page of it."""
        with self.database.transaction() as session:
            return manifests.make_manifest(
                ManifestQuestion(**{"gate": GATE} | question), calling(principal), session, at, SETTINGS
            )

    def close(self, at: datetime) -> int:
        with self.database.transaction() as session:
            return presence.close_overdue(session, at)

    def row(self, issued: PassIssued) -> PassRow:
        with self.database.transaction() as session:
            return session.get_one(PassRow, issued.pass_number)

    def scans(self) -> list[ScanRow]:
        """Oldest first."""
        with self.database.transaction() as session:
            return list(session.scalars(select(ScanRow).order_by(ScanRow.recorded_at)))

    def published(self) -> list[dict[str, Any]]:
        """What is in the outbox, oldest first."""
        with self.database.transaction() as session:
            return list(session.scalars(select(tables.outbox.c.data).order_by(tables.outbox.c.position)))

    def everything(self) -> dict[str, list[str]]:
        """Every row of every table, as text: what must not change compares equal."""
        names = [*Base.metadata.tables, *tables.metadata.tables]
        with self.database.transaction() as session:
            return {name: sorted(session.scalars(text(f"select t::text from {name} t"))) for name in names}
