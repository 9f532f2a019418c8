"""The pass: its content, when it is valid, who may see it, and what ends it.

Signatures and storage are not here.

An approval, its withdrawal and a cancellation come in any order. So the row of an application holds
revisions, which only grow, and marks, which stay; :func:`opens_a_pass` decides from those alone.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.commitment import commit, commitment_key
from contracts.errors import Conflict
from contracts.events import (
    ApplicationPersonal,
    ApprovalWithdrawn,
    PassApproved,
    PassIssued,
    PassPersonal,
    PassRevoked,
    People,
    PublicKey,
    RevocationPersonal,
)
from contracts.mobile import channel_to
from contracts.model import (
    ApplicantKind,
    Assistance,
    Code,
    DeliverBy,
    FurtherDays,
    Language,
    Person,
    RevocationReason,
    Slot,
    Wire,
    end_of_last_day,
)
from contracts.tokens import FRESH_SECONDS, PassClaims
from contracts.visiting_rules import entry_window

State = Literal["issued", "revoked", "expired"]


class Visit(Wire):
    """What a department approved: where, when, for how many people. Nothing in it is personal."""

    site: Code
    gate: Code | None = None
    department: Code
    officer: Code | None = None
    slot: Slot
    further_days: FurtherDays = ()
    closed_days: FurtherDays = ()
    """Days that fell away after the approval."""
    entries: int = 1
    recurring: bool = False
    party: int
    kind: ApplicantKind
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    language: Language
    deliver_by: DeliverBy


@dataclass(frozen=True)
class Pass:
    """One pass. ``personal``, ``link_code`` and ``idc`` are None once the personal data was erased.

    ``valid_from`` and ``valid_to`` bound entry on the first day of the visit.
    """

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

    @property
    def ends_at(self) -> datetime:
        """When entry ends on the last day."""
        return end_of_last_day(self.valid_to, self.visit.slot.day, self.visit.further_days)

    def state_at(self, now: datetime) -> State:
        """Return the state at an instant.

        The end itself is too late, as in a JWT (RFC 7519, section 4.1.4).
        """
        if self.revocation is not None:
            return "revoked"
        return "expired" if now >= self.ends_at else "issued"

    def belongs_to(self, mobile: str | None) -> bool:
        """Return whether this mobile applied for it. An erased pass belongs to nobody."""
        return mobile is not None and self.personal is not None and mobile == self.personal.applicant.mobile

    def is_printed_at(self, site: str | None) -> bool:
        """Return whether the reception of this site, or of all sites (None), may see it to print it."""
        return self.personal is not None and site in {None, self.visit.site}

    def claims(self, issuer: str, new_at: datetime | None = None) -> PassClaims:
        """Return the claims of its token. Instants are whole seconds since 1970.

        The token of a standing pass is of one day, so that it stays small: of the day that is, or comes next.

        Args:
            issuer: who signs it.
            new_at: of a standing pass, now, where its code is new; None for one on paper.
        """
        days: tuple[int, ...] = tuple((day - self.visit.slot.day).days for day in self.visit.further_days)
        later, fresh = timedelta(), None
        if self.visit.recurring:
            fresh = int(new_at.timestamp()) + FRESH_SECONDS if new_at else 0
            each = [timedelta(days=day) for day in (0, *days)]
            later = next((one for one in each if new_at and new_at < self.valid_to + one), each[0])
            days = ()
        return PassClaims(
            iss=issuer,
            jti=self.number,
            nbf=int((self.valid_from + later).timestamp()),
            exp=int((self.valid_to + later).timestamp()),
            fresh=fresh,
            site=self.visit.site,
            party=self.visit.party,
            gate=self.visit.gate,
            entries=self.visit.entries,
            idc=self.idc,
            days=days,
        )

    def without(self, day: date) -> "Pass":
        """Return the pass without a day that was closed; the last one that is left stays.

        Where the first day falls away, the next one takes its place.
        """
        days = [one for one in (self.visit.slot.day, *self.visit.further_days) if one != day]
        if not days or len(days) == 1 + len(self.visit.further_days):
            return self
        first, *further = days
        later = first - self.visit.slot.day
        changes = {
            "slot": self.visit.slot.model_copy(update={"day": first}),
            "further_days": tuple(further),
            "closed_days": tuple(sorted({*self.visit.closed_days, day})),
        }
        visit = self.visit.model_copy(update=changes)
        return replace(self, visit=visit, valid_from=self.valid_from + later, valid_to=self.valid_to + later)

    def issued(self, key: PublicKey, token: str | None = None, *, is_update: bool = False) -> PassIssued:
        """Return the event that publishes it, with its token and the public half of the key that signs it.

        With ``is_update`` it was published before.
        """
        assert self.personal is not None
        assert self.link_code is not None
        return PassIssued(
            pass_number=self.number,
            application_id=self.application_id,
            reference=self.reference,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            replaces=self.replaces,
            is_update=is_update,
            key=key,
            personal=PassPersonal(**dict(self.personal), link_code=self.link_code, token=token),
            **dict(self.visit),
        )

    def revoke(
        self,
        reason: RevocationReason,
        *,
        replaced: bool = False,
        withdrawn: ApprovalWithdrawn | None = None,
        note: str = "",
    ) -> PassRevoked:
        """Return the event that ends it, with the department's words where it withdrew its approval.

        Raises:
            Conflict: ``already_revoked``.
        """
        if self.revocation is not None:
            raise Conflict("the pass is revoked already", code="already_revoked")
        return PassRevoked(
            pass_number=self.number,
            application_id=self.application_id,
            reference=self.reference,
            reason=reason,
            valid_to=self.ends_at,
            replaced=replaced,
            withdrawn_for=withdrawn.reason if withdrawn else None,
            language=self.visit.language,
            deliver_by=self.visit.deliver_by,
            personal=_told(self.personal, withdrawn.personal.note if withdrawn else note),
        )

    def require_reissuable(self, now: datetime) -> None:
        """Raise an error unless the pass is valid or will be.

        Raises:
            Conflict: ``not_reissuable``, with the fact ``state``: it is revoked, has expired, or its people
                were erased.
        """
        state = self.state_at(now)
        if state != "issued" or self.personal is None:
            raise Conflict("only a pass that is still good is reissued", code="not_reissuable", state=state)

    def at(self, slot: Slot, margin_minutes: int) -> "Pass":
        """Return the pass for another time, on one day."""
        valid_from, valid_to = entry_window(slot, timedelta(minutes=margin_minutes))
        visit = self.visit.model_copy(update={"slot": slot, "further_days": (), "closed_days": ()})
        return replace(self, visit=visit, valid_from=valid_from, valid_to=valid_to)

    def renumbered(self, number: str, link_code: str, master: str) -> "Pass":
        """Return the pass that replaces it: the same visit under a new number, link and commitment."""
        assert self.personal is not None
        idc = id_commitment(master, number, self.personal.applicant)
        new = replace(self, number=number, link_code=link_code, idc=idc)
        return replace(new, replaces=self.number, revocation=None)


def corrected(old: Pass, people: People, number: str, link_code: str, master: str) -> Pass:
    """Return the pass that replaces one after a correction of who comes; its mobile stays."""
    assert old.personal is not None
    applicant = people.applicant.model_copy(update={"mobile": old.personal.applicant.mobile})
    told = {"applicant": applicant, "companions": people.companions}
    visit = old.visit.model_copy(update={"party": 1 + len(people.companions)})
    after = replace(old, personal=old.personal.model_copy(update=told), visit=visit)
    return after.renumbered(number, link_code, master)


def opens_a_pass(revision: int, *, approved: int, withdrawn: int, ended: bool) -> bool:
    """Return whether the approval of a revision makes a pass, whatever came before it.

    Args:
        revision: the revision that was approved.
        approved: the highest revision known to have been approved before, 0 for none.
        withdrawn: the highest revision whose approval was withdrawn, 0 for none.
        ended: the application was cancelled or erased, which no approval undoes.
    """
    return not ended and revision > max(approved, withdrawn)


def reached_at(approved: PassApproved, mobile: str) -> PassApproved:
    """Return an approval with another number of the applicant."""
    applicant = approved.personal.applicant.model_copy(update={"mobile": mobile})
    personal = approved.personal.model_copy(update={"applicant": applicant})
    deliver_by = channel_to(mobile, approved.deliver_by)
    return approved.model_copy(update={"personal": personal, "deliver_by": deliver_by})


def new_pass(
    approved: PassApproved,
    number: str,
    link_code: str,
    *,
    margin_minutes: int,
    master: str,
    replaces: str | None = None,
) -> Pass:
    """Return the pass of an approval. The key of its ID commitment is derived from ``master``."""
    valid_from, valid_to = entry_window(approved.slot, timedelta(minutes=margin_minutes))
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


def id_commitment(master: str, number: str, applicant: Person) -> str | None:
    """Return the commitment that is meant for offline gates to match the ID by; None without an ID."""
    if applicant.id_type is None or applicant.id_last4 is None:
        return None
    return commit(commitment_key(master, number), applicant.id_type, applicant.id_last4)


def _told(personal: ApplicationPersonal | None, note: str) -> RevocationPersonal:
    if personal is None:
        return RevocationPersonal()
    applicant = personal.applicant
    return RevocationPersonal(name=applicant.name, mobile=applicant.mobile, email=applicant.email, note=note)
