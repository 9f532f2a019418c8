"""RPC of verify: scans, who is inside, what a gate holds offline, whether a pass is used up."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from contracts.events import PublicKey
from contracts.model import (
    Assistance,
    Code,
    Companion,
    Direction,
    IdType,
    Instant,
    Person,
    Strict,
    Verdict,
    Wire,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Http, Method, Nothing, Page
from contracts.rpc.issuance import PassNumber


class Matched(Strict):
    """An ID that the application names was shown; its last four characters are compared."""

    kind: Literal["matched"]
    id_type: IdType
    id_last4: str = Field(max_length=40)


class OtherId(Strict):
    """Another valid ID was shown, and the officer accepts its name and face; it is recorded as such."""

    kind: Literal["other_id"]
    id_type: IdType
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")


class Seen(Strict):
    """An ID of this type was shown, and the officer compared name and photograph with what the gate shows.

    It is one tap. The four characters of `Matched` stay the stronger form: the gate does not show them.
    """

    kind: Literal["seen"]
    id_type: IdType


IdCheck = Annotated[Matched | Seen | OtherId, Field(discriminator="kind")]


ScannedAt = Annotated[
    Instant, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC))
]
"""When a gate says that it scanned. What is outside of these years, no clock of a gate has shown."""


PROOF = r"^[A-Za-z0-9_-]{43}$"
"""The form of an HMAC-SHA256 in base64url (`contracts/supervisor_pin.py`)."""
PIN = r"^[0-9]{6}$"


class Supervisor(Strict):
    """A supervisor who let somebody in, why, and the proof that they typed their PIN."""

    login_id: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")
    """As it was typed at the gate. Without a network nobody could check it."""
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")
    proof: str | None = Field(default=None, pattern=PROOF)
    """Made of the PIN, the nonce and what was scanned. The PIN itself never leaves the app's device."""
    pin: str | None = Field(default=None, pattern=PIN, repr=False)
    """The PIN itself, from a page without scripts, which can make no proof. It is stored nowhere."""
    overrides: tuple[Verdict, ...] = Field(default=(), max_length=6)
    """The refusals that they set aside; the proof is made of them, too. Others stay refusals."""


class ScanPass(Strict):
    """A scan. Exactly one of ``token`` and ``pass_number``; without ``id_check`` an entry is a preview.

    An exit is one where ``ask_count`` says so. ``nonce`` is the idempotency key of the scan.
    """

    token: str | None = Field(default=None, max_length=2000)
    pass_number: str | None = Field(default=None, max_length=20)
    gate: Code
    direction: Direction = "entry"
    count: int | None = Field(default=None, ge=1, le=51)
    nonce: str = Field(min_length=8, max_length=64, pattern=r"^[\x20-\x7e]+$")
    scanned_at: ScannedAt | None = None
    id_check: IdCheck | None = None
    supervisor: Supervisor | None = None
    """Who agreed to this entry. With a proof that is not theirs the scan is refused (``wrong_pin``).

    An entry that needs their agreement is refused without it (``supervisor_missing``).
    """
    ask_count: bool = False
    """Whether an exit without ``count`` is only looked at where several are inside: the officer says then how
    many of them leave. If one is inside, or nobody, it is recorded at once."""


class DecidedOffline(Strict):
    """What a gate without a network decided, and on what."""

    verdict: Verdict
    list_age_s: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """The age of the gate's list at the scan, in seconds; null where it had none."""
    supervisor: Supervisor | None = None
    login: str | None = Field(default=None, pattern=r"^SEC-[0-9]{4,9}$")
    """Who was signed in at the gate, as the gate says, where somebody else sends the scan.

    Without it that is the sender. Who sends is recorded beside it, and the scan has the mark `sent_by_other`.
    """


class OfflineScan(ScanPass):
    """A scan of a gate without a network. It has happened, whatever verify would have decided.

    ``count`` is how many persons passed. At an exit it is null where nobody counted: all who were inside have
    left, however many the gate believed them to be. ``nonce`` is the idempotency key; it may be that of a
    scan whose answer was lost when the network went.
    """

    scanned_at: ScannedAt
    offline: DecidedOffline


class UnreadScan(Wire):
    """What is left of a scan that has not the form of one: it is refused alone, and hurts no other."""

    nonce: str = ""

    @field_validator("nonce", mode="before")
    @classmethod
    def _text_or_nothing(cls, value: object) -> str:
        return value if isinstance(value, str) and len(value) <= 64 else ""


def _object_or_none(value: object) -> object:
    return value if isinstance(value, (dict, Wire)) else {}


AnyScan = Annotated[
    OfflineScan | UnreadScan, Field(union_mode="left_to_right"), BeforeValidator(_object_or_none)
]


class SyncScans(Strict):
    """The scans of a gate that was without a network, in their order."""

    gate: Code
    scans: tuple[AnyScan, ...] = Field(min_length=1, max_length=200)


SyncProblem = Literal[
    "invalid_input",
    "unreadable_token",
    "too_old",
    "nonce_reused",
    "verdict_of_other_direction",
    "not_your_gate",
]
"""Why a scan of a gate without a network is refused for good."""


class SyncedScan(Wire):
    """What became of one scan.

    A gate forgets it only once it is recorded, or has a problem, which no repeat puts right. One that is
    neither waits: it is sent again after `SyncedScans.retry_after`.
    """

    nonce: str
    verdict: Verdict | None = None
    """As it is recorded; null where it is not."""
    recorded: bool = False
    conflict: bool = False
    """Whether it shows that more persons came in than the pass allows."""
    problem: str | None = None
    """Why it is refused for good: a `SyncProblem`."""


class SyncedScans(Wire):
    """What became of each scan, in the order in which they were sent."""

    items: tuple[SyncedScan, ...]
    retry_after: int | None = None
    """Seconds after which the scans that wait are sent again; null where none waits.

    Scans by number wait after many unknown numbers of one device, as whoever guesses sends them. Those by
    token are taken meanwhile.
    """


class ScanResult(Wire):
    """What the gate shows. The refusal of an unknown or forged pass has the verdict only.

    Persons, their department and officer and their needs are there only where they pass, may pass, or the
    officer has to decide (``admit``, ``exit``, ``id_mismatch``). At another site than that of
    the pass an exit is answered ``wrong_site``, and nobody is counted out.

    A token that cannot be read has no verdict: the answer is the error ``unreadable_token``, and nothing is
    recorded.
    """

    verdict: Verdict
    preview: bool
    pass_: str | None = Field(default=None, alias="pass")
    reference: str | None = None
    applicant: Person | None = None
    companions: tuple[Companion, ...] = ()
    party: int = 0
    inside: int = 0
    may_enter: int = 0
    """How many may come in now; only in a preview that admits."""
    site: str | None = None
    gate: str | None = None
    """The gate that the pass is for; None means any gate of its site."""
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    """When entry is open: on the day of the scan, else on the next day of the pass, else on its last."""
    days: tuple[date, ...] = ()
    """All days of a pass for several days."""
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    department: str | None = None
    officer: str | None = None
    call_supervisor: bool = False
    """Whether the officer calls the supervisor before anybody goes in; the verdict does not change."""
    undelivered: bool = False
    """Whether no message has brought this pass to anybody, so that the visitor may have no QR code; only at
    an entry by a typed number. The verdict does not change."""
    supervisors: tuple[str, ...] = ()
    """The logins of whom one has to agree by their PIN: to an entry for which the supervisor is called, to
    another card after one that did not match, or to an entry against what is ``overridable``. Empty where
    nobody has to, or where the site has no supervisor with a PIN."""
    supervisors_void: bool = False
    """Whether one of them has to agree and none can: each PIN is void after too many wrong ones."""
    overridable: tuple[Verdict, ...] = ()
    """All that stands against an entry, where a supervisor may set all of it aside; only in a preview."""
    marks: tuple[str, ...] = ()
    list_age_s: int | None = None
    """How old the gate's knowledge of revocations was at the scan, in seconds.

    Issuance signs a status list every ten seconds. verify uses the newest list whose revocations it has all
    received, and this is the age of that list: a pass that was revoked later may not be refused yet. None
    while no such list has arrived, and in the answer to a forged token or an unknown number.
    """
    inside_since: Instant | None = None
    """When the first of those inside came in; only where the verdict is ``already_inside``."""
    inside_gate: str | None = None
    """The gate that they came in by; only where the verdict is ``already_inside``."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideQuestion(Page):
    """The question who is inside a site."""

    site: Code


class Inside(Wire):
    """One party inside."""

    pass_: str = Field(alias="pass")
    reference: str
    name_latin: str
    name: str
    inside: int
    party: int
    since: Instant
    gate: str
    department: str
    valid_to: Instant

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideList(Wire):
    """Parties inside, the longest first; ``persons`` counts all who are inside, not only this page's."""

    items: tuple[Inside, ...]
    next: str | None = None
    persons: int = 0
    offline_gates: tuple[str, ...] | None = ()
    """Gates of the site that are silent or have scans to send; the gateway adds them to the first page.

    None where nobody knows: any of them may be.
    """


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


class MovementQuestion(Wire):
    """The question who has passed the gates of a site after a place among all scans; None: from now on."""

    site: Code
    after: int | None = None


class Movement(Wire):
    """A recorded scan with which somebody has passed a gate. It names nobody."""

    position: int
    """Its place among all scans. They are not always stored in this order."""
    nonce: str
    pass_: str = Field(alias="pass")
    gate: str
    verdict: Literal["admit", "exit"]
    count: int
    inside: int
    """How many of the party are inside after it."""
    at: Instant
    """When it happened, by the gate's clock."""
    recorded_at: Instant
    """By the server's clock."""
    timeline: int
    transaction: int
    """Which one stored it: a manifest says by its ``snapshot`` whether it has it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Movements(Wire):
    """Movements in the order of their places; some of them may be from before ``after``."""

    items: tuple[Movement, ...] = ()
    last: int = 0
    """What to pass as ``after`` next time."""
    calls: tuple[HelpCall, ...] = ()
    """Calls for help of the gates of the site, as `HelpCalls` has them."""


class PassUse(Wire):
    """Whether a pass is used up: everybody of the party has come in as often as allowed, and has left."""

    used: bool


class RecordedScan(Wire):
    """A scan as it was recorded, without a name."""

    scanned_at: Instant
    recorded_at: Instant
    gate: str
    direction: Direction
    verdict: Verdict
    count: int
    inside: int
    marks: tuple[str, ...] = ()
    scanned_by: str


class ScanHistory(Wire):
    """The newest recorded scans of a pass, at most 200."""

    pass_number: str
    reference: str | None = None
    """Of its application; None while it is not known at the gate."""
    items: tuple[RecordedScan, ...] = ()


class GateSession(Wire):
    """Who is signed in at a gate, and for how long: until then the gate's app holds its manifest."""

    login: str
    site: str
    gate: Code | None
    """None where the login belongs to no gate, and the officer chooses one."""
    gates: tuple[Code, ...]
    """All gates of the site."""
    until: Instant
    device: str | None = None
    """The enrolled device; None where the installation asks for none."""
    storage_half: str | None = Field(default=None, repr=False)
    """The server's half of the key under which this device stores visitors."""


class ManifestQuestion(Wire):
    """The question what a gate has to know to go on without a network: pass ``next`` as ``after``."""

    gate: Code
    since: str | None = Field(default=None, max_length=120)
    """The ``revision`` of the manifest that the gate holds: the answer may then be what has changed since."""
    after: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")
    limit: int = Field(default=200, ge=1, le=500)


class ManifestPass(Wire):
    """A pass of today, or one whose party is inside: its terms, its people, and its state now.

    A member is null where verify does not know it: it has seen the token alone, or the people are erased.
    """

    pass_: str = Field(alias="pass")
    reference: str | None = None
    site: str
    gate: str | None = None
    """The gate that the pass is for; null means any gate of its site."""
    party: int
    entries: int
    """How often each person may come in on each day."""
    valid_from: Instant
    valid_to: Instant
    """When entry is open on the first day."""
    further_days: tuple[int, ...] = ()
    """The other days, each by how many days after the first it is."""
    closed_days: tuple[int, ...] = ()
    """Days that fell away, counted in the same way."""
    revoked: bool = False
    inside: int = 0
    admitted: int = 0
    """Persons let in so far, all entries together."""
    day: int = 0
    """On which day the last of them came in."""
    admitted_before: int = 0
    """How many of them came in before that day."""
    presumed_gone_at: Instant | None = None
    inside_since: Instant | None = None
    last_gate: str | None = None
    id_commitments: tuple[str, ...] = ()
    """Commitments of the IDs that the pass names (``contracts/commitment.py``)."""
    commitment_key: str
    """The key of these commitments, base64url; it is of this pass alone."""
    applicant: Person | None = None
    companions: tuple[Companion, ...] = ()
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    department: str | None = None
    officer: str | None = None
    call_supervisor: bool = False
    undelivered: bool = False
    """Whether no message has brought it to anybody, so that the visitor may have no QR code."""
    version: str = ""
    """Another one after each change of the pass."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class OfflinePolicy(Wire):
    """How far a gate without a network trusts its list, by the age of the list in seconds.

    Up to ``green_s`` a verdict is as good as online, up to ``amber_s`` it is shown with a warning, and after
    that the gate refuses or asks a supervisor.
    """

    green_s: int
    amber_s: int
    then: Literal["refuse", "supervisor"]


class ManifestSupervisor(Wire):
    """What a gate needs to check the PIN of a supervisor of its site (`contracts/supervisor_pin.py`)."""

    login_id: str
    salt: str
    iterations: int
    verifier: str


class ManifestSnapshot(Wire):
    """Which movements a page of a manifest has, by the number of their transaction in PostgreSQL."""

    timeline: int
    """Each promotion of a standby raises it. Numbers of another timeline may be of other transactions."""
    all_before: int
    """All with a lower number had ended before the page was made: it has what they have stored."""
    none_from: int
    """None with this number or a higher one had ended when it was made: it has nothing of these."""


class Manifest(Wire):
    """A page of what a gate holds for the time without a network, or all that has changed since another one.

    Where ``base`` is set, ``passes`` are those that have changed or come since that revision, and ``gone``
    those that the gate must not hold any more. The digest (``contracts/list_digest.py``) is that of all
    passes that it holds then, each as its number and its version with a colon between.
    """

    gate: str
    site: str
    gates: tuple[str, ...] = ()
    """All gates of the site."""
    made_at: Instant
    """By the server's clock."""
    issuer: str
    """The ``iss`` of genuine tokens."""
    keys: tuple[PublicKey, ...] = ()
    """Issuance's public keys."""
    withdrawn: tuple[str, ...] = ()
    """The ``kid`` of each key that was withdrawn."""
    status_list: str | None = None
    """Issuance's signed list of revoked passes (a JWS), as the gateway has it; null while it has none."""
    complete_at: Instant | None = None
    """When the newest status list was signed of which every revocation is in this manifest."""
    snapshot: ManifestSnapshot
    offline: OfflinePolicy
    telephones: Telephones = Telephones()
    supervisors: tuple[ManifestSupervisor, ...] = ()
    """Those of the site who have a PIN."""
    supervisor_demanded: bool = False
    """Whether the gates of the site ask for a supervisor, also where nobody can agree."""
    passes: tuple[ManifestPass, ...] = ()
    next: str | None = None
    revision: str | None = None
    """What to ask for the next time (``since``); on the first page alone."""
    base: str | None = None
    gone: tuple[str, ...] = ()
    digest: str | None = None


class NameSupervisor(Strict):
    """A security login that may let visitors in where a gate asks for a supervisor."""

    login_id: str = Field(pattern=r"^SEC-[0-9]{4,9}$")
    site: Code


class SupervisorId(Strict):
    """A supervisor by their login."""

    login_id: str = Field(pattern=r"^SEC-[0-9]{4,9}$")


class SupervisorView(Wire):
    """A supervisor of the gates of a site."""

    login_id: str
    site: str
    named_by: str
    named_at: Instant
    pin_set_at: Instant | None = None
    """None where they have no PIN, or too many wrong ones were typed: then they choose a new one."""
    locked_until: Instant | None = None


SiteProblem = Literal["nobody_can_agree", "watched_not_demanded", "nobody_decided"]
"""The gates demand a supervisor, or people are expected for whom one is called, and nobody of the site has a
PIN; somebody has one, such people are expected, and the gates let them in without it; somebody has one, and
the ADO Branch has never decided whether the gates demand it."""


class SiteId(Strict):
    """A site."""

    site: Code


class SiteSupervision(Wire):
    """Whether the gates of a site demand a supervisor, who decided it, and what is wrong with it."""

    site: str
    demanded: bool = False
    decided_by: str | None = None
    """None where nobody has decided yet."""
    decided_at: Instant | None = None
    problem: SiteProblem | None = None


class SupervisorList(Wire):
    """Supervisors of all sites, by site and login; and what the gates of each site demand."""

    items: tuple[SupervisorView, ...] = ()
    sites: tuple[SiteSupervision, ...] = ()


class SetPin(Strict):
    """The PIN that a supervisor chooses."""

    pin: str = Field(pattern=PIN, repr=False)


class OwnPin(Wire):
    """Whether a login is a supervisor, and since when it has its PIN; and what is wrong at its site."""

    is_supervisor: bool
    pin_set_at: Instant | None = None
    problem: SiteProblem | None = None


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
    recorded, or what a supervisor has set aside, a space between."""
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


SCAN = Method(
    "verify", "scan", ScanPass, ScanResult, command=True, carries_key=True, keeps_own_record=True,
    together=True, said="Scanned a pass",
    http=Http("guard", "scan_pass", "POST /scans",
        """Check a pass.

        Without an ID check an entry is a preview and nothing is recorded; a refusal is a verdict, not an
        error. A token that a scanner did not read whole is the problem `unreadable_token`: scan it again.
        Nothing is recorded, and the nonce is still free.

        `nonce` is the key of the scan, so there is no `Idempotency-Key`: a repeat with the same nonce has one
        effect and one answer.
        """),
)  # fmt: skip
SYNC = Method(
    "verify", "sync", SyncScans, SyncedScans, command=True, carries_key=True, keeps_own_record=True,
    said="Sent the scans of a gate without a network",
    http=Http("guard_of_site", "sync_scans", "POST /scans/sync",
        """Send the scans of a gate that was without a network.

        Each is a fact: it is recorded with the verdict that the gate gave, and counts people in and out.
        Where more persons came in than a pass allows, `conflict` says so, and security hears of it. A scan
        that cannot be taken has a `problem` and hurts no other.

        `nonce` is the key of each scan: a repeat of the request, or of a scan in another one, changes
        nothing. If the body is too large (413), send fewer scans. After many unknown numbers of one device
        its scans by number wait: they are neither recorded nor refused, and `Retry-After` says when to send
        them again.
        """),
)  # fmt: skip
INSIDE = Method(
    "verify", "inside", InsideQuestion, InsideList, names_people=True, said="List of who is inside",
    http=Http("guard", "list_inside", "GET /gate/inside",
        """List who is inside a site, the longest first.

        `offline_gates`, on the first page, are the gates whose devices are silent or have scans to send: who
        came in by them may have left. It is null where nobody knows which they are.
        """),
)  # fmt: skip
MANIFEST = Method(
    "verify", "manifest", ManifestQuestion, Manifest, in_transaction=True, names_people=True,
    keeps_own_record=True, said="Passes for a gate",
    http=Http("guard_on_device", "view_manifest", "GET /gate/manifest",
        """Return what a gate holds to go on without a network.

        These are the passes of its site for today and of everybody inside, with their people, the public
        keys, and on the first page the signed list of revoked passes. `complete_at` is the age of what it
        says about revocations. Each fetch is recorded.

        A gate that holds a manifest names its `revision` as `since`. Then the answer may be what has changed
        since, all on one page, which says so in `base`, and has no list of revoked passes; where `base` is
        null it is the first page of the whole.
        """),
)  # fmt: skip
MOVEMENTS = Method("verify", "movements", MovementQuestion, Movements)
PASS_USE = Method("verify", "pass_use", PassNumber, PassUse)
SCAN_HISTORY = Method(
    "verify", "scan_history", PassNumber, ScanHistory, names_people=True, said="Scans of a pass"
)
NAME_SUPERVISOR = Method(
    "verify", "name_supervisor", NameSupervisor, SupervisorView, command=True,
    said="Named a supervisor of a gate",
)  # fmt: skip
END_SUPERVISOR = Method(
    "verify", "end_supervisor", SupervisorId, Nothing, command=True, said="Took a supervisor's task away"
)
DEMAND_SUPERVISORS = Method(
    "verify", "demand_supervisors", SiteId, SiteSupervision, command=True,
    said="Decided that the gates of a secretariat demand a supervisor",
)  # fmt: skip
LIFT_SUPERVISORS = Method(
    "verify", "lift_supervisors", SiteId, SiteSupervision, command=True,
    said="Decided that the gates of a secretariat demand no supervisor",
)  # fmt: skip
SUPERVISORS = Method("verify", "supervisors", Nothing, SupervisorList)
OWN_PIN = Method("verify", "own_pin", Nothing, OwnPin)
SET_PIN = Method("verify", "set_pin", SetPin, OwnPin, command=True, said="Chose a PIN as supervisor")
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
AUDIT_ENTRIES = Method(
    "verify", "audit_entries", AuditQuestion, AuditEntries, names_people=True, said="Audit log"
)
AUDIT_HEADS = Method("verify", "audit_heads", HeadQuestion, AuditHeads)
