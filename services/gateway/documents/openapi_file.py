"""`contracts/openapi.yaml` (OpenAPI 3.1), generated from the gateway's routes.

Usage: python -m services.gateway.documents.openapi_file [--check]
"""

import sys
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.documents import write_or_check
from services.chassis.tokens.signing_key import SigningKey
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings

FILE = Path(__file__).parents[3] / "contracts" / "openapi.yaml"


def application() -> FastAPI:
    """Return an application that serves nobody; its routes do not depend on settings."""
    placeholders = GatewaySettings(
        broker_urls=("amqp://nowhere",),
        public_url="https://nowhere",
        trusted_proxies=("none",),
        idempotency_secret=SecretStr("unused, but as long as any secret"),
        answers_keys=(Fernet.generate_key().decode(),),
        event_keys=(f"accounts:{SigningKey.generate().public.x}",),
    )
    return create_app(placeholders)


def document() -> dict[str, Any]:
    """Return the whole document."""
    return application().openapi()


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, document()))
