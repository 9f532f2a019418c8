"""Checks of the applicant and companions: names, last four characters of IDs, office, contact."""

from collections import Counter
from collections.abc import Iterable

from contracts.application_form import Applicant, CompanionInput, InvitedVisitor
from contracts.email import is_email
from contracts.identity import NotLastFour, last_four
from contracts.mobile import channel_to, parse_mobile
from contracts.model import ApplicantKind, Companion, DeliverBy, Guardian, Official, Person
from services.application.domain.findings import Findings
from services.application.domain.names import latin_name_of, name_of
from services.application.domain.text import one_line, without_aadhaar


def applicant_of(
    findings: Findings, given: Applicant, typed_mobile: str | None, *, is_attended: bool
) -> tuple[Person, DeliverBy]:
    """Return the applicant, cleaned, and the channel that the pass will take.

    Args:
        findings: where problems are recorded.
        given: the applicant's part of the form.
        typed_mobile: the mobile that an OTP proved, or as typed at the counter.
        is_attended: whether an operator vouches, who can print a pass; the applicant then needs no mobile.
    """
    name = name_of(findings, "applicant.name", given.name)
    mobile = _mobile(findings, "mobile", typed_mobile)
    email = email_of(findings, "applicant.email", given.email)
    person = Person(
        name=name,
        name_latin=latin_name_of(findings, "applicant.name_latin", given.name_latin, name),
        mobile=mobile,
        email=email,
        id_type=given.id_type,
        id_last4=id_last4_of(findings, "applicant.id_last4", given.id_last4),
        official=_official(findings, given.kind, given.official),
        guardian=_guardian(findings, given.guardian),
    )
    return person, _delivery(
        findings, "applicant.deliver_by", mobile, email, given.deliver_by, is_attended=is_attended
    )


def invited_visitor_of(
    findings: Findings, path: str, given: InvitedVisitor, wanted: DeliverBy
) -> tuple[Person, DeliverBy]:
    """Return a visitor whom a department invites, cleaned, and the channel that the pass will take.

    Args:
        findings: where problems are recorded, under ``path``.
        path: of the visitor in the form, such as ``visitors.3``.
        given: the visitor's part of the form.
        wanted: the channel for all who have a mobile. Others get the pass by email, or on paper.
    """
    name = name_of(findings, f"{path}.name", given.name)
    mobile = _mobile(findings, f"{path}.mobile", given.mobile)
    email = email_of(findings, f"{path}.email", given.email)
    number = (given.id_last4 or "").strip()
    if bool(number) != (given.id_type is not None):
        findings.refuse(f"{path}.id_last4" if given.id_type else f"{path}.id_type", "id_incomplete")
    person = Person(
        name=name,
        name_latin=latin_name_of(findings, f"{path}.name_latin", given.name_latin, name),
        mobile=mobile,
        email=email,
        id_type=given.id_type,
        id_last4=id_last4_of(findings, f"{path}.id_last4", number) if number else None,
    )
    if email and mobile is None:
        return person, "email"
    return person, _delivery(findings, f"{path}.mobile", mobile, email, wanted, is_attended=True)


def companions_of(
    findings: Findings, given: Iterable[CompanionInput], most_companions: int
) -> tuple[Companion, ...]:
    """Return the people who come along, each with an ID except the children."""
    companions = tuple(
        _companion(findings, f"companions.{number}", companion) for number, companion in enumerate(given)
    )
    if len(companions) > most_companions:
        findings.refuse("companions", "too_many_companions")
    return companions


def with_known_ids(given: Iterable[CompanionInput], known: Iterable[Companion]) -> tuple[CompanionInput, ...]:
    """Return companions with the last characters of the ID that they had before, where these are left out.

    A companion is known by name and kind of ID; two with the same are not told apart.
    """
    before = [((one.name, one.id_type), one.id_last4) for one in known]
    seen = Counter(key for key, _ in before)
    numbers = {key: number for key, number in before if seen[key] == 1}
    return tuple(
        one
        if one.id_last4 or one.id_type is None
        else one.model_copy(update={"id_last4": numbers.get((one.name.strip(), one.id_type))})
        for one in given
    )


def _mobile(findings: Findings, field: str, typed: str | None) -> str | None:
    if not typed or not typed.strip():
        return None
    try:
        return parse_mobile(typed)
    except ValueError:
        findings.refuse(field, "not_a_mobile")
        return None


def email_of(findings: Findings, field: str, typed: str | None) -> str | None:
    """Return an email address, cleaned; None where there is none. Record a problem if it is none."""
    email = one_line(typed or "") or None
    if email and not is_email(email):
        findings.refuse(field, "email_invalid")
    return email


def _delivery(
    findings: Findings,
    field: str,
    mobile: str | None,
    email: str | None,
    wanted: DeliverBy,
    *,
    is_attended: bool,
) -> DeliverBy:
    """Return the channel of the pass; record a problem if the wanted one does not reach the applicant."""
    if is_attended and mobile is None and not (wanted == "email" and email):
        return "printed"
    if wanted == "printed" and not is_attended:
        findings.refuse(field, "printed_only_at_counter")
    elif wanted == "email" and not email:
        findings.refuse(field, "email_missing")
    elif wanted == "sms" and mobile is not None and channel_to(mobile, wanted) != wanted:
        findings.refuse(field, "deliver_by_unreachable")
    return wanted


def id_last4_of(findings: Findings, field: str, text: str) -> str:
    """Return the last four characters of an ID; a full number is a problem and is never returned."""
    try:
        return last_four(text)
    except NotLastFour as error:
        findings.refuse(field, error.code)
        return ""


def _official(findings: Findings, kind: ApplicantKind, official: Official | None) -> Official | None:
    field = "applicant.official"
    if official is None or kind == "citizen":
        if official is not None:
            findings.refuse(field, "official_not_expected")
        elif kind == "official":
            findings.refuse(field, "official_missing")
        return None

    lines = {}
    for part, text in official:
        lines[part] = without_aadhaar(findings, f"{field}.{part}", one_line(text))
        if not lines[part]:
            findings.refuse(f"{field}.{part}", "official_missing")
    return official.model_copy(update=lines)


def _guardian(findings: Findings, guardian: Guardian | None) -> Guardian | None:
    if guardian is None:
        return None
    name = name_of(findings, "applicant.guardian.name", guardian.name)
    return guardian.model_copy(update={"name": name})


def _companion(findings: Findings, path: str, given: CompanionInput) -> Companion:
    name = name_of(findings, f"{path}.name", given.name)
    number = (given.id_last4 or "").strip()
    has_id = bool(number) or not given.child
    if has_id and given.id_type is None:
        findings.refuse(f"{path}.id_type", "companion_id_missing")
    if has_id and not number:
        findings.refuse(f"{path}.id_last4", "companion_id_missing")
    return Companion(
        name=name,
        name_latin=latin_name_of(findings, f"{path}.name_latin", given.name_latin, name),
        id_type=given.id_type if has_id else None,
        id_last4=id_last4_of(findings, f"{path}.id_last4", number) if number else None,
        child=given.child,
    )
