"""Samples of routes."""

from typing import Any

from contracts import rpc
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.verify.presence import InsideList

ROLES = ("ado", "department", "reception", "assisted", "security", "ops", "auditor")


ANSWERS: dict[str, Any] = {
    "accounts__list_logins": LoginList(items=()),
    "application__lookup": rpc.application.LookupHits(items=()),
    "approval__list_reviews": ReviewList(items=()),
    "verify__inside": InsideList(items=()),
}
