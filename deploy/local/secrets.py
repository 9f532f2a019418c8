"""Secrets of one stack: random, created on first use, stored in one file that only its owner may read."""

import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


class SecretStore:
    """A file of named secrets. A new name gets a new random value."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def password(self, name: str) -> str:
        """Return 256 random bits, in characters that need no quoting in a URL or a shell."""
        return self._get(name, lambda: secrets.token_urlsafe(32))

    def fernet(self, name: str) -> str:
        """Return a key for ``cryptography.fernet``."""
        return self._get(name, lambda: Fernet.generate_key().decode())

    def _get(self, name: str, make: Callable[[], str]) -> str:
        with self._lock:
            if name not in self._secrets:
                self._secrets[name] = make()
                write_private(self._file, json.dumps(self._secrets, indent=1) + "\n")
            return self._secrets[name]


def write_private(file: Path, text: str) -> None:
    """Replace ``file`` in one step by one with mode 0600: never half written, never readable by others."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)
