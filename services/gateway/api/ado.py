"""Routes of the ADO Branch: issue, list, extend, sign out, disable and reset logins; who needs a factor."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from contracts import rpc
from contracts.model import Code, Language, LoginState, Role, Strict
from contracts.rpc.accounts import (
    EndedSessions,
    ExtendLogin,
    FactorRule,
    IssuedLogin,
    IssueLogin,
    LoginId,
    LoginList,
    LoginQuestion,
    LoginView,
    SetFactorRule,
    SetLoginMobile,
)
from contracts.rpc.call import Nothing
from services.gateway.access import Ado, IdempotencyKey
from services.gateway.api.parameters import After, Limit, LoginCode

router = APIRouter(prefix="/api/v1/logins", tags=["ado"])
rule = APIRouter(prefix="/api/v1/second-factor-rule", tags=["ado"])


class LastDay(Strict):
    """The last day of a login."""

    valid_until: date | None = Field(
        default=None, description="In Indian Standard Time; null for a login without an end."
    )


class LoginMobile(Strict):
    """Where the holder of a login is told of what happens to it."""

    mobile: str = Field(min_length=1, max_length=40)
    language: Language = Field(default="en", description="Of these messages.")


@router.post("", status_code=201)
async def issue_login(caller: Ado, body: IssueLogin, key: IdempotencyKey) -> IssuedLogin:
    """Issue a login with its initial password, which is never shown again."""
    return await caller.command(rpc.accounts.ISSUE_LOGIN, body, key)


@router.get("")
async def list_logins(
    caller: Ado,
    role: Role | None = None,
    department: Annotated[Code | None, Query()] = None,
    site: Annotated[Code | None, Query()] = None,
    state: LoginState | None = None,
    after: After = None,
    limit: Limit = 50,
) -> LoginList:
    """List logins, by ID; `counts` says how many there are of each state."""
    question = LoginQuestion(
        role=role, department=department, site=site, state=state, after=after, limit=limit
    )
    return await caller.query(rpc.accounts.LIST_LOGINS, question)


@router.get("/{login_id}")
async def view_login(caller: Ado, login_id: LoginCode) -> LoginView:
    """Show one login, with the number of its open sessions."""
    return await caller.query(rpc.accounts.VIEW_LOGIN, LoginId(login_id=login_id))


@router.post("/{login_id}/extend")
async def extend_login(caller: Ado, login_id: LoginCode, body: LastDay, key: IdempotencyKey) -> LoginView:
    """Set another last day, or none. Sessions that would outlive the login end."""
    wanted = ExtendLogin(login_id=login_id, valid_until=body.valid_until)
    return await caller.command(rpc.accounts.EXTEND_LOGIN, wanted, key)


@router.post("/{login_id}/mobile")
async def set_login_mobile(
    caller: Ado, login_id: LoginCode, body: LoginMobile, key: IdempotencyKey
) -> LoginView:
    """Set where the holder is told of what happens to the login. They are told on both numbers."""
    wanted = SetLoginMobile(login_id=login_id, mobile=body.mobile, language=body.language)
    return await caller.command(rpc.accounts.SET_LOGIN_MOBILE, wanted, key)


@router.post("/{login_id}/sign-out")
async def sign_out_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> EndedSessions:
    """End all sessions of a login, everywhere within two seconds. Its password stays."""
    return await caller.command(rpc.accounts.END_SESSIONS, LoginId(login_id=login_id), key)


@router.post("/{login_id}/disable")
async def disable_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> LoginView:
    """End the login and all its sessions, everywhere within two seconds."""
    return await caller.command(rpc.accounts.DISABLE_LOGIN, LoginId(login_id=login_id), key)


@router.post("/{login_id}/reset")
async def reset_login(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> IssuedLogin:
    """Give a new initial password, which must be changed; sessions of the old one end."""
    return await caller.command(rpc.accounts.RESET_LOGIN, LoginId(login_id=login_id), key)


@router.post("/{login_id}/reset-factor")
async def reset_factor(caller: Ado, login_id: LoginCode, key: IdempotencyKey) -> LoginView:
    """Remove the second factor of somebody who has lost it; all their sessions end."""
    return await caller.command(rpc.accounts.RESET_FACTOR, LoginId(login_id=login_id), key)


@rule.get("")
async def view_factor_rule(caller: Ado) -> FactorRule:
    """Show which roles need a second factor."""
    return await caller.query(rpc.accounts.FACTOR_RULE, Nothing())


@rule.post("")
async def set_factor_rule(caller: Ado, body: SetFactorRule, key: IdempotencyKey) -> FactorRule:
    """Decide which roles need a second factor. Their sessions that were opened without one end."""
    return await caller.command(rpc.accounts.SET_FACTOR_RULE, body, key)
