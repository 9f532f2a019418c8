"""RPC of issuance: passes, their pictures, the signed status list."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from contracts.model import (
    LINK_CODE,
    Assistance,
    Companion,
    FurtherDays,
    Instant,
    Language,
    LinkAnswer,
    Person,
    RevocationReason,
    Slot,
    Strict,
    Wire,
    end_of_last_day,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Http, Method, Nothing
from contracts.rpc.own_data import own_data

NAMED_AFTER_VISIT = timedelta(days=1)
"""For how long after the visit the page behind the link of a pass shows names, and where its visitor is."""


class PassNumber(Strict):
    """One pass."""

    number: str = Field(max_length=20, description="Eight characters.")


class LinkCode(Strict):
    """The 22 characters of a pass link."""

    code: str = Field(pattern=LINK_CODE)


class ShortLink(Strict):
    """The first characters of a pass link."""

    code: str = Field(pattern=LINK_CODE)


class AnswerByLink(LinkCode):
    """What whoever has the link says of the visit."""

    answer: LinkAnswer


class WholeLink(Wire):
    """The whole code of a pass link."""

    code: str


class PassView(Wire):
    """A pass with its token. ``state`` is what is true now."""

    number: str
    reference: str
    state: Literal["issued", "revoked", "expired"]
    token: str
    site: str
    gate: str | None = None
    department: str
    officer: str | None = None
    valid_from: Instant
    valid_to: Instant
    """When entry ends on the first day."""
    slot: Slot
    further_days: FurtherDays = ()
    """The days after the first on which the visit goes on at the same hours."""
    closed_days: FurtherDays = ()
    """Days that fell away after the approval, because the department closed them."""
    entries: int
    recurring: bool = False
    """Whether it is a standing pass: ``token`` is new for two minutes, but of staff, who print it."""
    party: int
    applicant: Person
    companions: tuple[Companion, ...] = ()
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    language: Language
    replaced_by: str | None = None
    revocation: RevocationReason | None = None
    """Why it was revoked, where it was."""

    @property
    def ends_at(self) -> datetime:
        """When entry ends on the last day."""
        return end_of_last_day(self.valid_to, self.slot.day, self.further_days)


class QrQuestion(PassNumber):
    """The picture of a pass's QR. ``scale`` is pixels per module."""

    format: Literal["svg", "png"]
    scale: int = Field(default=8, ge=2, le=20)


class QrPicture(Wire):
    """The picture, base64."""

    content_type: str
    base64: str


class ReissuePass(PassNumber):
    """A lost or forwarded pass: a new number, the old one revoked."""

    reason: RevocationReason = "reissued"


class Jwk(Wire):
    """A public Ed25519 key as a JWK (RFC 8037)."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    kid: str
    x: str


class Jwks(Wire):
    """GET /.well-known/jwks.json: keys of pass tokens and of the status list."""

    keys: tuple[Jwk, ...]


MOST_AHEAD = 6
"""Lists, a minute of them. Gateways fetch the list every 2.5 s, so another one may have served a newer."""


class StatusDelta(Wire):
    """What has changed since an earlier list: a JWS, ``typ: epass-status-delta+jwt``."""

    since: int
    """The ``seq`` of the earliest list to which it can be applied."""
    base: str
    """The digest of that list."""
    jws: str


class StatusList(Wire):
    """GET /.well-known/pass-status: a JWS, ``typ: epass-status+jwt``, and the deltas to it."""

    jws: str
    seq: int
    digest: str
    deltas: tuple[StatusDelta, ...] = ()
    """The shortest first."""

    def newer_than(self, held: str) -> str | None:
        """Return what a reader of an earlier list has to fetch, or None where it holds this one.

        It is the shortest delta that fits, else the whole list. None as well where it holds one that is newer
        by a few lists, which another gateway has served. After a restored backup of issuance, which counts
        from an earlier number, the lists soon come to the number that it holds, and the digest decides.

        Args:
            held: ``seq`` and digest of the reader's list, with a dot between.
        """
        seq, _, digest = held.partition(".")
        if not seq.isascii() or not seq.isdigit():
            return self.jws
        if int(seq) > self.seq:
            return None if int(seq) <= self.seq + MOST_AHEAD else self.jws
        if int(seq) == self.seq:
            return None if digest == self.digest else self.jws
        fitting = (delta for delta in self.deltas if delta.since <= int(seq))
        delta = next(fitting, None)
        if delta is None or (delta.since == int(seq) and delta.base != digest):
            return self.jws
        return delta.jws


PASS = Method(
    "issuance", "view", PassNumber, PassView, names_people=True, said="Pass",
    http=Http("pass_holder", "view_pass", "GET /passes/{number}",
        "Return the pass with its token."),
)  # fmt: skip
PASS_BY_LINK = Method("issuance", "view_by_link", LinkCode, PassView)
WHOLE_LINK = Method("issuance", "whole_link", ShortLink, WholeLink)
ANSWER_BY_LINK = Method(
    "issuance", "answer_by_link", AnswerByLink, Nothing, command=True, said="Visitor's word by the link"
)
QR = Method("issuance", "qr", QrQuestion, QrPicture, names_people=True, said="QR code of a pass")
QR_BY_LINK = Method("issuance", "qr_by_link", LinkCode, QrPicture)
REISSUE = Method("issuance", "reissue", ReissuePass, PassView, command=True, said="Replaced a pass")
JWKS = Method("issuance", "jwks", Nothing, Jwks, in_transaction=True)
STATUS_LIST = Method("issuance", "status_list", Nothing, StatusList, in_transaction=True)
OWN_DATA = own_data("issuance")
AUDIT_ENTRIES = Method(
    "issuance",
    "audit_entries",
    AuditQuestion,
    AuditEntries,
    names_people=True,
    polled=True,
    said="Audit log",
)
AUDIT_HEADS = Method("issuance", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("issuance")
