"""Half-filled answers are in a cookie that only the gateway can read, for two hours."""

from http.cookies import SimpleCookie
from random import Random
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi import Request, Response

from services.gateway.pages.shared.answers import AnswersCookie, TooLong

GURMUKHI = [chr(code) for code in range(0x0A05, 0x0A4D)]
KEY = Fernet.generate_key().decode()
ANSWERS: dict[str, Any] = {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "companions": [{"name": "Harjit Singh", "id_last4": "0917"}]}


def cookies_with(cookie: AnswersCookie, answers: dict[str, Any]) -> dict[str, str]:
    """Return the request of a browser after a response."""
    response = Response()
    cookie.write(response, answers)
    jar: SimpleCookie = SimpleCookie()
    for name, value in response.raw_headers:
        if name == b"set-cookie":
            jar.load(value.decode())
    return {name: morsel.value for name, morsel in jar.items() if morsel.value}


def asked_with(cookies: dict[str, str]) -> Request:
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", sent.encode())]})


def test_answers_are_read_back_as_they_were_written() -> None:
    cookie = AnswersCookie((KEY,), secure=True)
    assert cookie.read(asked_with(cookies_with(cookie, ANSWERS))) == ANSWERS


def test_no_answer_can_be_read_in_the_browser() -> None:
    text = str(cookies_with(AnswersCookie((KEY,), secure=True), ANSWERS))
    assert "Harjit" not in text
    assert "0917" not in text


def test_long_answers_are_cut_into_cookies_that_a_browser_takes() -> None:
    cookie = AnswersCookie((KEY,), secure=True)
    long = {
        "purpose": "".join(Random(1).choices(GURMUKHI, k=2000)),
        "companions": [ANSWERS | {"n": n} for n in range(5)],
    }
    cookies = cookies_with(cookie, long)
    assert len(cookies) > 1
    assert max(map(len, cookies.values())) < 4000
    assert cookie.read(asked_with(cookies)) == long


def test_answers_longer_than_the_cookies_are_refused() -> None:
    noise = "".join(chr(0x4E00 + (n * n * 31 + n * 7919) % 20000) for n in range(12_000))
    with pytest.raises(TooLong):
        cookies_with(AnswersCookie((KEY,), secure=True), {"purpose": noise})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cookies: {name: value[:-2] for name, value in cookies.items()},
        lambda _: {"__Host-answers0": "nonsense"},
        lambda _: {"__Host-answers0": "n\u00f6nsense"},
        lambda _: cookies_with(AnswersCookie((Fernet.generate_key().decode(),), secure=True), ANSWERS),
    ],
    ids=["cut short", "nonsense", "not ASCII", "sealed by somebody else"],
)
def test_a_forged_cookie_reads_as_no_answers(spoil: Any) -> None:
    cookie = AnswersCookie((KEY,), secure=True)
    assert cookie.read(asked_with(spoil(cookies_with(cookie, ANSWERS)))) == {}


def test_answers_expire_after_their_time() -> None:
    cookies = cookies_with(AnswersCookie((KEY,), secure=True), ANSWERS)
    assert AnswersCookie((KEY,), secure=True, seconds=-1).read(asked_with(cookies)) == {}


def test_after_a_key_rotation_old_cookies_are_still_read() -> None:
    cookies = cookies_with(AnswersCookie((KEY,), secure=True), ANSWERS)
    assert (
        AnswersCookie((Fernet.generate_key().decode(), KEY), secure=True).read(asked_with(cookies)) == ANSWERS
    )


def test_the_cookie_is_hidden_from_scripts_and_other_sites() -> None:
    response = Response()
    AnswersCookie((KEY,), secure=True).write(response, ANSWERS)
    first = next(value.decode() for name, value in response.raw_headers if name == b"set-cookie")
    assert {"HttpOnly", "Secure", "SameSite=lax"} <= {part.strip() for part in first.split(";")}
