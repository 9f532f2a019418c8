"""Factories for tests of the gateway: session tokens, an RPC client with a table of replies, the app."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, time, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.errors import FieldError, InvalidInput, Unavailable
from contracts.events import PublicKey, SiteRecord
from contracts.model import Person, Slot, Wire
from contracts.rpc.accounts.sessions import DeniedSessions, SessionKeys
from contracts.rpc.approval.directory import SiteList
from contracts.rpc.call import Method, Principal, Proof
from contracts.rpc.issuance import Jwk, Jwks, PassView, QrPicture, StatusList
from contracts.tokens import SESSION_KEY_TYP, SESSION_TYP, SessionClaims, SessionKeyClaims
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import PrincipalVerifier, principal_of
from services.chassis.runtime.clock import now
from services.gateway.app import create_app
from services.gateway.rpc.client import RpcClient
from services.gateway.rpc.ops_client import OpsClient
from services.gateway.settings import GatewaySettings
from tests.support.stack.settings import EVENT_KEYS, EVENT_SIGNERS, make_settings

KEY = Ed25519PrivateKey.generate()
OTHER_KEY = Ed25519PrivateKey.generate()
KID = "s1"
ISSUER = "epass.punjab.gov.in"
LATER = int(now().timestamp()) + 36_000
"""When a token ends that is made for a whole run of tests."""
REFERENCE = "PCS-7K3M-9QW4"
NUMBER = "7K3M9QW3"


def public_key(key: Ed25519PrivateKey = KEY, kid: str = KID) -> PublicKey:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return PublicKey(kid=kid, x=x)


def certificate(key: PublicKey | None = None, by: str = "accounts", **given: Any) -> str:
    """Return accounts' word for a key of sessions."""
    key = key or public_key()
    facts = {"exp": int(now().timestamp()) + 36_000, "kid": key.kid, "x": key.x, "issuer": ISSUER, **given}
    return EVENT_SIGNERS[by].sign(SessionKeyClaims.model_validate(facts).model_dump(), SESSION_KEY_TYP)


def claims(kind: str = "staff", **given: Any) -> SessionClaims:
    issued = int(now().timestamp())
    own: dict[str, Any] = {
        "staff": {"sub": "HOM-0001", "role": "department", "department": "home"},
        "applicant": {"sub": "mobile:abc", "mobile": "+919876543210"},
    }[kind]
    facts = {"iss": ISSUER, "sid": uuid4(), "iat": issued, "exp": issued + 600, "kind": kind, **own, **given}
    return SessionClaims.model_validate(facts)


def signed(
    content: SessionClaims | dict[str, Any], *, key: Any = KEY, algorithm: str = "EdDSA", **headers: Any
) -> str:
    payload = (
        content.model_dump(mode="json", exclude_none=True) if isinstance(content, SessionClaims) else content
    )
    return jwt.encode(payload, key, algorithm=algorithm, headers={"typ": SESSION_TYP, "kid": KID, **headers})


def proven(keys: tuple[str, ...] | None = None, **of: SessionClaims) -> Principal:
    """Return the principal of a ``session``, a ``device`` and an ``operator``, with the proof."""
    tokens = {name: signed(one) for name, one in of.items()}
    proof = Proof(keys=(certificate(),) if keys is None else keys, **tokens)
    return principal_of(**of).model_copy(update={"proof": proof})


def prove(principal: Principal) -> Principal:
    """Return a principal with a session, and with the tokens that prove it."""
    if principal.kind == "anonymous":
        return principal
    facts = principal.model_dump(include={"role", "mobile", "site", "department", "gate", "assistant_of"})
    others: dict[str, SessionClaims] = {}
    if principal.kind == "applicant":
        if principal.kiosk:
            others["device"] = claims(sub=principal.kiosk, role="kiosk", site=principal.site)
        if principal.login_id:
            others["operator"] = claims(sub=principal.login_id, role="assisted")
        facts["site"] = None
    sid = principal.sid or uuid4()
    found = proven(session=claims(principal.kind, **facts, sub=principal.id, sid=sid), **others)
    assert found.model_copy(update={"proof": None}) == principal.model_copy(update={"sid": sid})
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def staff_claims(role: str, **scope: Any) -> SessionClaims:
    """Return a session's claims; ``department`` and ``site`` are those of the demo where not given."""
    usual: dict[str, Any] = {
        "department": {"department": "home"},
        "security": {"site": "PCS1", "gate": "PCS1-G1"},
        "reception": {"site": "PCS1"},
    }.get(role, {})
    return claims(sub=f"{role[:3].upper()}-0001", role=role, **{"department": None, **usual, **scope})


def as_staff(role: str, **scope: Any) -> dict[str, str]:
    """Return the header of a session of `staff_claims`."""
    return bearer(signed(staff_claims(role, **scope)))


def gate_device(gate: str | None = "PCS1-G1", **given: Any) -> str:
    """Return the token of an enrolled device of a gate."""
    site = gate and gate.partition("-")[0]
    facts = {"sub": "GAT-0001", "role": "gate_device", "department": None, "site": site, "gate": gate}
    return signed(claims(**facts | given))


def at_gate(gate: str = "PCS1-G1", /, **scope: Any) -> dict[str, str]:
    """Return the headers of a guard who uses an enrolled device of a gate."""
    return as_staff("security", **{"gate": None, **scope}) | {"Cookie": f"gate_device={gate_device(gate)}"}


def as_applicant() -> dict[str, str]:
    return bearer(signed(claims("applicant")))


def pass_view(**given: Any) -> PassView:
    day = date(2026, 12, 1)
    facts: dict[str, Any] = {
        "number": NUMBER,
        "reference": REFERENCE,
        "state": "issued",
        "token": "token",
        "site": "PCS1",
        "department": "home",
        "valid_from": now(),
        "valid_to": now() + timedelta(hours=2),
        "slot": Slot(day=day, start=time(10), end=time(12)),
        "entries": 1,
        "party": 2,
        "language": "en",
        "applicant": Person(
            name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
            name_latin="Gurpreet Kaur",
            mobile="+919876543210",
            id_type="voter_id",
            id_last4="4821",
        ),
    }
    return PassView(**{**facts, **given})


SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" '
    b'viewBox="0 0 10 10"><path d="M0 0h1"/></svg>'
)


def picture(content: bytes = SVG, kind: str = "image/svg+xml") -> QrPicture:
    return QrPicture(content_type=kind, base64=base64.b64encode(content).decode())


Answer = Wire | Exception | Callable[[Any], Wire]
USUAL: dict[str, Answer] = {
    "accounts.session_keys": SessionKeys(keys=(public_key(),), certificates={KID: certificate(exp=2**40)}),
    "accounts.denied_sessions": DeniedSessions(),
    "issuance.jwks": Jwks(keys=(Jwk(kid="p1", x="x"),)),
    "issuance.status_list": StatusList(jws="e30.e30.e30", seq=1, digest=""),
    "issuance.view": pass_view(),
    "issuance.view_by_link": pass_view(),
    "issuance.qr": picture(),
    "issuance.qr_by_link": picture(),
    "approval.sites": SiteList(
        items=(
            SiteRecord(
                code="PCS1",
                name={"en": "Secretariat-1", "pa": "ਸਕੱਤਰੇਤ-1"},
                address={},
                gates=("PCS1-G1",),
                hours=(),
            ),
        )
    ),
}


class TableClient(RpcClient):
    """Answers from a table, and remembers what was asked: (method, request, principal, key).

    It refuses a principal that the tokens in the call do not prove, as the services do.
    """

    def __init__(self, **answers: Answer) -> None:
        super().__init__(())
        self.answers = {**USUAL, **{name.replace("__", "."): answer for name, answer in answers.items()}}
        self.asked: list[tuple[str, Any, Principal, str | None]] = []
        self._principals = PrincipalVerifier(EventKeys(EVENT_KEYS))
        self.ahead: set[str] = set()
        """Methods that were called ahead of the calls of visitors."""

    @property
    def connected(self) -> bool:
        return True

    async def _stay_connected(self) -> None:
        await asyncio.Event().wait()

    async def call(  # type: ignore[override]
        self,
        method: Method[Any, Any],
        request: Any,
        *,
        principal: Principal = Principal(),  # noqa: B008
        idempotency_key: str | None = None,
        problems: tuple[FieldError, ...] = (),
        ahead: bool = False,
        **_: object,
    ) -> Any:
        name = f"{method.service}.{method.name}"
        if problems:  # the services refuse a new command with them, and record nothing
            raise InvalidInput("refused", fields=problems)
        assert principal.proof or principal.kind == "anonymous", f"nothing proves who calls {name}"
        stated = self._principals.verify(principal, now())
        self.asked.append((name, request, stated, idempotency_key))
        self.ahead |= {name} if ahead else set()
        answer = self.answers.get(name, Unavailable("not in the table"))
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def last(self, name: str) -> tuple[str, Any, Principal, str | None]:
        return next(asked for asked in reversed(self.asked) if asked[0] == name)

    def was_asked(self, name: str) -> bool:
        return any(asked[0] == name for asked in self.asked)


class TableOps(OpsClient):
    """The exporter, with answers of the same table: ``ops.report``, ``ops.letterlist``, ``ops.replayed``."""

    def __init__(self, table: TableClient) -> None:
        super().__init__("", SecretStr(""))
        self._table = table

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[Any],
        seconds: float = 0,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        name = f"ops.{kind.__name__.lower()}"
        self._table.asked.append((name, (method, path, content, headers), Principal(), None))
        answer = self._table.answers.get(name, Unavailable("not in the table"))
        if isinstance(answer, Exception):
            raise answer
        return answer


def gateway_app(settings: GatewaySettings, client: TableClient) -> FastAPI:
    """Return the application over a table of answers, those of the exporter among them."""
    app = create_app(settings, client)
    app.state.gateway.ops = TableOps(client)
    return app


def gateway_settings(**given: Any) -> GatewaySettings:
    """Return settings of local mode, unless another mode is given; those of production are then complete."""
    production = {"public_url": "https://gateway.test", "trusted_proxies": ("none",)}
    defaults = {"public_url": "http://gateway.test"} if given.get("local_mode", True) else production
    return make_settings(GatewaySettings, **{"local_mode": True, **defaults, **given})


@cache
def _usual_settings() -> GatewaySettings:
    return gateway_settings()


def stubbed(given: dict[str, Any] | None = None, **answers: Answer) -> tuple[FastAPI, TableClient]:
    """Return the application over a table of answers, without its background work."""
    settings = gateway_settings(**given) if given else _usual_settings()
    client = TableClient(**answers)
    return gateway_app(settings, client), client


def browser(app: FastAPI, address: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 5000))
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://gateway.test",
        headers=headers,
        event_hooks={"response": [refuse_page_after_post]},
    )


@asynccontextmanager
async def browsing(
    given: dict[str, Any] | None = None, session: SessionClaims | None = None, **answers: Answer
) -> AsyncIterator[tuple[httpx.AsyncClient, TableClient]]:
    """Yield a browser of somebody in front of the application over a table of answers, and the table."""
    app, client = stubbed(given, **answers)
    async with browser(app) as http:
        if session is not None:
            http.cookies.set("session", signed(session))
        yield http, client


async def refuse_page_after_post(answer: httpx.Response) -> None:
    """Raise `AssertionError` if a form that was in order is answered by a page instead of a redirect."""
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    is_page &= "content-disposition" not in answer.headers
    assert not (answer.request.method == "POST" and answer.is_success and is_page), answer.request.url


async def send_refused(method: str, path: str, **request: Any) -> tuple[int, dict[str, Any]]:
    """Send a request that no service may get; return the status and the problem that answers it."""
    app, client = stubbed()
    async with browser(app) as http:
        answer = await http.request(method, path, **request)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not client.asked, "a refused request reached a service"
    return answer.status_code, answer.json()


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application with its background work until the block ends."""
    async with app.router.lifespan_context(app), browser(app) as http:
        yield http


async def until(what: str, true: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait until something holds; the time of each check counts too."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not await true():
        assert loop.time() < end, f"{what} did not come within {seconds} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application until the block ends, from when it is ready."""
    async with running(app) as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        await until("readiness", ready, 30)
        yield http
