"""Which channel a message goes on to."""

from datetime import timedelta

from services.notify.domain.chains import Addresses, Step, next_channel

STEPS = tuple(Step(channel, timedelta(minutes=5)) for channel in ("sms", "whatsapp", "email"))
ADDRESSES = Addresses("+919876543210", "k@example.org")


def test_notices_to_very_many_leave_what_whatsapp_lets_through_in_a_day_to_passes() -> None:
    chains = {"status": STEPS}
    assert next_channel(chains, "breach_notice", {"sms"}, ADDRESSES) == "email"
    assert next_channel(chains, "rejected", {"sms"}, ADDRESSES) == "whatsapp"
