"""The ADO Branch issues logins, disables and resets them."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.accounts import IssuedLogin, IssueLogin, LoginId, LoginList, LoginView
from contracts.rpc.call import Page
from services.gateway.access import Ado, IdempotencyKey
from services.gateway.api.parameters import After, Limit, LoginCode

router = APIRouter(prefix="/api/v1/logins", tags=["ado"])


@router.post("", status_code=201)
async def issue_login(caller: Ado, body: IssueLogin, key: IdempotencyKey) -> IssuedLogin:
    """A new login with its initial password, which nobody is shown again."""
    return await caller.command(rpc.accounts.ISSUE_LOGIN, body, key)


@router.get("")
async def list_logins(caller: Ado, after: After = None, limit: Limit = 50) -> LoginList:
    """Logins, by ID."""
    return await caller.ask(rpc.accounts.LIST_LOGINS, Page(after=after, limit=limit))


@router.post("/{login_id}/disable")
async def disable_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> LoginView:
    """Ends the login and all its sessions, everywhere within two seconds."""
    return await caller.command(rpc.accounts.DISABLE_LOGIN, LoginId(login_id=login_id), key)


@router.post("/{login_id}/reset")
async def reset_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> IssuedLogin:
    """A new initial password, which must be changed; sessions of the old one end."""
    return await caller.command(rpc.accounts.RESET_LOGIN, LoginId(login_id=login_id), key)
