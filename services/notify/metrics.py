"""Prometheus metrics of messages. Labels never identify a person."""

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.runtime.metrics import FAST_BUCKETS

MESSAGES = Counter(
    "epass_messages_total", "Tries to send a message, by what became of it", ["purpose", "channel", "outcome"]
)
MESSAGE_AGE = Histogram(
    "epass_message_age_seconds",
    "From storing a message to its channel's yes",
    ["lane"],
    buckets=(*FAST_BUCKETS, 30, 60, 300, 1800),
)
PROVIDER_SECONDS = Histogram(
    "epass_provider_seconds",
    "Time of one call to a provider, by its result",
    ["channel", "result"],
    buckets=FAST_BUCKETS,
)
FALLBACKS = Counter(
    "epass_message_fallbacks_total",
    "Messages that went on to another channel, by purpose and by both channels",
    ["purpose", "channel", "next"],
)
CHAINS_ENDED = Counter(
    "epass_message_chains_ended_total",
    "Messages of which no channel is left to try, by whether somebody has them",
    ["purpose", "result"],
)
RECEIPTS_EXPECTED = Counter(
    "epass_message_receipts_expected_total",
    "Messages that a vendor accepted, and of which it will tell what becomes",
    ["provider"],
)
RECEIPTS = Counter(
    "epass_message_receipts_total",
    "Reports of vendors that found their message, by what they report",
    ["provider", "status"],
)
STATUS_POLLS = Counter(
    "epass_status_polls_total",
    "Polls of vendors what became of a message, by what they answered",
    ["provider", "result"],
)
PARTS = Counter(
    "epass_message_parts_total",
    "What a vendor bills: segments of SMS, else messages",
    ["provider", "purpose"],
)
BREAKER = Gauge(
    "epass_provider_breaker", "Whether a vendor is left alone: 0 no, 1 it is tested, 2 yes", ["provider"]
)
QUOTA = Gauge("epass_provider_quota", "Messages that a vendor takes within a day", ["provider"])
QUOTA_LEFT = Gauge(
    "epass_provider_quota_left", "Messages that a vendor takes within the day from now on", ["provider"]
)
REPEATS = Counter(
    "epass_message_repeats_total",
    "Tries of messages that an earlier try may have brought already",
    ["channel"],
)
LEFT_OUT = Counter(
    "epass_messages_left_out_total",
    "Reminders and questions that were left out, because their visitor has had enough messages",
    ["purpose"],
)
UNKNOWN_OPT_OUTS = Counter(
    "epass_unknown_opt_outs_total",
    "Words STOP and START of people without a number that answer no message, or of numbers without messages",
    ["channel"],
)
REPLIES = Counter(
    "epass_replies_total",
    "Replies to questions, by what became of them: answered, said before, late, no question of ours is meant",
    ["channel", "result"],
)
for _channel in ("sms", "whatsapp"):
    for _result in ("answered", "said_before", "late", "several", "no_question", "not_an_answer", "too_many"):
        REPLIES.labels(_channel, _result)
WEBHOOKS = Counter(
    "epass_webhooks_total",
    "Webhooks of vendors, by what they were: ok, nothing that we know, forged, unreadable",
    ["provider", "result"],
)
