"""The pass: what it says, when it is good, who may see it, and what ends it. No clock, no database, no signature.

An approval, its withdrawal and a cancellation come in any order, so what is known of an application is kept as numbers
that only grow (revisions) and marks that stay; :func:`opens_a_pass` decides from those alone.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.commitment import commit, commitment_key
from contracts.errors import Conflict
from contracts.events import (
    ApplicationPersonal,
    PassApproved,
    PassIssued,
    PassPersonal,
    PassRevoked,
    PublicKey,
)
from contracts.model import (
    ApplicantKind,
    Assistance,
    Code,
    Contact,
    DeliverBy,
    Language,
    Person,
    RevocationReason,
    Slot,
    Wire,
)
from contracts.rpc.call import Principal
from contracts.tokens import PassClaims
from services.chassis.runtime.clock import IST

State = Literal["issued", "revoked", "expired"]


class Visit(Wire):
    """What a department approved: where, when, for how many. Nothing in it is personal."""

    site: Code
    gate: Code | None = None
    department: Code
    officer: Code | None = None
    slot: Slot
    entries: int = 1
    party: int
    kind: ApplicantKind
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    language: Language
    deliver_by: DeliverBy


@dataclass(frozen=True)
class Pass:
    """One pass. ``personal``, ``link_code`` and ``idc`` are None once the personal data was erased."""

    number: str
    application_id: UUID
    reference: str
    visit: Visit
    valid_from: datetime
    valid_to: datetime
    personal: ApplicationPersonal | None = field(repr=False)
    link_code: str | None = field(repr=False)
    idc: str | None = field(repr=False)
    replaces: str | None = None
    revocation: RevocationReason | None = None

    def state_at(self, moment: datetime) -> State:
        """What is true at a moment. As in a JWT (RFC 7519, section 4.1.4) the end itself is too late."""
        if self.revocation is not None:
            return "revoked"
        return "expired" if moment >= self.valid_to else "issued"

    def is_for(self, principal: Principal) -> bool:
        """Whether it is the principal's: the mobile that applied, or the reception of its site, which prints it."""
        if self.personal is None:
            return False
        if principal.kind == "applicant":
            return principal.mobile is not None and principal.mobile == self.personal.applicant.mobile
        return (
            principal.kind == "staff"
            and principal.role == "reception"
            and principal.site in {None, self.visit.site}
        )

    def claims(self, issuer: str) -> PassClaims:
        """What its token says; instants are whole seconds since 1970."""
        return PassClaims(
            iss=issuer,
            jti=self.number,
            nbf=int(self.valid_from.timestamp()),
            exp=int(self.valid_to.timestamp()),
            site=self.visit.site,
            party=self.visit.party,
            gate=self.visit.gate,
            entries=self.visit.entries,
            idc=self.idc,
        )

    def issued(self, key: PublicKey) -> PassIssued:
        """The event that tells of it, with the public half of the key that signs it."""
        assert self.personal is not None
        assert self.link_code is not None
        return PassIssued(
            pass_number=self.number,
            application_id=self.application_id,
            reference=self.reference,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            replaces=self.replaces,
            key=key,
            personal=PassPersonal(**dict(self.personal), link_code=self.link_code),
            **dict(self.visit),
        )

    def revoke(self, reason: RevocationReason, *, replaced: bool = False) -> PassRevoked:
        """The event that ends it.

        Raises:
            Conflict: it is revoked already.
        """
        if self.revocation is not None:
            raise Conflict("the pass is revoked already", code="already_revoked")
        return PassRevoked(
            pass_number=self.number,
            application_id=self.application_id,
            reference=self.reference,
            reason=reason,
            valid_to=self.valid_to,
            replaced=replaced,
            language=self.visit.language,
            deliver_by=self.visit.deliver_by,
            personal=_contact(self.personal),
        )

    def require_reissuable(self, moment: datetime) -> None:
        """Lets only a pass through that is good, or will be.

        Raises:
            Conflict: ``not_reissuable``, it is revoked or expired; fact ``state``. Or its people were erased.
        """
        state = self.state_at(moment)
        if state != "issued" or self.personal is None:
            raise Conflict("only a pass that is still good is reissued", code="not_reissuable", state=state)

    def renumbered(self, number: str, link_code: str, master: str) -> "Pass":
        """The pass that takes its place: the same visit under a new number, link and commitment."""
        assert self.personal is not None
        idc = id_commitment(master, number, self.personal.applicant)
        return replace(self, number=number, link_code=link_code, idc=idc, replaces=self.number)


def opens_a_pass(revision: int, *, approved: int, withdrawn: int, ended: bool) -> bool:
    """Whether the approval of a revision makes a pass, whatever came before it.

    Args:
        revision: the one that was approved.
        approved: the highest revision known to have been approved before, 0 for none.
        withdrawn: the highest revision whose approval was withdrawn, 0 for none.
        ended: the application was cancelled or erased, which no approval undoes.
    """
    return not ended and revision > max(approved, withdrawn)


def new_pass(
    approved: PassApproved,
    number: str,
    link_code: str,
    *,
    margin_minutes: int,
    master: str,
    replaces: str | None = None,
) -> Pass:
    """The pass of an approval. ``master`` derives the key of its ID commitment."""
    valid_from, valid_to = entry_window(approved.slot, margin_minutes)
    return Pass(
        number=number,
        application_id=approved.application_id,
        reference=approved.reference,
        visit=Visit.model_validate(approved, from_attributes=True),
        valid_from=valid_from,
        valid_to=valid_to,
        personal=approved.personal,
        link_code=link_code,
        idc=id_commitment(master, number, approved.personal.applicant),
        replaces=replaces,
    )


def entry_window(slot: Slot, margin_minutes: int) -> tuple[datetime, datetime]:
    """From when to when entry is open: the slot (Indian Standard Time) with its margin on both sides."""
    margin = timedelta(minutes=margin_minutes)
    begins, ends = (datetime.combine(slot.day, time, tzinfo=IST) for time in (slot.start, slot.end))
    return begins - margin, ends + margin


def id_commitment(master: str, number: str, applicant: Person) -> str | None:
    """By which a gate that is offline matches the ID; None where the applicant named none."""
    if applicant.id_type is None or applicant.id_last4 is None:
        return None
    return commit(commitment_key(master, number), applicant.id_type, applicant.id_last4)


def _contact(personal: ApplicationPersonal | None) -> Contact:
    if personal is None:
        return Contact()
    applicant = personal.applicant
    return Contact(name=applicant.name, mobile=applicant.mobile, email=applicant.email)
