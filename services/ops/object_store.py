"""A bucket with S3's interface: one object is stored under a retention lock, or read.

Requests are signed by Signature Version 4 of the S3 API ("Authenticating Requests: Using the Authorization
Header"). The library of the vendor has some hundred times as many lines as we need of it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

SECONDS = 20.0
"""Of each step of a request."""
_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class ObjectStore:
    """A folder in a bucket.

    Attributes:
        url: of the folder: ``https://host/bucket/folder``.
        days: for so long nobody can delete or change what was stored.
    """

    url: str
    region: str
    key_id: str
    secret: str = field(repr=False)
    days: int

    async def put(self, http: httpx.AsyncClient, name: str, content: bytes, now: datetime) -> None:
        """Store an object under a lock that nobody can lift. A name that is there gets another version.

        Raises:
            httpx.HTTPError: the store does not answer, or refuses.
        """
        until = (now + timedelta(days=self.days)).astimezone(UTC)
        headers = {
            "content-md5": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        }
        url = httpx.URL(f"{self.url.rstrip('/')}/{name}")
        signed = self.sign("PUT", url, headers, content, now)
        (await http.put(url, content=content, headers=signed, timeout=SECONDS)).raise_for_status()

    async def get(self, http: httpx.AsyncClient, name: str, now: datetime) -> bytes | None:
        """Return the newest version of an object, or None if there is none.

        Raises:
            httpx.HTTPError: the store does not answer, or refuses.
        """
        url = httpx.URL(f"{self.url.rstrip('/')}/{name}")
        answer = await http.get(url, headers=self.sign("GET", url, {}, b"", now), timeout=SECONDS)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return answer.raise_for_status().content

    def sign(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes, now: datetime
    ) -> dict[str, str]:
        """Return the headers of a request with those that prove who sends it; names are in small letters."""
        at, digest = now.astimezone(UTC).strftime(_FORMAT), hashlib.sha256(content).hexdigest()
        signed = {
            **headers,
            "host": url.netloc.decode(),
            "x-amz-content-sha256": digest,
            "x-amz-date": at,
        }
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = "\n".join((method, url.raw_path.decode(), "", lines, names, digest))
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", at, scope, hashlib.sha256(request.encode()).hexdigest()))
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return signed | {
            "authorization": f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope},SignedHeaders={names},"
            f"Signature={signature}"
        }
