"""A guard at the plain page of the gate."""

from typing import Any

import httpx

from contracts.rpc.verify.scans import ScanResult
from tests.support.factories.gateway import NUMBER, claims, signed
from tests.support.factories.pages import ADMIT
from tests.support.system.page_reader import SAME_SITE, Reader

TOKEN = f"eyJ{'h' * 40}.{'P' * 200}.{'s' * 86}"


CHECKED = {
    "pass": NUMBER,
    "nonce": "n-1",
    "kind": "matched",
    "id_type": "voter_id",
    "id_last4": "4821",
    "count": "3",
}


def result(**given: Any) -> ScanResult:
    return ADMIT.model_copy(update=given)


class Guard(Reader):
    """A guard at the gate."""

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en/gate{path}", data=form, headers=SAME_SITE, follow_redirects=True)

    async def scan(self, typed: str, **form: str) -> httpx.Response:
        return await self.send("", **{"pass": typed, "nonce": "n-1", **form})

    def stands_at(self, gate: str | None, site: str | None = "PCS1") -> None:
        self.http.cookies.set(
            "session",
            signed(claims("staff", sub="SEC-0001", role="security", department=None, site=site, gate=gate)),
        )

    def answer(self, answer: Any) -> None:
        self.client.answers["verify.scan"] = answer

    @property
    def asked(self) -> Any:
        return self.client.last("verify.scan")[1]
