"""The applicant and who comes along: names, IDs by their last four characters, an official's office."""

from collections.abc import Iterable

from contracts.identity import NotLastFour, last_four
from contracts.model import ApplicantKind, Companion, Official
from contracts.rpc.application import CompanionInput
from services.application.domain.findings import Findings
from services.application.domain.names import latin_name_of, name_of
from services.application.domain.text import one_line, without_aadhaar


def id_last4_of(findings: Findings, field: str, text: str) -> str:
    """The last four characters of an ID; a full number is noted and never returned."""
    try:
        return last_four(text)
    except NotLastFour as error:
        findings.refuse(field, error.code)
        return ""


def official_of(
    findings: Findings, field: str, kind: ApplicantKind, official: Official | None
) -> Official | None:
    """An official's office, which a citizen has not."""
    if official is None or kind == "citizen":
        if official is not None:
            findings.refuse(field, "official_not_expected")
        elif kind == "official":
            findings.refuse(field, "official_missing")
        return None
    return official.model_copy(
        update={part: _office_line(findings, f"{field}.{part}", text) for part, text in official}
    )


def _office_line(findings: Findings, field: str, text: str) -> str:
    line = without_aadhaar(findings, field, one_line(text))
    if not line:
        findings.refuse(field, "official_missing")
    return line


def companions_of(
    findings: Findings, field: str, given: Iterable[CompanionInput], at_most: int
) -> tuple[Companion, ...]:
    """The people who come along, each with an ID but the children."""
    companions = tuple(
        _companion(findings, f"{field}.{number}", companion) for number, companion in enumerate(given)
    )
    if len(companions) > at_most:
        findings.refuse(field, "too_many_companions")
    return companions


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
