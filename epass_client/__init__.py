"""Typed HTTP client of e-Pass, sync and async.

It needs nothing but `httpx`, `tenacity` and the `contracts` package.

Each operation of `contracts/openapi.yaml` is a function of `epass_client.calls` that builds a call; a client
sends it::

    from epass_client import Client, calls

    with Client("http://127.0.0.1:8080") as client:
        applicant = client.sign_in_with_code("+919812345678", lambda mobile: input("the code: "))
        for application in applicant.send(calls.list_applications()).items:
            print(application.reference, application.status)

A refusal raises `Problem`. On 503 and on a lost connection a client repeats the same call, with the same
Idempotency-Key, until `repeat_seconds` have passed. The client logs nothing. `httpx` logs each URL at
level INFO, and URLs hold references and pass numbers: keep the logger `httpx` at WARNING.
"""

from epass_client import calls
from epass_client.call import Call
from epass_client.client import AsyncClient, Client
from epass_client.errors import NoAnswer, Problem

__all__ = ["AsyncClient", "Call", "Client", "NoAnswer", "Problem", "calls"]
