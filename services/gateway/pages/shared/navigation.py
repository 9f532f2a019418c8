"""The navigation of a page: what its reader may do here, and where they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.model import Language, Role
from contracts.rpc.call import Principal
from services.gateway.pages.shared.languages import _, texts

Entry = tuple[str, str]
"""An address without its language, and its name."""
PUBLIC: tuple[Entry, ...] = (
    ("/apply", _("Apply")),
    ("/status", _("Status")),
    ("/applications", _("Your applications")),
    ("/about/help", _("Help")),
)
FOOTER: Mapping[str, str] = {
    "help": _("Help"),
    "contact": _("Contact"),
    "privacy": _("Privacy"),
    "accessibility": _("Accessibility"),
    "terms": _("Terms of use"),
    "policies": _("Website policies"),
    "service": _("Who runs this service"),
}
"""Pages under ``/about/`` that every page links to."""
REQUESTS: Entry = ("/desk/requests", _("Requests"))
MAP: tuple[Entry, ...] = (
    ("", _("The first page")),
    ("/apply", _("Apply for a visitor pass")),
    ("/status", _("See the status of your application")),
    ("/applications", _("Your passes and applications")),
    ("/requests/new", _("Complain, ask, or tell us something")),
    ("/requests", _("Your complaints and questions")),
    ("/transparency", _("How fast departments decide and meet visitors")),
    ("/staff/sign-in", _("Staff sign-in")),
)
"""What anybody may open, besides the pages of `FOOTER`."""
START: Entry = ("/staff", _("Your tasks"))
PASSWORD: Entry = ("/staff/password", _("Change the password"))
SECOND_FACTOR: Entry = ("/staff/second-factor", _("Your authenticator app"))
CLOSED_DAYS: Entry = ("/desk/closures", _("Closed days"))
STANDING: Entry = ("/desk/standing", _("Standing passes"))
GATE_DEVICES: Entry = ("/gate-devices", _("Gate devices"))
WATCHLIST: Entry = ("/watchlist", _("Watchlist"))
INCIDENTS: Entry = ("/gate/incidents", _("Incidents at gates"))
PIN: Entry = ("/gate/pin", _("Your PIN"))
NOT_AT_A_GATE = (WATCHLIST, INCIDENTS, PIN)
"""What a guard who stands at one gate may not open."""
TASKS: Mapping[Role, tuple[Entry, ...]] = {
    "department": (
        ("/desk", _("The queue")),
        ("/desk/visits", _("Visitors of today")),
        ("/desk/invitations", _("Invite visitors")),
        ("/desk/capacity", _("Visiting hours")),
        CLOSED_DAYS,
        STANDING,
        ("/desk/numbers", _("Numbers")),
        ("/desk/delegations", _("Who is away")),
    ),
    "ado": (
        ("/desk/logins", _("Logins")),
        ("/desk/directory/lines", _("Directory")),
        ("/desk/directory/files", _("Import and export")),
        ("/desk/kiosks", _("Kiosks")),
        GATE_DEVICES,
        ("/desk/supervisors", _("Supervisors")),
        CLOSED_DAYS,
        STANDING,
        WATCHLIST,
        REQUESTS,
    ),
    "security": (
        ("/gate", _("Gate")),
        ("/gate/inside", _("Who is inside")),
        GATE_DEVICES,
        WATCHLIST,
        INCIDENTS,
        PIN,
    ),
    "reception": (("/counter", _("Counter")), ("/hall", _("Waiting hall"))),
    "assisted": (("/assist", _("Apply for a visitor")),),
    "ops": (
        ("/ops", _("The system")),
        ("/ops/messages", _("Find a message")),
        ("/ops/gate-incidents", _("Incidents at gates")),
        GATE_DEVICES,
    ),
    "auditor": (
        ("/audit", _("Decisions and scans")),
        ("/audit/log", _("Who looked at and did what")),
        ("/audit/most", _("Who looked at the most people")),
        CLOSED_DAYS,
    ),
    "grievance": (REQUESTS,),
    "privacy": (
        ("/desk/privacy", _("Data of a person")),
        REQUESTS,
        ("/desk/privacy/register", _("Register of processing")),
    ),
}
"""What each role may do; every page of it is reached from here."""
ALONE = ("/staff/sign-in", "/kiosk")
"""Pages without a navigation, and all pages below them: here one thing is done."""


FROM_AN_ERROR: tuple[Entry, ...] = (
    ("", _("The first page")),
    ("/status", _("See the status of your application")),
    ("/about/help", _("Help")),
)
FROM_AN_ERROR_OF_STAFF: tuple[Entry, ...] = (START, ("/staff/sign-in", _("Staff sign-in")))
FROM_AN_ERROR_AT_A_KIOSK: tuple[Entry, ...] = (("/kiosk", _("Start again")),)


@dataclass(frozen=True)
class Link:
    """One entry of a navigation."""

    text: str
    href: str
    is_here: bool


def links(principal: Principal, language: Language, inner: str) -> list[Link]:
    """Return the navigation of a page for its reader."""
    if any(_is_below(inner, path) for path in ALONE):
        return []
    if principal.kind != "staff" or principal.role is None:
        return _links(PUBLIC, language, inner)
    own = _own_tasks(principal)
    # an operator's session opens only the page for the next visitor
    return _links(own if principal.role == "assisted" else (START, *own), language, inner)


def tasks(principal: Principal, language: Language) -> list[Link]:
    """Return what a login may do, without its start page."""
    return _links((*_own_tasks(principal), PASSWORD, SECOND_FACTOR), language, "")


def onward(language: Language, *, is_staff: bool, at_kiosk: bool) -> list[Link]:
    """Return where an error page leads on to."""
    if at_kiosk:
        return _links(FROM_AN_ERROR_AT_A_KIOSK, language, "")
    return _links(FROM_AN_ERROR_OF_STAFF if is_staff else FROM_AN_ERROR, language, "")


def footer(language: Language) -> list[tuple[str, str]]:
    """Return the pages of the footer by name, each with its title."""
    return [(name, texts(language).gettext(title)) for name, title in FOOTER.items()]


def _own_tasks(principal: Principal) -> Sequence[Entry]:
    """Return what a login may do; a guard at a gate may open less."""
    own = TASKS.get(principal.role, ()) if principal.role else ()
    return [one for one in own if one not in NOT_AT_A_GATE] if principal.gate else own


def _links(entries: Sequence[Entry], language: Language, inner: str) -> list[Link]:
    around = [path for path, _ in entries if _is_below(inner, path) and (inner == path or path != START[0])]
    here = max(around, key=len, default=None)  # what stands below the start page is no part of it
    translate = texts(language).gettext
    return [Link(translate(name), f"/{language}{path}", path == here) for path, name in entries]


def _is_below(inner: str, path: str) -> bool:
    return inner == path or inner.startswith(f"{path}/")
