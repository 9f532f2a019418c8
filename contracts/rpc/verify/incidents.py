"""RPC of verify: incidents of gates, and calls for help."""

from typing import Literal
from uuid import UUID

from contracts.model import Code, Instant, Strict, Wire
from contracts.rpc.call import Http, Method, Page

HelpReason = Literal["visitor", "danger", "device"]
"""A visitor needs somebody; danger; something at the gate does not work."""


class CallForHelp(Strict):
    """A gate calls the reception of its site."""

    gate: Code
    reason: HelpReason


class HelpCallId(Strict):
    """A call for help."""

    call_id: UUID


class HelpCall(Wire):
    """A call for help, and who comes. It names no visitor."""

    id: UUID
    site: str
    gate: str
    reason: HelpReason
    called_at: Instant
    called_by: str
    answered_at: Instant | None = None
    answered_by: str | None = None
    """The login that comes; None while it still rings, and where nobody answers."""
    unanswered_at: Instant | None = None
    """When it ended to ring, and nobody had answered."""


class Telephones(Wire):
    """Whom a gate telephones; empty where the directory has no number."""

    reception: str = ""
    security: str = ""


class HelpQuestion(Wire):
    """The question which gates of a site call for help, or of all sites."""

    site: Code | None = None


class HelpCalls(Wire):
    """Calls that ring, or that within the last minutes were answered or ended to ring; the oldest first."""

    items: tuple[HelpCall, ...] = ()
    telephones: Telephones = Telephones()
    """Of the site that was asked for."""
    green_s: int = 900
    """Up to this age the gates of that site take a list of passes for new, in seconds."""


IncidentKind = Literal["conflict", "refused", "unproven", "override", "wrong_pin", "unanswered", "recounted"]
"""More persons came in than a pass allows; a scan that was refused for good; a supervisor whose PIN nobody
typed; a supervisor who let somebody in; a PIN that was typed wrong too often; a call for help that nobody
answered; an entry of which its gate says later that more came in than it had said online, or fewer."""


class IncidentScan(Wire):
    """A scan that an incident is about."""

    gate: str
    scanned_at: Instant
    count: int = 0
    offline: bool = False


class IncidentView(Wire):
    """Something that happened at a gate and that somebody should look at. It names no visitor."""

    id: UUID
    found_at: Instant
    site: str
    gate: str
    kind: IncidentKind
    detail: str | None = None
    """The kind of a conflict, the problem of a refused scan, why a gate called, whether more came in than
    recorded, that a PIN was the guard's own, or what a supervisor has set aside, a space between."""
    pass_number: str | None = None
    reference: str | None = None
    scans: tuple[IncidentScan, ...] = ()
    exposure: int = 0
    """How many persons came in beyond what the pass allows."""
    login: str | None = None
    """Who scanned, or called."""
    supervisor: str | None = None
    reason: str | None = None
    """The words of the supervisor."""
    called_at: Instant | None = None
    """When a gate called for help, if the incident is that nobody answered."""
    is_own: bool = False
    """Whether the login that asks took part, so that somebody else notes that it was seen."""
    seen_at: Instant | None = None
    seen_by: str | None = None


class IncidentQuestion(Page):
    """The question what happened at the gates, the newest first."""

    site: Code | None = None
    kind: IncidentKind | None = None
    unseen: bool = False


class IncidentList(Wire):
    """A page of incidents; ``unseen`` counts those that nobody has seen, at all pages and of all kinds."""

    items: tuple[IncidentView, ...] = ()
    next: str | None = None
    unseen: int = 0


class IncidentId(Strict):
    """An incident."""

    incident_id: UUID


CALL_HELP = Method(
    "verify", "call_help", CallForHelp, HelpCall, command=True, said="Called for help from a gate",
    http=Http("guard", "call_help", "POST /gate/help",
        """Call the reception of the site for help.

        Its pages ring until somebody answers. While a call of this gate rings, another one is the same call.
        """),
)  # fmt: skip
ANSWER_HELP = Method(
    "verify", "answer_help", HelpCallId, HelpCall, command=True, said="Answered a gate's call for help"
)
HELP_CALLS = Method("verify", "help_calls", HelpQuestion, HelpCalls)
INCIDENTS = Method(
    "verify", "incidents", IncidentQuestion, IncidentList, names_people=True, said="Incidents at gates"
)
NOTE_INCIDENT = Method(
    "verify", "note_incident", IncidentId, IncidentView, command=True,
    said="Noted that an incident was seen",
)  # fmt: skip
