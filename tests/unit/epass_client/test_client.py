"""How the clients send, repeat and refuse, over a transport that answers from a list."""

import inspect
import json
import logging
import textwrap
from collections.abc import Callable, Iterable
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

import epass_client
from contracts.proof_of_work import is_solved
from contracts.rpc.application import Acknowledged, ApplicationList
from epass_client import AsyncClient, Client, NoAnswer, Problem, calls, client
from epass_client.local import Messages, one_time_code

REFERENCE = "PCS-7K3M-9QW4"
CANCELLED = Acknowledged(reference=REFERENCE, status="cancelled")
Answer = httpx.Response | type[httpx.TransportError]


def ok(model: object) -> httpx.Response:
    return httpx.Response(200, text=model.model_dump_json())  # type: ignore[attr-defined]


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
    body = {
        "type": f"/problems/{code}",
        "title": "t",
        "status": status,
        "code": code,
        "detail": "d",
        "correlation_id": "c-1",
        **more,
    }
    return httpx.Response(
        status, json=body, headers={"Content-Type": "application/problem+json", **(headers or {})}
    )


class Gateway:
    """Answers requests in order and records them."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("connection lost")

    def client(self, token: str = "", **options: float) -> Client:
        return Client(
            "http://epass.test", token, http=httpx.Client(transport=httpx.MockTransport(self)), **options
        )

    def async_client(self, token: str = "", **options: float) -> AsyncClient:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return AsyncClient("http://epass.test", token, http=http, **options)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(client, "_pause", lambda _state: 0.0)


def test_a_call_is_sent_with_the_session_and_answered_by_its_model():
    gateway = Gateway([ok(CANCELLED)])
    assert gateway.client("secret").send(calls.cancel_application(REFERENCE)) == CANCELLED
    (request,) = gateway.requests
    assert request.method == "POST"
    assert request.url == f"http://epass.test/api/v1/applications/{REFERENCE}/cancel"
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("key", ["a/b", "a?was=1", "..", "a,b"])
def test_a_key_of_the_directory_stays_one_part_of_the_path(key: str) -> None:
    asked = (
        calls.view_directory_line("gates", f"PCS1,{key}"),
        calls.view_directory_history("gates", f"PCS1,{key}"),
        calls.remove_directory_line("gates", f"PCS1,{key}", was=""),
    )
    for call in asked:
        assert (
            call.path.removeprefix("/api/v1/directory/gates/").split("/")[0] == f"PCS1,{quote(key, safe=',')}"
        )


@pytest.mark.parametrize(
    "failure", [problem(503, "unavailable"), httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
def test_a_command_whose_outcome_is_unknown_is_repeated_with_the_same_key(failure):
    gateway = Gateway([failure, failure, ok(CANCELLED)])
    assert gateway.client().send(calls.cancel_application(REFERENCE)) == CANCELLED
    assert len(gateway.requests) == 3
    assert len({request.headers["Idempotency-Key"] for request in gateway.requests}) == 1


async def test_the_async_client_repeats_with_the_same_key():
    gateway = Gateway([httpx.ConnectError, problem(503, "unavailable"), ok(CANCELLED)])
    assert await gateway.async_client().send(calls.cancel_application(REFERENCE)) == CANCELLED
    assert len({request.headers["Idempotency-Key"] for request in gateway.requests}) == 1


def test_two_commands_have_two_keys_and_a_chosen_key_is_sent():
    assert calls.cancel_application(REFERENCE).key != calls.cancel_application(REFERENCE).key
    gateway = Gateway([ok(CANCELLED)])
    gateway.client().send(calls.cancel_application(REFERENCE).with_key("mine"))
    assert gateway.requests[0].headers["Idempotency-Key"] == "mine"


def test_a_refusal_is_raised_at_once_with_what_the_interface_says():
    field = {"field": "applicant.id_last4", "code": "not_four_characters"}
    gateway = Gateway(
        [problem(429, "too_many_attempts", {"Retry-After": "17"}, errors=[field], facts={"tries": 3})]
    )
    with pytest.raises(Problem, match="429 too_many_attempts: d") as caught:
        gateway.client().send(calls.request_otp("+919812345678"))
    error = caught.value
    assert (error.status, error.code, error.retry_after, error.correlation_id) == (
        429,
        "too_many_attempts",
        17,
        "c-1",
    )
    assert [(one.field, one.code) for one in error.fields] == [("applicant.id_last4", "not_four_characters")]
    assert error.facts == {"tries": 3}
    assert len(gateway.requests) == 1


def test_an_error_that_is_no_problem_document_is_a_problem_with_its_status():
    with pytest.raises(Problem) as caught:
        Gateway([httpx.Response(502, text="<html>")]).client().send(calls.list_sites())
    assert caught.value.code == "http_502"


@pytest.mark.parametrize(
    ("failure", "error"), [(problem(503, "unavailable"), Problem), (httpx.ConnectError, NoAnswer)]
)
def test_after_the_time_for_repeats_the_last_failure_is_raised(failure, error):
    gateway = Gateway([failure] * 5)
    with pytest.raises(error):
        gateway.client(repeat_seconds=0).send(calls.list_sites())
    assert len(gateway.requests) == 1


def test_each_failure_that_is_repeated_is_reported():
    seen: list[Exception] = []
    gateway = Gateway([httpx.ConnectError, problem(503, "unavailable"), ok(CANCELLED)])
    gateway.client(on_failure=seen.append).send(calls.cancel_application(REFERENCE))
    assert [str(error) for error in seen] == ["no answer: ConnectError", "503 unavailable: d"]


def test_a_repeat_waits_as_long_as_retry_after_asks_for(monkeypatch):
    monkeypatch.undo()
    state = type(
        "State",
        (),
        {
            "outcome": type(
                "Outcome", (), {"exception": lambda _self: Problem(problem(503, "x", {"Retry-After": "2"}))}
            )()
        },
    )
    assert 2 <= client._pause(state) <= 2.5


def test_signing_in_with_a_code_gives_a_client_for_the_applicant():
    session = '{"access_token": "applicant-token", "expires_at": "2026-12-01T00:00:00Z"}'
    request = '{"request_id": "00000000-0000-0000-0000-000000000007"}'
    gateway = Gateway(
        [httpx.Response(202, text=request), httpx.Response(200, text=session), ok(ApplicationList(items=()))]
    )
    applicant = gateway.client().sign_in_with_code("+919812345678", lambda _mobile: "123456")
    assert applicant.send(calls.list_applications()).items == ()
    assert (
        gateway.requests[1].content
        == b'{"request_id":"00000000-0000-0000-0000-000000000007","code":"123456"}'
    )
    assert gateway.requests[2].headers["Authorization"] == "Bearer applicant-token"


def test_signing_in_shows_the_proof_of_work_that_is_asked_for():
    session = '{"access_token": "applicant-token", "expires_at": "2026-12-01T00:00:00Z"}'
    request = '{"request_id": "00000000-0000-0000-0000-000000000007"}'
    asked = problem(429, "work_required", facts={"challenge": "abc", "answers": 2, "bits": 12})
    gateway = Gateway([asked, httpx.Response(202, text=request), httpx.Response(200, text=session)])
    gateway.client().sign_in_with_code("+919812345678", lambda _mobile: "123456")
    assert is_solved(json.loads(gateway.requests[1].content)["work"], 2)


def test_only_fields_that_the_caller_set_are_sent():
    assert calls.reject_review(UUID(int=1), "security").body == '{"reason":"security"}'


def test_neither_tokens_nor_bodies_are_logged_or_shown(caplog):
    caplog.set_level(logging.DEBUG)
    gateway = Gateway([problem(401, "not_authenticated")])
    call = calls.log_in("HOM-0001", "a-password")
    signed_in = gateway.client("a-token")
    with pytest.raises(Problem) as caught:
        signed_in.send(call)
    shown = f"{caplog.text} {call!r} {signed_in!r} {caught.value!r} {caught.value}"
    assert "a-password" not in shown
    assert "a-token" not in shown


def test_the_newest_code_of_a_phone_is_found():
    def message(purpose: str, text: str) -> dict[str, str]:
        return {
            "at": "2026-12-01T00:00:00Z",
            "to": "+91",
            "channel": "sms",
            "purpose": purpose,
            "language": "pa",
            "text": text,
        }

    assert one_time_code(()) is None
    phone = [message("otp", "ਕੋਡ 111111।"), message("otp", "code: 222222."), message("pass_issued", "333333")]
    assert one_time_code(Messages.model_validate(phone).root) == "222222"


def test_the_example_of_the_package_runs(monkeypatch, capsys):
    history = {
        "items": [
            {
                "reference": REFERENCE,
                "status": "issued",
                "site": "PCS1",
                "department": "home",
                "submitted_at": "2026-12-01T00:00:00Z",
            }
        ]
    }
    gateway = Gateway([
        httpx.Response(202, json={"request_id": "00000000-0000-0000-0000-000000000007"}),
        httpx.Response(200, json={"access_token": "t", "expires_at": "2026-12-01T00:00:00Z"}),
        httpx.Response(200, json=history),
    ])  # fmt: skip
    monkeypatch.setattr(client.httpx, "Client", _over(gateway, httpx.Client))
    monkeypatch.setattr("builtins.input", lambda _prompt: "123456")
    documentation = inspect.getdoc(epass_client) or ""
    example = textwrap.dedent(documentation.split("::\n\n", 1)[1].split("\n\nA refusal", 1)[0])
    exec(example, {})
    assert capsys.readouterr().out == f"{REFERENCE} issued\n"


def _over(gateway: Gateway, kind: type[httpx.Client]) -> Callable[..., httpx.Client]:
    return lambda **_options: kind(transport=httpx.MockTransport(gateway))
