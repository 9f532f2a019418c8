"""Secrets of one stack: random, made when first asked for, kept in one file that only its owner may read."""

import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


class SecretStore:
    """A file of named secrets. A name that was never asked for before gets a new random value."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def password(self, name: str) -> str:
        """256 random bits, in characters that need no quoting in a URL or a shell."""
        return self._keep(name, lambda: secrets.token_urlsafe(32))

    def fernet(self, name: str) -> str:
        """A key for ``cryptography.fernet``."""
        return self._keep(name, lambda: Fernet.generate_key().decode())

    def _keep(self, name: str, make: Callable[[], str]) -> str:
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
                write_private(self._file, json.dumps(self._kept, indent=1) + "\n")
            return self._kept[name]


def write_private(file: Path, text: str) -> None:
    """Replace ``file`` in one step by one with mode 0600: never half written, never readable by others."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)
