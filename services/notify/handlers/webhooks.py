"""Webhooks of vendors: verified here, where their secrets are, and stored."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, NotAuthenticated, NotFound
from contracts.rpc.call import Call, Nothing
from contracts.rpc.notify import ChallengeAnswer, Webhook, WebhookChallenge
from services.chassis.db.database import after_commit
from services.notify.adapters.channels import BadWebhook, DeliveryReport, InboundText, ReceiptSource
from services.notify.adapters.channels.installed import receipt_sources_of
from services.notify.handlers import receipts, replies
from services.notify.metrics import WEBHOOKS
from services.notify.settings import WebhookSettings


def receive(request: Webhook, session: Session, now: datetime, settings: WebhookSettings) -> Nothing:
    """Store what a vendor tells. A repeat changes nothing.

    Raises:
        NotFound: no such vendor is set up here.
        NotAuthenticated: the vendor did not send this.
        InvalidInput: the body is not what the vendor documents.
    """
    source = _source(request.vendor, settings)
    try:
        told = _read(source, request)
    except NotAuthenticated:
        WEBHOOKS.labels(source.name, "forged").inc()
        raise
    except InvalidInput:
        WEBHOOKS.labels(source.name, "unreadable").inc()
        raise
    receipts.store_reports(
        session, source.name, [one for one in told if isinstance(one, DeliveryReport)], now
    )
    texts = [one for one in told if isinstance(one, InboundText)]
    receipts.store_texts(session, source.channel, texts, now)
    replies.take(session, source.channel, texts, now)
    after_commit(session, WEBHOOKS.labels(source.name, "ok" if told else "nothing").inc)
    return Nothing()


def receive_together(
    asked: Sequence[tuple[Webhook, Call]], session: Session, now: datetime, settings: WebhookSettings
) -> Sequence[Nothing | None]:
    """Store the reports in several webhooks with one statement; return None for what has to go alone.

    That is what is wrong, or has something else in it than reports. It is counted there.
    """
    reports: list[tuple[str, DeliveryReport]] = []
    answers: list[Nothing | None] = []
    counted: list[tuple[str, str]] = []
    for request, _ in asked:
        answers.append(None)
        with suppress(Exception):  # alone, it meets its error again, and costs the others nothing
            source = _source(request.vendor, settings)
            told = _read(source, request)
            found = [(source.name, one) for one in told if isinstance(one, DeliveryReport)]
            if len(found) == len(told):
                reports += found
                answers[-1] = Nothing()
                counted.append((source.name, "ok" if told else "nothing"))
    receipts.store_all(session, reports, now)
    for labels in counted:
        WEBHOOKS.labels(*labels).inc()
    return answers


def _read(source: ReceiptSource, request: Webhook) -> Sequence[DeliveryReport | InboundText]:
    if not source.verify(request.headers, request.body):
        raise NotAuthenticated("the vendor did not sign this")
    try:
        return source.parse(request.body)
    except BadWebhook:
        raise InvalidInput("the body is not what the vendor documents") from None


def answer_challenge(request: WebhookChallenge, settings: WebhookSettings) -> ChallengeAnswer:
    """Return what proves to a vendor that this address is ours.

    Raises:
        NotFound: no such vendor is set up here.
        NotAuthenticated: the question does not have the text that we agreed on.
    """
    answer = _source(request.vendor, settings).challenge(request.query)
    if answer is None:
        raise NotAuthenticated("this is not what was agreed")
    return ChallengeAnswer(text=answer)


def _source(vendor: str, settings: WebhookSettings) -> ReceiptSource:
    source = receipt_sources_of(settings).get(vendor)
    if source is None:
        raise NotFound("there is no such webhook")
    return source
