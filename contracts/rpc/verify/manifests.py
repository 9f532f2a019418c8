"""RPC of verify: what a gate needs so that it can decide without a network."""

from typing import Literal

from pydantic import ConfigDict, Field

from contracts.events import PublicKey
from contracts.model import Assistance, Code, Companion, Instant, Person, Wire
from contracts.rpc.call import Http, Method
from contracts.rpc.verify.incidents import Telephones


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
    """The other days, each by how many days after the first it is; of a standing pass those near today."""
    recurring: bool = False
    """Whether it is a standing pass, whose code changes each minute."""
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
    digits: int = 0
    """For so many of a hundred passes a day the last four of the ID are asked for."""
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


class PlateQuestion(Wire):
    """The question for which passes of a gate a vehicle is named; a text that `contracts.plates` reads."""

    gate: Code
    plate: str = Field(min_length=4, max_length=40, pattern=r"^[^\x00]+$")


class PlateHit(Wire):
    """A pass with that vehicle.

    Where its people may neither come in now nor are inside, it says to which department they come and when,
    and not who and by which pass: else four digits after the other would list all that come today.
    """

    pass_: str = Field(default="", alias="pass")
    reference: str | None = None
    name_latin: str = ""
    party: int
    vehicle: str = ""
    department: str | None = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class PlateHits(Wire):
    """The passes that came first, at most eight."""

    items: tuple[PlateHit, ...] = ()
    is_cut: bool = False
    """Whether there are more."""


FIND_BY_PLATE = Method(
    "verify", "find_by_plate", PlateQuestion, PlateHits, in_transaction=True, names_people=True,
    said="Looked for a vehicle at a gate",
)  # fmt: skip
"""For the pages that work without scripts. The gate's app looks in the manifest that it holds."""
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
