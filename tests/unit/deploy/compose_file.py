"""The compose file as it is resolved."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.chassis.runtime.settings import Section
from services.ops.settings import BrokerCommandSettings
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import PROCESSES

Compose = dict[str, Any]
DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
GATEWAYS = ("gateway-1", "gateway-2")
JOBS = ("proxy-files", "databases", "migrations", "topology", "administrator", "import-logins")
KINDS: dict[str, type[Section]] = {
    **{name: kind for name, kind in PROCESSES.items() if name != "gateway"},
    **dict.fromkeys(GATEWAYS, PROCESSES["gateway"]),
    "topology": BrokerCommandSettings,
    "administrator": BrokerCommandSettings,
}
"""The settings class of each container that has one."""


def resolved(text: str) -> str:
    """Replace each ``${NAME:-default}`` by its default, from the inside outwards."""
    while True:
        shorter = re.sub(r"\$\{\w+(?::-([^${}]*))?\}", lambda found: found[1] or "", text)
        if shorter == text:
            return text
        text = shorter


class _Loader(yaml.CSafeLoader):
    """A loader that knows the mark of a value which replaces another file's."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


@cache
def _parsed(file: Path) -> str:
    return json.dumps(yaml.load(resolved(file.read_text()), _Loader))


def load(file: Path = FILE) -> Compose:
    """Return a compose file, as a new one that a test may change."""
    compose: Compose = json.loads(_parsed(file))
    return compose


def left_out(compose: Compose) -> list[str]:
    """Return what only a profile starts, beside commands and Grafana, and those without one."""
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}
    expected = {"administrator": ["commands"], "import-logins": ["commands"], "grafana": ["watch"]}
    return [name for name, profile in profiles.items() if profile != expected.get(name)]
