"""RPC of application: what is kept about somebody who came along on the pass of another person."""

from pydantic import Field

from contracts.model import FurtherDays, IdType, Instant, Strict, Wire, date
from contracts.rpc.call import Method


class CompanionQuestion(Strict):
    """Who asks: the number of the pass, their name as it stands there, the last four of their own card."""

    number: str = Field(max_length=20)
    name: str = Field(min_length=2, max_length=400, repr=False)
    id_last4: str = Field(max_length=40, repr=False)


class CompanionView(Wire):
    """The line of one companion, and the visit; nothing of the applicant and of the others."""

    reference: str
    number: str
    name: str
    name_latin: str
    id_type: IdType
    site: str
    department: str
    day: date
    further_days: FurtherDays = ()
    since: Instant
    """When it was sent."""
    until: Instant
    """When the line is erased."""


COMPANION = Method(
    "application", "view_companion", CompanionQuestion, CompanionView, command=True, carries_key=True,
    said="Own line of somebody who came along",
)  # fmt: skip
"""It changes nothing but the count of tries. As a command it is in the audit log, with what is refused."""
