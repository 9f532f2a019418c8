"""YAML, read by libyaml: PyYAML's own parser needs ten times as long, a second for our larger files."""

from typing import Any

import yaml


def load(text: str) -> Any:
    """Return the one document of a text."""
    return yaml.load(text, yaml.CSafeLoader)
