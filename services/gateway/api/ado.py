"""Routes of the ADO Branch: issue, list, disable and reset logins."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.accounts import IssuedLogin, IssueLogin, LoginId, LoginList, LoginView
from contracts.rpc.call import Page
from services.gateway.access import Ado, IdempotencyKey
from services.gateway.api.parameters import After, Limit, LoginCode

router = APIRouter(prefix="/api/v1/logins", tags=["ado"])


@router.post("", status_code=201)
async def issue_login(caller: Ado, body: IssueLogin, key: IdempotencyKey) -> IssuedLogin:
    """Issue a login with its initial password, which is never shown again."""
    return await caller.command(rpc.accounts.ISSUE_LOGIN, body, key)


@router.get("")
async def list_logins(caller: Ado, after: After = None, limit: Limit = 50) -> LoginList:
    """List logins, by ID."""
    return await caller.query(rpc.accounts.LIST_LOGINS, Page(after=after, limit=limit))


@router.post("/{login_id}/disable")
async def disable_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> LoginView:
    """End the login and all its sessions, everywhere within two seconds."""
    return await caller.command(rpc.accounts.DISABLE_LOGIN, LoginId(login_id=login_id), key)


@router.post("/{login_id}/reset")
async def reset_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> IssuedLogin:
    """Give a new initial password, which must be changed; sessions of the old one end."""
    return await caller.command(rpc.accounts.RESET_LOGIN, LoginId(login_id=login_id), key)
