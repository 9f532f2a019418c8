"""RPC of application: the photograph of a visitor, which the camera of a reception takes."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import Field

from contracts.envelope import PersonalKeyRing, UnreadableEvent
from contracts.model import Strict, Wire
from contracts.rpc.application import Reference, ReferenceOnly
from contracts.rpc.call import Method, Nothing

PROVED_FOR = timedelta(minutes=5)
"""How long the ADO Branch may look at a photograph after approval has named it."""


class PhotographQuestion(ReferenceOnly):
    """Whose photograph is asked for."""

    proof: str = Field(default="", max_length=1000, repr=False)
    """From approval, for the ADO Branch alone: `proof_of`."""


class Photograph(Wire):
    """A JPEG of the visitor, in base64."""

    jpeg: str = Field(repr=False)


class TakePhotograph(Strict):
    """The photograph of a visitor who has applied before, taken by the camera of the reception."""

    reference: Reference
    photograph: str = Field(max_length=32_000, repr=False)
    """A JPEG in base64; it takes the place of an earlier one."""


PHOTOGRAPH = Method(
    "application", "photograph", PhotographQuestion, Photograph, names_people=True,
    said="Photograph of a visitor",
)  # fmt: skip
TAKE_PHOTOGRAPH = Method(
    "application", "take_photograph", TakePhotograph, Nothing, command=True,
    said="Took the photograph of a visitor",
)  # fmt: skip


def proof_of(keys: PersonalKeyRing, application_id: UUID, login: str, now: datetime) -> str:
    """Return approval's word, for one login, that an application has a standing pass or waits for one.

    It needs the keys of personal blocks, which the gateway does not have.
    """
    return keys.seal(application_id, {"photograph_to": login, "until": (now + PROVED_FOR).isoformat()})


def is_proof(
    proof: str, keys: PersonalKeyRing, application_id: UUID, login: str | None, now: datetime
) -> bool:
    """Return whether approval gave this word for this application to this login within `PROVED_FOR`."""
    try:
        block = keys.open(application_id, proof)
    except UnreadableEvent:
        return False
    return block.get("photograph_to") == login and datetime.fromisoformat(str(block["until"])) > now
