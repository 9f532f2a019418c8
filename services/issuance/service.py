"""The RPCs of issuance: parse, call one handler, return."""

from contracts.rpc import issuance as contract
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import (
    Jwks,
    LinkCode,
    PassNumber,
    PassView,
    QrPicture,
    QrQuestion,
    ReissuePass,
    ShortLink,
    StatusList,
    WholeLink,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now
from services.issuance.adapters import qr
from services.issuance.handlers import passes, status_list, views
from services.issuance.settings import IssuanceSettings


class Service:
    """Passes for the people they belong to, and what machines need to check a pass."""

    name = "issuance"
    db = DatabaseProvider()
    settings: IssuanceSettings = SettingsProvider()

    @rpc(contract.PASS)
    def view(self, request: PassNumber, call: Call) -> PassView:
        with self.db.queries() as session:
            return views.view(request, call, session, now(), self.settings)

    @rpc(contract.PASS_BY_LINK)
    def view_by_link(self, request: LinkCode, call: Call) -> PassView:
        with self.db.queries() as session:
            return views.view_by_link(request, call, session, now(), self.settings)

    @rpc(contract.WHOLE_LINK)
    def whole_link(self, request: ShortLink, call: Call) -> WholeLink:
        with self.db.queries() as session:
            return views.whole_link(request, call, session)

    @rpc(contract.QR)
    def qr(self, request: QrQuestion, call: Call) -> QrPicture:
        with self.db.queries() as session:
            token = views.token(request, call, session, self.settings)
        return qr.picture(token, request.format, request.scale)

    @rpc(contract.QR_BY_LINK)
    def qr_by_link(self, request: LinkCode, call: Call) -> QrPicture:
        with self.db.queries() as session:
            token = views.token_by_link(request, call, session, self.settings)
        return qr.picture(token, "svg")

    @rpc(contract.REISSUE)
    def reissue(self, request: ReissuePass, call: Call) -> PassView:
        with self.db.transaction() as session:
            return passes.reissue(request, call, session, now(), self.settings)

    @rpc(contract.JWKS)
    def jwks(self, _request: Nothing, _call: Call) -> Jwks:
        with self.db.transaction() as session:
            return views.jwks(session, now(), self.settings)

    @rpc(contract.STATUS_LIST)
    def status_list(self, _request: Nothing, _call: Call) -> StatusList:
        with self.db.transaction() as session:
            return status_list.current(session, now(), self.settings)

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return entries.list_entries(request, call, session, self.name)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)
