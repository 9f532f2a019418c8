"""`contracts/openapi.yaml` (OpenAPI 3.1), generated from the gateway's routes.

Usage: python -m services.gateway.openapi_file [--check]
"""

import sys
from pathlib import Path
from typing import Any

from contracts.documents import write_or_check
from services.chassis.runtime.settings import Settings
from services.gateway.app import create_app

FILE = Path(__file__).parents[2] / "contracts" / "openapi.yaml"


def document() -> dict[str, Any]:
    """The whole document."""
    return create_app(Settings()).openapi()


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, document()))
