"""Requests to a store are signed as Amazon's examples are."""

from datetime import UTC, datetime

import httpx

from services.ops.object_store import ObjectStore

STORE = ObjectStore(
    "https://examplebucket.s3.amazonaws.com/",
    "us-east-1",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    365,
)
AT = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_signatures_are_those_of_the_examples_of_the_interface() -> None:
    url = httpx.URL("https://examplebucket.s3.amazonaws.com/test%24file.text")
    put = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    signed = STORE.sign("PUT", url, put, b"Welcome to Amazon S3.", AT)
    assert signed["authorization"].endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )
    got = STORE.sign("GET", url.copy_with(path="/test.txt"), {"range": "bytes=0-9"}, b"", AT)
    assert got["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


async def test_what_is_stored_is_locked_for_as_long_as_the_settings_say() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await STORE.put(http, "heads.json", b"{}", AT)
    (request,) = seen
    assert (request.method, request.url) == ("PUT", "https://examplebucket.s3.amazonaws.com/heads.json")
    assert request.headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert request.headers["x-amz-object-lock-retain-until-date"] == "2014-05-24T00:00:00Z"
    assert request.headers["content-md5"] == "mZFLkyvTelC5g8XnyQrpOw=="
    assert "x-amz-object-lock-mode" in request.headers["authorization"], "nobody can take the lock away"
