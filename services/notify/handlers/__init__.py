"""Use cases: what is heard becomes messages; sending again, printing, the local phone, forgetting."""

from services.notify.handlers.forgetting import erase, forget_what_is_old
from services.notify.handlers.hearing import (
    application_cancelled,
    application_expired,
    application_submitted,
    login_issued,
    otp_requested,
    pass_issued,
    pass_rejected,
    pass_returned,
    pass_revoked,
    review_escalated,
)
from services.notify.handlers.phone import local_phone
from services.notify.handlers.printing import record_print
from services.notify.handlers.resending import resend

__all__ = [
    "application_cancelled", "application_expired", "application_submitted", "erase", "forget_what_is_old", "local_phone",
    "login_issued", "otp_requested", "pass_issued", "pass_rejected", "pass_returned", "pass_revoked", "record_print",
    "resend", "review_escalated",
]  # fmt: skip
