"""The use cases of the gate, one plain function each."""

from services.verify.handlers.number_tries import forget_tries
from services.verify.handlers.presence import close_overdue, inside, pass_use
from services.verify.handlers.read_model import forget_people, note_issued, note_revoked
from services.verify.handlers.scanning import scan

__all__ = [
    "close_overdue",
    "forget_people",
    "forget_tries",
    "inside",
    "note_issued",
    "note_revoked",
    "pass_use",
    "scan",
]
