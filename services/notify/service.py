"""RPC entrypoints of notify: parse, call one handler, return."""

from contracts.rpc import notify as contract
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import PassNumber
from contracts.rpc.notify import (
    ChallengeAnswer,
    ClosurePreview,
    MessagePreview,
    PhoneMessages,
    PhoneQuestion,
    RejectionPreview,
    UndeliveredPasses,
    Webhook,
    WebhookChallenge,
    WithdrawalPreview,
    WrongNumber,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now
from services.notify.adapters.channels.installed import receipt_sources_of
from services.notify.handlers import local_phone, opt_outs, previews, prints, resends, undelivered, webhooks


class Service:
    """Resends, prints, webhooks of vendors, and the local phone."""

    name = "notify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @rpc(contract.RESEND)
    def resend(self, request: ReferenceOnly, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return resends.resend(request, call, session, now())

    @rpc(contract.WRONG_NUMBER)
    def wrong_number(self, request: WrongNumber, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return opt_outs.stop_messages(request, call, session, now())

    @rpc(contract.RECORD_PRINT)
    def record_print(self, request: PassNumber, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return prints.record_print(request, call, session, now())

    @rpc(contract.UNDELIVERED_HERE)
    def undelivered_here(self, _request: Nothing, call: Call) -> UndeliveredPasses:
        with self.db.queries() as session:
            return undelivered.list_here(call, session, now())

    @rpc(contract.RECEIVE_WEBHOOK)
    def receive_webhook(self, request: Webhook, call: Call) -> Nothing:  # noqa: ARG002  every RPC receives a call
        with self.db.transaction() as session:
            return webhooks.receive(request, session, now(), receipt_sources_of(self.settings))

    @rpc(contract.WEBHOOK_CHALLENGE)
    def webhook_challenge(self, request: WebhookChallenge, call: Call) -> ChallengeAnswer:  # noqa: ARG002  every RPC receives a call
        return webhooks.answer_challenge(request, receipt_sources_of(self.settings))

    @rpc(contract.LOCAL_PHONE)
    def local_phone(self, request: PhoneQuestion, call: Call) -> PhoneMessages:  # noqa: ARG002  every RPC receives a call
        with self.db.queries() as session:
            return local_phone.list_messages(request, session, local_mode=self.settings.local_mode)

    @rpc(contract.PREVIEW_CLOSURE)
    def preview_closure(self, request: ClosurePreview, call: Call) -> MessagePreview:
        with self.db.transaction() as session:
            return previews.preview_closure(request, call, session, self.settings.public_url)

    @rpc(contract.PREVIEW_WITHDRAWAL)
    def preview_withdrawal(self, request: WithdrawalPreview, call: Call) -> MessagePreview:
        return previews.preview_withdrawal(request, call, self.settings.public_url)

    @rpc(contract.PREVIEW_REJECTION)
    def preview_rejection(self, request: RejectionPreview, call: Call) -> MessagePreview:
        with self.db.transaction() as session:
            return previews.preview_rejection(request, call, session, self.settings.public_url)

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return entries.list_entries(request, call, session, self.name)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)
