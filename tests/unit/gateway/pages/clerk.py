"""A clerk of a department at the desk."""

from typing import Any

import httpx
from fastapi import FastAPI

from tests.support.factories.gateway import TableClient
from tests.support.factories.pages import REVIEW_ID
from tests.support.system.page_reader import SAME_SITE

REVIEW = f"/en/desk/reviews/{REVIEW_ID}"


class Clerk:
    """An officer at the desk."""

    def __init__(self, http: httpx.AsyncClient, client: TableClient, app: FastAPI) -> None:
        self.http, self.client, self.app = http, client, app

    async def decide(self, verb: str, **form: str) -> httpx.Response:
        return await self.http.post(
            f"{REVIEW}/{verb}", data={"key": "k-1", "revision": "3", **form}, headers=SAME_SITE
        )

    def sent(self, method: str) -> Any:
        return self.client.last(f"approval.{method}")[1]
