"""The forms of a breach of personal data for the Data Protection Board and CERT-In, filled as far as known.

Their fields are those of rule 7(2) of the DPDP Rules, 2025, and of CERT-In's incident reporting form
(Annexure A of its rules; directions of 28 April 2022). Who wrote them and what only people know is a blank.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from contracts.model import IST
from contracts.processing import HELD
from contracts.subscriptions import SERVICES

BLANK = "______"
CERT_IN, BOARD = timedelta(hours=6), timedelta(hours=72)
Field = tuple[str, str]


@dataclass(frozen=True)
class Extent:
    """What the CSV of `epass affected list` says: how many, when, and by which acts."""

    applications: int
    requests: int
    first: str
    last: str
    acts: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[Sequence[str]]) -> "Extent":
        """Count the lines of the CSV."""
        requests = sum(line[0].startswith("REQ") for line in lines)
        acts = sorted({act for line in lines for act in line[3].replace("held by ", "held-by.").split()})
        first, last = (pick((line[n] for line in lines), default=BLANK) for pick, n in ((min, 1), (max, 2)))
        return cls(len(lines) - requests, requests, first, last, tuple(acts))

    @property
    def kinds(self) -> str:
        """What the services concerned hold of people, by the register of processing."""
        where = {act.replace("held-by.", "").partition(".")[0] for act in self.acts}
        seen = where & {*SERVICES} or ({*SERVICES} if where else set())
        whats = dict.fromkeys(
            one.what for one in HELD if one.table.split(".")[0] in seen and "digest" not in one.what
        )
        return "; ".join(whats) or BLANK

    @property
    def size(self) -> str:
        """How many people it touched, and when."""
        return (
            f"{self.applications} applications, with their companions, and {self.requests} requests of "
            f"people, whose data was seen or held between {self.first} and {self.last}"
        )


def _instant(at: datetime) -> str:
    return f"{at.astimezone(IST):%d/%m/%Y %H:%M} IST"


def _description(extent: Extent) -> Iterator[Field]:
    yield "Nature of the breach", BLANK
    yield "Extent", extent.size
    yield "Acts in the audit logs", ", ".join(extent.acts) or BLANK
    yield "Kinds of data in what was seen or held, at most", extent.kinds
    yield "Timing: from, until", f"{extent.first}, {extent.last}"
    yield "Location of occurrence", BLANK


def _board_now(extent: Extent, _told: str) -> Iterator[Field]:
    yield from _description(extent)
    yield "Likely impact", BLANK


def _board_full(extent: Extent, told: str) -> Iterator[Field]:
    yield from _description(extent)
    yield "Likely impact, as it is known now", BLANK
    yield "Events, circumstances and reasons that led to it", BLANK
    yield "Measures to mitigate risk, taken or proposed", BLANK
    yield "Findings about who caused it", BLANK
    yield "Measures so that it does not happen again", BLANK
    yield "Intimations to those affected", told or "nobody was told yet by e-Pass"
    yield "Words of the intimations, and those told on paper", BLANK


def _cert_in(extent: Extent, _told: str) -> Iterator[Field]:
    yield "Reported by: name, role, telephone, mobile, email", BLANK
    yield "Organisation, address, sector", f"{BLANK}; government"
    yield (
        "Type of incident",
        "data breach, data leak, or unauthorised access of IT systems and data: strike out",
    )
    yield "Is the affected system critical to the organisation's mission", BLANK
    yield "Affected system: domain or URL, IP address", BLANK
    yield "Affected system: operating system, make, model, cloud", BLANK
    yield "Affected application", f"e-Pass {version('epass')}, visitor passes"
    yield "Location of the affected system, network and ISP", BLANK
    yield "Occurrence: from, until", f"{extent.first}, {extent.last}, by the audit logs"
    yield "Brief description", BLANK
    yield "Extent", extent.size
    yield "Symptoms, and how it was noticed", BLANK
    yield "Actions taken", BLANK
    yield (
        "Logs that are kept for it",
        "audit logs (`epass audit export`); logs of proxy and processes",
    )


@dataclass(frozen=True)
class Form:
    """One form: its title, until when it is due, and its fields."""

    title: str
    due: str
    within: timedelta | None
    fields: Callable[[Extent, str], Iterator[Field]]


FORMS = {
    "cert-in": Form("CERT-In: incident report", "within 6 hours", CERT_IN, _cert_in),
    "board": Form("Data Protection Board: rule 7(2)(a)", "without delay", None, _board_now),
    "board-full": Form("Data Protection Board: rule 7(2)(b)", "within 72 hours", BOARD, _board_full),
}


def fill(kind: str, name: str, noticed: datetime, extent: Extent, told: str) -> str:
    """Return a form as Markdown."""
    form = FORMS[kind]
    until = f": until {_instant(noticed + form.within)}" if form.within is not None else ""
    lines = [f"# {form.title}", "", f"Breach {name}. Noticed {_instant(noticed)}. Due {form.due}{until}.", ""]
    lines += [f"- **{field}**: {value}" for field, value in form.fields(extent, told)]
    return "\n".join(lines)
