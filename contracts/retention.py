"""How long each kind of personal data is kept: the usual time, and the limits within which a site chooses.

A kind is a setting of its name (``EPASS_PEOPLE_KEPT_DAYS``); a process with a value outside of the limits
does not start. The notice to visitors says what is set, the register of processing (``docs/processing.md``)
what can be.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """A kind of data, and how long it is kept; ``reason`` is that of both limits."""

    what: str
    usual: int
    least: int
    most: int
    unit: str
    reason: str


KEPT: Mapping[str, Kept] = {
    "people_kept_days": Kept(
        "the people of an application, and what was written about them, after it last mattered",
        180, 37, 1095, "days",
        "A dead letter about a visit can be replayed for 30 days, and its consumer knows it for 37. Rule "
        "8(3) of the DPDP Rules, 2025, once in force, says at least a year from the processing, for the "
        "purposes of the Seventh Schedule: counsel decides, then set 365. Section 17(4) of the Act lifts "
        "section 8(7) for the State; three years are the longest that the Third Schedule knows.",
    ),
    "photographs_kept_days": Kept(
        "photographs, after the application last mattered, if that is sooner than its people",
        180, 1, 1095, "days",
        "A gate compares it until the visit is over. No longer than the people.",
    ),
    "photographs_kept_at_least_days": Kept(
        "photographs, after the visit, although people ask for their erasure",
        0, 0, 1095, "days",
        "A site that needs to see later who came sets it. No longer than the people, who may be erased then.",
    ),
    "watchlist_kept_days": Kept(
        "the content of an entry of the watchlist, after its end",
        90, 30, 366, "days",
        "Whoever was refused by mistake can ask why for a month. An entry itself holds for a year at most.",
    ),
    "records_kept_months": Kept(
        "records without people: audit logs, scans, timelines, decisions, messages; logins of staff in them",
        24, 13, 120, "months",
        "CERT-In asks for logs of 180 days, Rule 6(1)(e) of the DPDP Rules, 2025 for a year, and the numbers "
        "of departments are counted from thirteen months.",
    ),
}  # fmt: skip
"""Kinds by their setting."""
