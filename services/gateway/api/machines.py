"""Routes for other programs: public keys, the status list, and the health and metrics of this process."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from contracts.rpc.audit import AuditHeads, HeadQuestion
from contracts.rpc.issuance import Jwks
from services.chassis.runtime import metrics
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.edge.origin import is_from_private_network
from services.gateway.handlers import lookups
from services.gateway.metrics import GATE_LISTS

router = APIRouter(tags=["machines"])


@router.get("/.well-known/jwks.json", dependencies=[rate_limited("read")])
async def view_jwks(caller: Anyone, response: Response) -> Jwks:
    """Return the public keys of pass tokens and of the status list; the last copy while issuance is down."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return await caller.state.jwks.get()


@router.get(
    "/.well-known/pass-status",
    response_class=Response,
    responses={
        200: {"content": {"application/jose": {}}},
        204: {
            "description": "The reader holds the newest list, or one that this process has not fetched yet"
        },
    },
    dependencies=[rate_limited("read")],
)
async def view_pass_status(
    caller: Anyone, held: Annotated[str | None, Query(max_length=60)] = None
) -> Response:
    """Return the signed list of revoked passes (a JWS), or what has changed since the one that is held.

    `held` is the `seq` of the reader's list and its digest, with a dot between. The answer is a signed delta
    (`typ: epass-status-delta+jwt`) where one fits and is small, else the whole list. While issuance is down
    it is that of the last copy, whose `iat` gives its age.
    """
    status_list = await caller.state.status_list.get()
    jws = status_list.jws if held is None else status_list.newer_than(held)
    headers = {"Cache-Control": "no-cache"}
    answer = "unchanged" if jws is None else "whole" if jws == status_list.jws else "delta"
    GATE_LISTS.labels("revoked", answer).inc()
    if jws is None:
        return Response(status_code=204, headers=headers)
    return Response(jws, media_type="application/jose", headers=headers)


@router.get("/.well-known/audit-heads", dependencies=[rate_limited("read")])
async def list_audit_heads(
    caller: Anyone, question: Annotated[HeadQuestion, Query()], response: Response
) -> AuditHeads:
    """List the signed heads of the services' audit logs, one an hour of each, the newest first.

    The first page may be a minute old. Whoever keeps a head can prove later that the log was cut off or
    written anew since then.
    """
    response.headers["Cache-Control"] = "public, max-age=60"
    return await lookups.audit_heads(caller, question)


@router.get("/healthz", include_in_schema=False, dependencies=[rate_limited("unlimited")])
async def healthz(caller: Anyone) -> Response:
    """Return whether this process works; if not, only a restart helps."""
    alive = caller.state.alive()
    return JSONResponse({"status": "alive" if alive else "broken"}, 200 if alive else 500)


@router.get("/readyz", include_in_schema=False, dependencies=[rate_limited("unlimited")])
async def readyz(caller: Anyone) -> Response:
    """Return whether it can serve: the broker is there, and session tokens can be checked."""
    report = caller.state.checks()
    return JSONResponse(report, 200 if all(report.values()) else 503)


@router.get("/metrics", include_in_schema=False, dependencies=[rate_limited("unlimited")])
async def show_metrics(_caller: Anyone, request: Request) -> Response:
    """Return the metrics to Prometheus on a private network; for others there is no such page."""
    if not is_from_private_network(request):
        raise HTTPException(404)
    return Response(metrics.exposition(request.url.query), headers={"Content-Type": CONTENT_TYPE_LATEST})
