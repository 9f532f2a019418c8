"""The base of all events, and the sets of words that later versions may extend."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict, Unpack
from uuid import UUID

from pydantic import JsonValue

from contracts.events.example_members import ID
from contracts.model import (
    AccessChange,
    Announcement,
    Assistance,
    Channel,
    ClosureReason,
    ConflictKind,
    Corrector,
    DeliverBy,
    EscalationStep,
    NotMetReason,
    PurposeKind,
    RejectionReason,
    RevocationReason,
    Service,
    Subscriber,
    Verdict,
    VisitAnswer,
    VisitOutcome,
    Wire,
)
from contracts.open_sets import else_

Content = dict[str, JsonValue]
"""The members of an event on the wire, the personal ones included."""
AnyDeliverBy = Annotated[DeliverBy, else_("sms")]
AnyDeliveryStatus = Annotated[Literal["delivered", "read"] | None, else_(None)]
AnyChannel = Annotated[Channel, else_("portal")]
AnyPurposeKind = Annotated[PurposeKind, else_("other")]
AnyAssistance = Annotated[Assistance | None, else_(None)]
AnyRejectionReason = Annotated[RejectionReason, else_("other")]
AnyRevocationReason = Annotated[RevocationReason, else_("withdrawn")]
AnyClosureReason = Annotated[ClosureReason, else_("other")]
AnyAccessChange = Annotated[AccessChange, else_("other")]
AnyEscalationStep = Annotated[EscalationStep | None, else_(None)]
AnyChanger = Annotated[Literal["applicant", "counter"], else_("applicant")]
AnyCorrector = Annotated[Corrector, else_("applicant")]
AnyCorrectionOutcome = Annotated[Literal["waits", "applied", "refused"], else_("waits")]
AnyConflictKind = Annotated[ConflictKind, else_("other")]
AnyOfflineChoice = Annotated[Literal["refuse", "supervisor"], else_("refuse")]
AnyVisitAnswer = Annotated[VisitAnswer, else_("wait")]
AnyVisitOutcome = Annotated[VisitOutcome, else_("not_met")]
AnyAnnouncement = Annotated[Announcement, else_("many")]
AnyNotMetReason = Annotated[NotMetReason | None, else_("other")]
AnyVerdict = Annotated[Verdict, else_("unknown_pass")]
"""A verdict that is not known here lets nobody pass: only ``admit`` and ``exit`` do, in every version."""


class Facts(TypedDict, total=False):
    """What the head of an event's class says besides its subscribers: `Event` has what each means."""

    version: int
    producer: Service
    can_wait: bool
    is_only_one: bool


BY_NAME: dict[str, type["Event"]] = {}
"""Every event, by its name."""


class Event(Wire):
    """Base of all events. The head of a class names its ``subscribers``, which makes it an event of its own.

    The envelope's writer excludes ``personal`` of a subclass from the clear part.
    """

    version: ClassVar[int] = 1
    upgrades: ClassVar[Mapping[int, Callable[[Content], Content]]] = {}
    """How the content of an older version becomes that of the version after it, by the older version."""
    producer: ClassVar[Service]
    subscribers: ClassVar[tuple[Subscriber, ...]]
    """Who consumes it; nobody where it is only to be found in the stream of all events."""
    can_wait: ClassVar[bool] = False
    """Whether nobody waits for it.

    The relay lets such events gather, so that more of them share a message; nothing depends on it.
    """
    is_only_one: ClassVar[bool] = False
    """Whether a subject has no other event than this one; then no number needs to be remembered."""
    example: ClassVar[Mapping[str, Any]] = {}
    """Members of an example, as they stand on the wire; those of its bases belong to it, too."""

    def __init_subclass__(
        cls, *, subscribers: tuple[Subscriber, ...] | None = None, **facts: Unpack[Facts]
    ) -> None:
        super().__init_subclass__()
        for name, fact in facts.items():
            setattr(cls, name, fact)
        if subscribers is not None:
            if cls.subject is Event.subject:
                raise TypeError(f"{cls.__name__} names no subject, and is about no application and no pass")
            cls.subscribers = subscribers
            BY_NAME[cls.__name__] = cls

    @classmethod
    def sample(cls) -> Self:
        """Return the example. ``contracts/samples`` has its golden bytes."""
        members: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            members |= vars(base).get("example", {})
        return cls.model_validate(members)

    @property
    def subject(self) -> str:
        """Subject of the event; ``seq`` counts the events of one subject."""
        raise NotImplementedError


class AboutApplication(Event):
    """An event whose subject is an application."""

    application_id: UUID
    reference: str
    example: ClassVar = {"application_id": ID, "reference": "PCS-7K3M-9QW6"}

    @property
    def subject(self) -> str:
        return f"application:{self.application_id}"


class AboutPass(Event):
    """An event whose subject is a pass."""

    pass_number: str
    application_id: UUID
    reference: str
    example: ClassVar = {"pass_number": "7K3M9QW6", "application_id": ID, "reference": "PCS-7K3M-9QW6"}

    @property
    def subject(self) -> str:
        return f"pass:{self.pass_number}"
