"""The RPCs of issuance: parse, call one handler, return."""

from contracts.rpc import issuance as contract
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import (
    Jwks,
    LinkCode,
    PassNumber,
    PassView,
    QrPicture,
    QrQuestion,
    ReissuePass,
    StatusList,
)
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase
from services.issuance import qr
from services.issuance.handlers import issuing, status, viewing


class Service:
    """Passes for those whose they are, and what machines need to check one."""

    name = "issuance"
    db = OwnDatabase()

    @rpc(contract.PASS)
    def view(self, request: PassNumber, call: Call) -> PassView:
        with self.db.transaction() as session:
            return viewing.view(request, call, session, now())

    @rpc(contract.PASS_BY_LINK)
    def view_by_link(self, request: LinkCode, call: Call) -> PassView:  # noqa: ARG002  the link is all that it takes
        with self.db.transaction() as session:
            return viewing.view_by_link(request, session, now())

    @rpc(contract.QR)
    def qr(self, request: QrQuestion, call: Call) -> QrPicture:
        with self.db.transaction() as session:
            token = viewing.token(request, call, session)
        return qr.picture(token, request.format, request.scale)

    @rpc(contract.QR_BY_LINK)
    def qr_by_link(self, request: LinkCode, call: Call) -> QrPicture:  # noqa: ARG002  the link is all that it takes
        with self.db.transaction() as session:
            token = viewing.token_by_link(request, session)
        return qr.picture(token, "svg")

    @rpc(contract.REISSUE)
    def reissue(self, request: ReissuePass, call: Call) -> PassView:
        with self.db.transaction() as session:
            return issuing.reissue(request, call, session, now())

    @rpc(contract.JWKS)
    def jwks(self, request: Nothing, call: Call) -> Jwks:  # noqa: ARG002  the same for all
        with self.db.transaction() as session:
            return viewing.jwks(session, now())

    @rpc(contract.STATUS_LIST)
    def status_list(self, request: Nothing, call: Call) -> StatusList:  # noqa: ARG002  the same for all
        with self.db.transaction() as session:
            return status.status_list(session, now())
