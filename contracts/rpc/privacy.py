"""RPC of application: what the data officer does for somebody who comes in person, or has written."""

from typing import Literal

from pydantic import Field

from contracts.model import Strict, Wire
from contracts.rpc.application import Acknowledged, HistoryLine, ReferenceOnly
from contracts.rpc.call import Method, Nothing
from contracts.rpc.corrections import CorrectApplication, Corrected
from contracts.rpc.own_data import ErasedOnRequest, OwnApplications

Asked = Literal["in_person", "in_writing"]
"""How the person has asked for it; the audit log says it."""


class FindPerson(Strict):
    """A reference or a pass number, as it was typed; or a mobile, with the last four of the ID card."""

    q: str = Field(max_length=40, repr=False)
    id_last4: str = Field(default="", max_length=40, repr=False)


class PersonFound(Wire):
    """The applications of one person that still name them, newest first; nothing where there are none."""

    items: tuple[HistoryLine, ...] = ()
    mobile: str | None = Field(default=None, repr=False)
    is_cut: bool = False
    """Whether there are more."""


class Why(Strict):
    """Why the officer acts for a person."""

    asked: Asked
    request_number: str = Field(default="", max_length=40)
    """Of their numbered request about their data; empty where there is none."""


class ForPerson(OwnApplications, Why):
    """Some applications of one person, and why the officer acts for them."""


class ConsentOfPerson(ReferenceOnly, Why):
    """The consent to one application, and why the officer withdraws it for who gave it."""


class CorrectForPerson(CorrectApplication, Why):
    """A correction of one application of a person, and why the officer makes it for them."""


FIND_PERSON = Method(
    "application", "find_person", FindPerson, PersonFound, names_people=True,
    said="List of a person's applications",
)  # fmt: skip
COPY_FOR_PERSON = Method(
    "application", "copy_for_person", ForPerson, Nothing, command=True, fresh=True,
    said="Took a copy of somebody's data for them",
)  # fmt: skip
ERASE_FOR_PERSON = Method(
    "application", "erase_for_person", ForPerson, ErasedOnRequest, command=True, fresh=True,
    said="Had somebody's data erased for them",
)  # fmt: skip
WITHDRAW_FOR_PERSON = Method(
    "application", "withdraw_for_person", ConsentOfPerson, Acknowledged, command=True, fresh=True,
    said="Withdrew somebody's consent for them",
)  # fmt: skip
CORRECT_FOR_PERSON = Method(
    "application", "correct_for_person", CorrectForPerson, Corrected, command=True, fresh=True,
    said="Corrected an application for somebody",
)  # fmt: skip
