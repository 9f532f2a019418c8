"""RPC of approval: entries of the watchlist, and who matches them."""

from datetime import date
from uuid import UUID

from pydantic import Field

from contracts.model import EntryState, Instant, MatchKind, MatchSettlement, ReviewStatus, Slot, Strict, Wire
from contracts.rpc.call import Http, Method, Page


class ProposeEntry(Strict):
    """A new entry of the watchlist. It holds once a second officer has confirmed it.

    ``id_last4`` or ``mobile``, or both, beside the name.
    """

    name: str = Field(min_length=1, max_length=100)
    id_last4: str | None = Field(default=None, max_length=40)
    mobile: str | None = Field(default=None, max_length=40)
    reason: str = Field(min_length=1, max_length=500)
    valid_until: date
    """The last day on which it holds."""


class EntryId(Strict):
    """One entry of the watchlist."""

    entry_id: UUID


class EntryQuestion(Page):
    """The entries of a state, the newest first."""

    state: EntryState | None = None


class EntryView(Wire):
    """An entry of the watchlist, and who did what with it.

    Its content is empty some time after it ended. ``ended_by`` is None where its last day has passed.
    """

    id: UUID
    state: EntryState
    name: str
    id_last4: str | None = None
    mobile: str | None = None
    reason: str
    valid_until: date
    proposed_by: str
    proposed_at: Instant
    confirmed_by: str | None = None
    confirmed_at: Instant | None = None
    ended_by: str | None = None
    ended_at: Instant | None = None


class EntryList(Wire):
    """Entries of the watchlist, the newest first, and how many there are of each state."""

    items: tuple[EntryView, ...]
    next: str | None = None
    counts: dict[EntryState, int] = Field(default_factory=dict)


class MatchQuestion(Page):
    """Matches of applications with the watchlist, the newest first."""

    open: bool = True
    """Only those that nobody has settled and whose entry holds."""


class MatchId(Strict):
    """One match."""

    match_id: UUID


class SettleMatch(Strict):
    """Whether it is the person of the entry, and how that is known."""

    match_id: UUID
    settled_as: MatchSettlement
    note: str = Field(min_length=1, max_length=500)


class MatchView(Wire):
    """A person of an application beside the entry that they match."""

    id: UUID
    kind: MatchKind
    found_at: Instant
    entry: EntryView
    reference: str
    department: str
    site: str
    status: ReviewStatus
    visit: Slot
    name: str
    name_latin: str
    id_last4: str | None = None
    mobile: str | None = None
    settled_as: MatchSettlement | None = None
    settled_by: str | None = None
    settled_at: Instant | None = None
    note: str = ""


class MatchList(Wire):
    """Matches, the newest first."""

    items: tuple[MatchView, ...]
    next: str | None = None


WATCHLIST = Method(
    "approval", "watchlist", EntryQuestion, EntryList, names_people=True, said="Watchlist",
    http=Http("watcher", "list_watchlist", "GET /watchlist/entries",
        "List entries, the newest first; `counts` says how many there are of each state."),
)  # fmt: skip
VIEW_ENTRY = Method(
    "approval", "view_entry", EntryId, EntryView, names_people=True, said="Entry of the watchlist",
    http=Http("watcher", "view_watchlist_entry", "GET /watchlist/entries/{entry_id}",
        "Show one entry."),
)  # fmt: skip
PROPOSE_ENTRY = Method(
    "approval", "propose_entry", ProposeEntry, EntryView, command=True, fresh=True,
    said="Proposed an entry of the watchlist",
    http=Http("watcher", "propose_watchlist_entry", "POST /watchlist/entries",
        "Propose an entry; it holds once another officer has confirmed it.", status=201),
)  # fmt: skip
CONFIRM_ENTRY = Method(
    "approval", "confirm_entry", EntryId, EntryView, command=True, fresh=True,
    said="Confirmed an entry of the watchlist",
    http=Http("watcher", "confirm_watchlist_entry", "POST /watchlist/entries/{entry_id}/confirm",
        "Confirm an entry that another officer proposed."),
)  # fmt: skip
END_ENTRY = Method(
    "approval", "end_entry", EntryId, EntryView, command=True, fresh=True,
    said="Ended an entry of the watchlist",
    http=Http("watcher", "end_watchlist_entry", "POST /watchlist/entries/{entry_id}/end",
        "End an entry, or decline a proposed one."),
)  # fmt: skip
MATCHES = Method(
    "approval", "matches", MatchQuestion, MatchList, names_people=True, said="Matches with the watchlist",
    http=Http("watcher", "list_watchlist_matches", "GET /watchlist/matches",
        "List matches of applications, the newest first; by default those that nobody has settled."),
)  # fmt: skip
VIEW_MATCH = Method(
    "approval", "view_match", MatchId, MatchView, names_people=True, said="Match with the watchlist",
    http=Http("watcher", "view_watchlist_match", "GET /watchlist/matches/{match_id}",
        "Show a person of an application beside the entry that they match."),
)  # fmt: skip
SETTLE_MATCH = Method(
    "approval", "settle_match", SettleMatch, MatchView, command=True,
    said="Settled a match with the watchlist",
    http=Http("watcher", "settle_watchlist_match", "POST /watchlist/matches/{match_id}/settle",
        "Confirm or dismiss a match, with the reason."),
)  # fmt: skip
