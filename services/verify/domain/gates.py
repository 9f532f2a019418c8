"""Gates: whether one exists, and how old a gate's knowledge of revocations is."""

from collections.abc import Sequence
from datetime import datetime

from contracts.errors import FieldError, InvalidInput


def require_existing(gate: str, gates: Sequence[str] | None) -> None:
    """Raise `InvalidInput` if the site has no such gate; accept any gate of a site that is not known yet.

    Args:
        gate: the code.
        gates: all gates of the site, or None while the directory's record of the site has not arrived.

    Raises:
        InvalidInput: ``unknown_gate``.
    """
    if gates is not None and gate not in gates:
        problem = FieldError(field="gate", code="unknown_gate", message="the site has no such gate")
        raise InvalidInput("there is no such gate", code="unknown_gate", fields=(problem,))


def list_age_s(complete_at: datetime | None, now: datetime) -> int | None:
    """Return the age in whole seconds of the newest complete status list; None where none has arrived.

    The list carries issuance's time; a difference between the two clocks never makes the age negative.
    """
    return None if complete_at is None else max(int((now - complete_at).total_seconds()), 0)
