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
        return self.made(name, lambda: secrets.token_urlsafe(32))

    def fernet(self, name: str) -> str:
        """Return a key for ``cryptography.fernet``."""
        return self.made(name, lambda: Fernet.generate_key().decode())

    def made(self, name: str, make: Callable[[], str]) -> str:
        """Return what ``make`` returned when it was asked for first."""
        with self._lock:
            if name not in self._secrets:
                self._secrets[name] = make()
                self._write()
            return self._secrets[name]

    def given(self, name: str, value: str | None) -> str:
        """Store a secret that others have made, and return it.

        Args:
            name: of the secret.
            value: None stands for the value that is stored, if there is one; an empty one takes it away.
        """
        with self._lock:
            if value is not None and value != self._secrets.get(name, ""):
                self._secrets.pop(name, None)
                self._secrets |= {name: value} if value else {}
                self._write()
            return self._secrets.get(name, "")

    def _write(self) -> None:
        write_private(self._file, json.dumps(self._secrets, indent=1) + "\n")


def write_private(file: Path, text: str) -> None:
    """Replace ``file`` in one step by one with mode 0600: never half written, never readable by others."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)
