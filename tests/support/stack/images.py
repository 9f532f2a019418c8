"""The images of the tests' servers: those of ``deploy/compose.yaml``, so that they test what is installed."""

import os
import re
from collections.abc import Callable

from tests.support.stack.paths import ROOT

COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"


def pinned(setting: str) -> str:
    """Return the image that stands behind a setting in ``deploy/compose.yaml``."""
    (image,) = re.findall(rf"\$\{{{setting}:-([^}}]+)\}}", COMPOSE_FILE.read_text(encoding="utf-8"))
    return str(image)


def chosen(setting: str, is_here: Callable[[str], bool], pull: Callable[[str], bool]) -> str:
    """Return the image to start: the one that the environment names, or the pinned one.

    The pinned one is downloaded where it is missing. An engine without a registry may have a tag of the
    major version alone (``rabbitmq:4-management`` for ``rabbitmq:4.3-management``), which is taken then.

    Args:
        setting: such as ``EPASS_RABBITMQ_IMAGE``.
        is_here: whether the engine has an image.
        pull: downloads an image, and returns whether that worked.
    """
    if named := os.environ.get(setting):
        return named
    image = pinned(setting)
    major = re.sub(r":(\d+)[.\d]*", r":\1", image)
    if not is_here(image) and is_here(major) and not pull(image):
        return major
    return image
